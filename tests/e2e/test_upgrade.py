"""A stack that is updated, rolled back and removed: the data and the owners' extensions are there at every step.

A second stack beside the one of `make run`, from the same build, in the same local cloud, which rolls a failed update
back as CloudFormation does. It has no CodeDeploy: the step-by-step move to a new version, and back when an alarm goes
off, is not tried here.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from devkit.builders import account_changed, member_changed, subscription_changed
from devkit.project import ROOT, Trouble
from devkit.stage import Stack
from devkit.template import parsed
from local.build import deploy
from local.cloud import state_folder
from local.identity import MACHINES
from tests.conftest import Cloud
from tests.support.stack import stack_of

NAME = "upgrade"

VERSION_TWO = """

reply_of_version_one = reply


def reply(status, body):
    return reply_of_version_one(status, body | {"version": 2})
"""

WAIT: Any = {"Delay": 1, "MaxAttempts": 240}

Template = dict[str, Any]


class SecondStack:
    """A stack of its own in the local cloud, deployed as an operator does."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        first = stack_of(cloud)
        self.first = first.name
        self.issuer = cloud.url
        self.folder = folder / "build"
        shutil.copytree(state_folder(int(urlsplit(cloud.url).port or 0)) / "build", self.folder)
        self.stack = Stack(NAME, {}, first.session, first.endpoint)
        self.formation, self.lambda_ = self.stack.client("cloudformation"), self.stack.client("lambda")
        self.dynamodb = self.stack.client("dynamodb")

    def template(self) -> Template:
        return dict(parsed((self.folder / "template.yaml").read_text()))

    def deploy(self, template: Template, **parameters: str) -> None:
        """Raises Trouble where the deploy failed."""
        file = self.folder / "changed.json"
        file.write_text(json.dumps(template))
        required = {"Stage": "local", "JwtIssuer": self.issuer, "MachineAudience": MACHINES}
        credentials = self.stack.session.get_credentials()
        assert self.stack.endpoint
        assert credentials
        deploy(file, self.stack.endpoint, str(credentials.token), required | parameters, "--stack-name", NAME)

    @property
    def status(self) -> str:
        return str(self.formation.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"])

    def data(self) -> tuple[str, list[Any]]:
        """The name of the stack's table, and all that is in it."""
        table = self.stack.resource("Table")
        return table, self.items(table)

    def items(self, table: str) -> list[Any]:
        found = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def environment(self, function: str) -> dict[str, str]:
        """That of the version behind the alias, which callers get."""
        name = self.stack.resource(function)
        found = self.lambda_.get_function_configuration(FunctionName=name, Qualifier="live")
        return dict(found["Environment"]["Variables"])

    def call(self, name: str) -> tuple[int, dict[str, Any]]:
        """Call a function with its sample event as the API does: through the alias."""
        answer = self.lambda_.invoke(
            FunctionName=self.stack.resource(f"{name.title()}Function"),
            Qualifier="live",
            Payload=(ROOT / "events" / f"{name}.json").read_bytes(),
        )
        response = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, response
        return response["statusCode"], json.loads(response["body"])

    def table_alone(self) -> Template:
        """The deployed template without anything but its table, as a stack that takes a table back begins."""
        template: Template = self.formation.get_template(StackName=NAME, TemplateStage="Processed")["TemplateBody"]
        kept = {
            "Parameters": ["Stage", "TableProtection", "TableUnitsPerSecond"],
            "Conditions": ["ProtectsTable", "LimitsTable"],
            "Resources": ["Table"],
        }
        return {section: {name: template[section][name] for name in names} for section, names in kept.items()}

    def take_back(self, table: str, alone: Template) -> None:
        change = {"StackName": NAME, "ChangeSetName": "take-back"}
        identifier = {"ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": "Table"}
        self.formation.create_change_set(
            **change,
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(alone),
            Parameters=[{"ParameterKey": "Stage", "ParameterValue": "local"}],
            ResourcesToImport=[identifier | {"ResourceIdentifier": {"TableName": table}}],
        )
        self.formation.get_waiter("change_set_create_complete").wait(**change, WaiterConfig=WAIT)
        self.formation.execute_change_set(**change)
        self.formation.get_waiter("stack_import_complete").wait(StackName=NAME, WaiterConfig=WAIT)

    def remove(self) -> None:
        self.formation.delete_stack(StackName=NAME)
        self.formation.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig=WAIT)


