"""The logs of the functions, over everything that ran on the local cloud so far."""

import json
import re
from types import SimpleNamespace

import pytest

from devkit.builders import CONTACT
from devkit.stage import Stack
from devkit.template import resources
from tests.conftest import Cloud
from tests.e2e.attacker import STRANGER
from tests.e2e.conftest import SECRET
from tests.support.stack import log_lines
from tests.support.started import wait_for_the_others

CALLED_BY = {
    function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]: {
        event["Type"] for event in function["Properties"].get("Events", {}).values()
    }
    for function in resources("AWS::Serverless::Function").values()
}
"""The kinds of events that call a function, by its log group."""

PLATFORM = re.compile(r"(INIT_START|START|END|REPORT|RESTORE_START|RESTORE_REPORT)\b")
"""Lines of Lambda itself, which on AWS may be had as JSON too."""

PRIVATE = [
    re.compile(r"eyJ[\w-]{8,}\.eyJ|[Bb]earer\s+\S|authorization", re.ASCII),
    re.compile(r"[\w.+-]+@[\w-]+\.\w"),
    re.compile(r"\+\d[\d ()-]{8,}\d"),
]
"""Tokens, addresses of e-mail, telephone numbers."""


@pytest.fixture(scope="module")
def lines(request: pytest.FixtureRequest, cloud: Cloud, logged: SimpleNamespace, stack: Stack) -> dict[str, list[str]]:
    """All lines by log group, when the story is over and so are all other tests, which log as well.

    The access log of the API is empty, for the local gateway writes none.
    """
    cloud.until(lambda: cloud.events_out(logged.id)[-1]["detail_type"] == "ExtensionExpired", timeout=150)
    wait_for_the_others(request)
    return {group: log_lines(stack, group) for group in resources("AWS::Logs::LogGroup")}


def test_no_line_holds_a_token_a_user_a_name_or_a_contact(lines: dict[str, list[str]], logged: SimpleNamespace) -> None:
    """Not in a message, not in an error, not in a metric's dimension."""
    said = {SECRET, STRANGER, *CONTACT.values(), logged.owner, logged.administrator}
    words = said | {json.dumps(word)[1:-1] for word in said}
    for line in (line for found in lines.values() for line in found):
        assert not [word for word in words if word in line], line
        assert not [pattern for pattern in PRIVATE if pattern.search(line)], line


def test_every_line_is_json_and_names_its_request(lines: dict[str, list[str]]) -> None:
    """Lambda's request id in each but a metric, the caller's correlation id where a request or an event was the cause;
    nothing that a library or the interpreter wrote in between."""
    for group, called_by in CALLED_BY.items():
        written = [json.loads(line) for line in lines[group] if not PLATFORM.match(line)]
        assert written, group
        for record in written:
            if "_aws" in record:
                continue
            assert record["function_request_id"], record
            if called_by and called_by <= {"HttpApi", "EventBridgeRule"}:
                assert record["correlation_id"], record
