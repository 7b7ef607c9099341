"""The logs of the functions, over everything that ran on the local cloud so far."""

import json
import re

import pytest

from devkit.builders import CONTACT
from devkit.project import ROOT
from devkit.stage import Stack
from devkit.template import resources
from tests.conftest import Cloud
from tests.e2e.conftest import SECRET, LoggedStory
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
def story(request: pytest.FixtureRequest, cloud: Cloud, logged: LoggedStory) -> LoggedStory:
    """The story is over, and so are all other tests, which log as well."""
    cloud.until(lambda: "ExtensionExpired" in {event["detail-type"] for event in logged.events()}, timeout=150)
    wait_for_the_others(request)
    return logged


@pytest.fixture(scope="module")
def lines(story: LoggedStory, stack: Stack) -> dict[str, list[str]]:
    """All lines by log group; the access log of the API is empty, for the local gateway writes none."""
    return {group: log_lines(stack, group) for group in resources("AWS::Logs::LogGroup")}


def names_and_contacts() -> set[str]:
    """Every personal word that was ever reported to the local cloud, as text and as JSON escapes it."""
    found: set[str | None] = {SECRET, *CONTACT.values(), "ЧужаяТайна", "ЧужоеИмя", "ООО «Проба»"}
    people = json.loads((ROOT / "local" / "people.json").read_text())["people"]
    found |= {person["name"] for person in people}
    for line in (ROOT / "local" / "seed.jsonl").read_text().splitlines():
        detail = json.loads(line)["detail"]
        found |= set((detail.get("servicing_organization") or {}).values())
        found |= {detail.get("name"), (detail.get("tariff") or {}).get("name")}
    words = {word for word in found if word and len(word) > 4}
    return words | {json.dumps(word)[1:-1] for word in words}


def test_no_line_holds_a_token_a_name_or_a_contact(lines: dict[str, list[str]]) -> None:
    """Not in a message, not in an error, not in a metric's dimension."""
    words = names_and_contacts()
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


def test_the_id_of_the_request_goes_through_the_table_to_every_event(story: LoggedStory, stack: Stack) -> None:
    """It is in the item, and in each event that the item led to.

    On AWS it is what the browser gets in `apigw-requestid`; the local gateway makes two ids of it.
    """
    account = story.account
    answer = stack.client("dynamodb").query(
        TableName=stack.outputs["TableName"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={
            ":pk": {"S": f"A#{account.id}"},
            ":sk": {"S": f"S#{account.subscription}#E#"},
        },
    )
    (item,) = answer["Items"]
    request_id = item["c"]["S"]
    assert len(request_id) > 8
    assert {event["detail-type"] for event in story.events()} == {"ExtensionGranted", "ExtensionExpired"}
    for event in story.events():
        assert event["resources"] == [f"correlation-id:{request_id}"]
        assert SECRET not in json.dumps(event, ensure_ascii=False)
