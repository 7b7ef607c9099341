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
from typing import Literal, NamedTuple, TypeVar
from uuid import NAMESPACE_URL, uuid5

from extending.errors import Code

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
    """What a user is in an account, from the one who may most to the one who may least."""

    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    USER = "user"
    OPERATOR = "operator"

    @property
    def may_view(self) -> bool:
        return self in (Role.OWNER, Role.ADMINISTRATOR)

    @property
    def may_extend(self) -> bool:
        return self is Role.OWNER


def roles_above(role: Role | None) -> list[Role]:
    """The roles that mean more than this one; all of them where there is none."""
    roles = list(Role)
    return roles[: roles.index(role)] if role else roles


SOURCE = "extending-subscription"
"""The source of our own events on the bus."""


class ExtensionEvent(StrEnum):
    """What happens to an extension, by the detail type that announces it."""

    GRANTED = "ExtensionGranted"
    ENDS_SOON = "ExtensionEndsSoon"
    EXPIRED = "ExtensionExpired"


Obstacle = Literal[Code.NOT_MAIN, Code.NOT_ACTIVE_YET, Code.FINISHED, Code.TARIFF_NOT_EXTENDABLE]
"""Why a subscription cannot be extended, besides that it already was."""

Period = datetime | str
"""What tells one period of a subscription from another: its start, or the id that the service manager gives it."""

ServicingOrganization = dict[str, str | None]
"""Whom an account turns to: name, city, phone, email, site."""


class TariffLimits(NamedTuple):
    """What a tariff allows; None is unlimited."""

    sessions: int | None
    databases: int | None


class Terms(NamedTuple):
    """What an extension adds: `duration` as the tariff words it (ISO 8601), `seconds` its length."""

    sessions: int
    databases: int
    duration: str
    seconds: int

    @property
    def add_something(self) -> bool:
        return bool(self.sessions or self.databases)


class Account(NamedTuple):
    """A client of the service; what the service manager has not told yet is None."""

    id: str
    name: str | None = None
    time_zone: str | None = None
    servicing_organization: ServicingOrganization | None = None


class Subscription(NamedTuple):
    id: str
    number: str
    kind: Kind
    tariff_id: str
    tariff_name: str
    starts_at: datetime
    ends_at: datetime
    limits: TariffLimits
    terms: Terms | None
    period_id: str | None = None

    @property
    def period(self) -> Period:
        return self.period_id or self.starts_at

    def state(self, now: datetime) -> State:
        if now < self.starts_at:
            return State.FUTURE
        return State.ACTIVE if now < self.ends_at else State.FINISHED

    @property
    def carries_limits(self) -> bool:
        return self.kind in (Kind.MAIN, Kind.ADD_ON)

    def obstacle(self, now: datetime) -> Obstacle | None:
        """What stands against extending the current period of this subscription."""
        if self.kind is not Kind.MAIN:
            return Code.NOT_MAIN
        match self.state(now):
            case State.FUTURE:
                return Code.NOT_ACTIVE_YET
            case State.FINISHED:
                return Code.FINISHED
        return None if self.terms and self.terms.add_something else Code.TARIFF_NOT_EXTENDABLE


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
    period_id: str | None = None

    @property
    def period(self) -> Period:
        return self.period_id or self.period_starts_at

    def is_of_current(self, subscription: Subscription) -> bool:
        """Whether it is of a subscription's current period; it may be older than the id of that period."""
        return self.period in (subscription.period, subscription.starts_at)

    @property
    def id(self) -> str:
        """Derived from what the extension is one of, so that whoever names it names the same."""
        # No id looks like an instant: there is no colon in it.
        key = f"{self.account_id}/{self.subscription_id}/{self.period_id or self.period_starts_at.isoformat()}"
        return str(uuid5(NAMESPACE_URL, f"urn:extending-subscription:{key}"))

    def first_due_at(self, remind_before: timedelta) -> datetime:
        """When the schedule first has something to do: to remind, or to revoke one that is too short for that."""
        reminder_at = self.ends_at - remind_before
        return reminder_at if reminder_at > self.granted_at else self.ends_at

    def runs(self, now: datetime) -> bool:
        """True until its end; its start is not asked: another machine's clock may be a little ahead."""
        return now < self.ends_at


