"""Every answer as it travels: its shape, written once, and what fills it; openapi.yaml is generated from these."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from extending import model
from extending.errors import Code
from extending.model import FOREVER, ExtensionAt, Holdings, Kind, Refused, Role, State
from extending.paging import HistoryPage, Page


class Field(NamedTuple):
    """Description of a field beside its type."""

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
    """The owner's next step for more."""

    name: str | None
    city: str | None
    phone: str | None
    email: str | None
    site: str | None


class Terms(TypedDict):
    """Additions of an extension, and for how long. Data of the tariff; nobody can change them."""

    sessions: Amount
    databases: Amount
    duration: Duration


Over = Annotated[Amount | None, Field("How many of those in use are more than `total`; null where usage is unknown.")]


class Limit(TypedDict):
    """`base` of the active subscriptions, `extra` of running extensions; null is unlimited."""

    base: Amount | None
    extra: Amount
    total: Amount | None
    used: Annotated[Amount | None, Field("How many are in use; null where the service manager has not reported it.")]
    over: Over


class LimitLeft(TypedDict):
    """`total` from the next change on, held against the usage of now."""

    total: Annotated[Amount | None, Field("Null is unlimited.")]
    over: Over


class LimitsLeft(TypedDict):
    """The account's limits from the next change on."""

    sessions: LimitLeft
    databases: LimitLeft


class Limits(TypedDict):
    """The account's limits now, how much is in use, when the limits next change by themselves, and to what."""

    sessions: Limit
    databases: Limit
    used_at: Annotated[Instant | None, Field("When usage was last reported.")]
    next_change_at: Instant | None
    after_change: Annotated[LimitsLeft | None, Field("Null where nothing is to change.")]


class Available(TypedDict):
    """The subscription can be extended now, by this caller."""

    state: Literal["available"]
    terms: Terms


class Extension(TypedDict):
    """An extension: `active` until its end, `used` from then on, or once it was ended early."""

    state: Literal["active", "used"]
    id: Annotated[str, Field(format="uuid")]
    terms: Terms
    granted_at: Instant
    granted_by: Annotated[str, Field("User id of the owner who took it.")]
    ends_at: Instant
    revoked_at: Annotated[Instant | None, Field("When it was taken back; before `ends_at` where it was ended early.")]
    counts: NotRequired[
        Annotated[bool, Field("Of an active one: true while a main or prolonging subscription is active.")]
    ]


class Unavailable(TypedDict):
    """The subscription cannot be extended now, or not by this caller."""

    state: Literal["unavailable"]
    reason: model.Obstacle | Literal[Code.OWNER_REQUIRED]


class Tariff(TypedDict):
    id: str
    name: str


class TariffLimits(TypedDict):
    """Limits of the tariff; null is unlimited."""

    sessions: Amount | None
    databases: Amount | None


NoEnd = Annotated[Instant | None, Field("Null: no end.")]


class NextPeriod(TypedDict):
    """The period reported ahead: it takes over at its start."""

    starts_at: Instant
    ends_at: NoEnd
    tariff: Tariff
    limits: TariffLimits


class Subscription(TypedDict):
    """A subscription with its current period; `extension` is the one of that period."""

    id: SubscriptionId
    number: str
    kind: Kind
    tariff: Tariff
    starts_at: Instant
    ends_at: NoEnd
    state: Annotated[State, Field("By the clock; an interval is half-open.")]
    limits: TariffLimits
    next_period: Annotated[NextPeriod | None, Field("Null where none is reported ahead.")]
    extension: Available | Extension | Unavailable


class Account(TypedDict):
    """Null stands for what the service manager has not reported."""

    id: AccountId
    name: str | None
    time_zone: Annotated[str | None, Field("IANA name, or an offset as UTC+3; for display only.", "Europe/Moscow")]
    servicing_organization: ServicingOrganization | None


PAGING = """\
Where the next page begins; null on the last one. Whatever begins or ends by the clock between two pages, each \
subscription is shown once; one that is reported anew meanwhile, with another period, may be shown twice or not."""


