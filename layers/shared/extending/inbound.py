"""What the service manager tells: its events as they are validated, and what they say in the model's words.

The only module that imports pydantic; only what takes changes in (sync, changes, the bulk loader) imports it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, assert_never, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from extending import model
from extending.model import (
    DURATION,
    ID,
    MOST_EPOCH,
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
    """A bare number would pass for seconds since 1970."""
    if not isinstance(value, str) or "T" not in value:
        raise ValueError(_INSTANT)
    return value


def _in_calendar(value: datetime) -> datetime:
    try:
        value = value.astimezone(UTC)
    except OverflowError:  # The calendar's first or last day, in an offset that leads out of it.
        value = _OUT_OF_CALENDAR
    if not from_epoch(0) <= value < from_epoch(MOST_EPOCH):
        raise ValueError("an instant from 1970 to 8999 is expected")
    return value


def _whole_second(value: datetime) -> datetime:
    return value.replace(microsecond=0)


def _fixed_length(text: str) -> str:
    if not DURATION.fullmatch(text) or not 1 <= _seconds(text) <= MOST_SECONDS:
        raise ValueError("weeks, days, hours, minutes, seconds are expected, as P7D; from a second to ten years")
    return text


def _seconds(duration: str) -> int:
    return int(_TIMEDELTA.validate_python(duration).total_seconds())


_OUT_OF_CALENDAR = datetime.min.replace(tzinfo=UTC)
_TIMEDELTA = TypeAdapter(timedelta)

Id = Annotated[str, Field(pattern=f"^{ID.pattern}$")]
UserId = Annotated[str, Field(pattern=f"^{USER_ID.pattern}$")]
Name = Annotated[str, Field(max_length=256)]
Precise = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_calendar)]
Instant = Annotated[Precise, AfterValidator(_whole_second)]
Units = Annotated[int, Field(ge=0, le=MOST_UNITS, strict=True)]
Duration = Annotated[str, Field(json_schema_extra={"format": "duration"}), AfterValidator(_fixed_length)]


class _Inbound(BaseModel):
    # Errors end in logs and in the failure queue: no values in them. What is new in an event is left unread.
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", frozen=True)


class ServicingOrganization(_Inbound):
    """Whom the account turns to for what it lacks."""

    name: Name | None = None
    city: Name | None = None
    phone: Name | None = None
    email: Name | None = None
    site: Name | None = None


class AccountChanged(_Inbound):
    """An account is new, or its name, time zone or servicing organisation is."""

    account_id: Id
    name: Name | None
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+/-]{1,64}$")] | None
    servicing_organization: ServicingOrganization | None
    changed_at: Precise

    @property
    def account(self) -> Account:
        told = self.servicing_organization
        return Account(self.account_id, self.name, self.time_zone, told.model_dump() if told else None)


class MemberChanged(_Inbound):
    """A user's role in an account is new or another; null: it was taken away."""

    account_id: Id
    user_id: UserId
    role: Role | None
    changed_at: Precise


class Tariff(_Inbound):
    id: Id
    name: Name


class TariffLimits(_Inbound):
    """Null is unlimited."""

    sessions: Units | None
    databases: Units | None


class ExtensionTerms(_Inbound):
    """What an extension of this subscription adds, and for how long (weeks, days, hours, minutes, seconds)."""

    sessions: Units
    databases: Units
    duration: Duration


PERIOD_ID = "What the sender calls this period. Without it a period is its starts_at, and another starts_at is another."


class SubscriptionChanged(_Inbound):
    """A subscription is new, renewed, ended, or of other limits or terms."""

    account_id: Id
    subscription_id: Id
    number: Name
    kind: Kind
    parent_id: Id | None
    tariff: Tariff
    starts_at: Instant
    ends_at: Instant
    period_id: Annotated[Id | None, Field(description=PERIOD_ID)] = None
    limits: TariffLimits
    extension_terms: ExtensionTerms | None
    changed_at: Precise

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "SubscriptionChanged":
        if self.ends_at < self.starts_at:
            raise ValueError("ends_at is before starts_at")
        return self

    @property
    def subscription(self) -> Subscription:
        terms = self.extension_terms
        return Subscription(
            id=self.subscription_id,
            number=self.number,
            kind=self.kind,
            tariff_id=self.tariff.id,
            tariff_name=self.tariff.name,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            limits=model.TariffLimits(self.limits.sessions, self.limits.databases),
            terms=Terms(terms.sessions, terms.databases, terms.duration, _seconds(terms.duration)) if terms else None,
            period_id=self.period_id,
        )


class UsageChanged(_Inbound):
    """How many sessions and databases of an account are in use now."""

    account_id: Id
    sessions: Units
    databases: Units
    changed_at: Precise


class SubscriptionRemoved(_Inbound):
    """A subscription was never right: it leaves list, offer and limits; what was granted on it stays in the history."""

    account_id: Id
    subscription_id: Id
    changed_at: Precise


class AccountRemoved(_Inbound):
    """Forget an account: its name and contacts, members, subscriptions, usage, history."""

    account_id: Id
    changed_at: Precise


AHEAD = timedelta(minutes=5)
"""How far the sender's clock may be ahead of ours; a change from farther on would keep all later ones out."""

SOURCE = "service-manager"
"""The source of these events on the bus."""

Change = AccountChanged | MemberChanged | SubscriptionChanged | UsageChanged | SubscriptionRemoved | AccountRemoved

CHANGES: dict[str, type[Change]] = {change.__name__: change for change in get_args(Change)}
"""The events by their detail type."""


def thing(change: Change) -> tuple[str, ...]:
    """What a change is of; two of one thing are never written at the same time."""
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
    """What came is not an event of the contract; `fields` says which are wrong and why, never their values."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        named = {name.removeprefix("detail."): why for name, why in fields.items()}
        super().__init__("; ".join(f"{name}: {why}" if name else why for name, why in named.items()))


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
    "string_too_long": "at most {max_length} characters are expected",
    "string_type": "a text is expected",
    "string_unicode": "a text of Unicode characters is expected",
    "timezone_aware": _INSTANT,
    "value_error": "{error}",
}
"""What is said of a field, by pydantic's type of the error: it is read by those who never heard of pydantic."""


def _why(problem: ErrorDetails) -> str:
    return _EXPECTED.get(problem["type"], "another kind of value is expected").format(**problem.get("ctx", {}))


def read(detail_type: object, detail: object, now: datetime) -> Change:
    """The change that an event tells; raises NotAnEvent, and nothing else whatever JSON comes."""
    if not isinstance(detail_type, str) or detail_type not in CHANGES:
        raise NotAnEvent({"detail_type": f"one of {', '.join(CHANGES)} is expected"})
    try:
        change = CHANGES[detail_type].model_validate(detail)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise NotAnEvent({".".join(["detail", *map(str, each["loc"])]): _why(each) for each in problems}) from None
    if change.changed_at > now + AHEAD:
        raise NotAnEvent({"detail.changed_at": "more than five minutes ahead of the clock"})
    return change
