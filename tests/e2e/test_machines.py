"""The other side over HTTPS alone: a service manager feeds, an application server asks, a receiver is told.

The account's extension takes the schedule its time, so its story begins with the first test and ends with the last.
"""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
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
from devkit.service import sample
from devkit.stage import Stack
from devkit.template import Route, resources, routes
from tests.conftest import Cloud
from tests.support.receiver import Inbox, webhook
from tests.support.stack import log_lines, stack_of

NAME = "ООО «По проводам»"
TERMS = {"sessions": 2, "databases": 8, "duration": "PT100S"}


def changes(cloud: Cloud, *told: tuple[str, dict[str, Any]]) -> httpx.Response:
    entries = [{"detail_type": detail_type, "detail": detail} for detail_type, detail in told]
    return cloud.machine("POST", "/changes", {"changes": entries})


def results(cloud: Cloud, *told: tuple[str, dict[str, Any]]) -> list[Any]:
    """What became of each; what a busy machine did not do in time is sent again, as a service manager would."""
    answer = changes(cloud, *told)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["results"]
    again = [n for n, each in enumerate(found) if each["result"] == "try_again"]
    if again:
        assert answer.headers["Retry-After"] == "1"
        for n, each in zip(again, results(cloud, *(told[n] for n in again)), strict=True):
            found[n] = each
    return found


def stored(cloud: Cloud, *told: tuple[str, dict[str, Any]]) -> None:
    assert results(cloud, *told) == [{"result": "stored"}] * len(told)


def now() -> str:
    return iso(datetime.now(UTC))


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Stack:
    return stack_of(cloud)


@pytest.fixture(scope="module")
def inbox(stack: Stack) -> Iterator[Inbox]:
    """A receiver that is away the first two times, whatever it is told."""
    inbox = Inbox()
    inbox.answering = lambda event: 500 if inbox.refused.count(event) < 2 else 204
    with webhook(stack, inbox):
        yield inbox


@pytest.fixture(scope="module", autouse=True)
def account(cloud: Cloud, inbox: Inbox) -> SimpleNamespace:
    """Fed over HTTPS, extended by its owner."""
    assert not inbox.taken
    id_ = f"A-wire-{time.time_ns():x}"
    owner = f"{id_}-owner"
    stored(
        cloud,
        ("AccountChanged", account_changed(account_id=id_, name=NAME)),
        ("MemberChanged", member_changed(account_id=id_, user_id=owner)),
        ("SubscriptionChanged", subscription_changed(account_id=id_, extension_terms=TERMS)),
        ("UsageChanged", usage_changed(account_id=id_, sessions=2, databases=1)),
    )
    path = f"/accounts/{id_}/subscriptions/S-1"
    offered = cloud.api(owner, "GET", f"{path}/extension-offer").json()
    granted = cloud.api(owner, "POST", f"{path}/extension", {"offer_id": offered["offer_id"]})
    assert granted.status_code == 201
    return SimpleNamespace(id=id_, owner=owner, extension=granted.json()["extension"])


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


@pytest.mark.parametrize(("method", "path"), [("POST", "/changes"), ("GET", "/accounts/A-100/limits")])
@pytest.mark.parametrize("scope", [None, "", "limits:write", "changes:read limits", "other"])
def test_without_the_scope_no_function_is_woken(cloud: Cloud, method: str, path: str, scope: str | None) -> None:
    """Neither for a user, be it an owner, nor for a machine of another purpose."""
    body: Any = {"changes": []} if method == "POST" else None
    answer = cloud.machine(method, path, body, scope=scope) if scope else cloud.api("U-1", method, path, body)
    assert answer.status_code == (403 if scope else 401)
    assert "code" not in answer.json()


def test_a_scope_opens_its_own_route_alone(cloud: Cloud) -> None:
    assert cloud.machine("GET", "/accounts/A-100/limits", scope="changes:write").status_code == 403
    assert cloud.machine("POST", "/changes", {"changes": []}, scope="limits:read").status_code == 403
    assert cloud.machine("GET", "/accounts/A-100/limits", scope="limits:read").status_code == 200
    assert cloud.machine("POST", "/changes", {"changes": []}, scope="changes:write").status_code == 422


