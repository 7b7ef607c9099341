"""What the failure queues hold, understood; and nothing leaves them unhandled."""

import json
from datetime import UTC, datetime
from io import BytesIO, TextIOWrapper
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from ops.redrive import STREAM, SWEEP, Forgotten, lost, put_back, show, stream_records, understand

PUBLISH = "arn:aws:lambda:eu-central-1:1:function:publish:live"
SYNC = "arn:aws:lambda:eu-central-1:1:function:sync:live"


def message(body: Any, **attributes: str) -> dict[str, Any]:
    return {
        "Body": body if isinstance(body, str) else json.dumps(body),
        "ReceiptHandle": "r",
        "Attributes": {"SentTimestamp": "1795341600000"},
        "MessageAttributes": {name: {"StringValue": value} for name, value in attributes.items()},
    }


EVENT = {"detail-type": "AccountChanged", "detail": {}}
# What Scheduler sends where a schedule has no input of its own.
MINUTE = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"}


@pytest.mark.parametrize(
    ("body", "attributes", "kind", "function"),
    [
        ({"function": SYNC, "error": "NotAnEvent: x", "payload": EVENT}, {}, "AccountChanged", SYNC),
        ({"function": PUBLISH, "error": "KeyError: e", "payload": {"Records": [1]}}, {}, "stream record", PUBLISH),
        (
            {
                "requestContext": {"functionArn": SYNC},
                "requestPayload": EVENT,
                "responsePayload": {"errorMessage": "x"},
            },
            {},
            "AccountChanged",
            SYNC,
        ),
        ({"requestContext": {"functionArn": "expire"}, "requestPayload": {}}, {}, SWEEP, "expire"),
        ({"requestContext": {"functionArn": "expire"}, "requestPayload": MINUTE}, {}, SWEEP, "expire"),
        (
            {"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": {}},
            {},
            STREAM,
            PUBLISH,
        ),
        (EVENT, {"TARGET_ARN": SYNC, "ERROR_CODE": "THROTTLING"}, "AccountChanged", SYNC),
        ({}, {}, SWEEP, None),
        (MINUTE, {"TARGET_ARN": "expire", "ERROR_MESSAGE": "throttled"}, SWEEP, None),
        ({"something": "else"}, {}, "not understood", None),
        ("garbage <xml>", {}, "not JSON", None),
    ],
)
def test_each_writer_of_a_failure_queue_is_understood(
    body: Any, attributes: dict[str, str], kind: str, function: str | None
) -> None:
    """Functions, Lambda, the stream's event source, the bus, the schedule; and what nobody of them wrote."""
    failure = understand(message(body, **attributes), PUBLISH)
    assert (failure.kind, failure.function) == (kind, function)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        {"function": SYNC, "error": "e", "payload": [1]},
        {"function": SYNC, "error": "e", "payload": None},
        {"function": SYNC, "error": "e", "payload": {"detail-type": ["x"]}},
        {"requestContext": {"functionArn": SYNC}, "requestPayload": EVENT, "responsePayload": "no"},
        {"requestContext": {"functionArn": SYNC}, "requestPayload": EVENT, "responsePayload": {"errorMessage": 1}},
        {"requestContext": {}, "requestPayload": EVENT},
        {"requestContext": None, "requestPayload": EVENT},
        {"requestContext": "x", "DDBStreamBatchInfo": None},
        {"function": SYNC, "error": "[/] \ud800", "payload": {"detail-type": "[/] \ud800"}},
        {"too_large": 300_000, "error": "e", "payload_begins": "{"},
        [],
        None,
        DEEP,
        f'{{"function": "f", "error": "e", "payload": {DEEP}}}',
    ],
)
def test_an_odd_message_is_shown_like_any_other(body: Any) -> None:
    """One that crashed the redrive would hide all others for a quarter of an hour."""
    failure = understand(message(body), PUBLISH)
    assert (type(failure.kind), type(failure.error), failure.receipt) == (str, str, "r")
    show(
        Console(file=TextIOWrapper(BytesIO(), "utf-8")),
        {"queue": [failure, understand(message(EVENT, TARGET_ARN=SYNC), PUBLISH)]},
    )
    put_back(FakeCloud([], error=True), failure)  # type: ignore[arg-type]


def test_a_message_that_cannot_be_handed_over_stays_with_the_reason() -> None:
    """Whatever goes wrong with one, the run goes on to the next."""
    cloud = SimpleNamespace(client=lambda _: SimpleNamespace(invoke=lambda **_: 1 / 0))
    failure = understand(message(EVENT, TARGET_ARN=SYNC), PUBLISH)
    assert put_back(cloud, failure) == "ZeroDivisionError: division by zero"  # type: ignore[arg-type]