class OfferId(NamedTuple):
    """What an `offer_id` binds: a period of a subscription, and terms."""

    subscription_id: str
    period_starts_at: datetime
    terms: Terms
    period_id: str | None = None

    @property
    def token(self) -> str:
        """Not a secret: a token that says anything else than the stored subscription is refused by the write."""
        terms = self.terms
        period = int(self.period_starts_at.timestamp())
        named = [self.period_id] if self.period_id else []
        values = [self.subscription_id, period, terms.sessions, terms.databases, terms.duration, terms.seconds]
        return pack(values + named)

    def says_as_much_as(self, other: "OfferId") -> bool:
        """Whether both are of one period and the same terms, though its start or its name was corrected between."""
        return (self.subscription_id, self.terms) == (other.subscription_id, other.terms) and (
            other.period_id or other.period_starts_at
        ) in (self.period_id, self.period_starts_at)

    @classmethod
    def of(cls, subscription: Subscription) -> "OfferId":
        """That of the current period; the subscription must have terms."""
        assert subscription.terms
        return cls(subscription.id, subscription.starts_at, subscription.terms, subscription.period_id)

    @classmethod
    def from_token(cls, token: str) -> "OfferId":
        """Raises ValueError for what `token` could not have made."""
        match unpack(token):
            case [
                str(subscription_id),
                int(period),
                int(sessions),
                int(databases),
                str(duration),
                int(seconds),
                *named,
            ] if (
                ID.fullmatch(subscription_id)
                and DURATION.fullmatch(duration)
                and _is_int(period, 0, MOST_EPOCH)
                and _is_int(sessions, 0, MOST_UNITS)
                and _is_int(databases, 0, MOST_UNITS)
                and _is_int(seconds, 1, MOST_SECONDS)
            ):
                terms = Terms(sessions, databases, duration, seconds)
                match named:
                    case []:
                        return cls(subscription_id, from_epoch(period), terms)
                    case [str(period_id)] if ID.fullmatch(period_id):
                        return cls(subscription_id, from_epoch(period), terms, period_id)
        raise ValueError("not an offer_id")

    def accepted(self, account_id: str, user_id: str, now: datetime) -> Extension:
        """The extension that accepting it at `now` creates."""
        return Extension(
            account_id=account_id,
            subscription_id=self.subscription_id,
            period_starts_at=self.period_starts_at,
            terms=self.terms,
            granted_at=now,
            granted_by=user_id,
            ends_at=now + timedelta(seconds=self.terms.seconds),
            period_id=self.period_id,
        )


class Usage(NamedTuple):
    """How many sessions and databases were in use when the service manager last told."""

    sessions: int
    databases: int
    at: datetime


class Limit(NamedTuple):
    """What may be used of one thing, and how many are in use; None: unlimited, and unknown."""

    base: int | None
    extra: int
    used: int | None = None

    @property
    def total(self) -> int | None:
        return None if self.base is None else self.base + self.extra

    @property
    def over(self) -> int | None:
        """How many of those in use are more than there may be."""
        if self.used is None:
            return None
        return 0 if self.total is None else max(0, self.used - self.total)


class Allowance(NamedTuple):
    """What an account may use of each thing as long as nothing changes."""

    sessions: Limit
    databases: Limit


class Limits(NamedTuple):
    """What an account may use at one instant, and from when and to what that next changes by itself.

    All is held against the usage that is known at that instant, of which `used_at` says when it was told.
    """

    sessions: Limit
    databases: Limit
    used_at: datetime | None
    next_change_at: datetime | None
    after_change: Allowance | None


