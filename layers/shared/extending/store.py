"""The table: the only module that knows keys, attributes, conditions and transactions.

| item         | pk          | sk                          | attributes                                          |
|--------------|-------------|-----------------------------|-----------------------------------------------------|
| account      | A#{account} | A                           | n name, z time zone, o servicing organisation (JSON)|
| subscription | A#{account} | S#{subscription}            | no number, k kind, p parent, ti tn tariff, b begin, |
|              |             |                             | e end, ls ld limits, terms                          |
| extension    | A#{account} | S#{subscription}#E#{period} | g granted at, u by whom, e end, terms, q request,   |
|              |             |                             | c correlation id, m reminded at, x revoked at, dq d |
| member       | U#{user}    | A#{account}                 | r role (none: removed)                              |

All have `t`, their type; what the service manager told has `v`, its `changed_at` in microseconds. Instants are
whole epoch seconds. A missing `ls` or `ld` is unlimited. Terms are xs sessions, xd databases, xt duration, xl its
seconds. `#` is in no id and sorts before every character of one, so an extension stands right after its subscription.
The index `due` (dq, d) is sparse: an extension is in it while it still has a reminder or an end before it.

| access pattern                     | how                                                                | units     |
|------------------------------------|--------------------------------------------------------------------|-----------|
| everything of an account           | Query pk = A#{account}, consistent                                 | 1 per 4 KB|
| role of a user in an account       | GetItem U#{user}, A#{account}, consistent                          | 1         |
| accounts of a user                 | Query pk = U#{user}                                                | 1 per 8 KB|
| grant once                         | TransactWriteItems: check member, check subscription, put if absent| 6 + 1     |
| take in a change unless it is older| PutItem if v is smaller or absent                                  | 1         |
| extensions that are due            | Query `due`, each of SHARDS, d <= now                              | 1 per 8 KB|
| remind once                        | UpdateItem if not yet done; moves it in the index                  | 1 + 2     |
| revoke once                        | UpdateItem if not yet done; takes it out of the index              | 1 + 1     |
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from zlib import crc32

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from extending.errors import Code, Refused
from extending.model import (
    Account,
    Extension,
    Holdings,
    Kind,
    Limits,
    Offer,
    Role,
    Subscription,
    Terms,
    from_epoch,
    propose,
)
from extending.runtime import TABLE_NAME, dynamodb

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

Item = dict[str, Any]  # as the SDK has them: {"attribute": {"S" | "N": text}}

SHARDS = 8
"""Partitions of the index `due`; each takes 1,000 index writes a second."""

CONTENTION_TRIES = 8
"""How often a transaction that met another one is tried, in about a second and a half at the most."""

_jitter = random.SystemRandom()  # Another generator would begin alike in every copy restored from one snapshot.


# Reading


def view(user_id: str, account_id: str) -> tuple[Role, Holdings]:
    """Everything of an account for someone who may view it; two strongly consistent reads.

    Raises Refused: `account_not_found` for anyone without a role in it, `view_not_allowed`.
    """
    # One after the other: side by side they wait a few milliseconds less, and take a tenth more of the processor.
    role = _read_role(user_id, account_id)
    if role is None:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    holdings = read(account_id)
    if not role.may_view:
        raise Refused(Code.VIEW_NOT_ALLOWED, servicing_organization=holdings.account.servicing_organization)
    return role, holdings


def read(account_id: str) -> Holdings:
    """Everything that belongs to an account, strongly consistent; one round trip per MB."""
    account = Account(account_id)
    subscriptions: dict[str, Subscription] = {}
    extensions: dict[tuple[str, datetime], Extension] = {}
    query: dict[str, Any] = {
        "TableName": TABLE_NAME,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": f"A#{account_id}"}},
        "ConsistentRead": True,
    }
    while True:
        answer = dynamodb.query(**query)
        for item in answer["Items"]:
            match item["t"]["S"]:
                case "account":
                    account = _account(item)
                case "subscription":
                    subscription = _subscription(item)
                    subscriptions[subscription.id] = subscription
                case "extension":
                    extension = extension_from_item(item)
                    extensions[extension.subscription_id, extension.period_starts_at] = extension
        if "LastEvaluatedKey" not in answer:
            return Holdings(account, subscriptions, extensions)
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _read_role(user_id: str, account_id: str) -> Role | None:
    member = dynamodb.get_item(TableName=TABLE_NAME, Key=_member_key(user_id, account_id), ConsistentRead=True)
    return _role(member.get("Item"))


# Granting


def extend(
    account_id: str,
    subscription_id: str,
    user_id: str,
    offer: Offer,
    now: datetime,
    *,
    remind_before: timedelta,
    correlation_id: str,
    time_left: Callable[[], float],
) -> tuple[Extension, bool]:
    """Grant what was offered, once; one write, and no read unless it is refused.

    Returns the extension of the period and whether this call created it. Raises Refused for everything else.
    `time_left` tells the seconds this invocation may still use.
    """
    if offer.subscription_id == subscription_id:
        extension = offer.grant(account_id, user_id, now)
        unmet = _grant(extension, now, remind_before, correlation_id, time_left)
        if unmet is None:
            return extension, True
    else:  # Another subscription's offer can never be granted here; who asks is still to be told what runs.
        unmet = _Unmet(_read_role(user_id, account_id), None)
    if unmet.role is None:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    if unmet.role is Role.OWNER and unmet.extension and unmet.extension.runs(now):
        return unmet.extension, False

    holdings = read(account_id)
    if unmet.role is not Role.OWNER:
        raise Refused(Code.OWNER_REQUIRED, servicing_organization=holdings.account.servicing_organization)
    try:
        fresh = propose(holdings, subscription_id, now)
    except Refused as refusal:
        if refusal.extension and refusal.extension[0].runs(now):
            return refusal.extension[0], False
        raise
    raise Refused(Code.OFFER_CHANGED, offer=fresh, servicing_organization=fresh.servicing_organization)


class _Unmet(NamedTuple):
    """What a refused grant met: the caller's role, and the current period's extension where the items tell it."""

    role: Role | None
    extension: Extension | None


def _grant(
    extension: Extension,
    now: datetime,
    remind_before: timedelta,
    correlation_id: str,
    time_left: Callable[[], float],
) -> _Unmet | None:
    """Write the extension unless something stands against it; None where it is written."""
    request = token_hex(8)
    writes = _grant_writes(extension, now, remind_before, correlation_id, request)
    for attempt in range(1, CONTENTION_TRIES + 1):
        started = time.monotonic()
        try:
            dynamodb.transact_write_items(TransactItems=writes)
            return None
        except dynamodb.exceptions.TransactionCanceledException as error:
            reasons: list[Any] = error.response["CancellationReasons"]
            codes = {reason["Code"] for reason in reasons}
            if codes <= {"None", "ConditionalCheckFailed"}:
                return _unmet(reasons, extension, request)
            if not codes & _CONTENTION:
                raise
        except dynamodb.exceptions.TransactionInProgressException:
            pass
        if attempt == CONTENTION_TRIES or time_left() < 1 + 2 * (time.monotonic() - started):
            break
        time.sleep(_jitter.uniform(0, min(0.4, 0.02 * 2**attempt)))
    raise Refused(Code.TRY_AGAIN)


def _grant_writes(
    extension: Extension, now: datetime, remind_before: timedelta, correlation_id: str, request: str
) -> "list[TransactWriteItemTypeDef]":
    subscription_key = {
        "pk": {"S": f"A#{extension.account_id}"},
        "sk": {"S": f"S#{extension.subscription_id}"},
    }
    terms = _terms_item(extension.terms)
    reminder_at = extension.ends_at - remind_before
    due = reminder_at if reminder_at > extension.granted_at else extension.ends_at
    extension_key = {
        "pk": subscription_key["pk"],
        "sk": {"S": f"{subscription_key['sk']['S']}#E#{_epoch(extension.period_starts_at)}"},
    }
    return [
        {
            "ConditionCheck": {
                "TableName": TABLE_NAME,
                "Key": _member_key(extension.granted_by, extension.account_id),
                "ConditionExpression": "r = :owner",
                "ExpressionAttributeValues": {":owner": {"S": Role.OWNER}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        {
            "ConditionCheck": {
                "TableName": TABLE_NAME,
                "Key": subscription_key,
                "ConditionExpression": "k = :main AND b = :period AND b <= :now AND e > :now "
                "AND xs = :xs AND xd = :xd AND xt = :xt AND xl = :xl",
                "ExpressionAttributeValues": {
                    ":main": {"S": Kind.MAIN},
                    ":period": _instant(extension.period_starts_at),
                    ":now": _instant(now),
                    **{f":{name}": value for name, value in terms.items()},
                },
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        {
            "Put": {
                "TableName": TABLE_NAME,
                "Item": {
                    **extension_key,
                    "t": {"S": "extension"},
                    **terms,
                    "g": _instant(extension.granted_at),
                    "u": {"S": extension.granted_by},
                    "e": _instant(extension.ends_at),
                    "q": {"S": request},
                    "c": {"S": correlation_id},
                    "dq": {"S": _shard(extension_key)},
                    "d": _instant(due),
                },
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
    ]


_CONTENTION = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def _unmet(reasons: list[Any], wanted: Extension, request: str) -> _Unmet | None:
    """What the returned items say; None where the extension in the way is the one that this very request wrote."""
    member, subscription, existing = reasons
    found = extension_from_item(existing["Item"]) if "Item" in existing else None
    if found and existing["Item"]["q"]["S"] == request:
        return None  # The answer to an earlier attempt was lost.
    # An offer of an earlier period finds that period's extension, which says nothing of the current one.
    current = subscription["Code"] == "None" or (
        "Item" in subscription and _subscription(subscription["Item"]).starts_at == wanted.period_starts_at
    )
    return _Unmet(
        role=Role.OWNER if member["Code"] == "None" else _role(member.get("Item")),
        extension=found if current else None,
    )


# Ending


class Due(NamedTuple):
    """An extension whose reminder or end has come, as the index tells it; it may have been done meanwhile."""

    key: Item
    due_at: datetime
    ends_at: datetime

    def __str__(self) -> str:
        return f"{self.key['pk']['S']} {self.key['sk']['S']}"


def due(shard: int, now: datetime) -> Iterator[Due]:
    """What is due by `now` in one shard, the longest due first; a page of it in memory at a time."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE_NAME,
        IndexName="due",
        KeyConditionExpression="dq = :shard AND d <= :now",
        ExpressionAttributeValues={":shard": {"S": f"D#{shard}"}, ":now": _instant(now)},
        PaginationConfig={"PageSize": 500},
    )
    for answer in pages:
        items: list[Item] = answer["Items"]
        for item in items:
            key = {"pk": item["pk"], "sk": item["sk"]}
            yield Due(key, _from_instant(item["d"]), _from_instant(item["e"]))


