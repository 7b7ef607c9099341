"""Data and rules of the extending subscription.

Pure: time is an argument (`now`, aware UTC, whole seconds), nothing is read and nothing is written here.
Every interval is half-open: it holds its first instant and not its last. Named tuples, for each dataclass would take
most of a millisecond of every cold start.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypedDict
from uuid import NAMESPACE_URL, uuid5

from extending.errors import Code, Refused

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What an account or subscription id looks like (use with `fullmatch`); no key separator is in it."""

USER_ID = re.compile(r"[\x21-\x7e]{1,255}")
"""What a user id looks like: the `sub` of an OpenID token, visible ASCII."""

DURATION = re.compile(r"P(?=.)(\d{1,4}W|(\d{1,5}D)?(T(?=.)(\d{1,6}H)?(\d{1,8}M)?(\d{1,9}S)?)?)", re.ASCII)
"""An ISO 8601 duration in weeks, days, hours, minutes, seconds; months and years have no fixed length."""

MOST_SECONDS = 3660 * 86_400
"""The longest extension that terms may name: ten years."""

MOST_UNITS = 1_000_000_000
"""The most sessions or databases that limits and terms may name."""


class Kind(StrEnum):
    MAIN = "main"
    ADD_ON = "add_on"
    PROLONGING = "prolonging"


class State(StrEnum):
    """State of a subscription; the order is that of the list."""

    ACTIVE = "active"
    FUTURE = "future"
    FINISHED = "finished"


class Role(StrEnum):
    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    USER = "user"
    OPERATOR = "operator"

    @property
    def may_view(self) -> bool:
        return self in (Role.OWNER, Role.ADMINISTRATOR)


class Limits(NamedTuple):
    """What a tariff or an account allows; None is unlimited."""

    sessions: int | None
    databases: int | None


class Terms(NamedTuple):
    """What an extension adds: `duration` as the tariff words it (ISO 8601), `seconds` its length."""

    sessions: int
    databases: int
    duration: str
    seconds: int


class Account(NamedTuple):
    """A client of the service; what the service manager has not told yet is None."""

    id: str
    name: str | None = None
    time_zone: str | None = None
    servicing_organization: dict[str, str | None] | None = None


class Subscription(NamedTuple):
    id: str
    number: str
    kind: Kind
    parent_id: str | None
    tariff_id: str
    tariff_name: str
    starts_at: datetime
    ends_at: datetime
    limits: Limits
    terms: Terms | None

    def state(self, now: datetime) -> State:
        if now < self.starts_at:
            return State.FUTURE
        return State.ACTIVE if now < self.ends_at else State.FINISHED

    @property
    def carries_limits(self) -> bool:
        return self.kind in (Kind.MAIN, Kind.ADD_ON)

    def obstacle(self, now: datetime) -> Code | None:
        """Why the current period of this subscription cannot be extended, besides "it already was"."""
        if self.kind is not Kind.MAIN:
            return Code.NOT_MAIN
        match self.state(now):
            case State.FUTURE:
                return Code.NOT_ACTIVE_YET
            case State.FINISHED:
                return Code.FINISHED
        return None if self.terms else Code.TARIFF_NOT_EXTENDABLE


class Extension(NamedTuple):
    """A granted extending subscription: at most one per (account, subscription, period)."""

    account_id: str
    subscription_id: str
    period_starts_at: datetime
    terms: Terms
    granted_at: datetime
    granted_by: str
    ends_at: datetime
    reminded_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def id(self) -> str:
        """Derived from what the extension is one of, so that whoever names it names the same."""
        key = f"{self.account_id}/{self.subscription_id}/{self.period_starts_at.isoformat()}"
        return str(uuid5(NAMESPACE_URL, f"urn:extending-subscription:{key}"))

    def runs(self, now: datetime) -> bool:
        """True until its end; its start is not asked: another machine's clock may be a little ahead."""
        return now < self.ends_at


