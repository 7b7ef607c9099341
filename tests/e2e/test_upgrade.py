"""A stack that is updated, rolled back and removed: what owners have taken is there at every step.

A second stack beside the one of `make run`, from the same build, in the same local cloud. The changes are those of an
upgrade: new code in the layer alone, another parameter; then a deploy that fails after all functions were changed.
The local cloud rolls a failed update back as CloudFormation does. It has no CodeDeploy: the step-by-step move to a
new version, and back when an alarm goes off, is not tried here.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from devkit.builders import account_changed, member_changed, subscription_changed
from devkit.project import ROOT, Trouble
from devkit.template import parsed
from local.build import deploy
from local.cloud import state_folder
from local.identity import MACHINES
from tests.conftest import Cloud

NAME = "upgrade"

VERSION_TWO = """

reply_of_version_one = reply


def reply(status, body):
    return reply_of_version_one(status, body | {"version": 2})
"""

Template = dict[str, Any]

DOMAIN = "api.upgrade.example"


class Fastened(NamedTuple):
    """What others have fastened to a stack, as it is kept while the stack is away."""

    rules: list[dict[str, Any]]
    targets: dict[str, list[Any]]


class SecondStack:
    """A stack of its own in the local cloud, deployed as an operator does."""

    def __init__(self, cloud: Cloud, folder: Path, name: str = NAME) -> None:
        self.name = name
        state = state_folder(int(cloud.url.rpartition(":")[2]))
        found = json.loads((state / "stack.json").read_text())
        self.endpoint, self.region, self.neighbour = found["endpoint"], found["region"], found["stack"]
        self.issuer = cloud.url
        self.folder = folder / "build"
        shutil.copytree(state / "build", self.folder)
        self.key = found["key"]
        session = boto3.Session("test", "test", self.key, region_name=self.region)
        self.formation: Any = session.client("cloudformation", endpoint_url=self.endpoint)
        self.dynamodb = session.client("dynamodb", endpoint_url=self.endpoint)
        self.lambda_ = session.client("lambda", endpoint_url=self.endpoint)
        self.events = session.client("events", endpoint_url=self.endpoint)
        self.sqs = session.client("sqs", endpoint_url=self.endpoint)
        self.gateway = session.client("apigatewayv2", endpoint_url=self.endpoint)

    def template(self) -> Template:
        """The built template, its functions where they are in the repository."""
        template: Template = parsed((self.folder / "template.yaml").read_text())
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::Serverless::Function":
                folder = ROOT / "functions" / name.removesuffix("Function").lower()
                resource["Properties"]["CodeUri"] = str(folder)
        return template

    def deploy(self, template: Template, reminder_lead: int = 60, archive_days: int = 90) -> None:
        """Raises Trouble where the deploy failed."""
        file = self.folder / "changed.json"
        file.write_text(json.dumps(template))
        parameters = {"Stage": "local", "JwtIssuer": self.issuer, "MachineAudience": MACHINES}
        parameters |= {"ReminderLeadSeconds": str(reminder_lead), "ArchiveDays": str(archive_days)}
        deploy(file, self.endpoint, self.key, parameters, "--stack-name", self.name)

    def change_the_layer(self) -> None:
        """Let every answer name its version; nothing but the shared code is touched."""
        module = self.folder / "SharedLayer" / "python" / "extending" / "api.py"
        module.write_text(module.read_text() + VERSION_TWO)

    @property
    def status(self) -> str:
        return str(self.formation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"])

    def physical(self, logical: str) -> str:
        answer = self.formation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def items(self, table: str) -> list[dict[str, Any]]:
        found = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def environment(self, function: str) -> dict[str, str]:
        """What callers of a function get: that of the version behind the alias."""
        found = self.lambda_.get_function_configuration(FunctionName=self.physical(function), Qualifier="live")
        return found["Environment"]["Variables"]

    def lead(self, function: str) -> str:
        return self.environment(function)["REMIND_BEFORE_SECONDS"]

    def version(self, function: str) -> str:
        """The version behind the alias."""
        return str(self.lambda_.get_alias(FunctionName=self.physical(function), Name="live")["FunctionVersion"])

    def call(self, name: str) -> tuple[int, dict[str, Any]]:
        """Call a function with its sample event as the API does: through the alias."""
        answer = self.lambda_.invoke(
            FunctionName=self.physical(f"{name.title()}Function"),
            Qualifier="live",
            Payload=(ROOT / "events" / f"{name}.json").read_bytes(),
        )
        response = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, response
        return response["statusCode"], json.loads(response["body"])

    def table_alone(self) -> Template:
        """The deployed template without anything but its table, as a stack that takes a table back begins."""
        answer = self.formation.get_template(StackName=self.name, TemplateStage="Processed")
        template: Template = answer["TemplateBody"]
        kept = {
            "Parameters": ["Stage", "TableProtection", "TableUnitsPerSecond"],
            "Conditions": ["ProtectsTable", "LimitsTable"],
            "Resources": ["Table"],
        }
        return {section: {name: template[section][name] for name in names} for section, names in kept.items()}

    def take_back(self, table: str, alone: Template) -> None:
        change = {"StackName": self.name, "ChangeSetName": "take-back"}
        self.formation.create_change_set(
            **change,
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(alone),
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": "local"}],
            ResourcesToImport=[
                {
                    "ResourceType": "AWS::DynamoDB::Table",
                    "LogicalResourceId": "Table",
                    "ResourceIdentifier": {"TableName": table},
                }
            ],
        )
        wait: Any = {"Delay": 1, "MaxAttempts": 240}
        self.formation.get_waiter("change_set_create_complete").wait(**change, WaiterConfig=wait)
        self.formation.execute_change_set(**change)
        self.formation.get_waiter("stack_import_complete").wait(StackName=self.name, WaiterConfig=wait)

    def names_of_rules(self) -> set[str]:
        """Of all rules on the stack's bus."""
        return {rule["Name"] for rule in self.events.list_rules(EventBusName=self.name)["Rules"]}

    def take_off(self) -> Fastened:
        """The mapping of the domain, and whatever rules on the bus are not the stack's own, as the handbook does it."""
        for mapping in self.gateway.get_api_mappings(DomainName=DOMAIN)["Items"]:
            self.gateway.delete_api_mapping(DomainName=DOMAIN, ApiMappingId=mapping["ApiMappingId"])
        pages = self.formation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        own = {
            resource["PhysicalResourceId"].rpartition("|")[2]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Events::Rule"
        }
        kept = Fastened([], {})
        for name in sorted(self.names_of_rules() - own):
            rule: dict[str, Any] = dict(self.events.describe_rule(EventBusName=self.name, Name=name))
            targets = self.events.list_targets_by_rule(EventBusName=self.name, Rule=name)["Targets"]
            kept.rules.append({field: rule[field] for field in ("Name", "EventBusName", "EventPattern", "State")})
            kept.targets[name] = targets
            ids = [target["Id"] for target in targets]
            self.events.remove_targets(EventBusName=self.name, Rule=name, Ids=ids)
            self.events.delete_rule(EventBusName=self.name, Name=name)
        return kept

    def put_back(self, kept: Fastened) -> None:
        for rule in kept.rules:
            self.events.put_rule(**rule)
        for name, targets in kept.targets.items():
            self.events.put_targets(EventBusName=self.name, Rule=name, Targets=targets)
        self.map_the_domain()

    def map_the_domain(self) -> None:
        self.gateway.create_api_mapping(DomainName=DOMAIN, ApiId=self.physical("Api"), Stage="$default")

    def remove(self) -> None:
        self.formation.delete_stack(StackName=self.name)
        waiter = self.formation.get_waiter("stack_delete_complete")
        waiter.wait(StackName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 240})


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondStack]:
    """Version one, with an account told over the bus and an extension that its owner has taken."""
    stack = SecondStack(cloud, tmp_path_factory.mktemp("upgrade"))
    table = None
    try:
        stack.deploy(stack.template())
        table = stack.physical("Table")
        changes = {
            "AccountChanged": account_changed(),
            "MemberChanged": member_changed(),
            "SubscriptionChanged": subscription_changed(),
        }
        for told, (detail_type, detail) in enumerate(changes.items(), 1):
            entry = {"Source": "service-manager", "DetailType": detail_type, "Detail": json.dumps(detail)}
            stack.events.put_events(Entries=[{"EventBusName": NAME, **entry}])  # type: ignore[typeddict-item]
            cloud.until(lambda told=told: len(stack.items(str(table))) == told)  # type: ignore[misc]
        status, granted = stack.call("extend")
        assert (status, granted["created"]) == (201, True)
        yield stack
    finally:
        stack.remove()
        if table:
            stack.dynamodb.delete_table(TableName=table)


