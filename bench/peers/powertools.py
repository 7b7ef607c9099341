"""Powertools' idempotency with its DynamoDB layer, around a put."""

from typing import Any
from uuid import uuid4

import boto3
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

from bench.peers.plain import TABLE, Json, extension

dynamodb = boto3.client("dynamodb")
A_YEAR = 365 * 86_400
written = 0


def put(call: Json) -> Json:
    """An extension under an id of its own: that there is one only is left to the decorator."""
    global written  # noqa: PLW0603 - a repeat is answered with what was returned, so the answer does not show it
    item = extension(call) | {"sk": {"S": f"X#{uuid4()}"}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    written += 1
    return {"ends_at": item["ends_at"]["S"]}


def once(path: str) -> Any:
    """`put` behind the decorator, with this key; and its configuration, which each call gets its context."""
    config = IdempotencyConfig(event_key_jmespath=path, expires_after_seconds=A_YEAR)
    records = DynamoDBPersistenceLayer(table_name="idempotency", boto3_client=dynamodb)
    return idempotent_function(put, data_keyword_argument="call", persistence_store=records, config=config), config


by_period, by_header = once("[account, subscription, period]"), once("key")


def answer(decorated: Any, call: Json, context: Any) -> Json:
    function, config = decorated
    config.register_lambda_context(context)
    before = written
    return {"ends_at": function(call=call)["ends_at"], "granted": written > before}


def key_of_the_period(call: Json, context: Any) -> Json:
    return answer(by_period, call, context)


def key_of_a_header(call: Json, context: Any) -> Json:
    return answer(by_header, call, context)
