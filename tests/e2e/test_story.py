"""The owner's story over HTTP, on the real template deployed to the local cloud."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from devkit.builders import CONTACT, TERMS, subscription_changed
from tests.conftest import Cloud
from tests.e2e.conftest import LoggedStory

SHORT = {"sessions": 2, "databases": 8, "duration": "PT30S"}


def row(cloud: Cloud, account: Any, user: str | None = None) -> Any:
    answer = cloud.api(user or account.owner, "GET", f"/accounts/{account.id}/subscriptions")
    assert answer.status_code == 200, answer.text
    return answer.json()["subscriptions"][0]["extension"]


def extra(cloud: Cloud, account: Any) -> int:
    answer = cloud.api(account.owner, "GET", f"/accounts/{account.id}/subscriptions")
    return int(answer.json()["limits"]["sessions"]["extra"])


def offer(cloud: Cloud, account: Any) -> Any:
    path = f"/accounts/{account.id}/subscriptions/{account.subscription}/extension-offer"
    return cloud.api(account.owner, "GET", path)


def extend(cloud: Cloud, account: Any, offer_id: str, user: str | None = None) -> Any:
    path = f"/accounts/{account.id}/subscriptions/{account.subscription}/extension"
    return cloud.api(user or account.owner, "POST", path, json={"offer_id": offer_id})


@pytest.fixture(scope="module", autouse=True)
def reminded(cloud: Cloud, logged: LoggedStory) -> SimpleNamespace:
    """An account whose extension runs while the other tests do: the schedule takes a minute for each of its steps.

    The story for the logs begins now too.
    """
    account = cloud.an_account(extension_terms={"sessions": 2, "databases": 8, "duration": "PT100S"})
    assert extend(cloud, account, offer(cloud, account).json()["offer_id"]).status_code == 201
    return account


def test_an_owner_extends_uses_and_gives_back(cloud: Cloud) -> None:
    """List, offer, extend, list; at the end the extras are gone, and within a minute or so the schedule revokes."""
    account = cloud.an_account(extension_terms=SHORT)
    assert row(cloud, account) == {"state": "available", "terms": SHORT}

    offered = offer(cloud, account).json()
    assert offered["limits_before"]["sessions"]["total"] == 2
    assert offered["limits_after"]["sessions"]["total"] == 4
    assert offered["servicing_organization"] == CONTACT

    granted = extend(cloud, account, offered["offer_id"])
    assert granted.status_code == 201
    extension = granted.json()["extension"]
    begin, end = (datetime.fromisoformat(extension[name]) for name in ("granted_at", "ends_at"))
    assert (end - begin).total_seconds() == 30
    assert row(cloud, account) == extension
    assert extra(cloud, account) == 2
    assert extend(cloud, account, offered["offer_id"]).json() == {"created": False, "extension": extension}

    cloud.until(lambda: row(cloud, account)["state"] == "used")
    assert extra(cloud, account) == 0
    refused = extend(cloud, account, offered["offer_id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "already_used")

    revoked = cloud.until(lambda: row(cloud, account)["revoked_at"])
    assert datetime.fromisoformat(revoked) >= end
    events = cloud.until(lambda: told(cloud, account, "ExtensionExpired"))
    assert events[-1]["detail"]["revoked_at"] == revoked
    assert [event["detail_type"] for event in cloud.events_out(account.id)] == ["ExtensionGranted", "ExtensionExpired"]


def told(cloud: Cloud, account: Any, kind: str) -> list[dict[str, Any]]:
    return [event for event in cloud.events_out(account.id) if event["detail_type"] == kind]


def test_a_grant_is_told_once_with_what_was_granted(cloud: Cloud) -> None:
    """The event follows the write."""
    account = cloud.an_account()
    offer_id = offer(cloud, account).json()["offer_id"]
    extension = extend(cloud, account, offer_id).json()["extension"]
    extend(cloud, account, offer_id, account.second_owner)
    (event,) = cloud.until(lambda: told(cloud, account, "ExtensionGranted"))
    assert event["source"] == "extending-subscription"
    assert event["detail"] == {
        "event_id": event["detail"]["event_id"],
        "account_id": account.id,
        "subscription_id": account.subscription,
        "extension_id": extension["id"],
        "period_starts_at": "2026-01-01T00:00:00Z",
        "terms": TERMS,
        "granted_at": extension["granted_at"],
        "granted_by": account.owner,
        "ends_at": extension["ends_at"],
        "revoked_at": None,
        "revoked_by": None,
    }


def test_owners_who_ask_at_once_get_the_same_extension(cloud: Cloud) -> None:
    """Exactly one creates it; nobody gets an error."""
    account = cloud.an_account()
    offer_id = offer(cloud, account).json()["offer_id"]
    users = [account.owner, account.second_owner] * 4
    with ThreadPoolExecutor(len(users)) as pool:
        answers = list(pool.map(lambda user: extend(cloud, account, offer_id, user), users))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["extension"]["id"] for answer in answers}) == 1


def test_a_renewal_over_the_bus_gives_a_new_right(cloud: Cloud) -> None:
    """A new start on the same record."""
    account = cloud.an_account()
    extend(cloud, account, offer(cloud, account).json()["offer_id"])
    renewed = subscription_changed(
        account_id=account.id,
        subscription_id=account.subscription,
        starts_at="2026-11-02T00:00:00Z",
        changed_at="2026-11-02T00:00:00Z",
    )
    cloud.event("SubscriptionChanged", renewed)
    cloud.until(lambda: row(cloud, account)["state"] == "available")
    assert extend(cloud, account, offer(cloud, account).json()["offer_id"]).status_code == 201


@pytest.mark.parametrize("user", ["administrator", "user", "stranger"])
def test_who_is_no_owner_extends_nothing(cloud: Cloud, user: str) -> None:
    """403 for members, 404 for everyone else."""
    account = cloud.an_account()
    offer_id = offer(cloud, account).json()["offer_id"]
    asking = getattr(account, user, "U-9")
    answer = extend(cloud, account, offer_id, asking)
    assert answer.status_code == (404 if user == "stranger" else 403)
    assert row(cloud, account)["state"] == "available"


@pytest.mark.parametrize("token", [None, "garbage"])
def test_without_a_token_that_verifies_there_is_no_answer(cloud: Cloud, token: str | None) -> None:
    """401 from the gateway, before any function is woken."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert cloud.api(None, "GET", "/accounts/A-100/subscriptions", headers=headers).status_code == 401


@pytest.mark.parametrize(("user", "account", "rows"), [("U-1", "A-100", 1), ("U-4", "A-200", 4), ("U-6", "A-400", 1)])
def test_the_seed_is_there(cloud: Cloud, user: str, account: str, rows: int) -> None:
    """What the README shows."""
    answer = cloud.api(user, "GET", f"/accounts/{account}/subscriptions").json()
    assert len(answer["subscriptions"]) == rows


def test_an_extension_is_reminded_of_then_revoked(cloud: Cloud, reminded: SimpleNamespace) -> None:
    """The local stage reminds eighty seconds before the end."""
    cloud.until(lambda: told(cloud, reminded, "ExtensionExpired"))
    assert [event["detail_type"] for event in cloud.events_out(reminded.id)] == [
        "ExtensionGranted",
        "ExtensionEndsSoon",
        "ExtensionExpired",
    ]
