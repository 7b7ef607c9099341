"""GET /accounts/{account_id}/extensions: every extension, with who granted it, its end and when it was revoked."""

import pytest

from devkit.builders import NOW, SECOND, TERMS, WEEK, iso
from devkit.service import Service


@pytest.fixture
def twice(service: Service) -> Service:
    """Extended, renewed, extended again; the first has been revoked."""
    service.extend()
    service.at(NOW + WEEK).expire()
    service.subscription(starts_at=iso(NOW + WEEK), changed_at=iso(NOW + WEEK))
    service.extend()
    return service


def test_every_period_has_its_own_the_last_first(twice: Service) -> None:
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
    for now, state in ((NOW + 2 * WEEK - SECOND, "active"), (NOW + 2 * WEEK, "used")):  # By the clock, not the sweep.
        assert twice.at(now).history().json["extensions"][0]["state"] == state


def test_pages_lead_from_the_last_to_the_first(service: Service) -> None:
    """Those of one instant too; what is granted meanwhile stands before the first page."""
    for number in range(3):
        service.subscription(subscription_id=f"S-{number}")
        service.extend(subscription=f"S-{number}")
    whole = [row["id"] for row in service.history().json["extensions"]]
    assert len(set(whole)) == 3
    seen: list[str] = []
    token: dict[str, str] = {}
    service.at(NOW + SECOND)
    for number in whole:
        page = service.history(limit="1", **token).json
        seen += [row["id"] for row in page["extensions"]]
        token = {"next_token": page["next_token"]}
        service.subscription(subscription_id=f"S-new-{number}")
        assert service.extend(subscription=f"S-new-{number}").status == 201
    assert seen == whole
    assert token == {"next_token": None}


def test_a_token_is_the_histories_own(twice: Service) -> None:
    """Neither the list's, nor that of another account, nor a changed one."""
    own = twice.history(limit="1").json["next_token"]
    twice.subscription(subscription_id="S-2")
    for token in (twice.list(limit="1").json["next_token"], own[:-1], "", "AAAA"):
        assert twice.history(next_token=token).code == "invalid_next_token"
    twice.member(account_id="A-9")
    assert twice.history(account="A-9", next_token=own).code == "invalid_next_token"


def test_a_member_may_have_a_name_and_it_goes_with_the_role(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """The history shows who granted an extension; no log does."""
    service.member(name="Анна Петрова", changed_at=iso(NOW))
    service.extend()
    (past,) = service.history().json["extensions"]
    assert (past["granted_by"], past["granted_by_name"]) == ("U-1", "Анна Петрова")
    service.member(user_id="U-5", changed_at=iso(NOW))
    service.member(role=None, name="Анна Петрова", changed_at=iso(NOW + SECOND))
    assert service.history("U-5").json["extensions"][0]["granted_by_name"] is None
    assert "Анна" not in capsys.readouterr().out
