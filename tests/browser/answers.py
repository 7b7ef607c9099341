"""Answers of the API as an owner's page receives them; what a test does not name is usual."""

from datetime import UTC, datetime, timedelta
from typing import Any

from devkit.builders import CONTACT, DAY, TERMS, iso, left, limit

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
END = datetime(2026, 11, 29, 14, 23, tzinfo=UTC)  # 17:23 in Moscow
FREE = limit(2, 2, 1), limit(1, 8, 1)
"""Sessions and databases of an account that is extended."""
BASE = limit(2, 0, 1), limit(1, 0, 1)
"""The same without an extension."""
AVAILABLE = {"state": "available", "terms": TERMS}
IDLE = "Сейчас не действует: нет действующей подписки."
"""The remark on an extension that does not count."""


def row(number: int = 1, **change: Any) -> dict[str, Any]:
    """A subscription of the list: main, active for a year, not to be extended."""
    return {
        "id": f"S-{number}",
        "number": f"00000000{number}",
        "kind": "main",
        "tariff": {"id": "basic", "name": "Базовый"},
        "starts_at": iso(NOON - 30 * DAY),
        "ends_at": iso(NOON + 335 * DAY),
        "state": "active",
        "limits": {"sessions": 2, "databases": 1},
        "extension": {"state": "unavailable", "reason": "tariff_not_extendable"},
    } | change


def extended(**change: Any) -> dict[str, Any]:
    """An extension that began two days ago."""
    granted = {"granted_at": iso(END - 7 * DAY), "granted_by": "U-1", "ends_at": iso(END), "revoked_at": None}
    return {"state": "active", "id": "e-1", "terms": TERMS} | granted | change


def a_list(
    sessions: dict[str, Any] = FREE[0],
    databases: dict[str, Any] = FREE[1],
    after: tuple[int | None, int | None] | None = (2, 1),
    rows: list[dict[str, Any]] | None = None,
    account: dict[str, Any] | None = None,
    **limits: Any,
) -> dict[str, Any]:
    """The list of an owner whose subscription is extended; `after` are the limits that the next change leaves."""
    usual = {"id": "A-1", "name": "ООО «Проба»", "time_zone": "Europe/Moscow", "servicing_organization": CONTACT}
    return {
        "account": usual | (account or {}),
        "role": "owner",
        "limits": {
            "sessions": sessions,
            "databases": databases,
            "used_at": iso(NOON - timedelta(hours=6)),  # 09:00 in Moscow
            "next_change_at": iso(END) if after else None,
            "after_change": left(*after, (sessions["used"], databases["used"])) if after else None,
        }
        | limits,
        "subscriptions": [row(extension=extended())] if rows is None else rows,
        "next_token": None,
    }


EXTENDABLE = a_list(*BASE, None, [row(extension=AVAILABLE)])
"""The list of an owner who may extend."""


def offer() -> dict[str, Any]:
    """The offer that an owner may accept at noon."""
    return {
        "offer_id": "o",
        "subscription_id": "S-1",
        "terms": TERMS,
        "ends_at_if_accepted_now": iso(NOON + 7 * DAY),
        "limits_before": a_list(*BASE, (0, 0))["limits"],
        "limits_after": a_list()["limits"],
        "servicing_organization": None,
    }


def past(number: int, **change: Any) -> dict[str, Any]:
    """An extension of the history."""
    return {
        "id": f"e-{number}",
        "subscription_id": "S-1",
        "subscription_number": f"00000{number}",
        "period_starts_at": "2026-01-01T00:00:00Z",
        "state": "used",
        "terms": TERMS,
        "granted_at": "2026-02-01T09:00:00Z",
        "granted_by": f"U-{number}",
        "ends_at": "2026-02-08T09:00:00Z",
        "revoked_at": "2026-02-08T09:00:40Z",
    } | change