@pytest.fixture(scope="module")
def second(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecondStack]:
    """Version one, with an account that was reported over the bus and an extension of its owner."""
    second = SecondStack(cloud, tmp_path_factory.mktemp("upgrade"))
    table = None
    try:
        second.deploy(second.template())
        table = second.stack.resource("Table")
        reports = {
            "AccountChanged": account_changed(),
            "MemberChanged": member_changed(),
            "SubscriptionChanged": subscription_changed(),
        }
        source = {"EventBusName": NAME, "Source": "service-manager"}
        entries = [source | {"DetailType": type_, "Detail": json.dumps(detail)} for type_, detail in reports.items()]
        for entry in entries:
            before = len(second.items(table))
            second.stack.client("events").put_events(Entries=[entry])
            cloud.until(lambda before=before: len(second.data()[1]) > before)  # type: ignore[misc]
        status, granted = second.call("extend")
        assert (status, granted["created"]) == (201, True)
        yield second
    finally:
        second.remove()
        if table:
            second.dynamodb.delete_table(TableName=table)


def test_an_update_of_the_shared_code_alone_reaches_callers_and_keeps_the_data(second: SecondStack) -> None:
    """Most code is in the layer: a change of it must move the alias."""
    before, (_, listed) = second.data(), second.call("list")
    assert listed["subscriptions"][0]["extension"]["state"] == "active"
    module = second.folder / "SharedLayer" / "python" / "extending" / "api.py"
    module.write_text(module.read_text() + VERSION_TWO)
    second.deploy(second.template())
    assert (second.status, second.data()) == ("UPDATE_COMPLETE", before)
    assert second.call("list") == (200, listed | {"version": 2})
    assert second.call("extend")[1]["created"] is False


def test_a_change_of_a_parameter_alone_keeps_the_version_to_go_back_to(second: SecondStack) -> None:
    """It is replaced under the same logical id; going back to it is one call, and so is going on."""
    function = second.stack.resource("ExtendFunction")

    def version() -> str:
        return str(second.lambda_.get_alias(FunctionName=function, Name="live")["FunctionVersion"])

    def lead() -> str:
        return second.environment("ExtendFunction")["REMIND_BEFORE_SECONDS"]

    before = version(), lead()
    second.deploy(second.template(), ReminderLeadSeconds=f"{int(lead()) + 60}", ArchiveDays="400")
    after = version(), f"{int(before[1]) + 60}"
    assert lead() == after[1]
    for name in ("SyncFunction", "ChangesFunction"):  # A replay of the whole archive brings nobody back.
        assert second.environment(name)["ARCHIVE_DAYS"] == "400"

    for version_, expected in (before, after):
        second.lambda_.update_alias(FunctionName=function, Name="live", FunctionVersion=version_)
        assert lead() == expected
        assert second.call("extend")[1]["created"] is False


def test_a_deploy_that_fails_goes_back_and_callers_notice_nothing(second: SecondStack) -> None:
    """The last resource of the update cannot be made, when every function has its new version already."""
    before = second.data(), second.call("list"), second.environment("ExtendFunction")
    broken = second.template()
    broken["Globals"]["Function"]["Timeout"] = 24
    broken["Resources"]["Broken"] = {
        "Type": "AWS::Events::EventBus",
        "DependsOn": ["ListFunctionAliaslive", "ExtendFunctionAliaslive"],
        "Properties": {"Name": second.first},  # A bus of this name is there.
    }
    with pytest.raises(Trouble, match="Broken"):
        second.deploy(broken, ReminderLeadSeconds="240")
    assert second.status == "UPDATE_ROLLBACK_COMPLETE"
    assert (second.data(), second.call("list"), second.environment("ExtendFunction")) == before
    assert second.call("extend")[1]["created"] is False


def test_a_removed_stack_leaves_its_table_and_a_new_one_takes_it_back(second: SecondStack) -> None:
    """To delete the stack does not delete what owners have got; docs/reference.md has the way back."""
    before, alone = second.data(), second.table_alone()
    table, items = before
    assert {item["t"]["S"] for item in items} == {"account", "extension", "member", "subscription"}
    second.remove()
    assert second.items(table) == items
    second.take_back(table, alone)
    assert second.status == "IMPORT_COMPLETE"
    second.deploy(second.template())
    assert second.data() == before
    assert second.call("extend")[1]["created"] is False
