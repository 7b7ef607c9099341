"""The end of extensions: those that the schedule finds due, and the one that is ended early.

| access pattern          | how                                                      | units      |
|-------------------------|----------------------------------------------------------|------------|
| extensions that are due | Query `due`, each of SHARDS, d <= now                    | 1 per 8 KB |
| remind once             | UpdateItem if not yet done; moves it in the index        | 1 + 2      |
| revoke once             | UpdateItem if not yet done; takes it out of the index    | 1 + 1      |
| end early, once         | the same write, before the end                           | 1 + 1      |
"""

from collections.abc import Iterator
from datetime import datetime
from secrets import token_hex
from typing import Any, NamedTuple

from extending import items
from extending.dynamo import ConditionFailed, TimeLeft, call, call_with_retry
from extending.items import Item
from extending.model import Extension
from extending.runtime import TABLE_NAME, dynamodb


class Due(NamedTuple):
    """An extension whose reminder or end has come, as the index shows it; it may have been done meanwhile."""

    key: Item
    ends_at: datetime

    def __str__(self) -> str:
        return f"{self.key[items.PARTITION]['S']} {self.key[items.SORT]['S']}"


def due(shard: int, now: datetime) -> Iterator[Due]:
    """Everything that is due by `now` in one shard, the longest due first; a page of it in memory at a time."""
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


_NOT_REVOKED = f"attribute_not_exists({items.REVOKED_AT})"
_REVOKE = f"SET {items.REVOKED_AT} = :now"
_NO_LONGER_DUE = f"REMOVE {items.DUE_SHARD}, {items.DUE_AT}"


def revoke(due: Due, now: datetime) -> bool:
    """Mark an extension that has ended as revoked, once; False where that was already done."""
    return _once(
        Key=due.key,
        UpdateExpression=f"{_REVOKE} {_NO_LONGER_DUE}",
        ConditionExpression=f"{items.ENDS_AT} <= :now AND {_NOT_REVOKED}",
        ExpressionAttributeValues={":now": items.instant(now)},
    )


def remind(due: Due, now: datetime) -> bool:
    """Mark a running extension as reminded of, once, and make its end the next that is due."""
    return _once(
        Key=due.key,
        UpdateExpression=f"SET {items.REMINDED_AT} = :now, {items.DUE_AT} = {items.ENDS_AT}",
        ConditionExpression=f"{items.ENDS_AT} > :now AND attribute_not_exists({items.REMINDED_AT}) AND {_NOT_REVOKED}",
        ExpressionAttributeValues={":now": items.instant(now)},
    )


def _once(**update: Any) -> bool:
    try:
        call(dynamodb.update_item, TableName=TABLE_NAME, **update)
    except ConditionFailed:
        return False
    return True


class Ended(NamedTuple):
    """An extension that is over, and whether this very call ended it."""

    extension: Extension
    expired: bool


def end_early(extension: Extension, now: datetime, by: str, time_left: TimeLeft) -> Ended | None:
    """Revoke a running extension before its end, once; None where it was deleted meanwhile. Raises Busy."""
    request = token_hex(8)
    version = extension.subscription_version
    same = f"{items.SUBSCRIPTION_VERSION} = :version" if version is not None else f"{items.GRANTED_AT} = :granted_at"
    try:
        answer = call_with_retry(
            dynamodb.update_item,
            time_left,
            TableName=TABLE_NAME,
            Key=items.extension_key(extension),
            UpdateExpression=f"{_REVOKE}, {items.REVOKED_BY} = :by, {items.REVOKE_REQUEST} = :request {_NO_LONGER_DUE}",
            ConditionExpression=f"{items.ENDS_AT} > :now AND {_NOT_REVOKED} AND {same}",
            ExpressionAttributeValues={
                ":now": items.instant(now),
                ":by": {"S": by},
                ":request": {"S": request},
                **(
                    {":version": {"N": str(version)}}
                    if version is not None
                    else {":granted_at": items.instant(extension.granted_at)}
                ),
            },
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as failed:
        item = failed.item or {}
        found = items.extension_from(item) if item else None
        if not found or found.id != extension.id:
            return None
        # Its own mark: the answer to an earlier try was lost.
        return Ended(found, item.get(items.REVOKE_REQUEST) == {"S": request})
    return Ended(items.extension_from(answer["Attributes"]), True)
