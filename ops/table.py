"""Reads of the table for the operator's tools: all of one account, all of it, and how large it is."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from devkit.stage import Stack
from extending import items
from extending.items import Item
from ops import console

ALL_ROWS = 1_000_000
"""Rows of a page of an answer that holds everything."""

UNIT = 8192
"""Bytes of one read unit, eventually consistent."""

DOLLARS = 0.125
"""For a million read units on demand (us-east-1, November 2026)."""


def of_account(target: Stack, account_id: str) -> list[Item]:
    """Every item of an account's partition as it is now, members and removals too, in the order of their keys."""
    pages = (
        target.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=target.outputs["TableName"],
            KeyConditionExpression=f"{items.PARTITION} = :pk",
            ExpressionAttributeValues={":pk": items.partition_of(account_id)},
            ConsistentRead=True,
        )
    )
    return [item for page in pages for item in page["Items"]]


def record_of(item: Item) -> str:
    """The name of a record on the command line of `extending repair`."""
    sort = item[items.SORT]["S"]
    match sort[0]:
        case "~":
            return f"member:{sort[1:]}"
        case "S":
            return f"subscription:{sort[2:]}"
    return {"A": "account", "U": "usage", "R": "removal"}.get(sort, str(sort))


class Size(NamedTuple):
    """The size of a table, as DynamoDB counts it every six hours."""

    items: int
    bytes: int

    @property
    def units(self) -> int:
        """Read units of reading all of it once, eventually consistent."""
        return -(-self.bytes // UNIT)

    @property
    def dollars(self) -> float:
        return self.units * DOLLARS / 1e6

    def __str__(self) -> str:
        return (
            f"{self.items:,} items, {self.bytes / 1e6:,.1f} MB: {self.units:,} read units, "
            f"{f'${self.dollars:,.2f}' if self.dollars >= 0.01 else 'less than a cent'}"
        )


def size(target: Stack) -> Size:
    described: dict[str, Any] = target.client("dynamodb").describe_table(TableName=target.outputs["TableName"])["Table"]
    return Size(int(described.get("ItemCount", 0)), int(described.get("TableSizeBytes", 0)))


def scan(target: Stack, seen: Callable[[dict[str, Any]], object] = lambda _: None, **request: Any) -> Iterator[Item]:
    """Items of the whole table, those of an account one after the other; `seen` receives each page as it came."""
    pages = target.client("dynamodb").get_paginator("scan").paginate(TableName=target.outputs["TableName"], **request)
    with console.progress() as bar:
        reading = bar.add_task("Reading the table", total=size(target).items or None)
        for page in pages:
            bar.advance(reading, page["ScannedCount"])
            seen(page)
            yield from page["Items"]
