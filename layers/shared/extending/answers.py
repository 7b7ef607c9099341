"""Every answer as it travels: its shape, written once, and what fills it; openapi.yaml is made of these."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from extending import model
from extending.errors import Code
from extending.model import Holdings, Kind, Refused, Role, State


class Field(NamedTuple):
    """What the description says of a field beside its type."""

    description: str | None = None
    example: str | None = None
    pattern: str | None = None
    format: str | None = None
    least: int | None = None
    most: int | None = None
    longest: int | None = None
    among: Sequence[str] | None = None


Instant = Annotated[str, Field("UTC, whole seconds.", "2026-11-29T10:00:00Z", format="date-time")]
Amount = Annotated[int, Field(least=0)]
AccountId = Annotated[str, Field("Id of the account.", "A-100", model.ID.pattern)]
SubscriptionId = Annotated[str, Field("Id of the subscription.", "S-1", model.ID.pattern)]
Duration = Annotated[str, Field("ISO 8601, in weeks, days, hours, minutes and seconds.", "P7D", "P.*")]
OfferId = Annotated[
    str,
    Field("Opaque; binds the subscription, its period and the terms.", pattern="[A-Za-z0-9_-]+", least=1, longest=512),
]


class ServicingOrganization(TypedDict):
    """Whom the owner turns to for more."""

    name: str | None
    city: str | None
    phone: str | None
    email: str | None
    site: str | None


class Terms(TypedDict):
    """What an extension adds, and for how long. Data of the tariff; nobody can change them."""

    sessions: Amount
    databases: Amount
    duration: Duration


Over = Annotated[Amount | None, Field("How many of those in use are more than `total`; null where usage is unknown.")]


class Limit(TypedDict):
    """`base` of the active subscriptions, `extra` of running extensions; null is unlimited."""

    base: Amount | None
    extra: Amount
    total: Amount | None
    used: Annotated[Amount | None, Field("How many are in use; null where the service manager has not told.")]
    over: Over


class LimitLeft(TypedDict):
    """`total` from the next change on, held against the usage of now."""

    total: Annotated[Amount | None, Field("Null is unlimited.")]
    over: Over


class LimitsLeft(TypedDict):
    """What the account may use from the next change on."""

    sessions: LimitLeft
    databases: LimitLeft


class Limits(TypedDict):
    """What the account may use now, how much of it is in use, when that next changes by itself, and to what."""

    sessions: Limit
    databases: Limit
    used_at: Annotated[Instant | None, Field("When usage was last told.")]
    next_change_at: Instant | None
    after_change: Annotated[LimitsLeft | None, Field("Null where nothing is to change.")]


class Available(TypedDict):
    """The subscription can be extended now, by this caller."""

    state: Literal["available"]
    terms: Terms


class Extension(TypedDict):
    """The extension of the subscription's current period: `active` until its end, `used` from then on."""

    state: Literal["active", "used"]
    id: Annotated[str, Field(format="uuid")]
    terms: Terms
    granted_at: Instant
    granted_by: Annotated[str, Field("User id of the owner who took it.")]
    ends_at: Instant
    revoked_at: Annotated[Instant | None, Field("When the schedule took it back; limits never wait for it.")]


class Unavailable(TypedDict):
    """The subscription cannot be extended now, or not by this caller."""

    state: Literal["unavailable"]
    reason: model.Obstacle | Literal[Code.OWNER_REQUIRED]


class Tariff(TypedDict):
    id: str
    name: str


class TariffLimits(TypedDict):
    """What the tariff allows; null is unlimited."""

    sessions: Amount | None
    databases: Amount | None


class Subscription(TypedDict):
    id: SubscriptionId
    number: str
    kind: Kind
    tariff: Tariff
    starts_at: Instant
    ends_at: Instant
    state: Annotated[State, Field("By the clock; an interval is half-open.")]
    limits: TariffLimits
    extension: Available | Extension | Unavailable


class Account(TypedDict):
    """What the service manager has not told yet is null."""

    id: AccountId
    name: str | None
    time_zone: Annotated[str | None, Field("IANA name; for display only.")]
    servicing_organization: ServicingOrganization | None


PAGING = """\
Where the next page begins; null on the last one. Whatever begins or ends by the clock between two pages, each \
subscription is shown once; one that is told anew meanwhile, with another period, may be shown twice or not at all."""