class Holdings(NamedTuple):
    """All that belongs to one account, as one read found it."""

    account: Account
    subscriptions: Mapping[str, Subscription]
    extensions: Mapping[tuple[str, Period], Extension]
    usage: Usage | None = None
    is_known: bool = True
    """Whether the service manager has told of the account, or of a subscription in it."""

    def extension_of(self, subscription: Subscription) -> Extension | None:
        """The extension of the subscription's current period, which may have got its id after the grant."""
        named = self.extensions.get((subscription.id, subscription.period))
        return named or self.extensions.get((subscription.id, subscription.starts_at))

    def limits(self, now: datetime, plus: Extension | None = None) -> Limits:
        """Base limits of active subscriptions and, while a main one is active, extras of running extensions.

        `plus` is an extension to count as if it were already granted. One pass over what begins and ends from now on.
        """
        edges: dict[datetime, _Sums] = {}
        sums = edges.setdefault(now, _Sums())
        for s in self.subscriptions.values():
            if s.carries_limits and s.ends_at > now:
                edges.setdefault(max(now, s.starts_at), _Sums()).count(s, 1)
                edges.setdefault(s.ends_at, _Sums()).count(s, -1)
        for x in (*self.extensions.values(), *([plus] if plus else [])):
            if x.runs(now):
                sums.extend(x.terms, 1)
                edges.setdefault(x.ends_at, _Sums()).extend(x.terms, -1)
        used_at = self.usage.at if self.usage else None
        current = sums.allowance(self.usage)
        for edge in sorted(edges)[1:]:
            sums.add(edges[edge])
            if (after := sums.allowance(self.usage)) != current:
                return Limits(*current, used_at, edge, after)
        return Limits(*current, used_at, None, None)


class _Sums:
    """What holds at an instant, or what comes and goes at one; what is unlimited is counted beside the sums."""

    __slots__ = ("databases", "extra_databases", "extra_sessions", "mains", "sessions", "unlimited")

    def __init__(self) -> None:
        self.mains = self.sessions = self.databases = self.extra_sessions = self.extra_databases = 0
        self.unlimited = [0, 0]

    def count(self, subscription: Subscription, sign: int) -> None:
        sessions, databases = subscription.limits
        self.mains += sign * (subscription.kind is Kind.MAIN)
        self.sessions += sign * (sessions or 0)
        self.databases += sign * (databases or 0)
        self.unlimited[0] += sign * (sessions is None)
        self.unlimited[1] += sign * (databases is None)

    def extend(self, terms: Terms, sign: int) -> None:
        self.extra_sessions += sign * terms.sessions
        self.extra_databases += sign * terms.databases

    def add(self, other: "_Sums") -> None:
        self.mains += other.mains
        self.sessions += other.sessions
        self.databases += other.databases
        self.extra_sessions += other.extra_sessions
        self.extra_databases += other.extra_databases
        self.unlimited = [mine + more for mine, more in zip(self.unlimited, other.unlimited, strict=True)]

    def allowance(self, usage: Usage | None) -> Allowance:
        """Extras count while a main subscription is active."""
        sessions, databases = (usage.sessions, usage.databases) if usage else (None, None)
        return Allowance(
            Limit(None if self.unlimited[0] else self.sessions, self.extra_sessions if self.mains else 0, sessions),
            Limit(None if self.unlimited[1] else self.databases, self.extra_databases if self.mains else 0, databases),
        )


class Offer(NamedTuple):
    """What an owner may accept, as it is read before the decision."""

    id: OfferId
    ends_at_if_accepted_now: datetime
    limits_before: Limits
    limits_after: Limits
    servicing_organization: ServicingOrganization | None


