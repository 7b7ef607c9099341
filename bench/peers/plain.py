"""The table without the transaction: check, then put; or a conditional put alone."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

Json = dict[str, Any]

dynamodb = boto3.client("dynamodb")
TABLE = os.environ["TABLE_NAME"]


def key(account: str, sort: str) -> Json:
    return {"pk": {"S": f"A#{account}"}, "sk": {"S": sort}}


def extension(call: Json) -> Json:
    """The item, with the terms that the caller confirmed."""
    now = datetime.now(UTC)
    item = key(call["account"], f"X#{call['subscription']}#{call['period']}")
    ends_at = (now + timedelta(days=7)).isoformat()
    values = {"by": call["user"], "granted_at": now.isoformat(), "ends_at": ends_at}
    numbers = {"sessions": "2", "databases": "8"}
    return item | {n: {"S": v} for n, v in values.items()} | {n: {"N": v} for n, v in numbers.items()}


def get(**item: Any) -> Any:
    return dynamodb.get_item(TableName=TABLE, Key=item, ConsistentRead=True).get("Item")


def check_then_put(call: Json, context: Any) -> Json:
    """Reads role, subscription and extension; puts where all of it is right."""
    item = extension(call)
    role = get(**key(call["account"], f"~{call['user']}"))
    subscription = get(**key(call["account"], f"S#{call['subscription']}"))
    if not role or role["r"]["S"] != "owner" or not subscription or subscription["xs"]["N"] != "2":
        return {"refused": True}
    if found := get(pk=item["pk"], sk=item["sk"]):
        return {"granted": False, "ends_at": found["ends_at"]["S"]}
    dynamodb.put_item(TableName=TABLE, Item=item)
    return {"granted": True, "ends_at": item["ends_at"]["S"]}


def put_if_absent(call: Json, context: Any) -> Json:
    """Puts on one condition; who comes second gets what the condition found."""
    item = extension(call)
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        return {"granted": False, "ends_at": error.response["Item"]["ends_at"]["S"]}  # type: ignore[typeddict-item]
    return {"granted": True, "ends_at": item["ends_at"]["S"]}
