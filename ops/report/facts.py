"""Counts, account by account, by the product's own rules; and the clients to call."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from extending import answers, items
from extending.items import Item
from extending.model import Extension, Holdings, ServicingOrganization, Subscription

LATELY = timedelta(days=30)
"""Time after an extension in which the servicing organisation should call."""

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


class Call(NamedTuple):
    """A client to call, with all that is known of the extension and with the account's use."""

    organization: ServicingOrganization | None
    account_id: str
    account_name: str | None
    subscription_number: str | None
    tariff: str | None
    granted_at: datetime
    granted_by: str
    ends_at: datetime
    state: str
    extra_sessions: int
    extra_databases: int
    sessions_used: int | None
    sessions_limit: int | None
    databases_used: int | None
    databases_limit: int | None
    used_at: datetime | None


@dataclass
class Facts:
    """Counters; their size depends on days and tariffs, not on accounts."""

    as_of: datetime
    accounts: int = 0
    accounts_extended: int = 0
    """Accounts with an extension, ever."""
    accounts_extended_lately: int = 0
    """The same, within LATELY."""
    extensions: int = 0
    running: int = 0
    by_day: Counter[date] = field(default_factory=Counter)
    by_tariff: Counter[str] = field(default_factory=Counter)
    before_end: Counter[str] = field(default_factory=Counter)
    end_unknown: int = 0
    """Extensions of a period that is no longer known or has no end."""
    ended_early: int = 0
    lag: Counter[str] = field(default_factory=Counter)
    longest_lag: timedelta = timedelta(0)
    not_revoked: int = 0
    """Extensions that have ended and wait for their revocation."""
    reported_after_end: int = 0
    """Accounts whose usage was reported after the end of an extension."""
    accounts_over: int = 0
    """Of these, the accounts above their limits at that time."""
    sessions_over: int = 0
    databases_over: int = 0
    unreadable: int = 0
    """Accounts with an item that cannot be read."""
    calls: int = 0

    def read(self, found: Iterable[Item]) -> Iterator[Call]:
        """Count all items of a table, those of an account one after the other; yields the clients to call."""
        for partition, part in groupby(found, key=lambda item: str(item[items.PARTITION]["S"])):
            try:
                holdings = items.holdings_from(partition.removeprefix("A#"), part)
            except (KeyError, ValueError, AssertionError):  # One account keeps no other from being counted.
                self.unreadable += 1
            else:
                yield from self.count(holdings)

    def count(self, holdings: Holdings) -> Iterator[Call]:
        """Count an account; yields its late extensions, whose owner should be called."""
        lately = [x for x in holdings.extensions.values() if x.granted_at > self.as_of - LATELY]
        self.accounts += holdings.is_known
        self.accounts_extended += bool(holdings.extensions)
        self.accounts_extended_lately += bool(lately)
        for extension in holdings.extensions.values():
            self._count(extension, holdings.subscriptions.get(extension.subscription_id))
        self._count_over(holdings)
        self.calls += len(lately)
        for extension in lately:
            yield call(holdings, extension, self.as_of)

    def _count(self, extension: Extension, subscription: Subscription | None) -> None:
        self.extensions += 1
        self.running += extension.runs(self.as_of)
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
        elif not extension.runs(self.as_of):
            self.not_revoked += 1

    def _count_over(self, holdings: Holdings) -> None:
        """Use above the limits of its time, reported after the end of an extension."""
        usage = holdings.usage
        if usage is None or all(x.runs(usage.at) for x in holdings.extensions.values()):
            return
        self.reported_after_end += 1
        limits = holdings.limits(usage.at)
        sessions, databases = limits.sessions.over or 0, limits.databases.over or 0
        self.accounts_over += bool(sessions or databases)
        self.sessions_over += sessions
        self.databases_over += databases

    def summary(self) -> dict[str, Any]:
        """The same for programs."""
        values = vars(self) | {
            "as_of": answers.instant(self.as_of),
            "by_day": {day.isoformat(): count for day, count in sorted(self.by_day.items())},
            "by_tariff": dict(self.by_tariff.most_common()),
            "before_end": {name: self.before_end[name] for name in BEFORE_END},
            "lag": {name: self.lag[name] for name in LAG},
            "longest_lag_seconds": int(self.longest_lag.total_seconds()),
        }
        del values["longest_lag"]
        return values


def range_of(span: timedelta, ranges: dict[str, timedelta]) -> str:
    """The first range that a time is no longer than."""
    return next(name for name, most in ranges.items() if span <= most)


def call(holdings: Holdings, extension: Extension, now: datetime) -> Call:
    account, limits = holdings.account, holdings.limits(now)
    subscription = holdings.subscriptions.get(extension.subscription_id)
    return Call(
        organization=account.servicing_organization,
        account_id=account.id,
        account_name=account.name,
        subscription_number=subscription.number if subscription else None,
        tariff=subscription.tariff_name if subscription else None,
        granted_at=extension.granted_at,
        granted_by=extension.granted_by,
        ends_at=extension.ends_at,
        state="active" if extension.runs(now) else "used",
        extra_sessions=extension.terms.sessions,
        extra_databases=extension.terms.databases,
        sessions_used=limits.sessions.used,
        sessions_limit=limits.sessions.total,
        databases_used=limits.databases.used,
        databases_limit=limits.databases.total,
        used_at=limits.used_at,
    )
