"""What the functions write into their logs, over everything that ran on the local cloud so far.

Every line is JSON; none holds a token, a name or a contact; and what a request did can be followed by its id.
"""

import json
import re

import pytest

from devkit.builders import CONTACT
from devkit.project import ROOT
from devkit.stage import Stack
from devkit.template import resources
from tests.conftest import Cloud
from tests.e2e.conftest import SECRET, LoggedStory
from tests.support.stack import log_lines, stack_of
from tests.support.started import wait_for_the_others

FUNCTIONS = resources("AWS::Serverless::Function").values()
OWN = sorted(function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for function in FUNCTIONS)
CORRELATED = {
    function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    for function in FUNCTIONS
    if {event["Type"] for event in function["Properties"].get("Events", {}).values()} <= {"HttpApi", "EventBridgeRule"}
    and function["Properties"].get("Events")
}
"""Of the functions that nothing but a request or an event of the bus wakes."""

GROUPS = sorted(resources("AWS::Logs::LogGroup"))
"""Those of the functions, and the access log of the API, which the local gateway does not write."""

PLATFORM = re.compile(r"(INIT_START|START|END|REPORT|RESTORE_START|RESTORE_REPORT)\b")
"""Lines of Lambda itself, which on AWS may be had as JSON too."""

TOKEN = re.compile(r"eyJ[\w-]{8,}\.eyJ|[Bb]earer\s+\S|authorization", re.ASCII)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w")
PHONE = re.compile(r"\+\d[\d ()-]{8,}\d")


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest, cloud: Cloud, logged: LoggedStory) -> LoggedStory:
    """The story is over, and so are all other tests, which log as well."""
    cloud.until(lambda: "ExtensionExpired" in {event["detail-type"] for event in logged.events()}, timeout=150)
    wait_for_the_others(request)
    return logged


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Stack:
    return stack_of(cloud)


def own_lines(stack: Stack, group: str) -> list[str]:
    return [line for line in log_lines(stack, group) if not PLATFORM.match(line)]


def names_and_contacts() -> set[str]:
    """Every personal word that was ever told to the local cloud, as text and as JSON escapes it."""
    told: set[str | None] = {SECRET, *CONTACT.values(), "ЧужаяТайна", "ЧужоеИмя", "ООО «Проба»"}
    people = json.loads((ROOT / "local" / "people.json").read_text())["people"]
    told |= {person["name"] for person in people}
    for line in (ROOT / "local" / "seed.jsonl").read_text().splitlines():
        detail = json.loads(line)["detail"]
        told |= set((detail.get("servicing_organization") or {}).values())
        told |= {detail.get("name"), (detail.get("tariff") or {}).get("name")}
    words = {word for word in told if word and len(word) > 4}
    return words | {json.dumps(word)[1:-1] for word in words}


@pytest.mark.parametrize("group", GROUPS)
def test_every_line_is_json(group: str, story: LoggedStory, stack: Stack) -> None:
    """A log line or a metric; nothing that a library or the interpreter wrote in between."""
    lines = own_lines(stack, group)
    for line in lines:
        assert isinstance(json.loads(line), dict), line


@pytest.mark.parametrize("group", GROUPS)
def test_no_line_holds_a_token_a_name_or_a_contact(group: str, story: LoggedStory, stack: Stack) -> None:
    """Not in a message, not in an error, not in a metric's dimension."""
    words = names_and_contacts()
    for line in log_lines(stack, group):
        assert not [word for word in words if word in line], line
        for pattern in (TOKEN, EMAIL, PHONE):
            assert not pattern.search(line), line


def test_every_function_has_written_something(story: LoggedStory, stack: Stack) -> None:
    """Or the scans above would have read nothing."""
    assert not [group for group in OWN if not log_lines(stack, group)]


def test_a_log_line_names_the_request_that_it_is_of(story: LoggedStory, stack: Stack) -> None:
    """Lambda's request id in each, the caller's correlation id where a request or an event was the cause."""
    for group in OWN:
        for line in own_lines(stack, group):
            told = json.loads(line)
            if "_aws" in told:
                continue
            assert told["function_request_id"], line
            if group in CORRELATED:
                assert told["correlation_id"], line


def test_the_id_of_the_request_goes_through_the_table_to_every_event(story: LoggedStory, stack: Stack) -> None:
    """It is in the item, and in each event that the item led to.

    On AWS it is what the browser was told in `apigw-requestid`; the local gateway makes two ids of it.
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
