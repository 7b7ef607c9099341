"""The table: reads, the one transaction that grants, and conditional writes. It knows keys, conditions, transactions.

| access pattern                     | how                                                                | units     |
|------------------------------------|--------------------------------------------------------------------|-----------|
| everything of an account           | Query pk = A#{account}, consistent                                 | 1 per 4 KB|
| role of a user in an account       | GetItem U#{user}, A#{account}, consistent                          | 1         |
| accounts of a user                 | Query pk = U#{user}                                                | 1 per 8 KB|
| grant once                         | TransactWriteItems: check member, check subscription, put if absent| 6 + 1     |
| the same, where periods have ids   | and check that none is from before they had                         | 8 + 1     |
| take in a change unless it is older| PutItem if v is smaller or absent, or equal and it takes away       | 1         |
| extensions that are due            | Query `due`, each of SHARDS, d <= now                              | 1 per 8 KB|
| remind once                        | UpdateItem if not yet done; moves it in the index                  | 1 + 2     |
| revoke once                        | UpdateItem if not yet done; takes it out of the index              | 1 + 1     |

What an item holds, and what its attributes are called: items.py.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from extending import items
from extending.items import Item
from extending.model import Account, Extension, Holdings, Kind, Period, Role, Subscription, roles_above
from extending.runtime import TABLE_NAME, dynamodb

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

CONTENTION_TRIES = 8
"""How often a write that met a transaction is tried, in about a second and a half at the most."""

PATIENCE = 10.0
"""Seconds after which a change of the service manager is tried no more; one call may take as long again."""

_jitter = random.SystemRandom()  # Another generator would begin alike in every copy restored from one snapshot.

P = ParamSpec("P")
T = TypeVar("T")


class Busy(Exception):
    """The table did not do it in time, and may a moment later: contention, throttling, a fault, a time-out."""


def _asked(call: Callable[P, T], *args: P.args, **request: P.kwargs) -> T:
    """Make a call of the SDK; raises Busy for what may pass, after its own retries."""
    try:
        return call(*args, **request)
    except (ClientError, BotoCoreError) as error:
        if is_transient(error):
            raise Busy(type(error).__name__) from error
        raise


def _tries(time_left: Callable[[], float]) -> Iterator[None]:
    """The tries of a write that meets a transaction, with a wait before each but the first, while there is time."""
    for attempt in range(1, CONTENTION_TRIES + 1):
        started = time.monotonic()
        yield
        if attempt == CONTENTION_TRIES or time_left() < 1 + 2 * (time.monotonic() - started):
            return
        time.sleep(_jitter.uniform(0, min(0.4, 0.02 * 2**attempt)))


# Reading


def role(user_id: str, account_id: str) -> Role | None:
    """The role of a user in an account, strongly consistent; raises Busy."""
    key = items.member_key(user_id, account_id)
    answer = _asked(dynamodb.get_item, TableName=TABLE_NAME, Key=key, ConsistentRead=True)
    return items.role_from(answer.get("Item"))


def holdings(account_id: str) -> Holdings:
    """Everything that belongs to an account, strongly consistent; one round trip per MB. Raises Busy."""
    account = Account(account_id)
    subscriptions: dict[str, Subscription] = {}
    extensions: dict[tuple[str, Period], Extension] = {}
    query: dict[str, Any] = {
        "TableName": TABLE_NAME,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": items.partition_of(account_id)},
        "ConsistentRead": True,
    }
    while True:
        answer = _asked(dynamodb.query, **query)
        for item in answer["Items"]:
            match items.type_of(item):
                case "account":
                    account = items.account_from(item)
                case "subscription":
                    subscription = items.subscription_from(item)
                    subscriptions[subscription.id] = subscription
                case "extension":
                    extension = items.extension_from(item)
                    extensions[extension.subscription_id, extension.period] = extension
        if "LastEvaluatedKey" not in answer:
            return Holdings(account, subscriptions, extensions)
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


# Granting


class Unmet(NamedTuple):
    """What a grant met instead: the caller's role, and the current period's extension where the items tell it."""

    role: Role | None
    extension: Extension | None


def grant(extension: Extension, due_at: datetime, correlation_id: str, time_left: Callable[[], float]) -> Unmet | None:
    """Write an extension, once, if its user is an owner and the subscription is what was offered; None: written.

    One transaction, and no read. `due_at`: when the schedule first has something to do; `time_left`: the seconds that
    this invocation may still use. Every try goes by the clock of the first: who asked in time gets what was offered.
    Raises Busy.
    """
    request = token_hex(8)
    writes = grant_writes(extension, due_at, correlation_id, request)
    for _ in _tries(time_left):
        try:
            _asked(dynamodb.transact_write_items, TransactItems=writes)
            return None
        except dynamodb.exceptions.TransactionCanceledException as error:
            reasons: list[Any] = error.response["CancellationReasons"]
            codes = {reason["Code"] for reason in reasons}
            if codes <= {"None", "ConditionalCheckFailed"}:
                return _unmet(reasons, request)
            if not codes & _CONTENTION:
                raise
        except Busy as busy:
            if not isinstance(busy.__cause__, dynamodb.exceptions.TransactionInProgressException):
                raise
    raise Busy("contention")


def grant_writes(
    extension: Extension, due_at: datetime, correlation_id: str, request: str
) -> "list[TransactWriteItemTypeDef]":
    """The transaction that grants: two checks and a put, in this order; `request` marks whose write it was.

    Where the service manager gives periods an id, a third check follows: that there is none from before it did.
    """
    terms = items.terms_item(extension.terms)
    same_terms = " AND ".join(f"{name} = :{name}" for name in terms)
    same_id, id_, none_before = f"attribute_not_exists({items.PERIOD_ID})", {}, []
    if extension.period_id:
        same_id, id_ = f"{items.PERIOD_ID} = :id", {":id": {"S": extension.period_id}}
        none_before = [_absent(items.unnamed_extension_key(extension))]
    return [
        {
            "ConditionCheck": {
                "TableName": TABLE_NAME,
                "Key": items.member_key(extension.granted_by, extension.account_id),
                "ConditionExpression": f"{items.ROLE} = :owner",
                "ExpressionAttributeValues": {":owner": {"S": Role.OWNER}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        {
            "ConditionCheck": {
                "TableName": TABLE_NAME,
                "Key": items.subscription_key(extension.account_id, extension.subscription_id),
                "ConditionExpression": f"{items.KIND} = :main AND {items.STARTS_AT} = :period "
                f"AND {same_id} AND {items.STARTS_AT} <= :now AND {items.ENDS_AT} > :now AND {same_terms}",
                "ExpressionAttributeValues": {
                    ":main": {"S": Kind.MAIN},
                    ":period": items.instant(extension.period_starts_at),
                    ":now": items.instant(extension.granted_at),
                    **id_,
                    **{f":{name}": value for name, value in terms.items()},
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        {
            "Put": {
                "TableName": TABLE_NAME,
                "Item": items.extension_item(extension, due_at, request, correlation_id),
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        *none_before,
    ]


def _absent(key: Item) -> "TransactWriteItemTypeDef":
    return {
        "ConditionCheck": {
            "TableName": TABLE_NAME,
            "Key": key,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


_CONTENTION = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def _unmet(reasons: list[Any], request: str) -> Unmet | None:
    """What the returned items say; None where the extension in the way is the one that this very request wrote."""
    member, subscription, *existing = reasons
    item = next((reason["Item"] for reason in existing if "Item" in reason), None)
    found = items.extension_from(item) if item else None
    if item and item[items.REQUEST]["S"] == request:
        return None  # The answer to an earlier attempt was lost.
    # An offer of an earlier period finds that period's extension, which says nothing of the current one.
    current = subscription["Code"] == "None" or (
        "Item" in subscription and found and found.is_of_current(items.subscription_from(subscription["Item"]))
    )
    return Unmet(
        role=Role.OWNER if member["Code"] == "None" else items.role_from(member.get("Item")),
        extension=found if current else None,
    )


# Ending


class Due(NamedTuple):
    """An extension whose reminder or end has come, as the index tells it; it may have been done meanwhile."""

    key: Item
    ends_at: datetime

    def __str__(self) -> str:
        return f"{self.key[items.PARTITION]['S']} {self.key[items.SORT]['S']}"


def due(shard: int, now: datetime) -> Iterator[Due]:
    """What is due by `now` in one shard, the longest due first; a page of it in memory at a time."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE_NAME,
        IndexName="due",
        KeyConditionExpression=f"{items.DUE_SHARD} = :shard AND {items.DUE_AT} <= :now",
        ExpressionAttributeValues={":shard": items.shard(shard), ":now": items.instant(now)},
        PaginationConfig={"PageSize": 500},
    )
    for answer in pages:
        found: list[Item] = answer["Items"]
        for item in found:
            key = {name: item[name] for name in (items.PARTITION, items.SORT)}
            yield Due(key, items.instant_from(item[items.ENDS_AT]))