def revoke(due: Due, now: datetime) -> bool:
    """Mark an extension that has ended as revoked, once; False where that was already done."""
    return _once(
        Key=due.key,
        UpdateExpression="SET x = :now REMOVE dq, d",
        ConditionExpression="e <= :now AND attribute_not_exists(x)",
        ExpressionAttributeValues={":now": _instant(now)},
    )


def remind(due: Due, now: datetime) -> bool:
    """Mark a running extension as reminded of, once, and make its end the next that is due."""
    return _once(
        Key=due.key,
        UpdateExpression="SET m = :now, d = e",
        ConditionExpression="e > :now AND attribute_not_exists(m)",
        ExpressionAttributeValues={":now": _instant(now)},
    )


# Taking in what the service manager tells


def put_account(account: Account, changed_at: datetime) -> bool:
    """Store what is true of an account; False where something as new is known."""
    item = {"pk": {"S": f"A#{account.id}"}, "sk": {"S": "A"}, "t": {"S": "account"}}
    _set(item, n=account.name, z=account.time_zone)
    if account.servicing_organization is not None:
        _set(item, o=json.dumps(account.servicing_organization, ensure_ascii=False, separators=(",", ":")))
    return _put_if_newer(item, changed_at)


def put_member(account_id: str, user_id: str, role: Role | None, changed_at: datetime) -> bool:
    """Store a user's role in an account, None for none any more; False where something as new is known."""
    item = {**_member_key(user_id, account_id), "t": {"S": "member"}}
    _set(item, r=role)
    return _put_if_newer(item, changed_at)


