"""Capacity units: what each call of the database is billed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.support.meter import started_kb

Json = dict[str, Any]


class Call(NamedTuple):
    """One call that was answered, a refused one included."""

    operation: str
    read: float
    write: float


@contextmanager
def metered(client: Any) -> Iterator[list[Call]]:
    """The calls of a DynamoDB client as they are made, with their units.

    What the engine reports, but where DynamoDB Local differs from the service, which bills each item of a transaction
    2 units for each KB begun, be it only checked, be the transaction refused; what a transaction writes to an index
    like any other write; and what finds nothing like what finds one small item.
    """
    calls: list[Call] = []

    def ask(params: Json, **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    def remember(params: Json, context: Json, **_: Any) -> None:
        context["bench"] = params

    def count(parsed: Json, context: Json, model: Any, **_: Any) -> None:
        params, consumed = context["bench"], parsed.get("ConsumedCapacity", {})
        if model.name == "TransactWriteItems":
            indexes = [index for table in consumed for index in table.get("GlobalSecondaryIndexes", {}).values()]
            indexed = sum(index["CapacityUnits"] / 2 for index in indexes)
            calls.append(Call(model.name, 0, sum(map(_transacted, params["TransactItems"])) + indexed))
        elif model.name in ("GetItem", "Query"):
            least = 1 if params.get("ConsistentRead") else 0.5
            calls.append(Call(model.name, max(least, consumed.get("CapacityUnits", 0)), 0))
        else:
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


def _transacted(write: Json) -> int:
    ((kind, action),) = write.items()
    # The items that are only checked stay below 1 KB.
    return 2 * started_kb(action["Item"] if kind == "Put" else {})
