"""A stack that is updated, removed and taken back: the data and the owners' extensions are there at every step.

A second stack beside the one of `make run`, from the same build, in the same local cloud. It has no CodeDeploy: the
step-by-step move to a new version, and back when an alarm goes off, is not tried here.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from devkit.builders import account_changed, member_changed, subscription_changed
from devkit.service import sync_event
from devkit.stage import Stack
from local.build import deploy
from local.cloud import state_folder
from local.identity import MACHINES
from tests.conftest import Cloud
from tests.e2e.conftest import called
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
        self.issuer = cloud.url
        self.folder = folder / "build"
        shutil.copytree(state_folder(int(urlsplit(cloud.url).port or 0)) / "build", self.folder)
        self.stack = Stack(NAME, {}, first.session, first.endpoint)
        self.formation, self.dynamodb = self.stack.client("cloudformation"), self.stack.client("dynamodb")

    def deploy(self) -> None:
        file = self.folder / "template.yaml"
        parameters = {"Stage": "local", "JwtIssuer": self.issuer, "MachineAudience": MACHINES}
        credentials = self.stack.session.get_credentials()
        assert self.stack.endpoint
        assert credentials
        deploy(file, self.stack.endpoint, str(credentials.token), parameters, "--stack-name", NAME)

    def data(self) -> tuple[str, list[Any]]:
        """The name of the stack's table, and all that is in it."""
        table = self.stack.resource("Table")
        return table, self.items(table)

    def items(self, table: str) -> list[Any]:
        found = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

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
    """Version one, with an account and an extension of its owner."""
    second = SecondStack(cloud, tmp_path_factory.mktemp("upgrade"))
    table = None
    try:
        second.deploy()
        table = second.stack.resource("Table")
        for event in (
            sync_event("AccountChanged", account_changed()),
            sync_event("MemberChanged", member_changed()),
            sync_event("SubscriptionChanged", subscription_changed()),
        ):
            assert called(second.stack, "sync", event) == {"stored": True}
        assert called(second.stack, "extend")["created"] is True
        yield second
    finally:
        second.remove()
        if table:
            second.dynamodb.delete_table(TableName=table)


def test_an_update_of_the_shared_code_alone_reaches_callers_and_keeps_the_data(second: SecondStack) -> None:
    """Most code is in the layer: a change of it must move the alias. The version before is there to go back to."""
    lambda_ = second.stack.client("lambda")
    alias = {"FunctionName": second.stack.resource("ListFunction"), "Name": "live"}
    version = lambda_.get_alias(**alias)["FunctionVersion"]
    before, listed = second.data(), called(second.stack, "list")
    assert listed["subscriptions"][0]["extension"]["state"] == "active"
    module = second.folder / "SharedLayer" / "python" / "extending" / "api.py"
    module.write_text(module.read_text() + VERSION_TWO)
    second.deploy()
    assert second.data() == before
    assert called(second.stack, "list") == listed | {"version": 2}
    assert called(second.stack, "extend")["created"] is False
    lambda_.update_alias(**alias, FunctionVersion=version)
    assert called(second.stack, "list") == listed


def test_a_removed_stack_leaves_its_table_and_a_new_one_takes_it_back(second: SecondStack) -> None:
    """To delete the stack does not delete what owners have got; docs/reference.md has the way back."""
    before, alone = second.data(), second.table_alone()
    table, items = before
    assert {item["t"]["S"] for item in items} == {"account", "extension", "member", "subscription"}
    second.remove()
    assert second.items(table) == items
    second.take_back(table, alone)
    second.deploy()
    assert second.data() == before
    assert called(second.stack, "extend")["created"] is False
