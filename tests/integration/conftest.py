"""moto behind the real store and the real handlers; the table is that of the template."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
import time_machine
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID  # type: ignore[attr-defined]
from moto.dynamodb.models import dynamodb_backends

from tests.build import NOW, account_changed, member_changed, subscription_changed
from tests.template import table_definition

EVENTS = Path(__file__).parents[2] / "events"


def sample(name: str) -> dict[str, Any]:
    """One of the sample events."""
    return dict(json.loads((EVENTS / f"{name}.json").read_text()))


class Context:
    """What Lambda passes beside the event."""

    function_name = "test"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:test"
    aws_request_id = "8f5d1f0a-0000-4000-8000-000000000000"

    def __init__(self, seconds: float = 25) -> None:
        self._milliseconds = int(seconds * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Service:
    """The functions, called as Lambda calls them, on one fresh table; the clock stands where the test puts it."""

    def __init__(self, clock: time_machine.Traveller) -> None:
        self._clock = clock

    def at(self, now: datetime) -> "Service":
        """Put the clock."""
        self._clock.move_to(now)
        return self

    def tell(self, detail_type: str, detail: dict[str, Any]) -> dict[str, bool]:
        """Have an event of the service manager taken in."""
        from functions.sync.app import handler

        event = sample("sync") | {"detail-type": detail_type, "detail": detail}
        stored: dict[str, bool] = handler(event, Context())
        return stored

    def account(self, **detail: Any) -> dict[str, bool]:
        return self.tell("AccountChanged", account_changed(**detail))

    def member(self, **detail: Any) -> dict[str, bool]:
        return self.tell("MemberChanged", member_changed(**detail))

    def subscription(self, **detail: Any) -> dict[str, bool]:
        return self.tell("SubscriptionChanged", subscription_changed(**detail))

    def list(self, user: str = "U-1", account: str = "A-100", **query: str) -> SimpleNamespace:
        from functions.list import app

        return self._call(app, "list", user, query, account_id=account)

    def offer(self, user: str = "U-1", account: str = "A-100", subscription: str = "S-1") -> SimpleNamespace:
        from functions.offer import app

        return self._call(app, "offer", user, {}, account_id=account, subscription_id=subscription)

    def extend(
        self,
        offer_id: str | None = None,
        user: str = "U-1",
        account: str = "A-100",
        subscription: str = "S-1",
        body: str | None = None,
        seconds: float = 25,
    ) -> SimpleNamespace:
        """Accept an offer; without one, accept what is offered now."""
        from functions.extend import app

        if body is None:
            offer_id = offer_id or self.offer(user, account, subscription).json["offer_id"]
            body = json.dumps({"offer_id": offer_id})
        ids = {"account_id": account, "subscription_id": subscription}
        return self._call(app, "extend", user, {}, body=body, seconds=seconds, **ids)

    def expire(self, seconds: float = 55) -> dict[str, int]:
        from functions.expire.app import handler

        answer: dict[str, int] = handler(sample("expire"), Context(seconds))
        return answer

    def _call(
        self,
        app: ModuleType,
        name: str,
        user: str | None,
        query: dict[str, str],
        body: str | None = None,
        seconds: float = 25,
        **ids: str,
    ) -> SimpleNamespace:
        event = deepcopy(sample(name))
        path = event["requestContext"]["routeKey"].split(" ")[1].format(**ids)
        event |= {"rawPath": path, "pathParameters": ids, "queryStringParameters": query or None}
        event["requestContext"]["http"]["path"] = path
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user
        if user is None:
            del event["requestContext"]["authorizer"]
        if body is not None:
            event["body"] = body
        return answer_of(app.handler(event, Context(seconds)))


def answer_of(answer: dict[str, Any]) -> SimpleNamespace:
    """An answer to API Gateway with its JSON read."""
    body = json.loads(answer["body"])
    headers = answer["headers"]
    return SimpleNamespace(status=answer["statusCode"], json=body, code=body.get("code"), headers=headers)


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def table(aws: None) -> Any:
    return make_table()


def make_table() -> Any:
    """The table of the template, in moto."""
    definition = {"TableName": "extending-subscription", **table_definition()}
    boto3.client("dynamodb").create_table(**definition)
    return boto3.resource("dynamodb").Table("extending-subscription")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def service(clock: time_machine.Traveller, table: Any) -> Service:
    """One account with a main subscription that can be extended, users U-1 to U-4 in four roles."""
    service = Service(clock)
    service.account()
    service.subscription()
    for user, role in [("U-1", "owner"), ("U-2", "administrator"), ("U-3", "user"), ("U-4", "operator")]:
        service.member(user_id=user, role=role)
    return service


@pytest.fixture
def round_trips(service: Service) -> Iterator[Callable[[], list[str]]]:
    """The operations sent to DynamoDB since the last time it was asked."""
    from extending.runtime import dynamodb

    sent: list[str] = []

    def count(model: Any, **_: Any) -> None:
        sent.append(model.name)

    def since() -> list[str]:
        taken, sent[:] = sent.copy(), []
        return taken

    dynamodb.meta.events.register("before-call.dynamodb", count)
    yield since
    dynamodb.meta.events.unregister("before-call.dynamodb", count)


class Bus:
    """The event bus and the stream before it: what comes out, in order; the bus may be made to refuse."""

    def __init__(self, table: Any, queue_url: str = "") -> None:
        self.taken: list[dict[str, Any]] = []
        self.calls: list[int] = []
        self.refuse: list[Any] = []
        self.queue_url = queue_url
        self._table = table
        self._read = 0

    def put_events(self, **request: Any) -> dict[str, Any]:
        """What the SDK would answer; `refuse` holds, per call, an exception or the places that are not taken."""
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
                self.taken.append(entry | {"TakenAt": datetime.now(UTC)})
                results.append({"EventId": str(len(self.taken))})
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

    def news(self) -> list[tuple[str, str]]:
        """What was taken: kind and subscription."""
        return [(entry["DetailType"], json.loads(entry["Detail"])["subscription_id"]) for entry in self.taken]


@pytest.fixture
def bus(service: Service, table: Any, monkeypatch: pytest.MonkeyPatch) -> Bus:
    from extending import aside
    from extending import bus as bus_module

    queue_url = boto3.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
    bus = Bus(table, queue_url)
    monkeypatch.setattr(bus_module, "_events", bus)
    monkeypatch.setattr(aside, "FAILURE_QUEUE_URL", queue_url)
    return bus


def publish(records: list[dict[str, Any]]) -> list[str]:
    """Hand records to the function; the sequence numbers that it reports as failed."""
    from functions.publish.app import handler

    answer = handler({"Records": records}, Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
