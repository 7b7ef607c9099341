"""The table: reads, the one transaction that grants, and what ends it. It knows keys, conditions, transactions.

| access pattern                     | how                                                                | units     |
|------------------------------------|--------------------------------------------------------------------|-----------|
| everything but an account's members| Query pk = A#{account}, sk < ~, consistent                         | 1 per 4 KB|
| role of a user in an account       | GetItem A#{account}, ~{user}, consistent                           | 1         |
| grant once                         | TransactWriteItems: check member, check subscription, put if absent| 6 + 1     |
| the same, where periods have ids   | and check that none is from before they had                         | 8 + 1     |
| extensions that are due            | Query `due`, each of SHARDS, d <= now                              | 1 per 8 KB|
| remind once                        | UpdateItem if not yet done; moves it in the index                  | 1 + 2     |
| revoke once                        | UpdateItem if not yet done; takes it out of the index              | 1 + 1     |

What an item holds, and what its attributes are called: items.py. What the service manager tells: intake.py.
"""

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from extending import items
from extending.items import Item
from extending.model import Extension, Holdings, Kind, Role
from extending.runtime import TABLE_NAME, dynamodb

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

CONTENTION_TRIES = 8
"""How often a write that met a transaction is tried, in about a second and a half at the most."""

_jitter = random.SystemRandom()  # Another generator would begin alike in every copy restored from one snapshot.

P = ParamSpec("P")
T = TypeVar("T")


class Busy(Exception):
    """The table did not do it in time, and may a moment later: contention, throttling, a fault, a time-out."""


def asked(call: Callable[P, T], *args: P.args, **request: P.kwargs) -> T:
    """Make a call of the SDK; raises Busy for what may pass, after its own retries."""
    try:
        return call(*args, **request)
    except (ClientError, BotoCoreError) as error:
        if is_transient(error):
            raise Busy(type(error).__name__) from error
        raise


def tries(time_left: Callable[[], float]) -> Iterator[None]:
    """The tries of a write that meets a transaction, with a wait before each but the first, while there is time."""
    for attempt in range(1, CONTENTION_TRIES + 1):
        started = time.monotonic()
        yield
        if attempt == CONTENTION_TRIES or time_left() < 1 + 2 * (time.monotonic() - started):
            return
        time.sleep(_jitter.uniform(0, min(0.4, 0.02 * 2**attempt)))


def insist(call: Callable[..., T], time_left: Callable[[], float], **request: Any) -> T:
    """Make a single write, again where it meets a transaction, while there is time; raises Busy."""
    for _ in tries(time_left):
        try:
            return asked(call, **request)
        except Busy as busy:
            if not isinstance(busy.__cause__, dynamodb.exceptions.TransactionConflictException):
                raise
    raise Busy("contention")


# Reading


def pages(**query: Any) -> Iterator[list[Item]]:
    """What a query finds, strongly consistent, a round trip for each MB; raises Busy."""
    while True:
        answer: Any = asked(dynamodb.query, TableName=TABLE_NAME, ConsistentRead=True, **query)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def role(user_id: str, account_id: str) -> Role | None:
    """The role of a user in an account, strongly consistent; raises Busy."""
    key = items.member_key(user_id, account_id)
    answer = asked(dynamodb.get_item, TableName=TABLE_NAME, Key=key, ConsistentRead=True)
    return items.role_from(answer.get("Item"))


def holdings(account_id: str) -> Holdings:
    """Everything of an account but its members, strongly consistent; one round trip per MB. Raises Busy."""
    found = pages(
        KeyConditionExpression="pk = :pk AND sk < :members",
        ExpressionAttributeValues={":pk": items.partition_of(account_id), ":members": items.FIRST_MEMBER},
    )
    return items.holdings_from(account_id, chain.from_iterable(found))


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
    for _ in tries(time_left):
        try:
            asked(dynamodb.transact_write_items, TransactItems=writes)
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
    told = subscription.get("Item")
    stored = items.subscription_from(told) if told and items.type_of(told) == "subscription" else None
    item = next((reason["Item"] for reason in existing if "Item" in reason), None)
    found = items.extension_from(item) if item else None
    if item and item[items.REQUEST]["S"] == request:
        return None  # The answer to an earlier attempt was lost.
    # An offer of an earlier period finds that period's extension, which says nothing of the current one.
    current = subscription["Code"] == "None" or (stored and found and found.is_of_current(stored))
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


def _once(**update: Any) -> bool:
    try:
        asked(dynamodb.update_item, TableName=TABLE_NAME, **update)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
