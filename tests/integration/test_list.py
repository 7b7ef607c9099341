"""GET /accounts/{account_id}/subscriptions"""

from typing import Any

import pytest

from devkit.builders import CONTACT, NOW, SECOND, TERMS, WEEK, iso, left, limit
from devkit.service import Service
from extending.runtime import dynamodb


def rows(answer: Any) -> dict[str, Any]:
    return {row["id"]: row["extension"] for row in answer.json["subscriptions"]}


def test_an_owner_sees_the_account_its_limits_and_what_can_be_extended(service: Service) -> None:
    """The whole answer, field by field."""
    answer = service.list()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "account": {
            "id": "A-100",
            "name": "ООО «Ромашка»",
            "time_zone": "Europe/Moscow",
            "servicing_organization": CONTACT,
        },
        "role": "owner",
        "limits": {
            "sessions": limit(2, 0),
            "databases": limit(1, 0),
            "used_at": None,
            "next_change_at": "2036-01-01T00:00:00Z",
            "after_change": left(0, 0),
        },
        "subscriptions": [
            {
                "id": "S-1",
                "number": "000000123",
                "kind": "main",
                "tariff": {"id": "basic", "name": "Базовый"},
                "starts_at": "2026-01-01T00:00:00Z",
                "ends_at": "2036-01-01T00:00:00Z",
                "state": "active",
                "limits": {"sessions": 2, "databases": 1},
                "next_period": None,
                "extension": {"state": "available", "terms": TERMS},
            }
        ],
        "next_token": None,
    }


def test_an_extension_is_active_until_its_end_then_used_and_later_revoked(service: Service) -> None:
    """By the clock; the schedule only adds when it revoked."""
    granted = service.extend().json["extension"]
    for now in (NOW, NOW + WEEK - SECOND):
        answer = service.at(now).list()
        assert rows(answer)["S-1"] == granted
        assert (answer.json["limits"]["sessions"], answer.json["limits"]["databases"]) == (limit(2, 2), limit(1, 8))
    answer = service.at(NOW + WEEK).list()
    assert (rows(answer)["S-1"]["state"], rows(answer)["S-1"]["revoked_at"]) == ("used", None)
    assert answer.json["limits"]["sessions"]["total"] == 2
    service.at(NOW + WEEK + SECOND).expire()
    assert rows(service.list())["S-1"]["revoked_at"] == iso(NOW + WEEK + SECOND)


def test_an_administrator_sees_that_an_owner_is_required(service: Service) -> None:
    """Only where an owner could extend; elsewhere the reason is the subscription's."""
    service.subscription(subscription_id="S-over", ends_at=iso(NOW))
    answer = service.list(user="U-2")
    assert answer.json["role"] == "administrator"
    assert rows(answer)["S-1"] == {"state": "unavailable", "reason": "owner_required"}
    assert rows(answer)["S-over"] == {"state": "unavailable", "reason": "finished"}


def test_pages_hold_what_was_asked_for_and_lead_on_within_their_account(service: Service) -> None:
    for number in range(2, 6):
        service.subscription(subscription_id=f"S-{number}")
    seen: list[str] = []
    query: dict[str, str] = {}
    for expected in (2, 2, 1):
        answer = service.list(limit="2", **query)
        assert len(answer.json["subscriptions"]) == expected
        seen += rows(answer)
        query = {"next_token": answer.json["next_token"]}
    assert sorted(seen) == ["S-1", "S-2", "S-3", "S-4", "S-5"]
    assert query == {"next_token": None}
    service.member(account_id="A-200")
    foreign = service.list(account="A-200", next_token=service.list(limit="1").json["next_token"])
    assert (foreign.status, foreign.code) == (400, "invalid_next_token")


def test_an_account_of_more_than_one_page_of_the_table_is_read_whole(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Query answers 1 MB at a time."""
    query = dynamodb.query
    monkeypatch.setattr(dynamodb, "query", lambda **request: query(**request, Limit=2))
    service.subscription(subscription_id="S-2")
    assert list(rows(service.list())) == ["S-1", "S-2"]
