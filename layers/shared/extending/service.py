"""The use cases of the HTTP API: rights, and the answer that follows from a read or from a failed condition."""

from datetime import datetime, timedelta
from typing import NamedTuple

from extending import accounts, grants, sweep
from extending.dynamo import Busy, TimeLeft
from extending.errors import Code
from extending.grants import Granted, Unmet
from extending.model import Extension, ExtensionAt, Holdings, OfferId, Refused, Role, make_offer


def view(user_id: str, account_id: str, *, with_names: bool = False) -> tuple[Role, Holdings]:
    """Everything of an account for someone who may view it; two round trips.

    Raises Refused: `account_not_found` for anyone without a role in it, `view_not_allowed`.
    """
    # One after the other: side by side they wait a few milliseconds less, and take a tenth more of the processor.
    role = accounts.role(user_id, account_id)
    if role is None:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    holdings = accounts.holdings(account_id, with_names=with_names)
    if not role.may_view:
        raise Refused(Code.VIEW_NOT_ALLOWED, servicing_organization=holdings.account.servicing_organization)
    return role, holdings


class Acceptance(NamedTuple):
    """An offer that a user accepts; `now` is the one reading of the clock."""

    account_id: str
    subscription_id: str
    user_id: str
    offer_id: OfferId
    now: datetime
    correlation_id: str


class Extended(NamedTuple):
    """The extension of the period, and whether this very request created it."""

    extension: ExtensionAt
    created: bool


MOST_OFFERS = 3
"""Offers that one acceptance tries: the one in hand, and those made anew of the same period and terms."""


def extend(accepted: Acceptance, remind_before: timedelta, time_left: TimeLeft) -> Extended:
    """Grant what was offered, once; one write, and no read unless it is refused.

    Raises Refused for everything but the extension of the period, whoever created it, and Busy.
    """
    for _ in range(MOST_OFFERS):
        met = _try(accepted, remind_before, time_left)
        if isinstance(met, Granted):
            return Extended(ExtensionAt(met.extension, accepted.now, counts=True), created=True)
        followed = _follow(accepted, met)
        if isinstance(followed, Extended):
            return followed
        accepted = accepted._replace(offer_id=followed)
    raise Busy("the subscription is reported anew at every try")


def _try(accepted: Acceptance, remind_before: timedelta, time_left: TimeLeft) -> Granted | Unmet:
    """Grant. Where that cannot succeed only the role is read: the answer still depends on it."""
    account_id, user_id, offer_id = accepted.account_id, accepted.user_id, accepted.offer_id
    is_offer = (
        offer_id.subscription_id == accepted.subscription_id
        and offer_id.terms.add_something
        and offer_id.version is not None
    )
    if not is_offer or _role_first.is_due(account_id, accepted.now):
        role = accounts.role(user_id, account_id)
        if not is_offer or role is None or not role.may_extend:
            return Unmet(role)
    extension = offer_id.accepted(account_id, user_id, accepted.now)
    due_at = extension.first_due_at(remind_before)
    met = grants.grant(offer_id, extension, due_at, accepted.correlation_id, time_left)
    if isinstance(met, Unmet) and not (met.role and met.role.may_extend):
        _role_first.from_now_on(account_id, accepted.now)
    return met


def _follow(accepted: Acceptance, met: Unmet) -> Extended | OfferId:
    """The extension that runs already, or an offer of the same period and terms to try; raises Refused."""
    now = accepted.now
    if met.role is None:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    if met.role.may_extend and met.counts and met.extension and met.extension.runs(now):
        return Extended(ExtensionAt(met.extension, now, counts=True), created=False)
    holdings = accounts.holdings(accepted.account_id)
    servicing_organization = holdings.account.servicing_organization
    if not met.role.may_extend:
        raise Refused(Code.OWNER_REQUIRED, servicing_organization=servicing_organization)
    try:
        fresh = make_offer(holdings, accepted.subscription_id, now)
    except Refused as refusal:
        if refusal.extension and refusal.extension.runs:
            return Extended(refusal.extension, created=False)
        raise
    if fresh.id != accepted.offer_id and fresh.id.same_period_and_terms(accepted.offer_id):
        return fresh.id
    raise Refused(Code.OFFER_CHANGED, offer=fresh, servicing_organization=servicing_organization)


class _RoleFirst:
    """Accounts in which a non-owner lately tried to extend, as far as this instance knows.

    While a transaction checks items, nothing else can write them. So that strangers cannot keep the service manager
    from changing an account, the role is read first for a while: at most one non-owner per minute, account and
    instance reaches the transaction.
    """

    LASTS = timedelta(minutes=1)
    MOST = 10_000
    """Accounts that are remembered; the oldest are dropped first."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def is_due(self, account_id: str, now: datetime) -> bool:
        since = self._since.get(account_id)
        return since is not None and now < since + self.LASTS

    def from_now_on(self, account_id: str, now: datetime) -> None:
        self._since.pop(account_id, None)
        if len(self._since) >= self.MOST:
            del self._since[next(iter(self._since))]
        self._since[account_id] = now

    def clear(self) -> None:
        """Begin as a new instance does."""
        self._since.clear()


_role_first = _RoleFirst()
start_anew = _role_first.clear


class Expired(NamedTuple):
    """An extension that is over, everything of its account, and whether this very call ended it."""

    extension: Extension
    holdings: Holdings
    expired: bool


def expire(account_id: str, extension_id: str, by: str, now: datetime, time_left: TimeLeft) -> Expired:
    """End an extension now, once; repeating is safe. One read of the account and one conditional write.

    Raises Refused (`account_not_found`, `extension_not_found`) and Busy.
    """
    holdings = accounts.holdings(account_id, with_names=True)
    if not holdings.is_known:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    found = next((x for x in holdings.extensions.values() if x.id == extension_id), None)
    if not found:
        raise Refused(Code.EXTENSION_NOT_FOUND)
    if not found.runs(now):
        return Expired(found, holdings, expired=False)
    ended = sweep.end_early(found, now, by, time_left)
    if not ended:
        raise Refused(Code.EXTENSION_NOT_FOUND)
    return Expired(ended.extension, holdings, ended.expired)
