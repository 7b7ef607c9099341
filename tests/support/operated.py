"""The stack of the moto tests as the operator's tools see it: its table, its functions, and answers of a test's own."""

import json
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from devkit.builders import member_changed
from devkit.service import Context, invoke
from devkit.stage import PATIENT, Stack

SERVICES = {"monitoring": "cloudwatch", "streams.dynamodb": "dynamodb"}
"""IAM's name of a service, where its endpoint has another."""

PUBLISH = "PublishFunctionAliaslive"


class Operated(Stack):
    """Clients of moto; a call of sync or expire runs it here, one of publish is accepted.

    `answers` are those that moto does not give, by right, one after the other; the last one stays.
    """

    def __init__(self, **answers: list[Any]) -> None:
        queues = {"FailureQueueUrl": "https://sqs/failed", "UndeliveredQueueUrl": "https://sqs/undelivered"}
        outputs = {"TableName": "extending-subscription", "PublishFunctionArn": PUBLISH, "BusName": "bus", **queues}
        super().__init__("any", outputs, boto3.Session(), None)
        self.calls: set[str] = set()
        """The rights that the calls so far need."""
        self._answers = {right.replace("_", ":"): each for right, each in answers.items()}
        self.session.events.register("before-call", self._called)
        self.fail = 0
        """Calls of a function that fail from now on."""

    def _called(self, model: Any, **_: Any) -> Any:
        prefix = model.service_model.endpoint_prefix
        right = f"{SERVICES.get(prefix, prefix)}:{model.name}"
        self.calls.add(right)
        if not (answers := self._answers.get(right)):
            return None  # moto's turn
        return SimpleNamespace(status_code=200), answers.pop(0) if len(answers) > 1 else answers[0]

    def answer(self, right: str, *answers: Any) -> None:
        """Have these answers given from now on."""
        self._answers[right] = list(answers)

    def client(self, service: str, config: Config = PATIENT) -> Any:
        return self if service == "lambda" else super().client(service, config)

    def resource(self, logical_id: str) -> str:
        self.calls.add("cloudformation:DescribeStackResource")
        return logical_id

    def invoke(self, **call: Any) -> Any:
        """As Lambda."""
        self.calls.add("lambda:InvokeFunction")
        if call["FunctionName"] == PUBLISH:
            return {"Payload": BytesIO(b'{"batchItemFailures": []}')}
        name = {"SyncFunctionAliaslive": "sync", "ExpireFunctionAliaslive": "expire"}[call["FunctionName"]]
        if self.fail:
            self.fail -= 1
            return {"FunctionError": "Unhandled", "Payload": BytesIO(b'{"errorType": "Busy"}')}
        return {"Payload": BytesIO(json.dumps(invoke(name, json.loads(call["Payload"]), Context())).encode())}


def run(tool: Any, target: Stack, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command on this stack to its exit code; its error rises."""
    monkeypatch.setattr(tool, "stack", lambda _: target)
    return int(tool.command.main(list(arguments), standalone_mode=False) or 0)


def printed_json(out: str) -> Any:
    """The JSON that a tool printed last, after whatever the functions logged."""
    return json.loads(out[out.rindex("\n{\n") :])


SYNC = "SyncFunctionAliaslive"


def message(id_: str, body: Any, **attributes: str) -> dict[str, Any]:
    return {
        "MessageId": f"{id_}-0000",
        "ReceiptHandle": id_,
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": "1795341600000"},
        "MessageAttributes": {name: {"StringValue": value} for name, value in attributes.items()},
    }


CHANGE = {"source": "service-manager", "detail-type": "MemberChanged", "detail": member_changed(user_id="U-9")}
GRANT = {"source": "extending-subscription", "detail-type": "ExtensionGranted", "detail": {}}
BATCH = {
    "approximateArrivalOfFirstRecord": "2026-11-22T10:00:00Z",
    "approximateArrivalOfLastRecord": "2026-11-22T10:00:01Z",
}
WAITING = {
    "Messages": [
        message("0000cafe", {"function": SYNC, "error": "Busy", "payload": CHANGE}),
        message("0000beef", GRANT, TARGET_ARN="arn:aws:events:eu-central-1:1:api-destination/webhook"),
        message("0000feed", {"DDBStreamBatchInfo": BATCH}),
        message("0000dead", "garbage\x1b[2J"),
    ]
}
"""An event set aside by a function, one that a webhook refused, a batch of the stream, and what nobody wrote."""