class Offer(NamedTuple):
    """What the owner is asked to accept; its token is the `offer_id`."""

    subscription_id: str
    period_starts_at: datetime
    terms: Terms

    @property
    def token(self) -> str:
        """Not a secret: a token that says anything else than the stored subscription is refused by the write."""
        terms = self.terms
        period = int(self.period_starts_at.timestamp())
        return pack([self.subscription_id, period, terms.sessions, terms.databases, terms.duration, terms.seconds])

    @classmethod
    def of(cls, subscription: Subscription) -> "Offer":
        """The offer for the current period; the subscription must have terms."""
        assert subscription.terms
        return cls(subscription.id, subscription.starts_at, subscription.terms)

    @classmethod
    def from_token(cls, token: str) -> "Offer":
        """Raises ValueError for what `token` could not have made."""
        match unpack(token):
            case [str(subscription_id), int(period), int(sessions), int(databases), str(duration), int(seconds)] if (
                ID.fullmatch(subscription_id)
                and DURATION.fullmatch(duration)
                and _is_int(period, 0, MOST_EPOCH)
                and _is_int(sessions, 0, MOST_UNITS)
                and _is_int(databases, 0, MOST_UNITS)
                and _is_int(seconds, 1, MOST_SECONDS)
            ):
                return cls(subscription_id, from_epoch(period), Terms(sessions, databases, duration, seconds))
        raise ValueError("not an offer")

    def grant(self, account_id: str, user_id: str, now: datetime) -> Extension:
        """The extension that accepting this offer at `now` creates."""
        return Extension(
            account_id=account_id,
            subscription_id=self.subscription_id,
            period_starts_at=self.period_starts_at,
            terms=self.terms,
            granted_at=now,
            granted_by=user_id,
            ends_at=now + timedelta(seconds=self.terms.seconds),
        )


class Limit(NamedTuple):
    base: int | None
    extra: int

    @property
    def total(self) -> int | None:
        return None if self.base is None else self.base + self.extra


class EffectiveLimits(NamedTuple):
    """Limits of an account at one instant; `next_change_at` is when they next change by themselves."""

    sessions: Limit
    databases: Limit
    next_change_at: datetime | None


class Holdings(NamedTuple):
    """All that belongs to one account, as one read found it."""

    account: Account
    subscriptions: Mapping[str, Subscription]
    extensions: Mapping[tuple[str, datetime], Extension]

    def extension_of(self, subscription: Subscription) -> Extension | None:
        """The extension of the subscription's current period."""
        return self.extensions.get((subscription.id, subscription.starts_at))

    def limits(self, now: datetime, plus: Extension | None = None) -> EffectiveLimits:
        """Base limits of active subscriptions and, while a main one is active, extras of running extensions.

        `plus` is an extension to count as if it were already granted.
        """
        counted = [s for s in self.subscriptions.values() if s.carries_limits and s.ends_at > now]
        extensions = [x for x in self.extensions.values() if x.runs(now)]
        if plus:
            extensions.append(plus)
        sessions, databases = _limits_at(now, counted, extensions)
        edges = {edge for s in counted for edge in (s.starts_at, s.ends_at)} | {x.ends_at for x in extensions}
        change = next(
            (
                edge
                for edge in sorted(edges)
                if edge > now and _limits_at(edge, counted, extensions) != (sessions, databases)
            ),
            None,
        )
        return EffectiveLimits(sessions, databases, change)


def _limits_at(now: datetime, counted: list[Subscription], extensions: list[Extension]) -> tuple[Limit, Limit]:
    active = [s for s in counted if s.starts_at <= now < s.ends_at]
    extras = [x.terms for x in extensions if x.runs(now)] if any(s.kind is Kind.MAIN for s in active) else []
    return (
        Limit(_total([s.limits.sessions for s in active]), sum(t.sessions for t in extras)),
        Limit(_total([s.limits.databases for s in active]), sum(t.databases for t in extras)),
    )


def _total(limits: list[int | None]) -> int | None:
    total = 0
    for limit in limits:
        if limit is None:
            return None
        total += limit
    return total


