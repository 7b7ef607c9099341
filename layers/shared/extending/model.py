"""Data and rules of the extending subscription.

Pure: time is an argument (`now`, aware UTC, whole seconds), nothing is read and nothing is written here.
Every interval is half-open: it holds its first instant and not its last. Named tuples, for each dataclass would take
most of a millisecond of every cold start.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from extending.errors import Code
from extending.tokens import is_int, pack, unpack

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Pattern of account, subscription and period ids (use with `fullmatch`); no key separator is in it."""

USER_ID = re.compile(r"[\x21-\x7e]{1,255}")
"""Pattern of user ids: the `sub` of an OpenID token, visible ASCII."""

DURATION = re.compile(r"P(?=.)(\d{1,4}W|(\d{1,5}D)?(T(?=.)(\d{1,6}H)?(\d{1,8}M)?(\d{1,9}S)?)?)", re.ASCII)
"""An ISO 8601 duration in weeks, days, hours, minutes, seconds; months and years have no fixed length."""

MOST_SECONDS = 3660 * 86_400
"""The longest extension that terms may name: ten years."""

MOST_UNITS = 2**31 - 1
"""The most sessions or databases that limits, terms and usage may name: some senders have it for "no limit"."""

FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
"""Stands for "no end". Every other instant lies between 1970 and this one, so that adding a duration stays in the
calendar."""

MOST_EPOCH = int(FOREVER.timestamp())
MOST_VERSION = MOST_EPOCH * 1_000_000


def from_epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


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
    """The role of a user in an account; roles with more rights come first."""

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
    """The roles with more rights than this one; all roles for None."""
    roles = list(Role)
    return roles[: roles.index(role)] if role else roles


SOURCE = "extending-subscription"
"""The source of our own events on the bus."""


class ExtensionEvent(StrEnum):
    """The events of an extension; each value is the detail type of the event on the bus."""

    GRANTED = "ExtensionGranted"
    ENDS_SOON = "ExtensionEndsSoon"
    EXPIRED = "ExtensionExpired"


Obstacle = Literal[Code.NOT_MAIN, Code.NOT_ACTIVE_YET, Code.FINISHED, Code.TARIFF_NOT_EXTENDABLE]
"""The reasons why a subscription cannot be extended, besides that it already was.

`Subscription.obstacle` names them for people; the condition in grants.py holds every one of them in the write.
"""

Period = datetime | str
"""Identity of a period within its subscription: its start, or the id that the service manager gives it."""

ServicingOrganization = dict[str, str | None]
"""The account's next step for what it lacks: name, city, phone, email, site."""


class TariffLimits(NamedTuple):
    """Limits of a tariff; None is unlimited."""

    sessions: int | None
    databases: int | None


class Terms(NamedTuple):
    """Additions of an extension: `duration` as the tariff words it (ISO 8601), `seconds` its length."""

    sessions: int
    databases: int
    duration: str
    seconds: int

    @property
    def add_something(self) -> bool:
        return bool(self.sessions or self.databases)

    def widen(self, limits: TariffLimits) -> bool:
        """True if they add to a limit; an unlimited one cannot grow."""
        return bool(
            (self.sessions and limits.sessions is not None) or (self.databases and limits.databases is not None)
        )


class Account(NamedTuple):
    """A client of the service; None stands for what the service manager has not reported."""

    id: str
    name: str | None = None
    time_zone: str | None = None
    servicing_organization: ServicingOrganization | None = None


class FirstNamed(NamedTuple):
    """The first period of a subscription that got an id, its start, and the version of the report that brought it."""

    period_id: str
    starts_at: datetime
    version: int


