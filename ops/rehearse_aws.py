"""The part of a rehearsal on AWS alone. Written against AWS's documents, and never run."""

import json
import os
import time
from pathlib import Path
from secrets import token_urlsafe
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import yaml
from botocore.exceptions import ClientError

from devkit.project import ROOT, sam
from devkit.stage import configured, outputs, stack
from extending import items
from ops import console
from ops.back import ALIAS
from ops.rehearse_story import ACCOUNT, LIST, Json, Place, expect, until
from ops.table import of_account

STAGE = "rehearsal"
BLOCK = f"[{STAGE}.deploy.parameters]\n"


class Aws(Place):
    """A stack of its own and one beside it, with identity provider and receiver; both are known by their names."""

    stage, duration = STAGE, "PT5M"
    announces = frozenset(["ExtensionGranted", "ExtensionEndsSoon", "ExtensionExpired"])
    cents_an_hour = 7.0  # Alarms and metrics 3, Cognito's machine client 1 and its tokens 3.

    def __init__(self) -> None:
        self._session, self.name = configured(STAGE)
        self.region, self.beside = self._session.region_name or "", f"{self.name}-identity"
        expect(self.region, "Name a region: export AWS_REGION=eu-central-1")
        account = self.client("sts").get_caller_identity()["Account"]
        self.question = (
            f"Deploy {self.name} in the AWS account {account}, {self.region}, play for two hours, remove it? Some 15 "
            "cents by list prices; what an interrupted rehearsal leaves costs $27 a month until the next one."
        )
        self._folder = TemporaryDirectory()  # Its owner's alone: there are secrets among the parameters.
        self.build = Path(self._folder.name) / "build"
        self._key, self._password, self._secret = token_urlsafe(), f"Aa1!{token_urlsafe()}", ""
        self.found: dict[str, str] = {}
        self._subjects: dict[str, str] = {}
        self._tokens: dict[tuple[str, int], str] = {}
        self._inbox: dict[str, tuple[str, Json]] = {}

    def client(self, service: str) -> Any:
        return self._session.client(service)  # type: ignore[call-overload]

    def subject(self, who: str) -> str:
        return self._subjects[who]

    def token(self, who: str) -> str:
        """One for half an hour: each of a machine's costs a fifth of a cent."""
        kept = who, int(time.monotonic() // 1800)
        if kept not in self._tokens:
            self._tokens[kept] = self._new_token(who)
        return self._tokens[kept]

    def _new_token(self, who: str) -> str:
        """One of a user; or of the machine, with every scope of its client."""
        if who == "machine":
            form, client = {"grant_type": "client_credentials"}, (self.found["Machine"], self._secret)
            answer = httpx.post(self.found["TokenUrl"], data=form, auth=client).raise_for_status()
            return str(answer.json()["access_token"])
        signed_in = self.client("cognito-idp").initiate_auth(
            ClientId=self.found["Cabinet"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": who, "PASSWORD": self._password},
        )
        return str(signed_in["AuthenticationResult"]["AccessToken"])

    def announced(self) -> list[tuple[str, Json]]:
        sqs, asked = self.client("sqs"), {"QueueUrl": self.found["Inbox"]}
        while messages := sqs.receive_message(**asked, MessageAttributeNames=["key"]).get("Messages"):
            for message in messages:
                expect(message["MessageAttributes"]["key"]["StringValue"] == self._key, "the webhook has another key")
                event = json.loads(message["Body"])
                self._inbox[event["id"]] = event["type"], event["data"]
                sqs.delete_message(**asked, ReceiptHandle=message["ReceiptHandle"])
        return list(self._inbox.values())

    def provide_identity(self) -> str:
        formation, template = self.client("cloudformation"), (ROOT / "ops" / "rehearse.yaml").read_text()
        formation.create_stack(StackName=self.beside, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
        formation.get_waiter("stack_create_complete").wait(StackName=self.beside)
        self.found = outputs(self._session, None, self.beside)
        cognito, pool = self.client("cognito-idp"), {"UserPoolId": self.found["Users"]}
        for who in ("owner", "stranger"):
            made = cognito.admin_create_user(**pool, Username=who, MessageAction="SUPPRESS")["User"]
            self._subjects[who] = next(each["Value"] for each in made["Attributes"] if each["Name"] == "sub")
            cognito.admin_set_user_password(**pool, Username=who, Password=self._password, Permanent=True)
        self._subjects["machine"] = self.found["Machine"]
        machine = cognito.describe_user_pool_client(**pool, ClientId=self.found["Machine"])
        self._secret = machine["UserPoolClient"]["ClientSecret"]
        return f"user pool {self.found['Users']}"

    def sam(self, *arguments: str) -> str:
        """Run the SAM CLI; returns the end of its output."""
        path = f"{ROOT / '.venvs' / 'uv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        variables = os.environ | {"PATH": path, "AWS_REGION": self.region}
        done = sam(*arguments, "--config-env", STAGE, variables=variables)
        if done.returncode:
            console.notes().print(console.safe(done.stdout[-2000:]))
        return done.stdout[-300:]

    def deploy(self, gradual: str = "false", template: str = "template.yaml") -> str:
        """Deploy what is built; returns the status in which the stack settles."""
        parameters = {
            "JwtIssuer": self.found["Issuer"],
            "JwtAudience": self.found["Cabinet"],
            "MachineAudience": self.found["Machine"],
            "ScopePrefix": "extending/",
            "ReminderLeadSeconds": "120",
            "GradualDeployment": gradual,
            "WebhookUrl": self.found["WebhookUrl"],
            "WebhookKeyValue": self._key,
            "ProbeTokenUrl": self.found["TokenUrl"],
            "ProbeClientId": self.found["Machine"],
            "ProbeClientSecret": self._secret,
        }
        given = json.dumps([f"{name}={value}" for name, value in parameters.items()])
        file = self.build.parent / "samconfig.toml"  # On the command line every user of this machine could read it.
        ours = (ROOT / "samconfig.toml").read_text()
        file.write_text(ours.replace(BLOCK, f"{BLOCK}parameter_overrides = {given}\n"))
        said = self.sam("deploy", "--config-file", str(file), "-t", str(self.build / template))
        status = self.settled(self.name)
        expect(status != "none", said)
        return status

    def settled(self, name: str) -> str:
        return until(lambda: self.status(name), 3600, f"stack {name} has settled")

    def status(self, name: str) -> str:
        """Of a stack; empty while it changes."""
        try:
            found = str(self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            return "none"
        return "" if found.endswith("_IN_PROGRESS") and found != "REVIEW_IN_PROGRESS" else found  # It would stay so.

    def alarms(self) -> list[Json]:
        pages = self.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{self.name}-")
        return [alarm for page in pages for alarm in page["MetricAlarms"]]

    def version(self) -> str:
        """Of list, behind its alias."""
        name = stack(STAGE).resource("ListFunction")
        return str(self.client("lambda").get_alias(FunctionName=name, Name=ALIAS)["FunctionVersion"])

    def left(self) -> list[str]:
        stacks = [f"stack {name}" for name in (self.name, self.beside) if self.status(name) != "none"]
        return stacks + [f"table {name}" for name in self._tables()]

    def _tables(self) -> list[str]:
        pages = self.client("dynamodb").get_paginator("list_tables").paginate()
        return [name for page in pages for name in page["TableNames"] if name.startswith(f"{self.name}-")]

    def remove(self) -> None:
        """The product before what is beside it; its table, which the stack leaves, after both."""
        formation, dynamodb = self.client("cloudformation"), self.client("dynamodb")
        for name in (self.name, self.beside):
            self.settled(name)
            formation.delete_stack(StackName=name)
            formation.get_waiter("stack_delete_complete").wait(StackName=name)
        for name in self._tables():
            dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"MaxAttempts": 180})
            dynamodb.delete_table(TableName=name)
            dynamodb.get_waiter("table_not_exists").wait(TableName=name)


def deploy_first(place: Aws) -> str:
    said = place.sam("build", "--build-dir", str(place.build))
    expect((place.build / "template.yaml").exists(), said)
    status = place.deploy()
    expect(status == "CREATE_COMPLETE", status)
    place.api = stack(STAGE).outputs["ApiUrl"]
    return status


def be_quiet(place: Aws) -> str:
    def quiet() -> bool:
        """Alarms that go off in silence must have had data; of the others unknown is good enough."""
        states = {(alarm["StateValue"], alarm.get("TreatMissingData")) for alarm in place.alarms()}
        return all(state == "OK" or (state != "ALARM" and missing != "breaching") for state, missing in states)

    until(quiet, 1800, "no alarm is on")
    return f"{len(place.alarms())} alarms, none on"


def break_canary(place: Aws) -> str:
    code, status = place.build / "ListFunction" / "app.py", place.deploy(gradual="true")
    expect(status == "UPDATE_COMPLETE", status)
    whole, before = code.read_text(), place.version()
    code.write_text(f"{whole}\n\ndef handler(*_):\n    raise RuntimeError('rehearsed')\n")
    status = place.deploy(gradual="true")
    code.write_text(whole)
    expect(status == "UPDATE_ROLLBACK_COMPLETE" and place.version() == before, f"{status}, {place.version()}")
    place.ask("owner", "GET", LIST, 200)
    be_quiet(place)  # While one of its alarms is on, CodeDeploy rolls back whatever comes.
    return f"{status}; version {before} answers"


def roll_back_route(place: Aws) -> str:
    """A route with limits of its own, and what fails once the API has got it."""
    made, path = yaml.safe_load((place.build / "template.yaml").read_text()), "/accounts/{account_id}/rehearsal"
    route = {"ApiId": {"Ref": "Api"}, "Method": "GET", "Path": path}
    limits = {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 1}
    made["Resources"]["ListFunction"]["Properties"]["Events"]["Rehearsal"] = {"Type": "HttpApi", "Properties": route}
    made["Resources"]["Api"]["Properties"]["RouteSettings"][f"GET {path}"] = limits
    made["Resources"]["Handle"] = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    made["Resources"]["Fails"] = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "DependsOn": "ApiApiGatewayDefaultStage",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "1"},
    }
    (place.build / "route.yaml").write_text(json.dumps(made))
    seen = [place.deploy(template="route.yaml")]
    if seen == ["UPDATE_ROLLBACK_FAILED"]:  # As the runbook has it.
        api = stack(STAGE).outputs["ApiId"]
        place.client("apigatewayv2").delete_route_settings(ApiId=api, StageName="$default", RouteKey=f"GET {path}")
        place.client("cloudformation").continue_update_rollback(StackName=place.name)
        seen.append(place.settled(place.name))
    expect(seen[-1] == "UPDATE_ROLLBACK_COMPLETE", f"{seen}")
    return ", then by the runbook ".join(seen)


