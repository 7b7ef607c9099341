"""Calls of other handlers: what each met, what it cost the server."""

import tempfile
from importlib import import_module
from typing import Any

import boto3

from devkit.meter import metered

Json = dict[str, Any]


def named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def call(event: Json, context: Any) -> Any:
    """The answer of `handler` to `event`, or its exception."""
    try:
        return named(event["handler"])(event["event"], context)
    except Exception as error:
        return {"error": repr(error)}


def cost(event: Json, context: Any) -> Json:
    """Round trips and units of the same call through `client`; `wire` is the connection to PostgreSQL."""
    if "wire" in event:
        connection = named(event["wire"])()
        with tempfile.TemporaryFile("w+") as trace:
            connection.trace(trace.fileno())
            answer = call(event, context)
            connection.untrace()
            trace.seek(0)
            trips = sum(line.rstrip().split("\t")[1:4:2] in (["F", "Sync"], ["F", "Query"]) for line in trace)
        return {"trips": trips, "read": 0, "write": 0, "answer": answer}
    with metered(named(event["client"])) as calls:
        answer = call(event, context)
    return {
        "trips": len(calls),
        "read": sum(each.read for each in calls),
        "write": sum(each.write for each in calls),
        "answer": answer,
    }


def at_the_last_moment(event: Json, context: Any) -> Any:
    """The same call; right before its first write, after whatever it has read, another client makes this `update`."""
    other = boto3.client("dynamodb")
    updates = [event["update"]]

    def update(**_: Any) -> None:
        if updates:
            other.update_item(**updates.pop())

    client = named(event["client"])
    for write in ("PutItem", "TransactWriteItems"):
        client.meta.events.register(f"before-call.dynamodb.{write}", update)
    return call(event, context)