class Subscription(NamedTuple):
    """One period of a subscription as the service manager reported it, and the one that follows, if reported."""

    id: str
    number: str
    kind: Kind
    tariff_id: str
    tariff_name: str
    starts_at: datetime
    ends_at: datetime
    """FOREVER where there is no end; the start of `next` where this period would reach further."""
    limits: TariffLimits
    terms: Terms | None
    period_id: str | None = None
    version: int = 0
    """`changed_at` of the report, in microseconds since 1970."""
    first_named: FirstNamed | None = None
    """None: this one, if it has an id."""
    next: "Subscription | None" = None
    """The period reported ahead: it takes over at its start."""

    @property
    def period(self) -> Period:
        return self.period_id or self.starts_at

    @property
    def unnamed_start(self) -> datetime | None:
        """The start under which an extension of this period may stand that was granted before periods had ids."""
        if not self.period_id:
            return None
        first = self.first_named or FirstNamed(self.period_id, self.starts_at, self.version)
        return first.starts_at if first.period_id == self.period_id else None

    def at(self, now: datetime) -> "Subscription":
        """The period that is current: the one reported ahead from its start on, this one until then."""
        return self.next if self.next and self.next.starts_at <= now else self

    def state(self, now: datetime) -> State:
        if now < self.starts_at:
            return State.FUTURE
        return State.ACTIVE if now < self.ends_at else State.FINISHED

    @property
    def gives_access(self) -> bool:
        """True for the kinds under which the account may work, and running extensions count, while they are active."""
        return self.kind is not Kind.ADD_ON

    def obstacle(self, now: datetime) -> Obstacle | None:
        """The reason why this period cannot be extended at `now`, if there is one."""
        if self.kind is not Kind.MAIN:
            return Code.NOT_MAIN
        match self.state(now):
            case State.FUTURE:
                return Code.NOT_ACTIVE_YET
            case State.FINISHED:
                return Code.FINISHED
        return None if self.terms and self.terms.widen(self.limits) else Code.TARIFF_NOT_EXTENDABLE


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
    subscription_version: int | None = None
    """`version` of the subscription that it was granted on; None: granted before this was kept."""
    revoked_by: str | None = None
    """The machine that ended it early; None: nobody, or the schedule."""

    @property
    def period(self) -> Period:
        return self.period_id or self.period_starts_at

    def is_of(self, subscription: Subscription) -> bool:
        """True if it is of this period; it may be older than the period's id."""
        return self.period in (subscription.period, subscription.unnamed_start)

    @property
    def id(self) -> str:
        """Derived from the period, and from the report it was granted on: after a removal no report comes again."""
        # No id looks like an instant: there is no colon in it.
        key = f"{self.account_id}/{self.subscription_id}/{self.period_id or self.period_starts_at.isoformat()}"
        if self.subscription_version is not None:
            key += f"/{self.subscription_version}"
        return str(uuid5(NAMESPACE_URL, f"urn:extending-subscription:{key}"))

    def first_due_at(self, remind_before: timedelta) -> datetime:
        """The time at which the schedule first acts: reminds, or revokes an extension too short for a reminder."""
        reminder_at = self.ends_at - remind_before
        return reminder_at if reminder_at > self.granted_at else self.ends_at

    @property
    def ended_early(self) -> bool:
        return self.revoked_at is not None and self.revoked_at < self.ends_at

    def runs(self, now: datetime) -> bool:
        """True until its end, and not once it was ended early.

        Neither its start nor the instant of an early end is compared: another machine's clock may be a little ahead.
        """
        return now < self.ends_at and not self.ended_early


class ExtensionAt(NamedTuple):
    """An extension at one instant, and whether its extras count then."""

    extension: Extension
    now: datetime
    counts: bool

    @property
    def runs(self) -> bool:
        return self.extension.runs(self.now)