def put_subscription(account_id: str, subscription: Subscription, changed_at: datetime) -> bool:
    """Store what is true of a subscription; False where something as new is known."""
    item: Item = {
        "pk": {"S": f"A#{account_id}"},
        "sk": {"S": f"S#{subscription.id}"},
        "t": {"S": "subscription"},
        "b": _instant(subscription.starts_at),
        "e": _instant(subscription.ends_at),
    }
    _set(item, no=subscription.number, k=subscription.kind, p=subscription.parent_id)
    _set(item, ti=subscription.tariff_id, tn=subscription.tariff_name)
    _set(item, ls=subscription.limits.sessions, ld=subscription.limits.databases)
    if subscription.terms:
        item |= _terms_item(subscription.terms)
    return _put_if_newer(item, changed_at)


# What the stream tells


def written(old: Item | None, new: Item) -> Literal["granted", "reminded", "revoked"] | None:
    """What a change from one image of an extension to the next was; raises ValueError for another item's images."""
    if new["t"]["S"] != "extension":
        raise ValueError("not an extension")
    if old is None:
        return "granted"
    if "x" in new and "x" not in old:
        return "revoked"
    if "m" in new and "m" not in old:
        return "reminded"
    return None


def correlation_id(item: Item) -> str:
    """The id of the request that granted the extension in this item."""
    return str(item["c"]["S"])


