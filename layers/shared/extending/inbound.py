"""The service manager's reports: its events as they are validated, and in the model's words.

The only module that imports pydantic; only what receives changes (sync, changes, the bulk loader) imports it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self, assert_never, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from extending import model, zones
from extending.model import (
    DURATION,
    FOREVER,
    ID,
    MOST_SECONDS,
    MOST_UNITS,
    USER_ID,
    Account,
    Kind,
    Role,
    Subscription,
    Terms,
    from_epoch,
)

_INSTANT = "an ISO 8601 instant with its offset is expected, as 2026-11-29T10:00:00Z"


def _written_out(value: object) -> object:
    """pydantic would read a bare number as seconds since 1970."""
    if not isinstance(value, str) or "T" not in value:
        raise ValueError(_INSTANT)
    return value


def _as_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # The calendar's first or last day, in an offset that leads out of it.
        return datetime(1 if value.year == 1 else 9999, 1, 1, tzinfo=UTC)


def _in_calendar(value: datetime) -> datetime:
    value = _as_utc(value)
    if not from_epoch(0) <= value < FOREVER:
        raise ValueError("an instant from 1970 to 8999 is expected")
    return value


def _end(value: datetime) -> datetime:
    """An end from the year 9000 on stands for no end."""
    value = min(_as_utc(value), FOREVER)
    if value < from_epoch(0):
        raise ValueError("an instant from 1970 on is expected")
    return value


def _no_replacement(text: str) -> str:
    if "\ufffd" in text:
        raise ValueError("it holds U+FFFD, which stands for characters that were lost: send JSON in UTF-8")
    return text


def _whole_second(value: datetime) -> datetime:
    return value.replace(microsecond=0)


def _fixed_length(text: str) -> str:
    if not DURATION.fullmatch(text) or not 1 <= _seconds(text) <= MOST_SECONDS:
        raise ValueError("weeks, days, hours, minutes, seconds are expected, as P7D; from a second to ten years")
    return text


def _seconds(duration: str) -> int:
    return int(_TIMEDELTA.validate_python(duration).total_seconds())


_TIMEDELTA = TypeAdapter(timedelta)

Id = Annotated[str, Field(pattern=f"^{ID.pattern}$")]
UserId = Annotated[str, Field(pattern=f"^{USER_ID.pattern}$")]
Name = Annotated[str, Field(max_length=256), AfterValidator(_no_replacement)]
Precise = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_calendar)]
Instant = Annotated[Precise, AfterValidator(_whole_second)]
End = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_end), AfterValidator(_whole_second)]
Units = Annotated[int, Field(ge=0, le=MOST_UNITS, strict=True)]
Duration = Annotated[str, Field(json_schema_extra={"format": "duration"}), AfterValidator(_fixed_length)]


class _Inbound(BaseModel):
    # Errors go to logs and to the failure queue: no values in them. Unknown fields of an event are ignored.
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", frozen=True)

    @property
    def ignored(self) -> dict[str, str]:
        """Fields that are for display only and could not be used, with the reason."""
        return {}


class ServicingOrganization(_Inbound):
    """The account's next step for what it lacks."""

    name: Name | None = None
    city: Name | None = None
    phone: Name | None = None
    email: Name | None = None
    site: Name | None = None


TIME_ZONE = "IANA name, or an offset as UTC+3, GMT+03:00, +03:00; for display. One that nobody can show is ignored."

ROLE = "owner, administrator, user, operator; any other is stored as one that may do nothing here, as `user`."