def test_an_update_of_the_shared_code_reaches_callers_and_keeps_the_data(stack: SecondStack) -> None:
    """Most code is in the layer: a change of it alone, and one of a parameter alone, must move the alias."""
    table = stack.physical("Table")
    before, (_, listed) = stack.items(table), stack.call("list")
    assert listed["subscriptions"][0]["extension"]["state"] == "active"

    stack.change_the_layer()
    stack.deploy(stack.template(), reminder_lead=120)

    assert stack.status == "UPDATE_COMPLETE"
    assert stack.physical("Table") == table
    assert stack.items(table) == before
    assert stack.call("list") == (200, listed | {"version": 2})
    assert stack.call("extend")[1]["created"] is False
    assert stack.lead("ExtendFunction") == "120"


def test_a_change_of_a_parameter_alone_keeps_the_version_to_go_back_to(stack: SecondStack) -> None:
    """It is replaced under the same logical id; going back to it is one call, and so is going on."""
    function, before, lead = (
        stack.physical("ExtendFunction"),
        stack.version("ExtendFunction"),
        stack.lead("ExtendFunction"),
    )
    stack.deploy(stack.template(), reminder_lead=int(lead) + 60, archive_days=400)
    after = stack.version("ExtendFunction")
    assert (after != before, stack.lead("ExtendFunction")) == (True, str(int(lead) + 60))
    for remembers in ("SyncFunction", "ChangesFunction"):  # A replay of the whole archive brings no one back.
        assert stack.environment(remembers)["ARCHIVE_DAYS"] == "400"

    for version, expected in ((before, lead), (after, str(int(lead) + 60))):
        stack.lambda_.update_alias(FunctionName=function, Name="live", FunctionVersion=version)
        assert stack.lead("ExtendFunction") == expected
        assert stack.call("extend")[1]["created"] is False


