"""The real handlers and the real store on moto; the table is that of the template."""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import time_machine
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID  # type: ignore[attr-defined]
from moto.core.models import MockAWS
from moto.dynamodb.models import dynamodb_backends

from devkit.builders import NOW
from devkit.service import Context, Service, invoke
from devkit.template import table_definition
from extending import batch, failures, runtime
from tests.support.operated import Operated

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table
    from types_boto3_sqs.client import SQSClient


@pytest.fixture(scope="module")
def moto() -> Iterator[MockAWS]:
    """In force for a file of tests: to begin costs as much as a test."""
    with mock_aws() as mocked:
        yield mocked


@pytest.fixture
def aws(moto: MockAWS) -> None:
    """A cloud in which nothing is yet."""
    moto.reset()


@pytest.fixture
def table(aws: None) -> "Table":
    return make_table()


@cache
def dynamodb() -> "DynamoDBServiceResource":
    """One for all tests: a new one reads the description of the service again, longer than most tests last."""
    return boto3.resource("dynamodb")


@cache
def sqs() -> "SQSClient":
    return boto3.client("sqs")


def make_table() -> "Table":
    """The table of the template, in moto."""
    return dynamodb().create_table(TableName="extending-subscription", **table_definition())


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def service(clock: time_machine.Traveller, table: "Table", monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(batch, "BEGIN_WITHIN", 600.0)  # However busy the machine is, no request runs out of time.
    return Service(clock).settle()


@pytest.fixture
def target(service: Service) -> Operated:
    """The service's stage as the operator's tools see it."""
    return Operated()


@pytest.fixture
def no_table(clock: time_machine.Traveller, aws: None) -> Service:
    """A service without a table: what it answers it answers without asking the database."""
    return Service(clock)


RoundTrips = Callable[[], list[str]]


@pytest.fixture
def round_trips(service: Service) -> Iterator[RoundTrips]:
    """Returns the operations sent to DynamoDB since it was last called."""
    sent: list[str] = []

    def count(model: Any, **_: Any) -> None:
        sent.append(model.name)

    def since() -> list[str]:
        last, sent[:] = sent.copy(), []
        return last

    runtime.dynamodb.meta.events.register("before-call.dynamodb", count)
    yield since
    runtime.dynamodb.meta.events.unregister("before-call.dynamodb", count)


class Bus:
    """The event bus and the stream before it; `refuse` makes the bus refuse entries, or whole calls."""

    def __init__(self, table: "Table", queue_url: str = "") -> None:
        self.accepted: list[dict[str, Any]] = []
        self.calls: list[int] = []
        self.refuse: list[Any] = []
        self.queue_url = queue_url
        self._table = table
        self._read = 0

    def put_events(self, **request: Any) -> dict[str, Any]:
        """Answer as the SDK does; `refuse` holds, per call, an exception or the places of the entries refused."""
        entries = request["Entries"]
        self.calls.append(len(entries))
        refused = self.refuse.pop(0) if self.refuse else []
        if isinstance(refused, Exception):
            raise refused
        results = []
        for place, entry in enumerate(entries):
            if place in refused:
                results.append({"ErrorCode": "InternalFailure", "ErrorMessage": "no"})
            else:
                self.accepted.append(entry)
                results.append({"EventId": str(len(self.accepted))})
        return {"FailedEntryCount": len(refused), "Entries": results}

    def records(self) -> list[dict[str, Any]]:
        """Changes of extensions since the last time, as the filter of the template lets them through."""
        # moto keeps a stream, but its endpoint for reading one is broken: read what stands behind it.
        shard = dynamodb_backends[ACCOUNT_ID]["eu-central-1"].get_table(self._table.name).stream_shard
        assert shard
        first = shard.starting_sequence_number + self._read
        records: list[dict[str, Any]] = json.loads(json.dumps(shard.get(first, 1000), default=str))
        self._read += len(records)
        return [r for r in records if r["dynamodb"].get("NewImage", {}).get("t") == {"S": "extension"}]

    def announced(self) -> list[tuple[str, str]]:
        """Kind and subscription of each event that was accepted."""
        return [(entry["DetailType"], json.loads(entry["Detail"])["subscription_id"]) for entry in self.accepted]


@pytest.fixture
def bus(service: Service, table: "Table", monkeypatch: pytest.MonkeyPatch) -> Bus:
    queue_url = sqs().create_queue(QueueName="failures")["QueueUrl"]
    bus = Bus(table, queue_url)
    monkeypatch.setattr("extending.bus._events", bus)
    monkeypatch.setattr(failures, "FAILURE_QUEUE_URL", queue_url)
    return bus


def publish(records: list[dict[str, Any]]) -> list[str]:
    """Hand records to the function; the sequence numbers that it reports as failed."""
    answer = invoke("publish", {"Records": records}, Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def as_list(value: Any) -> list[Any]:
    """What the template has as a list or, where it is only one, by itself."""
    return value if isinstance(value, list) else [value]
