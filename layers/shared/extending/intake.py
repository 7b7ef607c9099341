"""Taking in what the service manager tells: conditional writes, and the removal of an account.

| change                     | how                                                                          | units   |
|----------------------------|------------------------------------------------------------------------------|---------|
| account, member, usage …   | PutItem if v is smaller or absent, or equal and it takes away; then GetItem R| 1 + 1 RU|
| a subscription is removed  | the same, and what is put stands for its absence                             | 1 + 1 RU|
| an account is removed      | PutItem R, the same way; then Query, and DeleteItem of what is not newer     | 1 each  |

Whoever puts a change reads the removal of its account afterwards; whoever puts a removal reads the account afterwards,
all strongly consistent. So of a removal and an older change at the same time one sees the other, and that one deletes.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, assert_never

from extending import items
from extending.inbound import (
    AccountChanged,
    AccountRemoved,
    Change,
    MemberChanged,
    SubscriptionChanged,
    SubscriptionRemoved,
    UsageChanged,
)
from extending.items import Item
from extending.model import Role, Subscription, roles_above
from extending.runtime import REMEMBER_REMOVALS, TABLE_NAME, Metric, count, dynamodb, logger, pseudonym
from extending.store import Busy, asked, insist, pages

AT_ONCE = 16
"""Deletes of a removed account that are under way at the same time."""

SLOWEST = 12.0
"""Seconds that one call of the table may take: what is kept for the look at the removal, after the change is put."""

TimeLeft = Callable[[], float]
"""Tells the seconds that this invocation may still use."""


class Taken(StrEnum):
    """What became of a change that the service manager told."""

    STORED = "stored"
    OLDER = "older"
    """Something newer is stored, or the account was removed since."""
    REPEATED = "repeated"
    """This very change is stored."""
    TIE_WON = "tie won"
    """Something else of the same instant was stored; this takes more away, and is stored now."""
    TIE_LOST = "tie lost"
    """Something else of the same instant is stored, and stays."""

    @property
    def is_stored(self) -> bool:
        return self in (Taken.STORED, Taken.TIE_WON)

    @property
    def is_tie(self) -> bool:
        return self in (Taken.TIE_WON, Taken.TIE_LOST)


TIE = "same changed_at, other content"
"""What is said of a tie."""


def take(change: Change, now: datetime, time_left: TimeLeft) -> Taken:
    """Store a change, unless something newer is stored, or something else of the same instant that takes more away.

    Raises Busy; to take the same change again is always safe, and finishes what was begun.
    """
    account_id, changed_at = change.account_id, change.changed_at
    match change:
        case AccountRemoved():
            removal = items.removal_item(items.removal_key(account_id), now + REMEMBER_REMOVALS)
            taken = _put_if_newer(removal, changed_at, time_left)
            if taken in (Taken.STORED, Taken.REPEATED):
                _forget(account_id, items.microseconds(changed_at), time_left)
            return taken
        case AccountChanged():
            taken = _put_if_newer(items.account_item(change.account), changed_at, time_left)
        case MemberChanged():
            taken = _put_member(account_id, change.user_id, change.role, changed_at, time_left)
        case SubscriptionChanged():
            taken = _put_subscription(account_id, change.subscription, changed_at, time_left)
        case SubscriptionRemoved():
            key = items.subscription_key(account_id, change.subscription_id)
            removal = items.removal_item(key, now + REMEMBER_REMOVALS)
            is_there = {":removed": items.REMOVED}
            taken = _put_if_newer(removal, changed_at, time_left, f"{items.TYPE} <> :removed", is_there)
        case UsageChanged():
            item = items.usage_item(account_id, change.sessions, change.databases)
            taken = _put_if_newer(item, changed_at, time_left)
        case _:
            assert_never(change)
    if taken.is_stored or taken is Taken.REPEATED:
        removed = _removal_of(account_id)
        if items.microseconds(changed_at) <= removed:
            _forget(account_id, removed, time_left)
            return Taken.OLDER
    return taken


def report(change: Change, taken: Taken) -> None:
    """Count what became of a change; name the record of which two things were told for one instant."""
    if taken.is_stored:
        count(Metric.STORED)
    elif not taken.is_tie:
        count(Metric.STALE)
    if taken.is_tie:
        count(Metric.TIED)
        record = change.model_dump(include={"account_id", "subscription_id"})
        if isinstance(change, MemberChanged):
            record["user"] = pseudonym(change.user_id)
        about = {"detail_type": type(change).__name__, "stored": taken.is_stored}
        logger.warning(TIE, extra=record | about)


def _put_member(account_id: str, user_id: str, role: Role | None, changed_at: datetime, time_left: TimeLeft) -> Taken:
    """Of two roles told for the same instant the lesser stays."""
    greater = {f":greater{n}": {"S": above} for n, above in enumerate(roles_above(role))}
    takes_away = f"{items.ROLE} IN ({', '.join(greater)})" if greater else ""
    return _put_if_newer(items.member_item(account_id, user_id, role), changed_at, time_left, takes_away, greater)


def _put_subscription(account_id: str, told: Subscription, changed_at: datetime, time_left: TimeLeft) -> Taken:
    """Of two told for the same instant the one stays that ends earlier, or has no terms."""
    takes_away = f"{items.ENDS_AT} > :ends_at"
    if not told.terms:
        takes_away += f" OR ({items.ENDS_AT} = :ends_at AND attribute_exists({items.DURATION}))"
    ends_at = {":ends_at": items.instant(told.ends_at)}
    return _put_if_newer(items.subscription_item(account_id, told), changed_at, time_left, takes_away, ends_at)


def _put_if_newer(
    item: Item, changed_at: datetime, time_left: TimeLeft, takes_away: str = "", values: Item | None = None
) -> Taken:
    """Put an item that is newer than what is stored, or of the same instant and by `takes_away` the safer one."""
    version = items.version(changed_at)
    item = item | {items.VERSION: version}
    newer = f"attribute_not_exists({items.VERSION}) OR {items.VERSION} < :version"
    tie = f" OR ({items.VERSION} = :version AND ({takes_away}))" if takes_away else ""
    try:
        answer = insist(
            dynamodb.put_item,
            lambda: time_left() - SLOWEST,
            TableName=TABLE_NAME,
            Item=item,
            ConditionExpression=newer + tie,
            ExpressionAttributeValues={":version": version, **(values or {})},
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        found: Any = error.response.get("Item", {})
        if _content(found) == _content(item):
            return Taken.REPEATED
        return Taken.TIE_LOST if found.get(items.VERSION) == version else Taken.OLDER
    return Taken.TIE_WON if answer.get("Attributes", {}).get(items.VERSION) == version else Taken.STORED


def _content(item: Item) -> Item:
    """An item without what differs when the same change comes again."""
    return {name: value for name, value in item.items() if name != items.FORGET_AT}


def _removal_of(account_id: str) -> int:
    """The version of the account's removal; 0 where it was not removed."""
    key = items.removal_key(account_id)
    answer = asked(dynamodb.get_item, TableName=TABLE_NAME, Key=key, ConsistentRead=True)
    return items.version_of(answer.get("Item", {}))


