"""Small builders: what a test does not name is usual. Times are constants."""

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
TERMS = {"sessions": 2, "databases": 8, "duration": "P7D"}
CONTACT = {
    "name": "ООО «Учёт и Сервис»",
    "city": "Москва",
    "phone": "+7 495 123-45-67",
    "email": "help@uchet.example",
    "site": "https://uchet.example",
}


def iso(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def account_changed(**detail: Any) -> dict[str, Any]:
    """The detail of an AccountChanged event."""
    return {
        "account_id": "A-100",
        "name": "ООО «Ромашка»",
        "time_zone": "Europe/Moscow",
        "servicing_organization": CONTACT,
        "changed_at": "2026-11-01T00:00:00Z",
    } | detail


def member_changed(**detail: Any) -> dict[str, Any]:
    """The detail of a MemberChanged event."""
    return {"account_id": "A-100", "user_id": "U-1", "role": "owner", "changed_at": "2026-11-01T00:00:00Z"} | detail


def subscription_changed(**detail: Any) -> dict[str, Any]:
    """The detail of a SubscriptionChanged event: a main subscription that is active and can be extended."""
    return {
        "account_id": "A-100",
        "subscription_id": "S-1",
        "number": "000000123",
        "kind": "main",
        "parent_id": None,
        "tariff": {"id": "basic", "name": "Базовый"},
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2036-01-01T00:00:00Z",
        "limits": {"sessions": 2, "databases": 1},
        "extension_terms": TERMS,
        "changed_at": "2026-11-01T00:00:00Z",
    } | detail


def limit(base: int | None, extra: int, used: int | None = None) -> dict[str, int | None]:
    """An answer's limit of sessions or of databases."""
    total = None if base is None else base + extra
    return {"base": base, "extra": extra, "total": total, "used": used, "over": over(total, used)}


def over(total: int | None, used: int | None) -> int | None:
    return None if used is None else 0 if total is None else max(0, used - total)


def left(sessions: int | None, databases: int | None, used: tuple[int, int] | None = None) -> dict[str, Any]:
    """An answer's limits from the next change on."""
    in_use = used or (None, None)
    totals = {"sessions": sessions, "databases": databases}
    return {
        name: {"total": total, "over": over(total, count)}
        for (name, total), count in zip(totals.items(), in_use, strict=True)
    }


def usage_changed(**changes: Any) -> dict[str, Any]:
    """The detail of a UsageChanged event."""
    detail = {"account_id": "A-100", "sessions": 2, "databases": 1, "changed_at": "2026-11-01T00:00:00Z"}
    return detail | changes


def subscription_removed(**changes: Any) -> dict[str, Any]:
    return {"account_id": "A-100", "subscription_id": "S-1", "changed_at": iso(NOW)} | changes


def account_removed(**changes: Any) -> dict[str, Any]:
    return {"account_id": "A-100", "changed_at": iso(NOW)} | changes
