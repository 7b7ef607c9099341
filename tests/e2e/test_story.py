"""The story over HTTP, on the real template deployed to the local cloud: an owner extends, an application server asks
what it is to enforce, and whoever wants to know of it is posted to."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from devkit.builders import CONTACT, left, limit, usage_changed
from devkit.stage import Stack
from tests.conftest import Cloud
from tests.support.receiver import Inbox, webhook

TERMS = {"sessions": 2, "databases": 8, "duration": "PT100S"}
"""Long enough for the schedule to remind of the end."""


@pytest.fixture(scope="module")
def inbox(stack: Stack) -> Iterator[Inbox]:
    """A receiver that is away the first two times, whatever it is sent."""
    inbox = Inbox()
    inbox.answering = lambda event: 500 if inbox.refused.count(event) < 2 else 204
    with webhook(stack, inbox):
        yield inbox


@pytest.mark.usefixtures("logged")  # Its story, which waits for the schedule too, begins now.
def test_an_owner_extends_uses_and_gives_back(cloud: Cloud, inbox: Inbox) -> None:
    """List, offer, extend, list; at the end the extras are gone, and within a minute or so the schedule revokes.

    Of grant, reminder and end the bus has an event each, and the receiver, who was away, a CloudEvent in the
    structured mode.
    """
    account = cloud.an_account(extension_terms=TERMS)
    cloud.report(("UsageChanged", usage_changed(account_id=account.id, sessions=2, databases=1)))
    path = f"/accounts/{account.id}/subscriptions"

    def row() -> Any:
        return cloud.api(account.owner, "GET", path).json()["subscriptions"][0]["extension"]

    def enforced(known: str = "") -> Any:
        return cloud.machine("GET", f"/accounts/{account.id}/limits", headers={"If-None-Match": known})

    def extend(user: str) -> Any:
        body = {"offer_id": offered["offer_id"]}
        return cloud.api(user, "POST", f"{path}/{account.subscription}/extension", body)

    assert row() == {"state": "available", "terms": TERMS}
    offered = cloud.api(account.owner, "GET", f"{path}/{account.subscription}/extension-offer").json()
    assert [offered[which]["sessions"]["total"] for which in ("limits_before", "limits_after")] == [2, 4]
    assert offered["servicing_organization"] == CONTACT

    granted = extend(account.owner)
    assert granted.status_code == 201
    extension = granted.json()["extension"]
    begin, end = (datetime.fromisoformat(extension[name]) for name in ("granted_at", "ends_at"))
    assert end - begin == timedelta(seconds=100)
    assert row() == extension
    assert extend(account.second_owner).json() == {"created": False, "extension": extension}
    limits = enforced()
    assert limits.json()["limits"]["sessions"] == limit(2, 2, 2)
    assert limits.json()["limits"]["databases"] == limit(1, 8, 1)
    assert limits.headers["cache-control"].startswith("private, max-age=")
    unchanged = enforced(limits.headers["etag"])
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    received = cloud.until(lambda: (found := inbox.of(account.id))[2:] and found)
    assert row()["state"] == "used"
    revoked = row()["revoked_at"]
    assert datetime.fromisoformat(revoked) >= end
    assert [enforced().json()["limits"][name]["total"] for name in ("sessions", "databases")] == [2, 1]
    assert (extend(account.owner).status_code, extend(account.owner).json()["code"]) == (409, "already_used")

    events = cloud.until(lambda: (found := cloud.events_out(account.id))[2:] and found)
    assert [event["detail_type"] for event in events] == ["ExtensionGranted", "ExtensionEndsSoon", "ExtensionExpired"]
    common = {
        "account_id": account.id,
        "subscription_id": account.subscription,
        "extension_id": extension["id"],
        "period_starts_at": "2026-01-01T00:00:00Z",
        "terms": TERMS,
        "granted_at": extension["granted_at"],
        "granted_by": account.owner,
        "ends_at": extension["ends_at"],
        "revoked_by": None,
    }
    reminder = {"revoked_at": None, "after_end": left(2, 1, (2, 1))}
    own: list[dict[str, Any]] = [{"revoked_at": None}, reminder, {"revoked_at": revoked}]
    for event, more in zip(events, own, strict=True):
        assert event["source"] == "extending-subscription"
        assert event["detail"] == common | more | {"event_id": event["detail"]["event_id"]}

    assert inbox.refused, "it was never away"
    assert {each["headers"]["Content-Type"] for each in inbox.raw} == {"application/cloudevents+json"}
    for event, posted in zip(events, received, strict=True):
        assert posted == {
            "specversion": "1.0",
            "id": event["detail"]["event_id"],
            "source": "extending-subscription",
            "type": event["detail_type"],
            "subject": account.id,
            "time": posted["time"],
            "datacontenttype": "application/json",
            "data": event["detail"],
        }
        assert datetime.fromisoformat(posted["time"]).tzinfo
