"""Reports of the service manager as they may come: of any age, of any content."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from devkit.builders import CONTACT, DAY, TERMS, iso, subscription_changed
from tests.engine.naive import Json

Choose = Callable[[Sequence[Any]], Any]

ACCOUNTS = ["A-1"] * 7 + ["A-2"]
SUBSCRIPTIONS = ["S-1", "S-1.a", "S-2"]  # One is the beginning of another.
USERS = ["U-1", "U-2", "U-3", "A-1"]
ROLES = ["owner", "owner", "owner", "administrator", "user", "operator", "ext_administrator", None]
ALL_TERMS = [
    TERMS,
    TERMS,
    TERMS | {"duration": "P1W"},
    {"sessions": 0, "databases": 1, "duration": "PT36H"},
    {"sessions": 0, "databases": 0, "duration": "P7D"},
    {"sessions": 3, "databases": 0, "duration": "P1D"},
    {"sessions": 1, "databases": 1, "duration": "PT90M"},
    None,
]
NO_ENDS = [None, "9000-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]
REPORTS = ["account", "member", "member", "usage", "subscription removed", "account removed", *["subscription"] * 7]


def changed_at(number: int) -> str:
    """Instants in the order of their numbers; two at a time are a microsecond apart."""
    return f"2026-11-01T00:{number // 2:02}:00{'.000001' if number % 2 else ''}Z"


def a_report(choose: Choose, now: datetime) -> tuple[str, Json]:
    """A report of the service manager: type and detail."""
    instant = choose([*map(changed_at, range(13)), "1970-01-01T00:00:00Z"])
    known = {"account_id": choose(ACCOUNTS), "changed_at": instant}
    match choose(REPORTS):
        case "usage":
            return "UsageChanged", known | {name: choose(range(10)) for name in ("sessions", "databases")}
        case "subscription removed":
            return "SubscriptionRemoved", known | {"subscription_id": choose(["S-1", *SUBSCRIPTIONS])}
        case "account removed":
            return "AccountRemoved", known
        case "account":
            more = {"name": f"О {instant}", "time_zone": choose(["Europe/Moscow", None])}
            return "AccountChanged", known | more | {"servicing_organization": choose([CONTACT, None])}
        case "member":
            called: Json = choose([{}, {"name": None}, {"name": "Ольга"}, {"name": "Пётр"}])
            user = choose(["U-1", "U-1", "U-1", *USERS])
            return "MemberChanged", known | {"user_id": user, "role": choose(ROLES)} | called
    starts_at = now + choose([*range(-9, 7), 0, 0]) * DAY
    detail = {
        "subscription_id": choose(["S-1", *SUBSCRIPTIONS]),
        "kind": choose([*["main"] * 4, "add_on", "prolonging"]),
        "starts_at": iso(starts_at),
        "ends_at": choose([iso(max(starts_at, now)), *(iso(starts_at + n * DAY) for n in (9, 30, 90)), *NO_ENDS]),
        "limits": {name: choose([1, 2, 5, None]) for name in ("sessions", "databases")},
        "extension_terms": choose(ALL_TERMS),
        "period_id": choose([None, None, None, "P-1", "P-2", "1767225600"]),
    }
    return "SubscriptionChanged", subscription_changed(**known, **detail)