class Proposal(NamedTuple):
    """An offer as the owner reads it."""

    offer: Offer
    ends_at_if_accepted_now: datetime
    limits_before: EffectiveLimits
    limits_after: EffectiveLimits
    servicing_organization: dict[str, str | None] | None


def propose(holdings: Holdings, subscription_id: str, now: datetime) -> Proposal:
    """What an owner may accept now; raises Refused where there is nothing to accept."""
    contact = holdings.account.servicing_organization
    subscription = holdings.subscriptions.get(subscription_id)
    if not subscription:
        raise Refused(Code.SUBSCRIPTION_NOT_FOUND)
    if extension := holdings.extension_of(subscription):
        raise Refused(Code.ALREADY_USED, extension=(extension, now), servicing_organization=contact)
    if obstacle := subscription.obstacle(now):
        raise Refused(obstacle, servicing_organization=contact)
    offer = Offer.of(subscription)
    # Who would accept changes neither the limits nor the end.
    accepted = offer.grant(holdings.account.id, "", now)
    return Proposal(offer, accepted.ends_at, holdings.limits(now), holdings.limits(now, plus=accepted), contact)


class Page(NamedTuple):
    subscriptions: list[Subscription]
    next_token: str | None


def page(holdings: Holdings, now: datetime, limit: int, token: str | None) -> Page:
    """One page of the account's subscriptions: active, future, finished, newest first inside each.

    The token holds the account and the instant of the first page, so that a subscription that starts or ends
    meanwhile is neither skipped nor shown twice. Raises ValueError for a token of another account or of nobody.
    """
    after: tuple[int, int, str] | None = None
    if token is not None:
        match unpack(token):
            case [holdings.account.id, int(at), int(rank), int(newest), str(last_id)] if (
                _is_int(at, 0, MOST_EPOCH) and _is_int(rank, 0, 2) and _is_int(newest, -MOST_EPOCH, 0)
            ):
                now, after = from_epoch(at), (rank, newest, last_id)
            case _:
                raise ValueError("not a page of this account")
    rows = sorted((_place(s, now), s) for s in holdings.subscriptions.values())
    rest = [row for row in rows if after is None or row[0] > after]
    shown = [subscription for _, subscription in rest[:limit]]
    if len(rest) <= limit:
        return Page(shown, None)
    return Page(shown, pack([holdings.account.id, int(now.timestamp()), *rest[limit - 1][0]]))


def _place(subscription: Subscription, now: datetime) -> tuple[int, int, str]:
    """Where a subscription stands in the list; unique, so that subscriptions themselves are never compared."""
    rank = list(State).index(subscription.state(now))
    return rank, -int(subscription.starts_at.timestamp()), subscription.id


# Instants, terms and opaque tokens as they travel

MOST_EPOCH = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp())
"""Instants lie between 1970 and the year 9000, so that adding a duration stays in the calendar."""


def from_epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def instant(when: datetime) -> str:
    """An instant as the API and the events write it: 2026-11-29T10:00:00Z."""
    return when.isoformat().replace("+00:00", "Z")


def instant_or_none(when: datetime | None) -> str | None:
    return instant(when) if when else None


class TermsJson(TypedDict):
    sessions: int
    databases: int
    duration: str


def terms_json(terms: Terms) -> TermsJson:
    """Terms as the API and the events write them."""
    return {"sessions": terms.sessions, "databases": terms.databases, "duration": terms.duration}


def pack(values: Sequence[object]) -> str:
    """Values as an opaque token that is safe in a URL."""
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(token: str) -> list[object]:
    """What `pack` was given; raises ValueError where it was not `pack` that made it."""
    if not 0 < len(token) <= 512:
        raise ValueError("wrong length")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw)
    except (binascii.Error, UnicodeError, RecursionError) as error:
        raise ValueError("not a token") from error
    # One spelling only: a token that was padded or reworded is none of ours.
    if not isinstance(values, list) or pack(values) != token:
        raise ValueError("not a token")
    return values


def _is_int(value: int, least: int, most: int) -> bool:
    """Whether a number is within bounds; a boolean, which passes for an int, is none."""
    return type(value) is int and least <= value <= most