def revoke(due: Due, now: datetime) -> bool:
    """Mark an extension that has ended as revoked, once; False where that was already done."""
    return _once(
        Key=due.key,
        UpdateExpression=f"SET {items.REVOKED_AT} = :now REMOVE {items.DUE_SHARD}, {items.DUE_AT}",
        ConditionExpression=f"{items.ENDS_AT} <= :now AND attribute_not_exists({items.REVOKED_AT})",
        ExpressionAttributeValues={":now": items.instant(now)},
    )


def remind(due: Due, now: datetime) -> bool:
    """Mark a running extension as reminded of, once, and make its end the next that is due."""
    return _once(
        Key=due.key,
        UpdateExpression=f"SET {items.REMINDED_AT} = :now, {items.DUE_AT} = {items.ENDS_AT}",
        ConditionExpression=f"{items.ENDS_AT} > :now AND attribute_not_exists({items.REMINDED_AT})",
        ExpressionAttributeValues={":now": items.instant(now)},
    )


# Taking in what the service manager tells


class Taken(StrEnum):
    """What became of a change that the service manager told."""

    STORED = "stored"
    OLDER = "older"
    """Something newer is stored."""
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


def put_account(account: Account, changed_at: datetime) -> Taken:
    """Store what is true of an account, unless something as new is stored. Raises Busy."""
    return _put_if_newer(items.account_item(account), changed_at)