@pytest.mark.parametrize("route", [route for route in routes() if not route.scope], ids=lambda route: route.path)
def test_a_machine_is_a_stranger_where_users_are_asked_for(cloud: Cloud, route: Route) -> None:
    """Whatever its scopes: its token is for another audience."""
    path = route.path.format(account_id="A-100", subscription_id="S-1")
    body = json.loads(sample("extend")["body"]) if route.method == "POST" else None
    answer = cloud.machine(route.method, path, body)
    assert (answer.status_code, answer.text.replace(": ", ":")) == (401, '{"message":"Unauthorized"}')


def test_of_many_changes_the_wrong_one_is_named_and_the_others_are_stored(cloud: Cloud) -> None:
    """A hundred in a request, one of them with a secret in the wrong place."""
    id_ = f"A-many-{time.time_ns():x}"
    told = [("MemberChanged", member_changed(account_id=id_, user_id=f"U-{n}")) for n in range(100)]
    told[42] = ("MemberChanged", member_changed(account_id=id_, role="Тайна" * 13))  # 65 characters
    began = time.monotonic()
    found = results(cloud, *told)
    print(f"a hundred changes in {time.monotonic() - began:.2f} s")
    assert [n for n, each in enumerate(found) if each["result"] != "stored"] == [42]
    assert list(found[42]["fields"]) == ["detail.role"]
    assert "Тайна" not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"changes": [' + b"[" * 10_000, 400, "invalid_json"),
        (b'{"changes": ["' + b"x" * 5_900_000 + b'"]}', 413, "body_too_large"),
        (b'{"changes": [], "changes": []}', 422, "invalid_body"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
    ],
)
def test_whatever_is_sent_gets_a_clear_answer(cloud: Cloud, body: bytes, status: int, code: str) -> None:
    """Never a 500."""
    answer = cloud.machine("POST", "/changes", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_subscription_and_its_history_tell_what_was(cloud: Cloud, account: SimpleNamespace) -> None:
    """The owner's, over the same wire."""
    (row,) = cloud.api(account.owner, "GET", f"/accounts/{account.id}/extensions").json()["extensions"]
    assert (row["id"], row["granted_by"]) == (account.extension["id"], account.owner)


def test_the_receiver_is_told_of_all_three_though_it_was_away(
    cloud: Cloud, account: SimpleNamespace, inbox: Inbox
) -> None:
    """CloudEvents 1.0 in the structured mode, with the key; at the end the limits are 2 and 1."""
    cloud.until(lambda: len(inbox.of(account.id)) == 3)
    told = inbox.of(account.id)
    assert [event["type"] for event in told] == ["ExtensionGranted", "ExtensionEndsSoon", "ExtensionExpired"]
    assert inbox.content_types == {"application/cloudevents+json"}
    out = {event["detail"]["event_id"]: event for event in cloud.events_out(account.id)}
    for event in told:
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
    assert [limits[what]["total"] for what in ("sessions", "databases")] == [2, 1]
    assert inbox.refused, "it was never away"


def test_of_a_removed_account_nothing_can_be_found(cloud: Cloud, account: SimpleNamespace, stack: Stack) -> None:
    """In the table its removal alone, over the API nothing, and in the logs no word that was told of it."""
    stored(cloud, ("AccountRemoved", account_removed(account_id=account.id, changed_at=now())))
    pages = stack.client("dynamodb").get_paginator("scan")
    found = list(pages.paginate(TableName=stack.outputs["TableName"], ConsistentRead=True).search("Items"))
    mine = [item for item in found if account.id in json.dumps(item)]
    assert [item["sk"]["S"] for item in mine] == ["R"]
    assert not [item for item in found if NAME in json.dumps(item, ensure_ascii=False)]
    for path in ("subscriptions", "extensions"):
        assert cloud.api(account.owner, "GET", f"/accounts/{account.id}/{path}").status_code == 404
    assert cloud.machine("GET", f"/accounts/{account.id}/limits").json()["code"] == "account_not_found"
    assert results(cloud, ("AccountChanged", account_changed(account_id=account.id, name=NAME))) == [
        {"result": "stale"}
    ]
    for function in resources("AWS::Serverless::Function").values():
        said = "\n".join(log_lines(stack, function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]))
        for word in (NAME, json.dumps(NAME)[1:-1], account.owner, CONTACT["phone"], CONTACT["email"]):
            assert word not in said
