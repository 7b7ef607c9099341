"""What the failure queues hold, understood; and nothing leaves them unhandled."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from ops.redrive import SWEEP, Incomplete, put_back, stream_records, understand

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
        (
            {"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": {}},
            {},
            "stream batch",
            PUBLISH,
        ),
        (EVENT, {"TARGET_ARN": SYNC, "ERROR_CODE": "THROTTLING"}, "AccountChanged", SYNC),
        ({}, {}, SWEEP, None),
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


class Cloud:
    """A stack whose functions answer what they are told to."""

    def __init__(self, said: Any, error: bool = False) -> None:
        self.invoked: list[Any] = []
        self._answer = {"Payload": SimpleNamespace(read=lambda: json.dumps(said))} | (
            {"FunctionError": "x"} if error else {}
        )

    def client(self, _: str) -> "Cloud":
        return self

    def invoke(self, **request: Any) -> Any:
        self.invoked.append(json.loads(request["Payload"]))
        return self._answer


def test_what_a_function_takes_may_leave_the_queue() -> None:
    """None: it was handed over."""
    cloud = Cloud({"stored": True})
    assert put_back(cloud, understand(message(EVENT, TARGET_ARN=SYNC), PUBLISH)) is None  # type: ignore[arg-type]
    assert cloud.invoked == [EVENT]


@pytest.mark.parametrize(("said", "error"), [({"errorMessage": "no"}, True), ({"batchItemFailures": [1]}, False)])
def test_what_a_function_fails_on_again_stays(said: Any, error: bool) -> None:
    """With the reason."""
    reason = put_back(Cloud(said, error), understand(message(EVENT, TARGET_ARN=SYNC), PUBLISH))  # type: ignore[arg-type]
    assert reason
    assert "failed again" in reason


def test_a_failed_sweep_needs_nothing_and_the_unknown_stays() -> None:
    """The next minute has swept; what nobody understands is for a person."""
    assert put_back(Cloud({}), understand(message({}), PUBLISH)) is None  # type: ignore[arg-type]
    for body in ("garbage", {"something": "else"}):
        assert put_back(Cloud({}), understand(message(body), PUBLISH))  # type: ignore[arg-type]


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
    """Its message stays."""
    with pytest.raises(Incomplete):
        stream_records(stream([1, 2], []), INFO)
