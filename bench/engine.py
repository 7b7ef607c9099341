"""Amazon's DynamoDB Local, and instances of handlers that work on it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import boto3

from bench.setup import ENVIRONMENT, Setup
from devkit.builders import iso, member_changed
from devkit.engine import dynamodb_local
from devkit.project import ROOT
from devkit.service import http_event, machine_event
from devkit.template import table_definition

Json = dict[str, Any]


class Block(NamedTuple):
    """Seconds of a handler for the events of one block; the most kilobytes of its process so far."""

    cpu: float
    walls: list[float]
    peak: int
    last: Any

    @property
    def cpu_per_call(self) -> float:
        """Milliseconds of the processor."""
        return self.cpu / len(self.walls) * 1000


class Worker:
    """A process that calls handlers; see worker.py."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(self, handler: str, *events: Json) -> Block:
        """Call a handler with each event; without any, only import it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"handler": handler, "events": events}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{handler} ended with {self._process.wait()}; why is above"
        return Block(**json.loads(line))


class Engine:
    """DynamoDB Local with one table, empty at first; what it started ends with it."""

    def __init__(self, setup: Setup, stack: ExitStack) -> None:
        self._setup = setup
        self._stack = stack
        # Measured for as long as it takes, so with the compilers that a server is run with.
        self.url = stack.enter_context(dynamodb_local(flags=()))
        session = boto3.Session("bench", "bench", region_name="us-east-1")
        self.client: Any = session.client("dynamodb", endpoint_url=self.url)
        self.client.create_table(TableName=ENVIRONMENT["TABLE_NAME"], **table_definition())

    def worker(self, libraries: Path | None = None, **variables: str) -> Worker:
        """An instance on the layer as built, or on other libraries before it: those of `setup.default`, say."""
        path = [*([libraries] if libraries else []), self._setup.layer, ROOT]
        process: subprocess.Popen[str] = subprocess.Popen(
            [self._setup.python, "-m", "bench.worker"],
            cwd=ROOT,
            env=self._setup.environment(*path, AWS_ENDPOINT_URL_DYNAMODB=self.url, **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)  # There is nothing that it should save.
        return Worker(process)

    @cached_property
    def filler(self) -> Worker:
        """An instance that fills the table: see handlers/fill.py."""
        return self.worker(self._setup.default)


@contextmanager
def engine(setup: Setup) -> Iterator[Engine]:
    with ExitStack() as stack:
        yield Engine(setup, stack)


def members(account_id: str, number: int, count: int = 1) -> Json:
    """A request of the service manager that reports `count` members; newer with each `number`."""
    changed_at = iso(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number))
    details = [member_changed(account_id=account_id, user_id=f"U-{n}", changed_at=changed_at) for n in range(count)]
    return changes(*(("MemberChanged", detail) for detail in details))


def changes(*entries: tuple[str, Json]) -> Json:
    """A request of the service manager."""
    body = {"changes": [{"detail_type": detail_type, "detail": detail} for detail_type, detail in entries]}
    return machine_event("changes", {}) | {"body": json.dumps(body)}


def event(name: str, offer_id: str | None = None, **ids: str) -> Json:
    """A call of the HTTP API by the owner that fill.py makes."""
    return http_event(name, "U-1", ids, body=json.dumps({"offer_id": offer_id}) if offer_id else None)
