"""`extending back` and `forward`: the aliases of functions, to the version before and back again."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import time_machine
from click.testing import CliRunner
from moto import mock_aws

from devkit.builders import DAY, NOW
from devkit.project import FUNCTIONS, ROOT, Trouble
from devkit.stage import Stack
from ops import back


class Deployed(Stack):
    """Functions in moto, named after what the template calls them."""

    def __init__(self) -> None:
        super().__init__("any", {}, boto3.Session(region_name="eu-central-1"), None)
        role = boto3.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self.functions = self.client("lambda")
        for name in map(self.name_of, FUNCTIONS):
            self.functions.create_function(
                FunctionName=name, Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": code("1")}
            )
            self.functions.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")

    def resource(self, logical_id: str) -> str:
        return f"any-{logical_id.removesuffix('Function')}"

    def name_of(self, function: str) -> str:
        return self.resource(function.capitalize())

    def deploy(self, text: str, *functions: str) -> None:
        """Publish a version of functions, and move their aliases to it."""
        for name in map(self.name_of, functions):
            self.functions.update_function_code(FunctionName=name, ZipFile=code(text))
            version = self.functions.publish_version(FunctionName=name)["Version"]
            self.functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)

    def live(self) -> dict[str, str]:
        """The version of each function that callers get."""
        return {
            function: self.functions.get_alias(FunctionName=self.name_of(function), Name="live")["FunctionVersion"]
            for function in FUNCTIONS
        }


def code(text: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", text)
    return archive.getvalue()


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """All functions deployed; a week later list and offer once more."""
    with mock_aws(), time_machine.travel(NOW, tick=False) as clock:
        target = Deployed()
        target.deploy("1", *FUNCTIONS)
        clock.move_to(NOW + 7 * DAY)
        target.deploy("2", "list", "offer")
        monkeypatch.setattr(back, "stack", lambda _: target)
        yield target


def run(command: Any) -> str:
    """Run a command to its end and return its output; its Trouble rises."""
    return (
        CliRunner().invoke(command, ["--stage", "any", "--yes"], catch_exceptions=False, standalone_mode=False).output
    )


ALL = dict.fromkeys(FUNCTIONS, "1")
LATEST = ALL | {"list": "2", "offer": "2"}


def test_what_the_last_deployment_changed_goes_back_and_forward_again(deployed: Deployed) -> None:
    """A function that it left alone stays: its version before is of another deployment."""
    assert deployed.live() == LATEST
    (row,) = re.findall(r"^\| \[`extending back`\].*$", (ROOT / "docs" / "reference.md").read_text(), re.MULTILINE)
    called = {"cloudformation:DescribeStackResource"}  # It finds the name of a function.
    deployed.session.events.register("before-call.lambda", lambda model, **_: called.add(f"lambda:{model.name}"))
    assert "GradualDeployment=false" in run(back.command)
    assert called == set(re.findall(r"`(\w+:\w+)`", row))
    assert deployed.live() == ALL
    with pytest.raises(Trouble, match="nothing to move"):  # Before the first deployment there is none.
        run(back.command)
    run(back.forward)
    assert deployed.live() == LATEST
    with time_machine.travel(NOW + 14 * DAY, tick=False):
        deployed.deploy("3", "list")
    run(back.command)
    assert deployed.live() == LATEST


def test_forward_undoes_nothing_but_what_back_did(deployed: Deployed) -> None:
    """A deployment in between has moved the alias: that stays."""
    with pytest.raises(Trouble, match="nothing to move"):
        run(back.forward)
    run(back.command)
    deployed.deploy("3", "list")
    run(back.forward)
    assert deployed.live() == ALL | {"list": "3", "offer": "2"}


def test_nothing_is_moved_while_codedeploy_moves_traffic_or_without_a_yes(deployed: Deployed) -> None:
    """CodeDeploy would go on from where it stands, and the aliases with it."""
    with pytest.raises(Trouble, match="Nothing was done"):
        CliRunner().invoke(back.command, ["--stage", "any"], catch_exceptions=False, standalone_mode=False)
    deployed.functions.update_alias(
        FunctionName="any-List", Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.1}}
    )
    with pytest.raises(Trouble, match="stop-deployment"):
        run(back.command)
    assert deployed.live() == LATEST


def test_a_version_whose_snapshot_is_gone_is_named(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    """SnapStart drops it after 14 days without a call; moto has no such version."""
    moves = [move._replace(state="Inactive") for move in back.moves_back(deployed)]
    back.run(deployed, lambda _: moves, "", True, "")
    assert "first calls" in capsys.readouterr().err
