"""Counts, account by account, by the product's own rules; and the clients to call."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from extending import answers
from extending.model import Extension, Holdings, Limit, Subscription
from ops.report.spool import Client

LATELY = timedelta(days=30)
"""Time after an extension in which the servicing organisation should call."""

DAYS = 90
"""Days of the chart, today among them."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

BEFORE_END = {
    "within a day": DAY,
    "1 to 3 days": 3 * DAY,
    "3 to 7 days": 7 * DAY,
    "1 to 2 weeks": 14 * DAY,
    "2 to 4 weeks": 28 * DAY,
    "4 weeks to 3 months": 91 * DAY,
    "more than 3 months": timedelta.max,
}
"""Times from an extension to the end of its period, each up to a limit."""

LAG = {
    "within a minute": MINUTE,
    "1 to 2 minutes": 2 * MINUTE,
    "2 to 5 minutes": 5 * MINUTE,
    "5 to 15 minutes": 15 * MINUTE,
    "15 minutes to 1 hour": HOUR,
    "1 hour to 1 day": DAY,
    "more than a day": timedelta.max,
}
"""Times from the end of an extension to its revocation."""

GONE = "(subscription removed)"


class Facts:
    """Counters; their size depends on days and tariffs, not on accounts."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.accounts = 0
        self.extended = 0
        """Accounts that ever used an extension, and lately."""
        self.extended_lately = 0
        self.extensions = 0
        self.running = 0
        self.by_day: Counter[date] = Counter()
        self.by_tariff: Counter[str] = Counter()
        self.before_end: Counter[str] = Counter()
        self.end_unknown = 0
        """Extensions of a period that is no longer known or has no end."""
        self.ended_early = 0
        self.lag: Counter[str] = Counter()
        self.longest_lag = timedelta(0)
        self.waiting = 0
        """Extensions that have ended and are not revoked."""
        self.reported_after_end = 0
        """Accounts whose usage was reported after the end of an extension, and those above their limits then."""
        self.over = 0
        self.sessions_over = 0
        self.databases_over = 0
        self.unreadable = 0
        """Accounts with an item that cannot be read."""

    def count(self, holdings: Holdings) -> Iterator[Client]:
        """Count an account; yields its late extensions, whose owner should be called."""
        lately = [x for x in holdings.extensions.values() if x.granted_at > self.at - LATELY]
        self.extended += bool(holdings.extensions)
        self.extended_lately += bool(lately)
        for extension in holdings.extensions.values():
            self._count(extension, holdings.subscriptions.get(extension.subscription_id))
        self._count_over(holdings)
        for extension in lately:
            yield client(holdings, extension, self.at)

    def _count(self, extension: Extension, subscription: Subscription | None) -> None:
        self.extensions += 1
        self.running += extension.runs(self.at)
        self.by_day[extension.granted_at.date()] += 1
        self.by_tariff[subscription.tariff_name if subscription else GONE] += 1
        ends_at = subscription.ends_at if subscription and extension.is_of(subscription) else None
        if ends_at and ends_at >= extension.granted_at:
            self.before_end[range_of(ends_at - extension.granted_at, BEFORE_END)] += 1
        else:
            self.end_unknown += 1
        if extension.ended_early:
            self.ended_early += 1
        elif extension.revoked_at:
            lag = extension.revoked_at - extension.ends_at
            self.lag[range_of(lag, LAG)] += 1
            self.longest_lag = max(self.longest_lag, lag)
        elif not extension.runs(self.at):
            self.waiting += 1

    def _count_over(self, holdings: Holdings) -> None:
        """Use above the limits of its time, reported after the end of an extension."""
        usage = holdings.usage
        if usage is None or all(x.runs(usage.at) for x in holdings.extensions.values()):
            return
        self.reported_after_end += 1
        limits = holdings.limits(usage.at)
        sessions, databases = limits.sessions.over or 0, limits.databases.over or 0
        self.over += bool(sessions or databases)
        self.sessions_over += sessions
        self.databases_over += databases

    def days(self) -> list[tuple[date, int]]:
        """The last DAYS, each with its extensions."""
        last = self.at.date()
        return [(day, self.by_day[day]) for day in (last - timedelta(days=n) for n in range(DAYS - 1, -1, -1))]

    def summary(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "as_of": answers.instant(self.at),
            "accounts": self.accounts,
            "accounts_extended": self.extended,
            "accounts_extended_lately": self.extended_lately,
            "extensions": self.extensions,
            "running": self.running,
            "by_day": {day.isoformat(): count for day, count in sorted(self.by_day.items())},
            "by_tariff": dict(self.by_tariff.most_common()),
            "before_end": {name: self.before_end[name] for name in BEFORE_END},
            "end_unknown": self.end_unknown,
            "lag": {name: self.lag[name] for name in LAG},
            "longest_lag_seconds": int(self.longest_lag.total_seconds()),
            "not_revoked": self.waiting,
            "ended_early": self.ended_early,
            "reported_after_end": self.reported_after_end,
            "unreadable": self.unreadable,
            "over": {"accounts": self.over, "sessions": self.sessions_over, "databases": self.databases_over},
        }


def range_of(span: timedelta, ranges: dict[str, timedelta]) -> str:
    """The first that a time is no longer than."""
    return next(name for name, most in ranges.items() if span <= most)


def client(holdings: Holdings, extension: Extension, at: datetime) -> Client:
    """All that is known of an extension when one calls, with the account's use."""
    subscription = holdings.subscriptions.get(extension.subscription_id)
    limits = holdings.limits(at)
    row = {
        "subscription_number": subscription.number if subscription else None,
        "tariff": subscription.tariff_name if subscription else None,
        "granted_at": answers.instant(extension.granted_at),
        "granted_by": extension.granted_by,
        "ends_at": answers.instant(extension.ends_at),
        "state": "active" if extension.runs(at) else "used",
        "extra_sessions": extension.terms.sessions,
        "extra_databases": extension.terms.databases,
        **_use("sessions", limits.sessions),
        **_use("databases", limits.databases),
        "used_at": answers.instant_or_none(limits.used_at),
    }
    return Client(holdings.account.id, str(row["granted_at"]), row)


def _use(name: str, limit: Limit) -> dict[str, int | None]:
    return {f"{name}_used": limit.used, f"{name}_limit": limit.total}
