"""Calls of other handlers: what each met, which calls it made of the database, what these cost the server."""

import json
import tempfile
from threading import get_ident
from typing import Any

import boto3
from botocore import xform_name

from bench.worker import named
from devkit.meter import metered

Json = dict[str, Any]


def call(event: Json, context: Any) -> Any:
    """The answer of `handler` to `event`, or its exception."""
    try:
        return named(event["handler"])(event["event"], context)
    except Exception as error:
        return {"error": repr(error)}


def calls(event: Json, context: Any) -> list[list[Any]]:
    """The calls that `handler` makes of the table for `event`, as a list for each of its threads."""
    made: dict[int, list[Any]] = {}

    def record(params: Json, model: Any, **_: Any) -> None:
        made.setdefault(get_ident(), []).append((xform_name(model.name), json.loads(json.dumps(params))))

    events = named(event["dynamodb"]).meta.events
    events.register("provide-client-params.dynamodb", record)
    named(event["handler"])(event["event"], context)
    events.unregister("provide-client-params.dynamodb", record)
    return list(made.values())


def cost(event: Json, context: Any) -> Json:
    """Round trips and units of the same call through `dynamodb`; `wire` is the connection to PostgreSQL."""
    if "wire" in event:
        connection = named(event["wire"])()
        with tempfile.TemporaryFile("w+") as trace:
            connection.trace(trace.fileno())
            answer = call(event, context)
            connection.untrace()
            trace.seek(0)
            trips = sum(line.rstrip().split("\t")[1:4:2] in (["F", "Sync"], ["F", "Query"]) for line in trace)
        return {"trips": trips, "answer": answer}
    with metered(named(event["dynamodb"])) as metered_calls:
        answer = call(event, context)
    units = {unit: sum(getattr(each, unit) for each in metered_calls) for unit in ("read", "write")}
    return {"trips": len(metered_calls), **units, "answer": answer}


def at_the_last_moment(event: Json, context: Any) -> Any:
    """The same call; right before its first write, after whatever it has read, another client makes this `update`."""
    other = boto3.client("dynamodb")
    updates = [event["update"]]

    def update(**_: Any) -> None:
        if updates:
            other.update_item(**updates.pop())

    client = named(event["dynamodb"])
    for write in ("PutItem", "TransactWriteItems"):
        client.meta.events.register(f"before-call.dynamodb.{write}", update)
    return call(event, context)