class Refused(Exception):
    """A refusal, with what helps the caller to go on.

    An extension comes with the instant at which it was looked at (`at`), a wrong body with its `fields`: what is wrong
    with each, by name.
    """

    def __init__(
        self,
        code: Code,
        *,
        servicing_organization: ServicingOrganization | None = None,
        extension: Extension | None = None,
        at: datetime | None = None,
        offer: Offer | None = None,
        fields: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.servicing_organization = servicing_organization
        self.extension = extension
        self.at = at
        self.offer = offer
        self.fields = fields


def make_offer(holdings: Holdings, subscription_id: str, now: datetime) -> Offer:
    """What an owner may accept now; raises Refused where there is nothing to accept."""
    servicing_organization = holdings.account.servicing_organization
    subscription = holdings.subscriptions.get(subscription_id)
    if not subscription:
        raise Refused(Code.SUBSCRIPTION_NOT_FOUND)
    if extension := holdings.extension_of(subscription):
        raise Refused(Code.ALREADY_USED, extension=extension, at=now, servicing_organization=servicing_organization)
    if obstacle := subscription.obstacle(now):
        raise Refused(obstacle, servicing_organization=servicing_organization)
    id_ = OfferId.of(subscription)
    # Who would accept changes neither the limits nor the end.
    accepted = id_.accepted(holdings.account.id, "", now)
    limits_after = holdings.limits(now, plus=accepted)
    return Offer(id_, accepted.ends_at, holdings.limits(now), limits_after, servicing_organization)


class Page(NamedTuple):
    subscriptions: list[Subscription]
    next_token: str | None


def page(holdings: Holdings, now: datetime, limit: int, token: str | None) -> Page:
    """One page of the account's subscriptions: active, future, finished, newest first inside each.

    The token holds the account and the instant of the first page, so that a subscription that starts or ends by the
    clock meanwhile is neither skipped nor shown twice. One whose period the service manager changes meanwhile may be:
    it stands in another place. Raises ValueError for a token of another account or of nobody.
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
    rows = [(_place(s, now), s) for s in holdings.subscriptions.values()]
    return Page(*_cut(rows, after, limit, holdings.account.id, int(now.timestamp())))


class HistoryPage(NamedTuple):
    extensions: list[Extension]
    next_token: str | None


def history(holdings: Holdings, limit: int, token: str | None) -> HistoryPage:
    """One page of the account's extensions, those granted last first.

    What is granted meanwhile stands before the first page. Raises ValueError for a token of another account or of
    nobody.
    """
    after: tuple[int, str] | None = None
    if token is not None:
        match unpack(token):
            case [holdings.account.id, int(newest), str(last_id)] if _is_int(newest, -MOST_EPOCH, 0):
                after = (newest, last_id)
            case _:
                raise ValueError("not a page of this account")
    rows = [((-int(x.granted_at.timestamp()), x.id), x) for x in holdings.extensions.values()]
    return HistoryPage(*_cut(rows, after, limit, holdings.account.id))


Place = TypeVar("Place", bound=tuple[object, ...])
T = TypeVar("T")


def _cut(rows: Sequence[tuple[Place, T]], after: Place | None, limit: int, *told: object) -> tuple[list[T], str | None]:
    """The rows of one page in the order of their places, and the token of the next: what is `told`, and a place."""
    rest = [row for row in sorted(rows) if after is None or row[0] > after]
    next_token = pack([*told, *rest[limit - 1][0]]) if len(rest) > limit else None
    return [shown for _, shown in rest[:limit]], next_token


def _place(subscription: Subscription, now: datetime) -> tuple[int, int, str]:
    """Where a subscription stands in the list; unique, so that subscriptions themselves are never compared."""
    rank = list(State).index(subscription.state(now))
    return rank, -int(subscription.starts_at.timestamp()), subscription.id


# Instants as they are stored, opaque tokens as they travel

MOST_EPOCH = int(datetime(9000, 1, 1, tzinfo=UTC).timestamp())
"""Instants lie between 1970 and the year 9000, so that adding a duration stays in the calendar."""


def from_epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


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
    """Whether a number is within bounds; a boolean, which passes for an int, does not."""
    return type(value) is int and least <= value <= most
