"""The other side over HTTPS alone: a service manager reports, an application server asks, a receiver is posted to.

The extension waits for the schedule, so it is granted before the first test and revoked before the last.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from devkit.builders import (
    CONTACT,
    account_changed,
    account_removed,
    iso,
    limit,
    member_changed,
    subscription_changed,
    usage_changed,
)
from devkit.stage import Stack
from devkit.template import resources
from tests.conftest import Cloud
from tests.support.receiver import Inbox, webhook
from tests.support.stack import log_lines

NAME = "ООО «По проводам»"
TERMS = {"sessions": 2, "databases": 8, "duration": "PT100S"}


def report(cloud: Cloud, **details: dict[str, Any]) -> None:
    """Each under its type; what a busy machine did not do in time is sent again, as a service manager would."""
    changes = {"changes": [{"detail_type": type_, "detail": detail} for type_, detail in details.items()]}

    def results() -> set[str]:
        answer = cloud.machine("POST", "/changes", changes)
        assert answer.status_code == 200, answer.text
        found = {each["result"] for each in answer.json()["results"]}
        return set() if "try_again" in found else found

    assert cloud.until(results) <= {"stored", "stale"}


@pytest.fixture(scope="module")
def inbox(stack: Stack) -> Iterator[Inbox]:
    """A receiver that is away the first two times, whatever it is sent."""
    inbox = Inbox()
    inbox.answering = lambda event: 500 if inbox.refused.count(event) < 2 else 204
    with webhook(stack, inbox):
        yield inbox


@pytest.fixture(scope="module", autouse=True)
def account(cloud: Cloud, inbox: Inbox) -> SimpleNamespace:
    """Reported over HTTPS, extended by its owner."""
    id_ = f"A-wire-{time.time_ns():x}"
    account = SimpleNamespace(id=id_, owner=f"{id_}-owner", subscription="S-1")
    report(
        cloud,
        AccountChanged=account_changed(account_id=id_, name=NAME),
        MemberChanged=member_changed(account_id=id_, user_id=account.owner),
        SubscriptionChanged=subscription_changed(account_id=id_, extension_terms=TERMS),
        UsageChanged=usage_changed(account_id=id_, sessions=2, databases=1),
    )
    account.extension = cloud.extend(account)
    return account


def test_an_application_server_reads_what_it_enforces(cloud: Cloud, account: SimpleNamespace) -> None:
    """4 and 9, for no longer than they are true; and nothing twice."""
    path = f"/accounts/{account.id}/limits"
    answer = cloud.machine("GET", path)
    assert answer.status_code == 200, answer.text
    limits = answer.json()["limits"]
    assert (limits["sessions"], limits["databases"]) == (limit(2, 2, 2), limit(1, 8, 1))
    assert limits["next_change_at"] == account.extension["ends_at"]
    age = re.fullmatch(r"private, max-age=(\d+)", answer.headers["cache-control"])
    assert age
    assert int(age[1]) <= 30
    again = cloud.machine("GET", path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_receiver_that_was_away_gets_all_three_events(cloud: Cloud, account: SimpleNamespace, inbox: Inbox) -> None:
    """CloudEvents 1.0 in the structured mode, with the key; at the end the limits are 2 and 1."""
    cloud.until(lambda: len(inbox.of(account.id)) == 3)
    received = inbox.of(account.id)
    assert inbox.refused, "it was never away"
    assert [event["type"] for event in received] == ["ExtensionGranted", "ExtensionEndsSoon", "ExtensionExpired"]
    assert inbox.content_types == {"application/cloudevents+json"}
    out = {event["detail"]["event_id"]: event for event in cloud.events_out(account.id)}
    for event in received:
        assert event == {
            "specversion": "1.0",
            "id": event["data"]["event_id"],
            "source": "extending-subscription",
            "type": out[event["id"]]["detail_type"],
            "subject": account.id,
            "time": event["time"],
            "datacontenttype": "application/json",
            "data": out[event["id"]]["detail"],
        }
        assert datetime.fromisoformat(event["time"]).tzinfo
    limits = cloud.machine("GET", f"/accounts/{account.id}/limits").json()["limits"]
    assert [limits[name]["total"] for name in ("sessions", "databases")] == [2, 1]


def test_of_a_removed_account_nothing_can_be_found(cloud: Cloud, account: SimpleNamespace, stack: Stack) -> None:
    """In the table its removal alone, over the API nothing, and in the logs no word that was reported of it."""
    report(cloud, AccountRemoved=account_removed(account_id=account.id, changed_at=iso(datetime.now(UTC))))
    pages = stack.client("dynamodb").get_paginator("scan")
    found = list(pages.paginate(TableName=stack.outputs["TableName"], ConsistentRead=True).search("Items"))
    assert [item["sk"]["S"] for item in found if account.id in json.dumps(item)] == ["R"]
    assert not [item for item in found if NAME in json.dumps(item, ensure_ascii=False)]
    for collection in ("subscriptions", "extensions"):
        assert cloud.api(account.owner, "GET", f"/accounts/{account.id}/{collection}").status_code == 404
    assert cloud.machine("GET", f"/accounts/{account.id}/limits").json()["code"] == "account_not_found"
    for function in resources("AWS::Serverless::Function").values():
        logged = "\n".join(log_lines(stack, function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]))
        for word in (NAME, json.dumps(NAME)[1:-1], account.owner, CONTACT["phone"], CONTACT["email"]):
            assert word not in logged
