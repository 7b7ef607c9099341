"""Pages of the list and of the history, and the tokens that lead from one page to the next."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from extending.model import MOST_EPOCH, Extension, Holdings, State, Subscription, from_epoch
from extending.tokens import is_int, pack, unpack


class Page(NamedTuple):
    """Rows of the list, each as the period of its subscription that is current."""

    subscriptions: list[Subscription]
    next_token: str | None


def page(holdings: Holdings, now: datetime, limit: int, token: str | None) -> Page:
    """One page of the account's subscriptions: active, future, finished, newest first inside each.

    The token holds the account and the instant of the first page, so that a subscription that starts or ends by the
    clock meanwhile is neither skipped nor shown twice. One whose period the service manager changes meanwhile may be:
    it stands in another place. Raises ValueError for a token that was not issued for this account.
    """
    after: tuple[int, int, str] | None = None
    as_of = now
    if token is not None:
        match unpack(token):
            case [holdings.account.id, int(at), int(rank), int(newest), str(last_id)] if (
                is_int(at, 0, MOST_EPOCH) and is_int(rank, 0, 2) and is_int(newest, -MOST_EPOCH, 0)
            ):
                as_of, after = from_epoch(at), (rank, newest, last_id)
            case _:
                raise ValueError("not a page of this account")
    rows = [(_place(s.at(as_of), as_of), s.at(now)) for s in holdings.subscriptions.values()]
    return Page(*_cut(rows, after, limit, holdings.account.id, int(as_of.timestamp())))


class HistoryPage(NamedTuple):
    extensions: list[Extension]
    next_token: str | None


def history(holdings: Holdings, limit: int, token: str | None) -> HistoryPage:
    """One page of the account's extensions, those granted last first.

    What is granted meanwhile stands before the first page. Raises ValueError for a token that was not issued for this
    account.
    """
    after: tuple[int, str] | None = None
    if token is not None:
        match unpack(token):
            case [holdings.account.id, int(newest), str(last_id)] if is_int(newest, -MOST_EPOCH, 0):
                after = (newest, last_id)
            case _:
                raise ValueError("not a page of this account")
    rows = [((-int(x.granted_at.timestamp()), x.id), x) for x in holdings.extensions.values()]
    return HistoryPage(*_cut(rows, after, limit, holdings.account.id))


Place = TypeVar("Place", bound=tuple[object, ...])
T = TypeVar("T")


def _cut(
    rows: Sequence[tuple[Place, T]], after: Place | None, limit: int, *start: object
) -> tuple[list[T], str | None]:
    """The rows of one page in the order of their places, and the token of the next: its `start`, then a place."""
    rest = [row for row in sorted(rows, key=lambda row: row[0]) if after is None or row[0] > after]
    next_token = pack([*start, *rest[limit - 1][0]]) if len(rest) > limit else None
    return [shown for _, shown in rest[:limit]], next_token


def _place(subscription: Subscription, now: datetime) -> tuple[int, int, str]:
    """The place of a subscription in the list; unique."""
    rank = list(State).index(subscription.state(now))
    return rank, -int(subscription.starts_at.timestamp()), subscription.id