class OfferId(NamedTuple):
    """Everything that an `offer_id` binds: a period of a subscription, the report of it, and terms."""

    subscription_id: str
    period_starts_at: datetime
    terms: Terms
    version: int | None = None
    """Of the subscription; None in an offer from before this was kept, which has to be made anew."""
    period_id: str | None = None
    unnamed_start: datetime | None = None

    @property
    def token(self) -> str:
        """Not a secret: the write refuses a token that differs from the stored subscription."""
        terms = self.terms
        period = int(self.period_starts_at.timestamp())
        values = [self.subscription_id, period, terms.sessions, terms.databases, terms.duration, terms.seconds]
        if self.version is not None:
            unnamed = int(self.unnamed_start.timestamp()) if self.unnamed_start else None
            return pack([*values, self.version, self.period_id, unnamed])
        return pack([*values, self.period_id] if self.period_id else values)

    def same_period_and_terms(self, other: "OfferId") -> bool:
        """True if both are of one period and the same terms, though its start or its id was corrected in between."""
        return (self.subscription_id, self.terms) == (other.subscription_id, other.terms) and (
            other.period_id or other.period_starts_at
        ) in (self.period_id, self.period_starts_at)

    @classmethod
    def of(cls, subscription: Subscription) -> "OfferId":
        """The offer for this period of a subscription; it must have terms."""
        s = subscription
        assert s.terms
        return cls(s.id, s.starts_at, s.terms, s.version, s.period_id, s.unnamed_start)

    @classmethod
    def from_token(cls, token: str) -> "OfferId":
        """Raises ValueError for anything that `token` could not have made."""
        match unpack(token):
            case [
                str(subscription_id),
                int(period),
                int(sessions),
                int(databases),
                str(duration),
                int(seconds),
                *rest,
            ] if (
                ID.fullmatch(subscription_id)
                and DURATION.fullmatch(duration)
                and is_int(period, 0, MOST_EPOCH)
                and is_int(sessions, 0, MOST_UNITS)
                and is_int(databases, 0, MOST_UNITS)
                and is_int(seconds, 1, MOST_SECONDS)
            ):
                offer = cls(subscription_id, from_epoch(period), Terms(sessions, databases, duration, seconds))
                match rest:
                    case []:
                        return offer
                    case [str(period_id)] if ID.fullmatch(period_id):
                        return offer._replace(period_id=period_id)
                    case [int(version), None, None] if is_int(version, 0, MOST_VERSION):
                        return offer._replace(version=version)
                    case [int(version), str(period_id), None] if is_int(version, 0, MOST_VERSION) and ID.fullmatch(
                        period_id
                    ):
                        return offer._replace(version=version, period_id=period_id)
                    case [int(version), str(period_id), int(start)] if (
                        is_int(version, 0, MOST_VERSION) and ID.fullmatch(period_id) and is_int(start, 0, MOST_EPOCH)
                    ):
                        return offer._replace(version=version, period_id=period_id, unnamed_start=from_epoch(start))
        raise ValueError("not an offer_id")

    def accepted(self, account_id: str, user_id: str, now: datetime) -> Extension:
        """The extension that is created by accepting it at `now`."""
        return Extension(
            account_id=account_id,
            subscription_id=self.subscription_id,
            period_starts_at=self.period_starts_at,
            terms=self.terms,
            granted_at=now,
            granted_by=user_id,
            ends_at=now + timedelta(seconds=self.terms.seconds),
            period_id=self.period_id,
            subscription_version=self.version,
        )


class Usage(NamedTuple):
    """Sessions and databases in use when the service manager last reported them."""

    sessions: int
    databases: int
    at: datetime


class Limit(NamedTuple):
    """The limit of sessions or of databases, and how many are in use; None: unlimited, or unknown."""

    base: int | None
    extra: int
    used: int | None = None

    @property
    def total(self) -> int | None:
        return None if self.base is None else self.base + self.extra

    @property
    def over(self) -> int | None:
        """Sessions or databases in use above the limit."""
        if self.used is None:
            return None
        return 0 if self.total is None else max(0, self.used - self.total)


class Allowance(NamedTuple):
    """Both limits of an account as long as nothing changes."""

    sessions: Limit
    databases: Limit


class Limits(NamedTuple):
    """Limits of an account at one instant, and when and to what they next change by themselves.

    All is compared with the usage that is known; `used_at` is when that was reported.
    """

    sessions: Limit
    databases: Limit
    used_at: datetime | None
    next_change_at: datetime | None
    after_change: Allowance | None


class Holdings(NamedTuple):
    """Everything of one account except its members, from one read."""

    account: Account
    subscriptions: Mapping[str, Subscription]
    extensions: Mapping[tuple[str, Period], Extension]
    usage: Usage | None = None
    is_known: bool = True
    """True once the service manager has reported the account, or a subscription of it."""
    names: Mapping[str, str] = {}
    """Names of members by user id, where they were read too."""

    def extension_of(self, subscription: Subscription) -> Extension | None:
        """The extension of this period, which may have got its id after the grant."""
        found = self.extensions.get((subscription.id, subscription.period))
        if not found and subscription.unnamed_start:
            found = self.extensions.get((subscription.id, subscription.unnamed_start))
        return found

    def has_access(self, now: datetime) -> bool:
        """True while a main or prolonging subscription is active: extras count then."""
        current = (s.at(now) for s in self.subscriptions.values())
        return any(s.gives_access and s.state(now) is State.ACTIVE for s in current)

    def extension_at(self, extension: Extension, now: datetime) -> ExtensionAt:
        return ExtensionAt(extension, now, self.has_access(now))

    def limits(self, now: datetime, plus: Extension | None = None) -> Limits:
        """Base limits of active subscriptions and, while the account has access, extras of running extensions.

        `plus` is an extension to count as if it were already granted. One pass over what begins and ends from now on.
        """
        edges: dict[datetime, _Sums] = {}
        sums = edges.setdefault(now, _Sums())
        for subscription in self.subscriptions.values():
            for s in (subscription, subscription.next):
                if s and s.ends_at > now:
                    edges.setdefault(max(now, s.starts_at), _Sums()).count(s, 1)
                    edges.setdefault(s.ends_at, _Sums()).count(s, -1)
        for x in (*self.extensions.values(), *([plus] if plus else [])):
            if x.runs(now):
                sums.extend(x.terms, 1)
                edges.setdefault(x.ends_at, _Sums()).extend(x.terms, -1)
        used_at = self.usage.at if self.usage else None
        current = sums.allowance(self.usage)
        for edge in sorted(edges)[1:]:
            if edge == FOREVER:
                break
            sums.add(edges[edge])
            if (after := sums.allowance(self.usage)) != current:
                return Limits(*current, used_at, edge, after)
        return Limits(*current, used_at, None, None)


