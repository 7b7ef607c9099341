"""Each tool, found by the program itself: it makes the calls that the documents name, and prints nothing unsafe."""

import io
import json
import re
import unicodedata
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from devkit.builders import NOW, account_changed, iso
from devkit.project import ROOT, Trouble
from devkit.service import Service
from extending.items import microseconds
from extending.model import OfferId, Terms
from ops import cli
from ops.cli import COMMANDS
from tests.integration.test_redrive import WAITING
from tests.support.operated import Operated

DOCUMENTS = "\n".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
ROWS = {row[1]: row[0] for row in re.finditer(r"^\| \[`extending ([\w-]+)`\].*$", DOCUMENTS, re.MULTILINE)}
"""The rows of the table of tools."""

HOSTILE = "ООО «[/x][link=https://evil]» \x1b]0;x\x07\x9b2J\u202e\u2066\x7f\u0085:smile:"
"""Markup, escape sequences, C1 controls, changes of direction: all that a terminal or a library may obey."""

SUMMARY = {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "alarm"}
ALARM = {"AlarmName": HOSTILE, "StateValue": "ALARM", "StateUpdatedTimestamp": NOW, "StateReason": HOSTILE}
LOGGED = json.dumps({"level": HOSTILE, "message": HOSTILE, "correlation_id": HOSTILE, HOSTILE: HOSTILE})
ANSWERS: dict[str, list[Any]] = {
    "cloudformation_ListStackResources": [{"StackResourceSummaries": [SUMMARY]}],
    "cloudwatch_DescribeAlarms": [{"MetricAlarms": [ALARM]}],
    "cloudwatch_GetMetricData": [{"MetricDataResults": []}],
    "events_PutEvents": [{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}],
    "logs_FilterLogEvents": [{"events": [{"timestamp": 1795341600000, "message": LOGGED}]}],
    "sqs_ChangeMessageVisibility": [{}],
    "sqs_DeleteMessage": [{}],
    "sqs_GetQueueAttributes": [
        {"Attributes": {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}}
    ],
}


def named(tool: str) -> set[str]:
    """The rights in the tool's row, beside those that finding the stack needs."""
    return set(re.findall(r"`(\w+:\w+)`", ROWS[tool]))


EXTENSION = (
    OfferId("S-1", datetime(2026, 1, 1, tzinfo=UTC), Terms(2, 8, "P7D", 604_800), microseconds(NOW))
    .accepted("A-100", "U-1", NOW)
    .id
)

TOOLS: dict[str, list[str]] = {
    "announce": [iso(NOW), "--yes"],
    "expire": ["A-100", EXTENSION, "--yes"],
    "explain": ["A-100"],
    "load": ["cloud.jsonl"],
    "logs": ["--once"],
    "redrive": ["--yes"],
    "remove-account": ["A-100", "--yes"],
    "repair": ["A-100", "account", "--yes"],
    "report": ["--html", "r.html", "--xlsx", "r.xlsx", "--csv", "r.csv"],
    "watch": ["--once"],
}
MOVE_ALIASES = {"back": ["--yes"], "forward": ["--yes"]}
"""Tools of functions alone: their calls are counted in test_back.py."""


def test_every_tool_is_listed() -> None:
    """With what it writes and its permissions. A rehearsal is an administrator's, and calls the other tools."""
    assert set(TOOLS | MOVE_ALIASES) | {"rehearse"} == set(COMMANDS) == set(ROWS)


@pytest.fixture
def target(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operated:
    """Something for each tool to find, all of it hostile."""
    service.account(name=HOSTILE, servicing_organization={"name": HOSTILE, "city": HOSTILE}, changed_at=iso(NOW))
    service.subscription(number=HOSTILE, tariff={"id": "basic", "name": HOSTILE}, changed_at=iso(NOW))
    service.extend()
    monkeypatch.chdir(tmp_path)
    line = {"detail_type": "AccountChanged", "detail": account_changed(name=HOSTILE)}
    Path("cloud.jsonl").write_text(json.dumps(line))
    garbage = WAITING["Messages"][-1] | {"Body": HOSTILE}
    waiting = {"Messages": [*WAITING["Messages"], garbage]}
    answers = {right: answer.copy() for right, answer in ANSWERS.items()}
    return Operated(**answers, sqs_ReceiveMessage=[waiting, {}])


def found(tool: str) -> click.Command:
    command = cli.program.get_command(click.Context(cli.program), tool)
    assert command
    return command


def call(tool: str, target: Operated, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    """Run the program as a shell does; returns its exit code."""

    def stack(_: str) -> Operated:
        if tool in MOVE_ALIASES:
            raise Trouble(HOSTILE)
        return target

    monkeypatch.setattr(import_module(found(tool).callback.__module__), "stack", stack)
    monkeypatch.setattr("sys.argv", ["extending", tool, *(TOOLS | MOVE_ALIASES)[tool], *more])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_makes_the_calls_that_are_listed(tool: str, target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Least rights: one call more is a permission that an operator lacks at night."""
    assert call(tool, target, monkeypatch) == (1 if tool == "redrive" else 0)  # Two messages cannot be read.
    assert target.calls == named(tool)


@pytest.mark.parametrize("encoding", ["utf-8", "koi8-r", "cp1251", "latin-1", "ascii"])
@pytest.mark.parametrize("tool", TOOLS)
def test_no_tool_prints_what_a_terminal_obeys_or_fails_where_it_lacks_a_letter(
    tool: str, encoding: str, target: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names come from clients, errors from other systems; every terminal may be read, and JSON stays JSON."""
    for more in [[], ["--json"]] if any(each.name == "as_json" for each in found(tool).params) else [[]]:
        target.answer("sqs:ReceiveMessage", {"Messages": [WAITING["Messages"][-1] | {"Body": HOSTILE}]}, {})
        streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
        monkeypatch.setattr("sys.stdout", streams[0])
        monkeypatch.setattr("sys.stderr", streams[1])
        code = call(tool, target, monkeypatch, *more)
        printed = ""
        for stream in streams:
            stream.flush()
            assert isinstance(stream.buffer, io.BytesIO)
            printed += stream.buffer.getvalue().decode(encoding)
        assert not [letter for letter in printed if unicodedata.category(letter)[0] == "C" and letter != "\n"], printed
        assert "Traceback" not in printed
        assert "Error" not in printed
        if more and code < 2:
            json.loads(printed[printed.index("{\n") : printed.rindex("}") + 1])