def test_a_deploy_that_fails_goes_back_and_callers_notice_nothing(stack: SecondStack) -> None:
    """The last resource of the update cannot be made, when every function has its new version already."""
    table = stack.physical("Table")
    before, answer, lead = stack.items(table), stack.call("list"), stack.lead("ExtendFunction")
    broken = stack.template()
    broken["Globals"]["Function"]["Timeout"] = 24
    broken["Resources"]["Broken"] = {
        "Type": "AWS::Events::EventBus",
        "DependsOn": ["ListFunctionAliaslive", "ExtendFunctionAliaslive"],
        "Properties": {"Name": stack.neighbour},  # A bus of this name is there.
    }

    with pytest.raises(Trouble, match="Broken"):
        stack.deploy(broken, reminder_lead=240)

    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.physical("Table") == table
    assert stack.items(table) == before
    assert stack.call("list") == answer
    assert stack.call("extend")[1]["created"] is False
    assert stack.lead("ExtendFunction") == lead


@pytest.fixture
def integrator(stack: SecondStack) -> Iterator[str]:
    """Another system's queue behind a rule of its own, which is called as rules of the stack are; and a domain."""
    queue = stack.sqs.create_queue(QueueName="upgrade-integrator")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule, pattern = f"{stack.name}-SyncFunctionOfAnother", json.dumps({"source": ["drill"]})
    stack.gateway.create_domain_name(DomainName=DOMAIN)
    try:
        stack.events.put_rule(EventBusName=stack.name, Name=rule, EventPattern=pattern)
        stack.events.put_targets(EventBusName=stack.name, Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
        stack.map_the_domain()
        yield queue
    finally:
        stack.take_off()
        stack.gateway.delete_domain_name(DomainName=DOMAIN)
        stack.sqs.delete_queue(QueueUrl=queue)


def told(stack: SecondStack, queue: str) -> bool:
    """Whether an event on the bus arrives in a queue behind a rule."""
    entry = {"EventBusName": stack.name, "Source": "drill", "DetailType": "Drill", "Detail": "{}"}
    stack.events.put_events(Entries=[entry])  # type: ignore[list-item]
    messages = stack.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10).get("Messages", [])
    for message in messages:
        stack.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return bool(messages)


