"""The rights that docs/operations.md names for a tool are the calls that it makes, no more and no less."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from devkit.builders import NOW, account_changed, iso
from devkit.project import ROOT
from devkit.service import Service
from ops import announce, explain, forget, load, logs, redrive, repair, watch
from ops.report import __main__ as report
from tests.integration.test_redrive import WAITING
from tests.support.operated import Operated, run

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ROWS = {row[1]: row[0] for row in re.finditer(r"^\| \[`make ([\w-]+)`\].*$", OPERATIONS, re.MULTILINE)}
"""The rows of the table of tools."""

ALARM = {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "alarm"}
ANSWERS: dict[str, list[Any]] = {
    "cloudformation_ListStackResources": [{"StackResourceSummaries": [ALARM]}],
    "cloudwatch_DescribeAlarms": [{"MetricAlarms": []}],
    "cloudwatch_GetMetricData": [{"MetricDataResults": []}],
    "dynamodb_GetRecords": [{"Records": []}],
    "dynamodb_GetShardIterator": [{"ShardIterator": "i"}],
    "events_PutEvents": [{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}],
    "logs_FilterLogEvents": [{"events": []}],
    "sqs_ChangeMessageVisibility": [{}],
    "sqs_DeleteMessage": [{}],
    "sqs_GetQueueAttributes": [
        {"Attributes": {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}}
    ],
}


def named(tool: str) -> set[str]:
    """The rights in the tool's row, but those that finding the stack and reading an export take."""
    return set(re.findall(r"`(\w+:\w+)`", ROWS[tool].partition("; of an export")[0]))


TOOLS: dict[str, tuple[Any, list[str]]] = {
    "explain": (explain, ["--account", "A-100"]),
    "repair": (repair, ["--account", "A-100", "--record", "account", "--yes"]),
    "announce": (announce, ["--from", iso(NOW), "--yes"]),
    "redrive": (redrive, ["--yes"]),
    "forget": (forget, ["--account", "A-100", "--yes"]),
    "report": (report, ["--json"]),
    "watch": (watch, ["--json"]),
    "logs": (logs, ["--once"]),
    "load": (load, ["cloud.jsonl"]),
}


def test_every_tool_is_listed() -> None:
    """With what it writes and what it may."""
    assert set(TOOLS) == set(ROWS)


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_asks_for_what_is_listed(
    service: Service, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Least rights: a call more is a right that an operator lacks at night."""
    service.extend()
    monkeypatch.chdir(tmp_path)
    Path("cloud.jsonl").write_text(json.dumps({"detail_type": "AccountChanged", "detail": account_changed()}))
    tool, arguments = TOOLS[name]
    target = Operated(**{right: told.copy() for right, told in ANSWERS.items()}, sqs_ReceiveMessage=[WAITING, {}])
    assert run(tool, target, monkeypatch, *arguments) == (1 if name == "redrive" else 0)  # One message cannot be read.
    assert target.calls == named(name)