# What went wrong


def is_transient(error: Exception) -> bool:
    """True for what the database may not do a moment later: throttling, contention, time-outs, its own faults."""
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


# Items


def extension_from_item(item: Item) -> Extension:
    """The extension that an item of the table or of its stream holds."""
    _, subscription_id, _, period = item["sk"]["S"].split("#")
    terms = _terms(item)
    assert terms
    return Extension(
        account_id=item["pk"]["S"].removeprefix("A#"),
        subscription_id=subscription_id,
        period_starts_at=from_epoch(int(period)),
        terms=terms,
        granted_at=_from_instant(item["g"]),
        granted_by=item["u"]["S"],
        ends_at=_from_instant(item["e"]),
        reminded_at=_from_instant(item["m"]) if "m" in item else None,
        revoked_at=_from_instant(item["x"]) if "x" in item else None,
    )


def _account(item: Item) -> Account:
    contact = _text(item, "o")
    return Account(
        id=item["pk"]["S"].removeprefix("A#"),
        name=_text(item, "n"),
        time_zone=_text(item, "z"),
        servicing_organization=json.loads(contact) if contact else None,
    )


def _subscription(item: Item) -> Subscription:
    return Subscription(
        id=item["sk"]["S"].removeprefix("S#"),
        number=item["no"]["S"],
        kind=Kind(item["k"]["S"]),
        parent_id=_text(item, "p"),
        tariff_id=item["ti"]["S"],
        tariff_name=item["tn"]["S"],
        starts_at=_from_instant(item["b"]),
        ends_at=_from_instant(item["e"]),
        limits=Limits(_number(item, "ls"), _number(item, "ld")),
        terms=_terms(item),
    )


def _role(item: Item | None) -> Role | None:
    return Role(item["r"]["S"]) if item and "r" in item else None


def _terms(item: Item) -> Terms | None:
    if "xt" not in item:
        return None
    return Terms(int(item["xs"]["N"]), int(item["xd"]["N"]), item["xt"]["S"], int(item["xl"]["N"]))


def _terms_item(terms: Terms) -> Item:
    return {
        "xs": {"N": str(terms.sessions)},
        "xd": {"N": str(terms.databases)},
        "xt": {"S": terms.duration},
        "xl": {"N": str(terms.seconds)},
    }


def _member_key(user_id: str, account_id: str) -> Item:
    return {"pk": {"S": f"U#{user_id}"}, "sk": {"S": f"A#{account_id}"}}


def _shard(key: Item) -> str:
    return f"D#{crc32((key['pk']['S'] + key['sk']['S']).encode()) % SHARDS}"


def _epoch(instant: datetime) -> int:
    return int(instant.timestamp())


def _instant(instant: datetime) -> Item:
    return {"N": str(_epoch(instant))}


def _from_instant(value: Item) -> datetime:
    return from_epoch(int(value["N"]))


def _text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _number(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def _set(item: Item, **values: str | int | None) -> None:
    """Add the attributes that have a value."""
    for name, value in values.items():
        if value is not None:
            item[name] = {"N": str(value)} if isinstance(value, int) else {"S": value}


def _put_if_newer(item: Item, changed_at: datetime) -> bool:
    version = {"N": str(round(changed_at.timestamp() * 1_000_000))}
    try:
        dynamodb.put_item(
            TableName=TABLE_NAME,
            Item=item | {"v": version},
            ConditionExpression="attribute_not_exists(v) OR v < :v",
            ExpressionAttributeValues={":v": version},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _once(**update: Any) -> bool:
    try:
        dynamodb.update_item(TableName=TABLE_NAME, **update)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
