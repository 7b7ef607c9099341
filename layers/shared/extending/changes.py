"""Storing what the service manager reports: conditional writes, and the removal of an account.

| change                        | how                                                                       | units   |
|-------------------------------|---------------------------------------------------------------------------|---------|
| account, member, usage        | PutItem if v is smaller or absent, or a safer tie; then GetItem R         | 1 + 1 RU|
| subscription, its removal     | UpdateItem, the same way: the id that the first period got stays          | 1 + 1 RU|
| a period reported ahead       | GetItem, PutItem if nothing was stored meanwhile; then GetItem R          | 1 + 2 RU|
| an account is removed         | PutItem R, the same way; then Query, and DeleteItem of what is not newer  | 1 each  |

Whoever stores a change reads the removal of its account afterwards; whoever stores a removal reads the account
afterwards, all strongly consistent. So of a removal and an older change at the same time one sees the other, and it
deletes.

Of one subscription the newest report is stored and, while that begins later than now, the newest one before it that has
begun: the same two whichever comes first.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, assert_never

from extending import items
from extending.dynamo import Busy, ConditionFailed, TimeLeft, call_with_retry, get, pages, tries
from extending.inbound import (
    AccountChanged,
    AccountRemoved,
    Change,
    MemberChanged,
    SubscriptionChanged,
    SubscriptionRemoved,
    UsageChanged,
)
from extending.items import Item, Reports
from extending.metric import Metric
from extending.model import FirstNamed, Subscription, roles_above
from extending.runtime import REMEMBER_REMOVALS, TABLE_NAME, count, dynamodb, logger, pseudonym

AT_ONCE = 16
"""Deletes of a removed account that are under way at the same time."""

SLOWEST = 12.0
"""Seconds that one call of the table may take; reserved for reading the removal after the change is stored."""


class Outcome(StrEnum):
    """The fate of a change that the service manager reported."""

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
        return self in (Outcome.STORED, Outcome.TIE_WON)

    @property
    def is_tie(self) -> bool:
        return self in (Outcome.TIE_WON, Outcome.TIE_LOST)


TIE = "same changed_at, other content"
"""The reason that is answered for a tie."""


def apply(change: Change, now: datetime, time_left: TimeLeft) -> Outcome:
    """Store a change, unless something newer is stored, or something else of the same instant that takes more away.

    Raises Busy; applying the same change again is always safe, and finishes what was begun.
    """
    account_id, version = change.account_id, items.microseconds(change.changed_at)
    match change:
        case AccountRemoved():
            removal = items.removal_item(items.removal_key(account_id), now + REMEMBER_REMOVALS)
            outcome = _put_if_newer(removal, version, time_left)
            if outcome in (Outcome.STORED, Outcome.REPEATED):
                _delete_older(account_id, version, time_left)
            return outcome
        case AccountChanged():
            outcome = _put_if_newer(items.account_item(change.account), version, time_left)
        case MemberChanged():
            outcome = _store_member(change, version, time_left)
        case SubscriptionChanged():
            reported = change.subscription._replace(version=version)
            outcome = _store_report(account_id, reported.id, Reports(version, reported), now, time_left)
        case SubscriptionRemoved():
            removed = Reports(version, None, delete_at=now + REMEMBER_REMOVALS)
            outcome = _store_report(account_id, change.subscription_id, removed, now, time_left)
        case UsageChanged():
            item = items.usage_item(account_id, change.sessions, change.databases)
            outcome = _put_if_newer(item, version, time_left)
        case _:
            assert_never(change)
    if outcome.is_stored or outcome is Outcome.REPEATED:
        removed_at = removal_version(account_id)
        if removed_at is not None and version <= removed_at:
            _delete_older(account_id, removed_at, time_left)
            return Outcome.OLDER
    return outcome


def removal_version(account_id: str) -> int | None:
    """`changed_at` of the account's removal in microseconds; None where it was not removed. Raises Busy."""
    removal = get(items.removal_key(account_id))
    return items.version_of(removal) if removal else None


def report(change: Change, outcome: Outcome) -> None:
    """Count the outcome of a change; log the record for which two contents were reported at one instant."""
    if outcome.is_stored:
        count(Metric.STORED)
    elif not outcome.is_tie:
        count(Metric.STALE)
    if outcome.is_tie:
        count(Metric.TIED)
        record = change.model_dump(include={"account_id", "subscription_id"})
        if isinstance(change, MemberChanged):
            record["user"] = pseudonym(change.user_id)
        about = {"detail_type": type(change).__name__, "stored": outcome.is_stored}
        logger.warning(TIE, extra=record | about)