class FakeCloud:
    """A stack whose functions answer what they are told to."""

    def __init__(self, said: Any, error: bool = False) -> None:
        self.invoked: list[Any] = []
        self._answer = {"Payload": SimpleNamespace(read=lambda: json.dumps(said))} | (
            {"FunctionError": "x"} if error else {}
        )

    def client(self, _: str) -> "FakeCloud":
        return self

    def invoke(self, **request: Any) -> Any:
        self.invoked.append(json.loads(request["Payload"]))
        return self._answer


def test_what_a_function_takes_may_leave_the_queue() -> None:
    """None: it was handed over."""
    cloud = FakeCloud({"stored": True})
    assert put_back(cloud, understand(message(EVENT, TARGET_ARN=SYNC), PUBLISH)) is None  # type: ignore[arg-type]
    assert cloud.invoked == [EVENT]


@pytest.mark.parametrize(("said", "error"), [({"errorMessage": "no"}, True), ({"batchItemFailures": [1]}, False)])
def test_what_a_function_fails_on_again_stays(said: Any, error: bool) -> None:
    """With the reason."""
    reason = put_back(FakeCloud(said, error), understand(message(EVENT, TARGET_ARN=SYNC), PUBLISH))  # type: ignore[arg-type]
    assert reason
    assert "failed again" in reason


def test_a_failed_sweep_needs_nothing_and_the_unknown_stays() -> None:
    """The next minute has swept; what nobody understands is for a person."""
    for sweep in ({}, MINUTE):
        assert put_back(FakeCloud({}), understand(message(sweep), PUBLISH)) is None  # type: ignore[arg-type]
    for body in ("garbage", {"something": "else"}):
        assert put_back(FakeCloud({}), understand(message(body), PUBLISH))  # type: ignore[arg-type]


def stream(*pages: list[int]) -> Any:
    """A stream that gives these pages of records, by sequence number, and is then at its end."""
    left = list(pages)

    def get_records(**_: Any) -> Any:
        page = left.pop(0)
        records = [
            {"dynamodb": {"SequenceNumber": str(n), "NewImage": {"t": {"S": "extension" if n % 2 else "account"}}}}
            for n in page
        ]
        return {"Records": records} | ({"NextShardIterator": "i"} if left else {})

    return SimpleNamespace(get_shard_iterator=lambda **_: {"ShardIterator": "i"}, get_records=get_records)


INFO = {"streamArn": "s", "shardId": "h", "startSequenceNumber": "1", "endSequenceNumber": "5"}


def test_a_batch_is_read_from_the_stream_over_empty_pages_and_only_its_extensions() -> None:
    """Up to its last record."""
    records = stream_records(stream([1, 2], [], [3, 4], [5, 6, 7]), INFO)
    assert [record["dynamodb"]["SequenceNumber"] for record in records] == ["1", "3", "5"]


def test_a_batch_that_the_stream_no_longer_has_is_not_taken_for_read() -> None:
    """The table is asked instead."""
    with pytest.raises(Forgotten):
        stream_records(stream([1, 2], []), INFO)
    cloud = SimpleNamespace(client=lambda _: stream([1, 2], []))
    with pytest.raises(Forgotten):
        put_back(cloud, understand(message({"DDBStreamBatchInfo": INFO}), PUBLISH))  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["TrimmedDataAccessException", "ResourceNotFoundException"])
def test_what_is_a_day_old_is_forgotten(code: str) -> None:
    """The records, and at last the shard."""

    def gone(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": code}}, "GetShardIterator")

    with pytest.raises(Forgotten):
        stream_records(SimpleNamespace(get_shard_iterator=gone), INFO)


def test_a_stream_that_may_not_be_read_is_not_forgotten() -> None:
    """Its message stays, with the reason."""

    def denied(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetShardIterator")

    cloud = SimpleNamespace(client=lambda _: SimpleNamespace(get_shard_iterator=denied))
    batch = understand(message({"DDBStreamBatchInfo": INFO}), PUBLISH)
    assert "AccessDenied" in str(put_back(cloud, batch))  # type: ignore[arg-type]


def test_the_time_that_forgotten_batches_were_written_in_is_wide_enough_for_clocks() -> None:
    """From the first to the last of them; the items have the functions' clock, the batches the stream's."""
    days = [
        {
            "approximateArrivalOfFirstRecord": f"2026-11-{day}T10:00:00Z",
            "approximateArrivalOfLastRecord": f"2026-11-{day}T11:00:00.5Z",
        }
        for day in (21, 20)
    ]
    since, until = lost([understand(message({"DDBStreamBatchInfo": info}), PUBLISH) for info in days])
    assert since < datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert until > datetime(2026, 11, 21, 11, 0, 1, tzinfo=UTC)
