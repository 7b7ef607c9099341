"""Messages of the failure queues are understood, and none leaves them unhandled."""

import json
from io import BytesIO, TextIOWrapper
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ops.redrive import STREAM, SWEEP, put_back, show, understand

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


BATCH = {
    "approximateArrivalOfFirstRecord": "2026-11-21T10:00:00Z",
    "approximateArrivalOfLastRecord": "2026-11-21T11:00:00.5Z",
}


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
            {"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": BATCH},
            {},
            STREAM,
            None,
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
    failure = understand(message(body, **attributes))
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
        {"requestContext": {}, "DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": "yesterday"}},
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
    failure = understand(message(body))
    assert (type(failure.kind), type(failure.error), failure.receipt) == (str, str, "r")
    show(Console(file=TextIOWrapper(BytesIO(), "utf-8")), [failure, understand(message(EVENT, TARGET_ARN=SYNC))])
    put_back(FakeCloud([], error=True), failure)  # type: ignore[arg-type]


def test_a_message_that_cannot_be_handed_over_stays_with_the_reason() -> None:
    """Whatever goes wrong with one, the run goes on to the next."""
    cloud = SimpleNamespace(client=lambda _: SimpleNamespace(invoke=lambda **_: 1 / 0))
    failure = understand(message(EVENT, TARGET_ARN=SYNC))
    assert put_back(cloud, failure) == "ZeroDivisionError: division by zero"  # type: ignore[arg-type]


class FakeCloud:
    """A stack whose functions give this answer."""

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


def test_an_event_that_a_function_accepts_may_leave_the_queue() -> None:
    """None: it was handed over."""
    cloud = FakeCloud({"stored": True})
    assert put_back(cloud, understand(message(EVENT, TARGET_ARN=SYNC))) is None  # type: ignore[arg-type]
    assert cloud.invoked == [EVENT]


@pytest.mark.parametrize(("said", "error"), [({"errorMessage": "no"}, True), ({"batchItemFailures": [1]}, False)])
def test_what_a_function_fails_on_again_stays(said: Any, error: bool) -> None:
    """With the reason."""
    reason = put_back(FakeCloud(said, error), understand(message(EVENT, TARGET_ARN=SYNC)))  # type: ignore[arg-type]
    assert reason
    assert "failed again" in reason


def test_a_failed_sweep_needs_nothing_and_the_unknown_stays() -> None:
    """The next minute has swept; what nobody understands is for a person."""
    for sweep in ({}, MINUTE):
        assert put_back(FakeCloud({}), understand(message(sweep))) is None  # type: ignore[arg-type]
    for body in ("garbage", {"something": "else"}):
        assert put_back(FakeCloud({}), understand(message(body)))  # type: ignore[arg-type]