def silence_publish(place: Aws) -> str:
    def state() -> str:
        prefix = f"{place.name}-PublishSilentAlarm"
        return next(str(a["StateValue"]) for a in place.alarms() if a["AlarmName"].startswith(prefix))

    client, name = place.client("lambda"), f"{stack(STAGE).resource('PublishFunction')}:{ALIAS}"
    (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    until(lambda: state() == "ALARM", 2700, "PublishSilentAlarm is on")
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    until(lambda: state() == "OK", 2700, "PublishSilentAlarm is off")
    return "on, then off"


def restore_table(place: Aws) -> str:
    target, dynamodb, copy = stack(STAGE), place.client("dynamodb"), f"{place.name}-restored"
    name = target.outputs["TableName"]
    lost = next(item for item in of_account(target, ACCOUNT) if items.type_of(item) == "extension")
    key = {each: lost[each] for each in (items.PARTITION, items.SORT)}
    dynamodb.restore_table_to_point_in_time(SourceTableName=name, TargetTableName=copy, UseLatestRestorableTime=True)
    dynamodb.get_waiter("table_exists").wait(TableName=copy, WaiterConfig={"MaxAttempts": 180})
    dynamodb.delete_item(TableName=name, Key=key)
    found = dynamodb.get_item(TableName=copy, Key=key)["Item"]
    dynamodb.put_item(TableName=name, Item=found, ConditionExpression=f"attribute_not_exists({items.PARTITION})")
    expect(lost in of_account(target, ACCOUNT), "the extension is not as it was")
    return "deleted, copied back, as it was"