class SubscriptionList(TypedDict):
    """Active subscriptions first, then future, then finished; newest first inside each."""

    account: Account
    role: Annotated[Role, Field(among=[role for role in Role if role.may_view])]
    limits: Limits
    subscriptions: list[Subscription]
    next_token: Annotated[str | None, Field(PAGING)]


class PastExtension(Extension):
    """An extension of any period, and what it was one of."""

    subscription_id: SubscriptionId
    subscription_number: Annotated[str | None, Field("Null where the subscription was removed.")]
    period_starts_at: Instant


class History(TypedDict):
    """Every extension of the account, those granted last first."""

    extensions: list[PastExtension]
    next_token: Annotated[str | None, Field("Where the next page begins; null on the last one.")]


class AccountLimits(TypedDict):
    """What an application server enforces; `as_of` is the instant that it is true of."""

    account_id: AccountId
    limits: Limits
    as_of: Instant


class Stored(TypedDict):
    """The change is in the table."""

    result: Literal["stored"]


class Stale(TypedDict):
    """Something as new or newer is known; nothing was changed."""

    result: Literal["stale"]
    reason: NotRequired[Annotated[str, Field("What is odd about it: another content was told for the same instant.")]]


class Invalid(TypedDict):
    """The change is not one of the contract; sending it again is of no use."""

    result: Literal["invalid"]
    fields: Annotated[dict[str, str], Field("What is wrong, by the path of the field in the entry.")]


class TryAgain(TypedDict):
    """The database did not do it in time; send it again."""

    result: Literal["try_again"]


ChangeResult = Stored | Stale | Invalid | TryAgain


class ChangeResults(TypedDict):
    """One result for each change, in the order in which they were sent."""

    results: list[ChangeResult]


class Offer(TypedDict):
    """What the owner gets by accepting it."""

    offer_id: OfferId
    subscription_id: SubscriptionId
    terms: Terms
    ends_at_if_accepted_now: Instant
    limits_before: Limits
    limits_after: Limits
    servicing_organization: ServicingOrganization | None


class Extended(TypedDict):
    """The extension, and whether this very request created it."""

    created: bool
    extension: Extension


class InvalidField(TypedDict):
    """`name` is the field, or empty for the body as a whole."""

    name: str
    problem: str


class _Problem(TypedDict):
    type: Annotated[str, Field(pattern="urn:extending-subscription:problem:[a-z_]+")]
    title: str
    status: Annotated[int, Field(least=400, most=599)]
    detail: str


class Problem(_Problem):
    """RFC 9457. `code` is what a program goes by; `title` and `detail` are for people and may be reworded."""

    code: Annotated[str, Field(pattern="[a-z_]+")]


class NotAllowed(_Problem):
    """The caller's role is not enough."""

    code: Literal[Code.VIEW_NOT_ALLOWED, Code.OWNER_REQUIRED]
    servicing_organization: NotRequired[ServicingOrganization | None]


class InvalidBody(_Problem):
    """The body is JSON, but not the one expected."""

    code: Literal[Code.INVALID_BODY]
    fields: list[InvalidField]


class NotExtendable(_Problem):
    """The subscription cannot be extended now."""

    code: model.Obstacle
    servicing_organization: ServicingOrganization | None


class AlreadyUsed(_Problem):
    """The current period's extension exists: when, by whom, until when."""

    code: Literal[Code.ALREADY_USED]
    extension: Extension
    servicing_organization: ServicingOrganization | None


class OfferChanged(_Problem):
    """Period or terms are no longer those of the offer; nothing was extended."""

    code: Literal[Code.OFFER_CHANGED]
    offer: Offer
    servicing_organization: ServicingOrganization | None


# What fills them


def instant(when: datetime) -> Instant:
    return when.isoformat().replace("+00:00", "Z")


def instant_or_none(when: datetime | None) -> Instant | None:
    return instant(when) if when else None


def subscription_list(role: Role, holdings: Holdings, page: model.Page, now: datetime) -> SubscriptionList:
    account = holdings.account
    return {
        "account": {
            "id": account.id,
            "name": account.name,
            "time_zone": account.time_zone,
            "servicing_organization": servicing_organization(account.servicing_organization),
        },
        "role": role,
        "limits": limits(holdings.limits(now)),
        "subscriptions": [subscription(row, holdings.extension_of(row), role, now) for row in page.subscriptions],
        "next_token": page.next_token,
    }


