"""A client of the engine as the functions have it, but for its time-outs; and tables, with what is put into them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import boto3
from botocore.config import Config

from devkit.builders import DAY, WEEK
from devkit.template import table_definition
from extending import changes, dynamo, grants, items, sweep
from extending.model import Extension, Terms
from extending.runtime import CONFIG

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

PATIENT = CONFIG.merge(Config(connect_timeout=60, read_timeout=60))
"""An engine that shares two cores with everything may take seconds; what a time-out does, test_faults injects."""


def connect(url: str) -> "DynamoDBClient":
    return boto3.client("dynamodb", endpoint_url=url, config=PATIENT)


def use(client: "DynamoDBClient", table: str, set_: Callable[[Any, str, Any], None]) -> None:
    """Have the product work with a client on a table; `set_` is that of a monkeypatch."""
    for module in (dynamo, grants, sweep, changes):
        set_(module, "dynamodb", client)
        set_(module, "TABLE_NAME", table)


class Table(NamedTuple):
    """A table, and a client of the test's own, which no fault is injected into."""

    client: "DynamoDBClient"
    name: str

    def items(self) -> list[Any]:
        return self.client.scan(TableName=self.name, ConsistentRead=True)["Items"]

    def put(self, found: list[Any]) -> None:
        for first in range(0, len(found), 25):
            puts: Any = [{"PutRequest": {"Item": item}} for item in found[first : first + 25]]
            assert not self.client.batch_write_item(RequestItems={self.name: puts})["UnprocessedItems"]

    def put_grants(self, count: int, granted_at: datetime, prefix: str = "A") -> None:
        """Extensions as a grant writes them, without the checks that a grant makes."""
        extensions = [
            Extension(
                account_id=f"{prefix}-{number}",
                subscription_id="S-1",
                period_starts_at=granted_at - 30 * DAY,
                terms=Terms(2, 8, "P7D", 604_800),
                granted_at=granted_at - timedelta(seconds=number),
                granted_by="U-1",
                ends_at=granted_at - timedelta(seconds=number) + WEEK,
            )
            for number in range(count)
        ]
        self.put([items.extension_item(x, x.ends_at - DAY, "seed", "seed") for x in extensions])

    def put_members(self, count: int) -> None:
        """Of account A-100."""
        version = {items.VERSION: {"N": "1761955200000000"}}
        self.put([items.member_item("A-100", f"M-{n}", None) | version for n in range(count)])


@contextmanager
def fresh_table(client: "DynamoDBClient") -> Iterator[Table]:
    """The template's table, without its stream: the engine gets slower with each record that any stream has held."""
    name = f"test-{uuid4()}"
    definition = table_definition()
    del definition["StreamSpecification"]
    client.create_table(TableName=name, **definition)
    yield Table(client, name)
    client.delete_table(TableName=name)