# One item: the newest report of it


def _store_member(change: MemberChanged, version: int, time_left: TimeLeft) -> Outcome:
    """Of two roles reported for the same instant the lesser stays."""
    role = change.known_role
    greater = {f":greater{n}": {"S": above} for n, above in enumerate(roles_above(role))}
    takes_away = f"{items.ROLE} IN ({', '.join(greater)})" if greater else ""
    item = items.member_item(change.account_id, change.user_id, role, change.name)
    return _put_if_newer(item, version, time_left, takes_away, greater)


def _put_if_newer(
    item: Item, version: int, time_left: TimeLeft, takes_away: str = "", values: Item | None = None
) -> Outcome:
    """Put an item that is newer than the stored one, or of the same instant and by `takes_away` the safer one."""
    at = {"N": str(version)}
    item = item | {items.VERSION: at}
    tie = f" OR ({items.VERSION} = :version AND ({takes_away}))" if takes_away else ""
    try:
        answer = call_with_retry(
            dynamodb.put_item,
            lambda: time_left() - SLOWEST,
            TableName=TABLE_NAME,
            Item=item,
            ConditionExpression=f"attribute_not_exists({items.VERSION}) OR {items.VERSION} < :version{tie}",
            ExpressionAttributeValues={":version": at, **(values or {})},
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        found = failed.item or {}
        if _content(found) == _content(item):
            return Outcome.REPEATED
        return Outcome.TIE_LOST if found.get(items.VERSION) == at else Outcome.OLDER
    return Outcome.TIE_WON if answer.get("Attributes", {}).get(items.VERSION) == at else Outcome.STORED


def _content(item: Item) -> Item:
    """An item without what differs when the same change comes again."""
    return {name: value for name, value in item.items() if name != items.DELETE_AT}


# A subscription: the newest report, and the period that runs until it begins


def _store_report(account_id: str, subscription_id: str, new: Reports, now: datetime, time_left: TimeLeft) -> Outcome:
    """Store a report (or a removal) of a subscription: one write, unless it or the stored one begins later than now."""
    key = items.subscription_key(account_id, subscription_id)
    if _is_ahead(new.newest, now):
        return _merge(key, new, now, time_left, get(key))
    item = items.reports_item(key, new)
    stored = {name: item[name] for name in items.SUBSCRIPTION_ATTRIBUTES if name in item}
    setting = [f"#{name} = :{name}" for name in stored]
    names = {f"#{name}": name for name in items.SUBSCRIPTION_ATTRIBUTES}
    removing = ", ".join(name for name in names if names[name] not in stored)
    # A period with an id that was reported ahead, or long ago, may turn out to be the first: that takes a look.
    condition = (
        f"(attribute_not_exists({items.VERSION}) OR {items.VERSION} < :{items.VERSION})"
        f" AND attribute_not_exists({items.NEXT}.{items.PERIOD_ID})"
        f" AND (attribute_exists({items.FIRST_PERIOD_ID}) OR attribute_not_exists({items.PERIOD_ID}))"
    )
    values = {f":{name}": value for name, value in stored.items()}
    if items.PERIOD_ID in item:
        first = {
            items.FIRST_PERIOD_ID: item[items.PERIOD_ID],
            items.FIRST_PERIOD_START: item[items.STARTS_AT],
            items.FIRST_PERIOD_VERSION: item[items.VERSION],
        }
        setting += [f"{name} = if_not_exists({name}, :{name})" for name in first]
        values |= {f":{name}": value for name, value in first.items()}
    try:
        call_with_retry(
            dynamodb.update_item,
            lambda: time_left() - SLOWEST,
            TableName=TABLE_NAME,
            Key=key,
            UpdateExpression=f"SET {', '.join(setting)} REMOVE {removing}",
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        return _merge(key, new, now, time_left, failed.item)
    return Outcome.STORED


def _merge(key: Item, new: Reports, now: datetime, time_left: TimeLeft, found: Item | None) -> Outcome:
    """Store a report beside what was `found`; if that is another meanwhile, beside that. Raises Busy."""
    for _ in tries(lambda: time_left() - SLOWEST):
        outcome, merged = merge(items.reports_from(found) if found else None, new, now)
        if not merged:
            return outcome
        written, found = _replace(key, found, merged, time_left)
        if written:
            return outcome
    raise Busy("contention")


def _replace(key: Item, found: Item | None, merged: Reports, time_left: TimeLeft) -> tuple[bool, Item | None]:
    """Put what was merged in the place of what was found; False and what is there where that is another by now."""
    condition = "attribute_not_exists(pk)"
    values: Item = {}
    if found:
        same = [items.VERSION, items.RUNNING_VERSION]
        values = {f":{name}": found[name] for name in same if name in found}
        condition = " AND ".join(
            f"{name} = :{name}" if name in found else f"attribute_not_exists({name})" for name in same
        )
    try:
        call_with_retry(
            dynamodb.put_item,
            lambda: time_left() - SLOWEST,
            TableName=TABLE_NAME,
            Item=items.reports_item(key, merged),
            ConditionExpression=condition,
            **({"ExpressionAttributeValues": values} if values else {}),
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        return False, failed.item
    return True, None


def merge(stored: Reports | None, new: Reports, now: datetime) -> tuple[Outcome, Reports | None]:  # noqa: PLR0911 - a return for each case
    """The outcome of a report, or of a removal, and what is to be stored then; None: what is stored stays.

    Of two reports of the same instant one that is ahead of the clock is the later one, and a removal the last.
    """
    if not stored:
        return Outcome.STORED, new._replace(first_named=_first_named(None, new, now))
    newest_key, new_key = ((each.version, _rank(each.newest, now)) for each in (stored, new))
    first = _first_named(stored, new, now)
    if new_key == newest_key:
        if _same(stored.newest, new.newest):
            return Outcome.REPEATED, None
        if not _takes_away(stored.newest, new.newest):
            return Outcome.TIE_LOST, None
        return Outcome.TIE_WON, stored._replace(newest=new.newest, first_named=first)
    if new_key > newest_key:
        outcome = Outcome.TIE_WON if not new.newest and new.version == stored.version else Outcome.STORED
        if not _is_ahead(new.newest, now):
            return outcome, new._replace(first_named=first)
        if _is_ahead(stored.newest, now):
            running, running_version = stored.running, stored.running_version
        else:
            running, running_version = _if_runs(stored.newest, now), stored.version
        return outcome, new._replace(running=running, running_version=running_version, first_named=first)
    if _is_ahead(stored.newest, now) and not _is_ahead(new.newest, now):
        return _merge_running(stored, new._replace(first_named=first), now)
    return Outcome.TIE_LOST if new.version == stored.version else Outcome.OLDER, None


def _merge_running(stored: Reports, new: Reports, now: datetime) -> tuple[Outcome, Reports | None]:
    """The same for a report, or a removal, that is older than the period ahead, and may be what runs until then."""
    if stored.running_version is not None and new.version <= stored.running_version:
        if new.version < stored.running_version or (new.newest and not stored.running):
            return Outcome.OLDER, None
        if _same(stored.running, new.newest):
            return Outcome.REPEATED, None
        if not _takes_away(stored.running, new.newest):
            return Outcome.TIE_LOST, None
        return Outcome.TIE_WON, stored._replace(running=_if_runs(new.newest, now))
    running = _if_runs(new.newest, now)
    outcome = Outcome.STORED if running or stored.running else Outcome.OLDER
    return outcome, stored._replace(running=running, running_version=new.version, first_named=new.first_named)


def _is_ahead(reported: Subscription | None, now: datetime) -> bool:
    return reported is not None and reported.starts_at > now


def _rank(reported: Subscription | None, now: datetime) -> int:
    return 2 if not reported else int(_is_ahead(reported, now))


def _if_runs(reported: Subscription | None, now: datetime) -> Subscription | None:
    return reported if reported and reported.ends_at > now else None


def _same(stored: Subscription | None, new: Subscription | None) -> bool:
    return (stored and stored._replace(first_named=None)) == new


def _takes_away(stored: Subscription | None, new: Subscription | None) -> bool:
    """Of two periods reported for the same instant the one stays that ends earlier, or has no terms; or none at all."""
    if not stored or not new:
        return stored is not None
    if new.ends_at != stored.ends_at:
        return new.ends_at < stored.ends_at
    return stored.terms is not None and new.terms is None


def _first_named(stored: Reports | None, new: Reports, now: datetime) -> FirstNamed | None:
    """The first period of the subscription that had an id and had begun.

    One ahead waits for its start: the period that runs until then may still get an id.
    """
    if stored and stored.first_named:
        return stored.first_named
    reported = [*((stored.running, stored.newest) if stored else ()), new.newest]
    named = ((each.period_id, each) for each in reported if each and not _is_ahead(each, now))
    return next((FirstNamed(id_, each.starts_at, each.version) for id_, each in named if id_), None)


# The removal of an account


class _Old(NamedTuple):
    """An item that a removal deletes, or a subscription that is newer and keeps something of before."""

    key: Item
    condition: str
    values: Item
    parts_only: bool = False


def _delete_older(account_id: str, removed: int, time_left: TimeLeft) -> None:
    """Delete items that are not newer than the removal; 0.7 ms of the processor for each.

    Reads until nothing is left: a grant may be written after the first reading.
    Raises Busy when the time is over; what is deleted is deleted, and the same change again goes on from there.
    """

    def delete(old: _Old) -> None:
        if time_left() < 1:
            raise Busy("out of time")
        if old.parts_only:
            _drop_older_parts(old.key, removed, time_left)
            return
        with suppress(ConditionFailed):  # Reported anew, or deleted by another.
            call_with_retry(
                dynamodb.delete_item,
                time_left,
                TableName=TABLE_NAME,
                Key=old.key,
                ConditionExpression=old.condition,
                ExpressionAttributeValues=old.values,
            )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        while sum(len(list(pool.map(delete, page))) for page in _older(account_id, removed)):
            pass


def _older(account_id: str, removed: int) -> Iterator[list[_Old]]:
    """Everything in an account's partition that is not newer than its removal, by pages.

    An extension is as old as the report that it was granted on.
    """
    found = pages(
        KeyConditionExpression=f"{items.PARTITION} = :pk",
        ExpressionAttributeValues={":pk": items.partition_of(account_id)},
        ProjectionExpression=", ".join(
            [
                *(items.PARTITION, items.SORT, items.VERSION, items.GRANTED_AT, items.SUBSCRIPTION_VERSION),
                *(items.RUNNING_VERSION, f"{items.NEXT}.{items.STARTS_AT}"),
                *(items.FIRST_PERIOD_ID, items.FIRST_PERIOD_VERSION),
            ]
        ),
    )
    removal = items.removal_key(account_id)
    at = {":at": {"N": str(removed)}}
    for page in found:
        old = []
        for item in page:
            key = {name: item[name] for name in (items.PARTITION, items.SORT)}
            if key == removal:
                continue
            if items.GRANTED_AT in item:
                if items.granted_on(item) > removed:
                    continue
                if items.SUBSCRIPTION_VERSION in item:
                    old.append(_Old(key, f"{items.SUBSCRIPTION_VERSION} <= :at", at))
                else:
                    same = f"attribute_not_exists({items.SUBSCRIPTION_VERSION}) AND {items.GRANTED_AT} = :at"
                    old.append(_Old(key, same, {":at": item[items.GRANTED_AT]}))
            elif (items.version_of(item) or 0) <= removed:
                old.append(_Old(key, f"{items.VERSION} <= :at", at))
            elif _has_older_parts(item, removed):
                old.append(_Old(key, "", at, parts_only=True))
        yield old


def _has_older_parts(item: Item, removed: int) -> bool:
    """True for a subscription with a period that runs, or a first id, that was reported no later than the removal."""
    runs = items.NEXT in item and items.running_version_of(item) <= removed
    return runs or (items.FIRST_PERIOD_ID in item and items.first_version_of(item) <= removed)


def _drop_older_parts(key: Item, removed: int, time_left: TimeLeft) -> None:
    found = get(key)
    for _ in tries(time_left):
        if not found or not _has_older_parts(found, removed):
            return
        reports = items.reports_from(found)
        if items.running_version_of(found) <= removed:
            reports = reports._replace(running=None)
        if items.first_version_of(found) <= removed:
            reports = reports._replace(first_named=None)
        written, found = _replace(key, found, reports, time_left)
        if written:
            return
    raise Busy("contention")
