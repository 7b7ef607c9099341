"""Amazon's DynamoDB Local, and instances of handlers that work on it."""

import json
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from bench.accounts import OWNER, subscription
from bench.setup import ENVIRONMENT, Setup
from devkit.builders import iso, member_changed
from devkit.engine import dynamodb_local
from devkit.project import ROOT
from devkit.service import extend_event, http_event, machine_event
from devkit.template import table_definition
from extending.items import Item
from extending.model import OfferId

Json = dict[str, Any]
TABLE = ENVIRONMENT["TABLE_NAME"]


class Block(NamedTuple):
    """A handler's milliseconds for a block of events, of the processor a call; its process's most kilobytes so far."""

    cpu: float
    walls: list[float]
    peak: int
    last: Any


class Worker:
    """A process that calls handlers; see worker.py."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def call(self, handler: str, *events: Json) -> Block:
        """Call a handler with each event; without any, only import it."""
        self._process.stdin.write(json.dumps({"handler": handler, "events": events}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{handler} ended with {self._process.wait()}; why is above"
        return Block(**json.loads(line))


class Engine(ExitStack):
    """DynamoDB Local with one table, empty at first; what it started ends with it."""

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        self._setup = setup
        # Measured for as long as it takes, so with the compilers that a server is run with.
        self.url = self.enter_context(dynamodb_local(flags=()))
        session = boto3.Session("bench", "bench", region_name="us-east-1")
        self.client: Any = session.client("dynamodb", endpoint_url=self.url)
        self.client.create_table(TableName=TABLE, **table_definition())

    def put(self, items: Iterable[Item]) -> None:
        puts = ({"PutRequest": {"Item": item}} for item in items)
        while batch := list(islice(puts, 25)):
            assert not self.client.batch_write_item(RequestItems={TABLE: batch})["UnprocessedItems"]

    def worker(self, *libraries: Path, **variables: str) -> Worker:
        """An instance on the layer as built, or on other libraries before it."""
        path = [*libraries, self._setup.layer, ROOT]
        process = subprocess.Popen(
            [self._setup.python, "-m", "bench.worker"],
            cwd=ROOT,
            env=self._setup.environment(*path, AWS_ENDPOINT_URL_DYNAMODB=self.url, **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.callback(process.wait)
        self.callback(process.kill)  # There is nothing that it should save.
        return Worker(process)


def members(account_id: str, number: int, count: int = 1) -> Json:
    """A request of the service manager that reports `count` members; newer with each `number`."""
    changed_at = iso(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number))
    details = [member_changed(account_id=account_id, user_id=f"U-{n}", changed_at=changed_at) for n in range(count)]
    return changes(*(("MemberChanged", detail) for detail in details))


def changes(*entries: tuple[str, Json]) -> Json:
    """A request of the service manager."""
    body = {"changes": [{"detail_type": detail_type, "detail": detail} for detail_type, detail in entries]}
    return machine_event("changes", {}) | {"body": json.dumps(body)}


def event(name: str, **ids: str) -> Json:
    """A read of the owner over the HTTP API."""
    return http_event(name, OWNER, ids)


def extend(account_id: str, number: int) -> Json:
    """The owner accepts the offer of a subscription, which nothing was reported of since."""
    offer = OfferId.of(subscription(number)).token
    return extend_event(OWNER, account_id, f"S-{number}", offer)
