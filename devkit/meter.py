"""The bill of the calls of the database, in capacity units."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

Json = dict[str, Any]


class Call(NamedTuple):
    """One call that was answered, a refused one included."""

    operation: str
    read: float
    write: float


@contextmanager
def metered(client: Any, raw: Any = None) -> Iterator[list[Call]]:
    """The calls of a DynamoDB client as they are made, with their units.

    What the engine reports, but where DynamoDB Local differs from the service, which bills each item of a transaction
    2 units for each KB begun, be it only checked, be the transaction refused; what a transaction writes to an index
    like any other write; what is refused like a small write; and what finds nothing like what finds one small item.

    Items that a transaction only checks are read with the client `raw`, to know their size; without it they are small.
    """
    calls: list[Call] = []  # Several threads append to it.

    def ask(params: Json, **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    def remember(params: Json, context: Json, model: Any, **_: Any) -> None:
        transacted = params["TransactItems"] if model.name == "TransactWriteItems" else []
        context["metered"] = params, sum(2 * started_kb(_transacted(write, raw)) for write in transacted)

    def count(parsed: Json, context: Json, model: Any, **_: Any) -> None:
        params, transacted = context["metered"]
        consumed = parsed.get("ConsumedCapacity", {})
        match model.name:
            case "TransactWriteItems":
                indexes = [index for table in consumed for index in table.get("GlobalSecondaryIndexes", {}).values()]
                calls.append(Call(model.name, 0, transacted + sum(index["CapacityUnits"] / 2 for index in indexes)))
            case "GetItem" | "Query":
                least = 1 if params.get("ConsistentRead") else 0.5
                calls.append(Call(model.name, max(least, consumed.get("CapacityUnits", 0)), 0))
            case _:
                calls.append(Call(model.name, 0, max(1, consumed.get("CapacityUnits", 0))))

    handlers = {
        "provide-client-params.dynamodb.*": ask,
        "before-parameter-build.dynamodb.*": remember,
        "after-call.dynamodb.*": count,
    }
    for event, handler in handlers.items():
        client.meta.events.register(event, handler)
    try:
        yield calls
    finally:
        for event, handler in handlers.items():
            client.meta.events.unregister(event, handler)


def _transacted(write: Json, raw: Any) -> Json:
    """The item that a part of a transaction is billed for."""
    ((kind, action),) = write.items()
    if kind == "Put":
        return dict(action["Item"])
    return dict(raw.get_item(TableName=action["TableName"], Key=action["Key"]).get("Item", {})) if raw else {}


def size(item: Json) -> int:
    """Bytes of an item as they are billed: names and texts in UTF-8, a number a byte for two digits and one more."""
    total = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        total += len(name.encode())
        total += len(content.encode()) if kind == "S" else math.ceil(len(content.strip("-0")) / 2) + 1
    return total


def started_kb(item: Json) -> int:
    """Every KB that an item has begun; a missing item counts as a small one."""
    return max(1, math.ceil(size(item) / 1024))