class _Old(NamedTuple):
    """An item that a removal takes away; `granted_at` of an extension."""

    key: Item
    granted_at: Item | None


def _forget(account_id: str, removed: int, time_left: TimeLeft) -> None:
    """Delete whatever of an account is of before its removal; 0.7 ms of the processor for each item.

    Reads until nothing is left, for what an owner was granted at the last moment may come after the first reading.
    Raises Busy when the time is over; what is deleted is deleted, and the same change again goes on from there.
    """

    def delete(old: _Old) -> None:
        if time_left() < 1:
            raise Busy("out of time")
        is_still_that = f"{items.GRANTED_AT} = :at" if old.granted_at else f"{items.VERSION} <= :at"
        with suppress(dynamodb.exceptions.ConditionalCheckFailedException):  # Told anew, or deleted by another.
            insist(
                dynamodb.delete_item,
                time_left,
                TableName=TABLE_NAME,
                Key=old.key,
                ConditionExpression=is_still_that,
                ExpressionAttributeValues={":at": old.granted_at or {"N": str(removed)}},
            )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        while sum(len(list(pool.map(delete, page))) for page in _older(account_id, removed)):
            pass


def _older(account_id: str, removed: int) -> Iterator[list[_Old]]:
    """Whatever in an account's partition is of before its removal, by pages.

    That is what was told no later; and an extension, unless it was granted later, on a subscription told later. For the
    removal took time to come here, and whoever extended meanwhile did so in an account that was no more.
    """
    found = pages(
        KeyConditionExpression=f"{items.PARTITION} = :pk",
        ExpressionAttributeValues={":pk": items.partition_of(account_id)},
        ProjectionExpression=f"{items.PARTITION}, {items.SORT}, {items.VERSION}, {items.GRANTED_AT}",
    )
    removal = items.removal_key(account_id)
    anew = ""
    for page in found:
        old = []
        for item in page:
            key = {name: item[name] for name in (items.PARTITION, items.SORT)}
            granted_at = item.get(items.GRANTED_AT)
            if granted_at:
                stays = int(granted_at["N"]) > removed // 1_000_000 and key[items.SORT]["S"].startswith(f"{anew}#")
            else:
                stays = items.version_of(item) > removed
                anew = key[items.SORT]["S"] if stays else ""  # Its extensions come right after a subscription.
            if not stays and key != removal:
                old.append(_Old(key, granted_at))
        yield old