def subscription(of: model.Subscription, extended: model.Extension | None, role: Role, now: datetime) -> Subscription:
    """A row of the list; `extended` is the extension of the subscription's current period."""
    return {
        "id": of.id,
        "number": of.number,
        "kind": of.kind,
        "tariff": {"id": of.tariff_id, "name": of.tariff_name},
        "starts_at": instant(of.starts_at),
        "ends_at": instant(of.ends_at),
        "state": of.state(now),
        "limits": {"sessions": of.limits.sessions, "databases": of.limits.databases},
        "extension": extension(extended, now) if extended else _extendable(of, role, now),
    }


def _extendable(of: model.Subscription, role: Role, now: datetime) -> Available | Unavailable:
    if obstacle := of.obstacle(now):
        return {"state": "unavailable", "reason": obstacle}
    if not role.may_extend:
        return {"state": "unavailable", "reason": Code.OWNER_REQUIRED}
    assert of.terms  # or there was an obstacle
    return {"state": "available", "terms": terms(of.terms)}


def history(holdings: Holdings, page: model.HistoryPage, now: datetime) -> History:
    numbers = {id_: subscription.number for id_, subscription in holdings.subscriptions.items()}
    return {
        "extensions": [_past_extension(x, numbers.get(x.subscription_id), now) for x in page.extensions],
        "next_token": page.next_token,
    }


def _past_extension(of: model.Extension, number: str | None, now: datetime) -> PastExtension:
    return {
        "subscription_id": of.subscription_id,
        "subscription_number": number,
        "period_starts_at": instant(of.period_starts_at),
        **extension(of, now),
    }


def account_limits(account_id: str, of: model.Limits, now: datetime) -> AccountLimits:
    return {"account_id": account_id, "limits": limits(of), "as_of": instant(now)}


def extension(of: model.Extension, now: datetime) -> Extension:
    return {
        "state": "active" if of.runs(now) else "used",
        "id": of.id,
        "terms": terms(of.terms),
        "granted_at": instant(of.granted_at),
        "granted_by": of.granted_by,
        "ends_at": instant(of.ends_at),
        "revoked_at": instant_or_none(of.revoked_at),
    }


def terms(of: model.Terms) -> Terms:
    return {"sessions": of.sessions, "databases": of.databases, "duration": of.duration}


def limits(of: model.Limits) -> Limits:
    return {
        "sessions": _limit(of.sessions),
        "databases": _limit(of.databases),
        "used_at": instant_or_none(of.used_at),
        "next_change_at": instant_or_none(of.next_change_at),
        "after_change": limits_left(of.after_change) if of.after_change else None,
    }


def _limit(of: model.Limit) -> Limit:
    return {"base": of.base, "extra": of.extra, "total": of.total, "used": of.used, "over": of.over}


def limits_left(of: model.Allowance | model.Limits) -> LimitsLeft:
    return {"sessions": _limit_left(of.sessions), "databases": _limit_left(of.databases)}


def _limit_left(of: model.Limit) -> LimitLeft:
    return {"total": of.total, "over": of.over}


def offer(of: model.Offer) -> Offer:
    return {
        "offer_id": of.id.token,
        "subscription_id": of.id.subscription_id,
        "terms": terms(of.id.terms),
        "ends_at_if_accepted_now": instant(of.ends_at_if_accepted_now),
        "limits_before": limits(of.limits_before),
        "limits_after": limits(of.limits_after),
        "servicing_organization": servicing_organization(of.servicing_organization),
    }


def extended(of: model.Extension, created: bool, now: datetime) -> Extended:
    return {"created": created, "extension": extension(of, now)}


def servicing_organization(of: model.ServicingOrganization | None) -> ServicingOrganization | None:
    """All of its fields, as they were told."""
    if of is None:
        return None
    return {
        "name": of["name"],
        "city": of["city"],
        "phone": of["phone"],
        "email": of["email"],
        "site": of["site"],
    }


def problem(refusal: Refused, status: int, title: str, detail: str) -> dict[str, Any]:
    """A refusal as RFC 9457 has it, with what the shape of its code asks for."""
    code = refusal.code
    body: dict[str, Any] = {
        "type": f"urn:extending-subscription:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if status in (403, 409):
        body["servicing_organization"] = servicing_organization(refusal.servicing_organization)
    if refusal.extension and refusal.at:
        body["extension"] = extension(refusal.extension, refusal.at)
    if refusal.offer:
        body["offer"] = offer(refusal.offer)
    if refusal.fields:
        body["fields"] = [InvalidField(name=name, problem=what) for name, what in refusal.fields.items()]
    return body