class _Sums:
    """Sums that hold at an instant, or that come and go at one; what is unlimited is counted beside them."""

    __slots__ = ("databases", "extra_databases", "extra_sessions", "giving_access", "sessions", "unlimited")

    def __init__(self) -> None:
        self.giving_access = self.sessions = self.databases = self.extra_sessions = self.extra_databases = 0
        self.unlimited = [0, 0]

    def count(self, subscription: Subscription, sign: int) -> None:
        sessions, databases = subscription.limits
        self.giving_access += sign * subscription.gives_access
        self.sessions += sign * (sessions or 0)
        self.databases += sign * (databases or 0)
        self.unlimited[0] += sign * (sessions is None)
        self.unlimited[1] += sign * (databases is None)

    def extend(self, terms: Terms, sign: int) -> None:
        self.extra_sessions += sign * terms.sessions
        self.extra_databases += sign * terms.databases

    def add(self, other: "_Sums") -> None:
        self.giving_access += other.giving_access
        self.sessions += other.sessions
        self.databases += other.databases
        self.extra_sessions += other.extra_sessions
        self.extra_databases += other.extra_databases
        self.unlimited = [mine + more for mine, more in zip(self.unlimited, other.unlimited, strict=True)]

    def allowance(self, usage: Usage | None) -> Allowance:
        """Extras count while the account has access."""
        extras = (self.extra_sessions, self.extra_databases) if self.giving_access else (0, 0)
        used = (usage.sessions, usage.databases) if usage else (None, None)
        return Allowance(
            Limit(None if self.unlimited[0] else self.sessions, extras[0], used[0]),
            Limit(None if self.unlimited[1] else self.databases, extras[1], used[1]),
        )


class Offer(NamedTuple):
    """An extension that an owner may accept, with the limits before and after it."""

    id: OfferId
    ends_at_if_accepted_now: datetime
    limits_before: Limits
    limits_after: Limits
    servicing_organization: ServicingOrganization | None


class Refused(Exception):
    """A refusal, with the data that the caller needs next; `fields`: names of wrong fields, and why each is wrong."""

    def __init__(
        self,
        code: Code,
        *,
        servicing_organization: ServicingOrganization | None = None,
        extension: ExtensionAt | None = None,
        offer: Offer | None = None,
        fields: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.servicing_organization = servicing_organization
        self.extension = extension
        self.offer = offer
        self.fields = fields


def make_offer(holdings: Holdings, subscription_id: str, now: datetime) -> Offer:
    """Make the offer for a subscription at `now`; raises Refused where there is nothing to accept."""
    servicing_organization = holdings.account.servicing_organization
    reported = holdings.subscriptions.get(subscription_id)
    if not reported:
        raise Refused(Code.SUBSCRIPTION_NOT_FOUND)
    subscription = reported.at(now)
    if extension := holdings.extension_of(subscription):
        seen = holdings.extension_at(extension, now)
        raise Refused(Code.ALREADY_USED, extension=seen, servicing_organization=servicing_organization)
    if obstacle := subscription.obstacle(now):
        raise Refused(obstacle, servicing_organization=servicing_organization)
    id_ = OfferId.of(subscription)
    # The limits and the end do not depend on who accepts.
    accepted = id_.accepted(holdings.account.id, "", now)
    limits_after = holdings.limits(now, plus=accepted)
    return Offer(id_, accepted.ends_at, holdings.limits(now), limits_after, servicing_organization)