def test_what_others_have_fastened_to_a_stack_is_taken_off_and_comes_back_with_it(
    stack: SecondStack, integrator: str
) -> None:
    """Removed as docs/reference.md says, begun anew with its table, deployed, and everything is where it was.

    AWS refuses to delete a bus with rules and an API with a mapping; the local cloud deletes them too, so that what was
    not kept would be missing in the end.
    """
    table, rules, alone = stack.physical("Table"), stack.names_of_rules(), stack.table_alone()
    before = stack.items(table)
    assert told(stack, integrator)

    kept = stack.take_off()
    assert len(rules - stack.names_of_rules()) == len(kept.rules) == 1
    assert not stack.gateway.get_api_mappings(DomainName=DOMAIN)["Items"]
    stack.remove()

    stack.take_back(table, alone)
    stack.deploy(stack.template())
    assert stack.names_of_rules() == rules - {kept.rules[0]["Name"]}
    stack.put_back(kept)

    assert (stack.physical("Table"), stack.items(table)) == (table, before)
    assert stack.names_of_rules() == rules
    assert told(stack, integrator)
    (mapping,) = stack.gateway.get_api_mappings(DomainName=DOMAIN)["Items"]
    assert mapping["ApiId"] == stack.physical("Api")
    assert stack.call("extend")[1]["created"] is False


def test_a_removed_stack_leaves_its_table_and_a_new_one_takes_it_back(stack: SecondStack) -> None:
    """Whoever deletes the stack does not delete what owners have taken; docs/reference.md has the way back."""
    table, alone = stack.physical("Table"), stack.table_alone()
    before = stack.items(table)
    assert {item["t"]["S"] for item in before} == {"account", "extension", "member", "subscription"}

    stack.remove()
    assert stack.items(table) == before

    stack.take_back(table, alone)
    assert (stack.status, stack.physical("Table")) == ("IMPORT_COMPLETE", table)
    assert stack.items(table) == before


def test_a_first_deployment_that_fails_leaves_no_table(cloud: Cloud, tmp_path: Path) -> None:
    """Its stack keeps its table whatever happens, but for this. (The local cloud deletes protected tables too.)"""
    stack = SecondStack(cloud, tmp_path, "first")
    template = stack.template()
    template["Resources"]["Broken"] = {
        "Type": "AWS::Events::EventBus",
        "DependsOn": "ExtendFunctionAliaslive",
        "Properties": {"Name": stack.neighbour},
    }
    tables = stack.dynamodb.list_tables()["TableNames"]
    try:
        with pytest.raises(Trouble, match='expected path: "ROLLBACK_COMPLETE"'):
            stack.deploy(template)
        assert stack.status == "ROLLBACK_COMPLETE"
        assert stack.dynamodb.list_tables()["TableNames"] == tables
    finally:
        stack.remove()