class SubscriptionList(TypedDict):
    """Active subscriptions first, then future, then finished; newest first inside each."""

    account: Account
    role: Annotated[Role, Field(among=[role for role in Role if role.may_view])]
    limits: Limits
    subscriptions: list[Subscription]
    next_token: Annotated[str | None, Field(PAGING)]


class PastExtension(Extension):
    """An extension of any period, with its subscription and period."""

    subscription_id: SubscriptionId
    subscription_number: Annotated[str | None, Field("Null where the subscription was removed.")]
    period_starts_at: Instant
    granted_by_name: Annotated[str | None, Field("Name of that owner; null where unknown, or no member any more.")]
    revoked_by: Annotated[str | None, Field("`sub` of the machine that ended it early; null: nobody, or the schedule.")]


class Expired(TypedDict):
    """The extension, which is over, and whether this very request ended it."""

    expired: bool
    extension: PastExtension


class History(TypedDict):
    """Every extension of the account, those granted last first."""

    extensions: list[PastExtension]
    next_token: Annotated[str | None, Field("Where the next page begins; null on the last one.")]


class AccountLimits(TypedDict):
    """Limits for an application server to enforce; `as_of` is the instant at which they hold."""

    account_id: AccountId
    limits: Limits
    as_of: Instant


Ignored = Annotated[
    dict[str, str], Field("Fields for display that could not be used and are stored as null, with the reason.")
]


class Stored(TypedDict):
    """The change is in the table."""

    result: Literal["stored"]
    ignored: NotRequired[Ignored]


class Stale(TypedDict):
    """Something as new or newer is known; nothing was changed."""

    result: Literal["stale"]
    reason: NotRequired[Annotated[str, Field("Another content was reported for the same instant.")]]
    ignored: NotRequired[Ignored]


class Invalid(TypedDict):
    """The change is not one of the contract; sending it again is of no use."""

    result: Literal["invalid"]
    fields: Annotated[dict[str, str], Field("Errors by the path of the field in the entry.")]


class TryAgain(TypedDict):
    """Not stored yet; send it again: the database is busy, or `changed_at` is ahead of the clock."""

    result: Literal["try_again"]


ChangeResult = Stored | Stale | Invalid | TryAgain


class ChangeResults(TypedDict):
    """One result for each change, in the order in which they were sent."""

    results: list[ChangeResult]


class Offer(TypedDict):
    """An extension that the owner may accept."""

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


def end(when: datetime) -> Instant | None:
    """The end of a period; null where there is none."""
    return None if when == FOREVER else instant(when)


def instant_or_none(when: datetime | None) -> Instant | None:
    return instant(when) if when else None


def subscription_list(role: Role, holdings: Holdings, page: Page, now: datetime) -> SubscriptionList:
    account, counts = holdings.account, holdings.has_access(now)
    return {
        "account": {
            "id": account.id,
            "name": account.name,
            "time_zone": account.time_zone,
            "servicing_organization": servicing_organization(account.servicing_organization),
        },
        "role": role,
        "limits": limits(holdings.limits(now)),
        "subscriptions": [subscription(row, holdings, role, now, counts) for row in page.subscriptions],
        "next_token": page.next_token,
    }


def subscription(row: model.Subscription, holdings: Holdings, role: Role, now: datetime, counts: bool) -> Subscription:
    """A row of the list, with the current period of its subscription; `counts`: whether extras count now."""
    extended = holdings.extension_of(row)
    return {
        "id": row.id,
        "number": row.number,
        "kind": row.kind,
        "tariff": {"id": row.tariff_id, "name": row.tariff_name},
        "starts_at": instant(row.starts_at),
        "ends_at": end(row.ends_at),
        "state": row.state(now),
        "limits": {"sessions": row.limits.sessions, "databases": row.limits.databases},
        "next_period": _next_period(row.next) if row.next else None,
        "extension": extension(ExtensionAt(extended, now, counts)) if extended else _extendable(row, role, now),
    }


def _next_period(period: model.Subscription) -> NextPeriod:
    return {
        "starts_at": instant(period.starts_at),
        "ends_at": end(period.ends_at),
        "tariff": {"id": period.tariff_id, "name": period.tariff_name},
        "limits": {"sessions": period.limits.sessions, "databases": period.limits.databases},
    }


