"""GET /accounts/{account_id}/extensions: who extended what, when, until when, taken back when."""

import pytest

from devkit.builders import NOW, SECOND, TERMS, WEEK, iso, subscription_removed
from devkit.service import Service


@pytest.fixture
def twice(service: Service) -> Service:
    """Extended, renewed, extended again; the first has been taken back."""
    service.extend()
    service.at(NOW + WEEK).expire()
    service.subscription(starts_at=iso(NOW + WEEK), changed_at=iso(NOW + WEEK))
    service.extend()
    return service


def test_every_period_has_its_own_the_last_first(twice: Service) -> None:
    """Field by field."""
    answer = twice.history()
    assert answer.status == 200
    assert answer.json["next_token"] is None
    last, first = answer.json["extensions"]
    assert first == {
        "id": first["id"],
        "subscription_id": "S-1",
        "subscription_number": "000000123",
        "period_starts_at": "2026-01-01T00:00:00Z",
        "state": "used",
        "terms": TERMS,
        "granted_at": iso(NOW),
        "granted_by": "U-1",
        "ends_at": iso(NOW + WEEK),
        "revoked_at": iso(NOW + WEEK),
        "granted_by_name": None,
        "revoked_by": None,
    }
    assert (last["period_starts_at"], last["state"], last["revoked_at"]) == (iso(NOW + WEEK), "active", None)
    row = twice.list().json["subscriptions"][0]["extension"]
    assert {name: last[name] for name in row} == row


def test_it_ends_by_the_clock(service: Service) -> None:
    """Whether or not the schedule has run."""
    service.extend()
    states = [service.at(NOW + WEEK + off).history().json["extensions"][0]["state"] for off in (-SECOND, 0 * SECOND)]
    assert states == ["active", "used"]


def test_a_removed_subscription_has_no_number(twice: Service) -> None:
    twice.tell("SubscriptionRemoved", subscription_removed(changed_at=iso(NOW + WEEK + SECOND)))
    assert [row["subscription_number"] for row in twice.history().json["extensions"]] == [None, None]


def test_pages_lead_from_the_last_to_the_first(service: Service) -> None:
    """Those of one instant too; what is granted meanwhile stands before the first page."""
    for number in range(5):
        service.subscription(subscription_id=f"S-{number}")
        service.extend(subscription=f"S-{number}")
    whole = [row["id"] for row in service.history().json["extensions"]]
    assert len(set(whole)) == 5
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = service.history(limit="2", **token).json
        seen += [row["id"] for row in page["extensions"]]
        if not page["next_token"]:
            break
        token = {"next_token": page["next_token"]}
        service.at(NOW + SECOND)
        newest = f"S-new-{len(seen)}"
        service.subscription(subscription_id=newest)
        assert service.extend(subscription=newest).status == 201
    assert seen == whole


@pytest.mark.parametrize("user", ["U-3", "U-4", "U-9", None])
def test_it_is_for_owners_and_administrators(service: Service, user: str | None) -> None:
    assert service.history("U-2").json == {"extensions": [], "next_token": None}
    codes = {"U-3": "view_not_allowed", "U-4": "view_not_allowed", "U-9": "account_not_found", None: "unauthorized"}
    assert service.history(user).code == codes[user]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", ""])
def test_a_limit_is_from_1_to_100(service: Service, limit: str) -> None:
    assert service.history(limit=limit).code == "invalid_limit"


def test_a_token_is_the_histories_own(twice: Service) -> None:
    """Neither the list's, nor that of another account, nor a changed one."""
    own = twice.history(limit="1").json["next_token"]
    twice.subscription(subscription_id="S-2")
    for token in (twice.list(limit="1").json["next_token"], own[:-1], "", "AAAA"):
        assert twice.history(next_token=token).code == "invalid_next_token"
    twice.member(account_id="A-9")
    assert twice.history(account="A-9", next_token=own).code == "invalid_next_token"
