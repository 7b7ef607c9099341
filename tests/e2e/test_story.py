"""The owner's story over HTTP, on the real template deployed to the local cloud."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from devkit.builders import CONTACT
from tests.conftest import Cloud

TERMS = {"sessions": 2, "databases": 8, "duration": "PT30S"}


@pytest.mark.usefixtures("logged")  # Its story begins now too.
def test_an_owner_extends_uses_and_gives_back(cloud: Cloud) -> None:
    """List, offer, extend, list; at the end the extras are gone, and within a minute or so the schedule revokes."""
    account = cloud.an_account(extension_terms=TERMS)
    path = f"/accounts/{account.id}/subscriptions"

    def row() -> Any:
        return cloud.api(account.owner, "GET", path).json()["subscriptions"][0]["extension"]

    def extra() -> Any:
        return cloud.api(account.owner, "GET", path).json()["limits"]["sessions"]["extra"]

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
    assert end - begin == timedelta(seconds=30)
    assert (row(), extra()) == (extension, 2)
    assert extend(account.second_owner).json() == {"created": False, "extension": extension}

    cloud.until(lambda: row()["state"] == "used")
    assert extra() == 0
    assert (extend(account.owner).status_code, extend(account.owner).json()["code"]) == (409, "already_used")
    revoked = cloud.until(lambda: row()["revoked_at"])
    assert datetime.fromisoformat(revoked) >= end

    events = cloud.until(lambda: (found := cloud.events_out(account.id))[1:] and found)
    assert [event["detail_type"] for event in events] == ["ExtensionGranted", "ExtensionExpired"]
    assert {event["source"] for event in events} == {"extending-subscription"}
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
    for event, revoked_at in zip(events, (None, revoked), strict=True):
        assert event["detail"] == common | {"event_id": event["detail"]["event_id"], "revoked_at": revoked_at}