def _extendable(subscription: model.Subscription, role: Role, now: datetime) -> Available | Unavailable:
    if obstacle := subscription.obstacle(now):
        return {"state": "unavailable", "reason": obstacle}
    if not role.may_extend:
        return {"state": "unavailable", "reason": Code.OWNER_REQUIRED}
    assert subscription.terms  # or there was an obstacle
    return {"state": "available", "terms": terms(subscription.terms)}


def history(holdings: Holdings, page: HistoryPage, now: datetime) -> History:
    counts = holdings.has_access(now)
    return {
        "extensions": [past_extension(holdings, ExtensionAt(x, now, counts)) for x in page.extensions],
        "next_token": page.next_token,
    }


def past_extension(holdings: Holdings, seen: ExtensionAt) -> PastExtension:
    past = seen.extension
    subscription = holdings.subscriptions.get(past.subscription_id)
    return {
        "subscription_id": past.subscription_id,
        "subscription_number": subscription.at(seen.now).number if subscription else None,
        "period_starts_at": instant(past.period_starts_at),
        "granted_by_name": holdings.names.get(past.granted_by),
        "revoked_by": past.revoked_by,
        **extension(seen),
    }


def expired(ended: model.Extension, holdings: Holdings, by_this_request: bool, now: datetime) -> Expired:
    seen = holdings.extension_at(ended, now)
    return {"expired": by_this_request, "extension": past_extension(holdings, seen)}


def account_limits(account_id: str, held: model.Limits, now: datetime) -> AccountLimits:
    return {"account_id": account_id, "limits": limits(held), "as_of": instant(now)}


def extension(seen: ExtensionAt) -> Extension:
    shown = seen.extension
    answer: Extension = {
        "state": "active" if seen.runs else "used",
        "id": shown.id,
        "terms": terms(shown.terms),
        "granted_at": instant(shown.granted_at),
        "granted_by": shown.granted_by,
        "ends_at": instant(shown.ends_at),
        "revoked_at": instant_or_none(shown.revoked_at),
    }
    if seen.runs:
        answer["counts"] = seen.counts
    return answer


def terms(value: model.Terms) -> Terms:
    return {"sessions": value.sessions, "databases": value.databases, "duration": value.duration}


def limits(value: model.Limits) -> Limits:
    return {
        "sessions": _limit(value.sessions),
        "databases": _limit(value.databases),
        "used_at": instant_or_none(value.used_at),
        "next_change_at": instant_or_none(value.next_change_at),
        "after_change": limits_left(value.after_change) if value.after_change else None,
    }


def _limit(limit: model.Limit) -> Limit:
    return {"base": limit.base, "extra": limit.extra, "total": limit.total, "used": limit.used, "over": limit.over}


def limits_left(value: model.Allowance | model.Limits) -> LimitsLeft:
    return {"sessions": _limit_left(value.sessions), "databases": _limit_left(value.databases)}


def _limit_left(limit: model.Limit) -> LimitLeft:
    return {"total": limit.total, "over": limit.over}


def offer(made: model.Offer) -> Offer:
    return {
        "offer_id": made.id.token,
        "subscription_id": made.id.subscription_id,
        "terms": terms(made.id.terms),
        "ends_at_if_accepted_now": instant(made.ends_at_if_accepted_now),
        "limits_before": limits(made.limits_before),
        "limits_after": limits(made.limits_after),
        "servicing_organization": servicing_organization(made.servicing_organization),
    }


def extended(seen: ExtensionAt, created: bool) -> Extended:
    return {"created": created, "extension": extension(seen)}


def servicing_organization(organization: model.ServicingOrganization | None) -> ServicingOrganization | None:
    """All of its fields, as they were reported."""
    if organization is None:
        return None
    return {
        "name": organization["name"],
        "city": organization["city"],
        "phone": organization["phone"],
        "email": organization["email"],
        "site": organization["site"],
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
    if refusal.extension:
        body["extension"] = extension(refusal.extension)
    if refusal.offer:
        body["offer"] = offer(refusal.offer)
    if refusal.fields:
        body["fields"] = [InvalidField(name=name, problem=what) for name, what in refusal.fields.items()]
    return body