class AccountChanged(_Inbound):
    """An account is new, or its name, time zone or servicing organisation is."""

    account_id: Id
    name: Name | None
    time_zone: Annotated[str | None, Field(description=TIME_ZONE)]
    servicing_organization: ServicingOrganization | None
    changed_at: Precise
    _ignored: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _only_a_zone_that_can_be_shown(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        zone = given.get("time_zone") if isinstance(given, dict) else None
        shown = zones.normalized(zone) if zone is not None else None
        if isinstance(given, dict) and "time_zone" in given:
            given = {**given, "time_zone": shown}
        account = handler(given)
        if zone is not None and shown is None:
            account._ignored["detail.time_zone"] = "neither an IANA zone nor an offset as UTC+3; stored as null"
        return account

    @property
    def ignored(self) -> dict[str, str]:
        return self._ignored

    @property
    def account(self) -> Account:
        contact = self.servicing_organization
        return Account(self.account_id, self.name, self.time_zone, contact.model_dump() if contact else None)


class MemberChanged(_Inbound):
    """A user's role in an account is new or another; null: it was taken away."""

    account_id: Id
    user_id: UserId
    role: Annotated[str, Field(min_length=1, max_length=64, description=ROLE, examples=list(Role))] | None
    name: Annotated[Name | None, Field(description="What people call the user; shown in the history.")] = None
    changed_at: Precise

    @property
    def known_role(self) -> Role | None:
        """The role in our words; one that is not ours may do nothing here, as `user`."""
        if self.role is None:
            return None
        return Role(self.role) if self.role in set(Role) else Role.USER


class Tariff(_Inbound):
    id: Id
    name: Name


class TariffLimits(_Inbound):
    """Null is unlimited."""

    sessions: Units | None
    databases: Units | None


class ExtensionTerms(_Inbound):
    """The sessions and databases that an extension adds, and its duration (weeks, days, hours, minutes, seconds)."""

    sessions: Units
    databases: Units
    duration: Duration


PERIOD_ID = "The sender's id of this period. Without it a period is its starts_at, and another starts_at is another."

STARTS_AT = "Later than now: the period takes over at this instant, and the one that runs stays until then."

ENDS_AT = "The first instant that is not covered any more; null, or from the year 9000 on: no end."


class SubscriptionChanged(_Inbound):
    """A subscription is new, renewed, ended, or of other limits or terms."""

    account_id: Id
    subscription_id: Id
    number: Name
    kind: Kind
    parent_id: Id | None
    tariff: Tariff
    starts_at: Annotated[Instant, Field(description=STARTS_AT)]
    ends_at: Annotated[End | None, Field(description=ENDS_AT)]
    period_id: Annotated[Id | None, Field(description=PERIOD_ID)] = None
    limits: TariffLimits
    extension_terms: ExtensionTerms | None
    changed_at: Precise

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "SubscriptionChanged":
        if self.ends_at and self.ends_at < self.starts_at:
            raise ValueError("ends_at is before starts_at")
        return self

    @property
    def subscription(self) -> Subscription:
        """The reported period; its version is set by whoever stores it."""
        terms = self.extension_terms
        return Subscription(
            id=self.subscription_id,
            number=self.number,
            kind=self.kind,
            tariff_id=self.tariff.id,
            tariff_name=self.tariff.name,
            starts_at=self.starts_at,
            ends_at=self.ends_at or FOREVER,
            limits=model.TariffLimits(self.limits.sessions, self.limits.databases),
            terms=Terms(terms.sessions, terms.databases, terms.duration, _seconds(terms.duration)) if terms else None,
            period_id=self.period_id,
        )


class UsageChanged(_Inbound):
    """The sessions and databases of an account that are in use now."""

    account_id: Id
    sessions: Units
    databases: Units
    changed_at: Precise


class SubscriptionRemoved(_Inbound):
    """A subscription was reported by mistake: it leaves list, offer and limits; its extensions stay in the history."""

    account_id: Id
    subscription_id: Id
    changed_at: Precise


class AccountRemoved(_Inbound):
    """Delete an account: its name and contacts, members, subscriptions, usage, history."""

    account_id: Id
    changed_at: Precise


AHEAD = timedelta(minutes=5)
"""The most that the sender's clock may be ahead of ours; a change from later on would refuse all that follow."""

SOON = timedelta(hours=1)
"""The most that a change may be ahead and still be stored by a retry, once our clock is nearer."""

SOURCE = "service-manager"
"""The source of these events on the bus."""

Change = AccountChanged | MemberChanged | SubscriptionChanged | UsageChanged | SubscriptionRemoved | AccountRemoved

CHANGES: dict[str, type[Change]] = {change.__name__: change for change in get_args(Change)}
"""The events by their detail type."""


def entity_key(change: Change) -> tuple[str, ...]:
    """Identity of the entity that a change is about; two about one entity are never written at the same time."""
    match change:
        case AccountChanged() | AccountRemoved():
            return "account", change.account_id
        case MemberChanged():
            return "member", change.account_id, change.user_id
        case SubscriptionChanged() | SubscriptionRemoved():
            return "subscription", change.account_id, change.subscription_id
        case UsageChanged():
            return "usage", change.account_id
        case _:
            assert_never(change)


class NotAnEvent(ValueError):
    """Not an event of the contract; `fields` says which are wrong and why, never their values."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        named = {name.removeprefix("detail."): why for name, why in fields.items()}
        super().__init__("; ".join(f"{name}: {why}" if name else why for name, why in named.items()))


class AheadOfClock(Exception):
    """The change may be stored later: its `changed_at` is five minutes to an hour ahead of the clock."""


_EXPECTED = {
    "datetime_from_date_parsing": _INSTANT,
    "datetime_parsing": _INSTANT,
    "enum": "{expected} is expected",
    "greater_than_equal": "{ge} or more is expected",
    "int_type": "a whole number is expected",
    "less_than_equal": "{le} or less is expected",
    "missing": "it is missing",
    "model_type": "an object is expected",
    "string_pattern_mismatch": "a text that matches {pattern} is expected",
    "string_too_short": "at least {min_length} character is expected",
    "string_too_long": "at most {max_length} characters are expected",
    "string_type": "a text is expected",
    "string_unicode": "a text of Unicode characters is expected",
    "timezone_aware": _INSTANT,
    "value_error": "{error}",
}
"""The text for a wrong field, by pydantic's type of error, for readers who do not know pydantic."""


def _why(problem: ErrorDetails) -> str:
    return _EXPECTED.get(problem["type"], "another kind of value is expected").format(**problem.get("ctx", {}))


def read(detail_type: object, detail: object, now: datetime) -> Change:
    """Validate an event; raises NotAnEvent or AheadOfClock, and nothing else whatever JSON comes."""
    if not isinstance(detail_type, str) or detail_type not in CHANGES:
        raise NotAnEvent({"detail_type": f"one of {', '.join(CHANGES)} is expected"})
    try:
        change = CHANGES[detail_type].model_validate(detail)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise NotAnEvent({".".join(["detail", *map(str, each["loc"])]): _why(each) for each in problems}) from None
    if change.changed_at > now + SOON:
        raise NotAnEvent({"detail.changed_at": "more than an hour ahead of the clock"})
    if change.changed_at > now + AHEAD:
        raise AheadOfClock("changed_at is more than five minutes ahead of the clock")
    return change
