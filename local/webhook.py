"""EventBridge's API destinations, which the local cloud lacks: posting with retries, and giving up into the queue.

Rule, transformation, header and retries are those of the template: that it reads them is what is tried here.
"""

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, NamedTuple

import httpx

from devkit.stage import Stack
from devkit.template import template
from local.listen import listen

RETRIED = {409, 429, *range(500, 600)}
"""Statuses after which EventBridge posts again; any other that is not 2xx goes to the queue at once."""

SLOWEST = 5.0
"""Seconds in which a receiver must have answered."""


class Receiver(NamedTuple):
    """The address for events out, and the key that it checks."""

    url: str
    key_name: str
    key_value: str


class Webhook:
    """A queue on the bus, and what empties it into a receiver."""

    def __init__(self, stack: Stack, receiver: Receiver) -> None:
        self._sqs, self._events = stack.client("sqs"), stack.client("events")
        self._bus, self._undelivered = stack.outputs["BusName"], stack.outputs["UndeliveredQueueUrl"]
        self._receiver = receiver
        rule = template()["Resources"]["Webhook"]["Properties"]
        (self._target,) = rule["Targets"]
        self.gives_up_after: float = self._target["RetryPolicy"]["MaximumEventAgeInSeconds"]
        self.slowest_retry: float = 60
        self._name = f"webhook-{token_hex(4)}"
        self._queue = listen(stack, self._name, rule["EventPattern"])

    def close(self) -> None:
        """Take rule and queue away."""
        self._events.remove_targets(Rule=self._name, EventBusName=self._bus, Ids=["queue"])
        self._events.delete_rule(Name=self._name, EventBusName=self._bus)
        self._sqs.delete_queue(QueueUrl=self._queue)

    def run(self, until: threading.Event) -> None:
        """Deliver events as they come, until the end."""
        while not until.is_set():
            if not self.deliver():
                until.wait(0.2)

    def deliver(self) -> int:
        """Post what waits, once each; returns the number of events."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        messages = answer.get("Messages", [])
        for message in messages:
            sent_at = int(message["Attributes"]["SentTimestamp"]) / 1000
            tries = int(message["Attributes"]["ApproximateReceiveCount"])
            refusal = self._post(json.loads(message["Body"]))
            if refusal in RETRIED and datetime.now(UTC).timestamp() - sent_at < self.gives_up_after:
                wait = int(min(self.slowest_retry, 2 ** (tries - 1)))
                self._sqs.change_message_visibility(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=wait
                )
                continue
            if refusal:
                self._give_up(message["Body"], refusal)
            self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)

    def _post(self, event: dict[str, Any]) -> int | None:
        """Post an event; None, or the status with which it was refused."""
        headers = dict(self._target["HttpParameters"]["HeaderParameters"])
        headers[self._receiver.key_name] = self._receiver.key_value
        body = transformed(self._target["InputTransformer"], event)
        try:
            answer = httpx.post(self._receiver.url, content=body.encode(), headers=headers, timeout=SLOWEST)
        except httpx.HTTPError:
            return 504
        return None if answer.is_success else answer.status_code

    def _give_up(self, event: str, status: int) -> None:
        values = {
            "TARGET_ARN": f"arn:aws:events:us-east-1:000000000000:api-destination/{self._target['Id']}",
            "ERROR_CODE": "SDK_CLIENT_ERROR",
            "ERROR_MESSAGE": f"The receiver answered {status}.",
        }
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
        self._sqs.send_message(QueueUrl=self._undelivered, MessageBody=event, MessageAttributes=attributes)


def transformed(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """An event as an input transformer of EventBridge words it: text inside of quotes, anything else as JSON."""
    values = {name: _at(event, path) for name, path in transformer["InputPathsMap"].items()}

    def filled(found: re.Match[str]) -> str:
        value = values[found["name"]]
        return f'"{value}"' if found["quoted"] else json.dumps(value, ensure_ascii=False)

    return re.sub(r'(?P<quoted>")?<(?P<name>\w+)>(?(quoted)")', filled, transformer["InputTemplate"])


def _at(event: Mapping[str, Any], path: str) -> Any:
    value: Any = event
    for name in path.removeprefix("$.").split("."):
        value = value[name]
    return value