def put_member(account_id: str, user_id: str, role: Role | None, changed_at: datetime) -> Taken:
    """Store a user's role in an account, None where it was taken away; of two as new the lesser. Raises Busy."""
    greater = {f":greater{n}": {"S": above} for n, above in enumerate(roles_above(role))}
    takes_away = f"{items.ROLE} IN ({', '.join(greater)})" if greater else ""
    return _put_if_newer(items.member_item(account_id, user_id, role), changed_at, takes_away, greater)


def put_subscription(account_id: str, subscription: Subscription, changed_at: datetime) -> Taken:
    """Store what is true of a subscription; of two as new the one that ends earlier, or has no terms. Raises Busy."""
    takes_away = f"{items.ENDS_AT} > :ends_at"
    if not subscription.terms:
        takes_away += f" OR ({items.ENDS_AT} = :ends_at AND attribute_exists({items.DURATION}))"
    ends_at = {":ends_at": items.instant(subscription.ends_at)}
    return _put_if_newer(items.subscription_item(account_id, subscription), changed_at, takes_away, ends_at)


# What went wrong


def is_transient(error: Exception) -> bool:
    """True for what the table may not do a moment later: throttling, contention, time-outs, its own faults."""
    if isinstance(error, ClientError):
        return (
            error.response["Error"]["Code"] in _TRANSIENT
            or error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
        )
    return isinstance(error, HTTPClientError | NoConnection)


_TRANSIENT = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}


def _put_if_newer(item: Item, changed_at: datetime, takes_away: str = "", values: Item | None = None) -> Taken:
    """Put an item that is newer than what is stored, or as new and, by the condition `takes_away`, the safer one."""
    version = items.version(changed_at)
    item = item | {items.VERSION: version}
    newer = f"attribute_not_exists({items.VERSION}) OR {items.VERSION} < :version"
    tie = f" OR ({items.VERSION} = :version AND ({takes_away}))" if takes_away else ""
    until = time.monotonic() + PATIENCE
    for _ in _tries(lambda: until - time.monotonic()):
        try:
            answer = _asked(
                dynamodb.put_item,
                TableName=TABLE_NAME,
                Item=item,
                ConditionExpression=newer + tie,
                ExpressionAttributeValues={":version": version, **(values or {})},
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException as error:
            found: Any = error.response.get("Item", {})
            if found == item:
                return Taken.REPEATED
            return Taken.TIE_LOST if found.get(items.VERSION) == version else Taken.OLDER
        except Busy as busy:
            if not isinstance(busy.__cause__, dynamodb.exceptions.TransactionConflictException):
                raise
        else:
            return Taken.TIE_WON if answer.get("Attributes", {}).get(items.VERSION) == version else Taken.STORED
    raise Busy("contention")


def _once(**update: Any) -> bool:
    try:
        _asked(dynamodb.update_item, TableName=TABLE_NAME, **update)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
