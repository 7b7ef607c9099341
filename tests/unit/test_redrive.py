"""Messages of the failure queues are understood, and none leaves them unhandled."""

import json
from io import BytesIO, TextIOWrapper
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ops.redrive import STREAM, SWEEP, Failure, put_back, show, understand

PUBLISH = "arn:aws:lambda:eu-central-1:1:function:publish:live"
SYNC = "arn:aws:lambda:eu-central-1:1:function:sync:live"


def understood(body: Any, **attributes: str) -> Failure:
    message = {
        "Body": body if isinstance(body, str) else json.dumps(body),
        "ReceiptHandle": "r",
        "Attributes": {"SentTimestamp": "1795341600000"},
        "MessageAttributes": {name: {"StringValue": value} for name, value in attributes.items()},
    }
    return understand(message)


EVENT = {"detail-type": "AccountChanged", "detail": {}}
BATCH = {
    "approximateArrivalOfFirstRecord": "2026-11-21T10:00:00Z",
    "approximateArrivalOfLastRecord": "2026-11-21T11:00:00.5Z",
}
GIVEN_UP = {"requestContext": {"functionArn": SYNC}, "requestPayload": EVENT, "responsePayload": {"errorMessage": "x"}}
# What Scheduler sends where a schedule has no input of its own.
MINUTE = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}"}


@pytest.mark.parametrize(
    ("body", "attributes", "kind", "function"),
    [
        ({"function": SYNC, "error": "NotAnEvent: x", "payload": EVENT}, {}, "AccountChanged", SYNC),
        ({"function": PUBLISH, "error": "KeyError: e", "payload": {"Records": [1]}}, {}, "stream record", PUBLISH),
        (GIVEN_UP, {}, "AccountChanged", SYNC),
        ({"requestContext": {"functionArn": "expire"}, "requestPayload": {}}, {}, SWEEP, "expire"),
        ({"requestContext": {"condition": "RetryAttemptsExhausted"}, "DDBStreamBatchInfo": BATCH}, {}, STREAM, None),
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
    failure = understood(body, **attributes)
    assert (failure.kind, failure.function) == (kind, function)


def answering(answer: Any, **error: str) -> Any:
    """A stack whose functions answer like this."""
    answered = {"Payload": BytesIO(json.dumps(answer).encode())} | error
    return SimpleNamespace(client=lambda _: SimpleNamespace(invoke=lambda **_: answered))


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        {"function": SYNC, "error": "e", "payload": [1]},
        {"function": SYNC, "error": "e", "payload": {"detail-type": ["x"]}},
        GIVEN_UP | {"responsePayload": "no"},
        GIVEN_UP | {"responsePayload": {"errorMessage": 1}},
        GIVEN_UP | {"requestContext": None},
        {"requestContext": "x", "DDBStreamBatchInfo": None},
        {"requestContext": {}, "DDBStreamBatchInfo": {"approximateArrivalOfFirstRecord": "yesterday"}},
        {"function": SYNC, "error": "[/] \ud800", "payload": {"detail-type": "[/] \ud800"}},
        {"too_large": 300_000, "error": "e", "payload_begins": "{"},
        None,
        DEEP,
        f'{{"function": "f", "error": "e", "payload": {DEEP}}}',
    ],
)
def test_an_odd_message_is_shown_like_any_other(body: Any) -> None:
    """One that crashed the redrive would hide all others for a quarter of an hour."""
    failure = understood(body)
    assert (type(failure.kind), type(failure.error), failure.receipt) == (str, str, "r")
    out = Console(file=TextIOWrapper(BytesIO(), "utf-8"))
    show(out, [failure, understood(EVENT, TARGET_ARN=SYNC)])
    put_back(answering({}, FunctionError="x"), failure)


def test_only_what_a_function_accepts_may_leave_the_queue() -> None:
    """None: it was handed over. A run goes on to the next message whatever goes wrong with one."""
    event = understood(EVENT, TARGET_ARN=SYNC)
    assert put_back(answering({"stored": True}), event) is None
    for fails in (answering({"errorMessage": "no"}, FunctionError="x"), answering({"batchItemFailures": [1]})):
        assert "failed again" in str(put_back(fails, event))
    broken: Any = SimpleNamespace(client=lambda _: SimpleNamespace(invoke=lambda **_: 1 / 0))
    assert put_back(broken, event) == "ZeroDivisionError: division by zero"


def test_a_failed_sweep_needs_nothing_and_the_unknown_stays() -> None:
    """The next minute has swept; what nobody understands is for a person. No function is called."""
    nothing: Any = None
    assert [put_back(nothing, understood(sweep)) for sweep in ({}, MINUTE)] == [None, None]
    assert all(put_back(nothing, understood(body)) for body in ("garbage", {"something": "else"}))
