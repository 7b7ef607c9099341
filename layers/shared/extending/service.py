"""The use cases of the HTTP API: who may, and what follows from what the table holds or a write met."""

from collections.abc import Callable
from datetime import datetime, timedelta

from extending import store
from extending.errors import Code
from extending.model import Extension, Holdings, OfferId, Refused, Role, make_offer

ROLE_FIRST = timedelta(minutes=1)
"""How long an instance asks for the role first, in an account where someone who is no owner wanted to extend."""

MOST_REMEMBERED = 10_000
"""Accounts that an instance remembers so, the oldest are forgotten first."""

_others_tried: dict[str, datetime] = {}


def view(user_id: str, account_id: str) -> tuple[Role, Holdings]:
    """Everything of an account for someone who may view it; two round trips.

    Raises Refused: `account_not_found` for anyone without a role in it, `view_not_allowed`.
    """
    # One after the other: side by side they wait a few milliseconds less, and take a tenth more of the processor.
    role = store.role(user_id, account_id)
    if role is None:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    holdings = store.holdings(account_id)
    if not role.may_view:
        raise Refused(Code.VIEW_NOT_ALLOWED, servicing_organization=holdings.account.servicing_organization)
    return role, holdings


def extend(
    account_id: str,
    subscription_id: str,
    user_id: str,
    offer_id: OfferId,
    now: datetime,
    *,
    remind_before: timedelta,
    correlation_id: str,
    time_left: Callable[[], float],
) -> tuple[Extension, bool]:
    """Grant what was offered, once; one write, and no read unless it is refused.

    While a transaction checks items, nothing else can write them. So that strangers cannot keep the service manager
    from changing an account, the role is read first once one of them has tried: of those who are no owners one in a
    minute, for each account and instance, comes as far as the transaction.

    Returns the extension of the period and whether this call created it; raises Refused for everything else.
    `time_left` tells the seconds that this invocation may still use.
    """
    unmet: store.Unmet | None = None
    # Another subscription's offer, or one of nothing, is never granted; who asks is still to be told what runs.
    can_be_granted = offer_id.subscription_id == subscription_id and offer_id.terms.add_something
    if not can_be_granted or asks_role_first(account_id, now):
        role = store.role(user_id, account_id)
        if not can_be_granted or role is None or not role.may_extend:
            unmet = store.Unmet(role, None)
    if unmet is None:
        extension = offer_id.accepted(account_id, user_id, now)
        unmet = store.grant(extension, extension.first_due_at(remind_before), correlation_id, time_left)
        if unmet is None:
            return extension, True

    if unmet.role is None or not unmet.role.may_extend:
        ask_role_first(account_id, now)
    if unmet.role is None:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    if unmet.role.may_extend and unmet.extension and unmet.extension.runs(now):
        return unmet.extension, False

    holdings = store.holdings(account_id)
    servicing_organization = holdings.account.servicing_organization
    if not unmet.role.may_extend:
        raise Refused(Code.OWNER_REQUIRED, servicing_organization=servicing_organization)
    try:
        fresh = make_offer(holdings, subscription_id, now)
    except Refused as refusal:
        if refusal.extension and refusal.extension.runs(now):
            return refusal.extension, False
        raise
    if fresh.id != offer_id and fresh.id.says_as_much_as(offer_id):
        return extend(
            account_id,
            subscription_id,
            user_id,
            fresh.id,
            now,
            remind_before=remind_before,
            correlation_id=correlation_id,
            time_left=time_left,
        )
    raise Refused(Code.OFFER_CHANGED, offer=fresh, servicing_organization=servicing_organization)


def asks_role_first(account_id: str, now: datetime) -> bool:
    """Whether someone who is no owner has lately wanted to extend in this account, as far as this instance knows."""
    since = _others_tried.get(account_id)
    return since is not None and now < since + ROLE_FIRST


def ask_role_first(account_id: str, now: datetime) -> None:
    _others_tried.pop(account_id, None)
    if len(_others_tried) >= MOST_REMEMBERED:
        del _others_tried[next(iter(_others_tried))]
    _others_tried[account_id] = now


def forget() -> None:
    """Begin as a new instance does."""
    _others_tried.clear()
