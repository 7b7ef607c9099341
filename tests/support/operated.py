"""The stack of the moto tests as the operator's tools see it: its table, and sync by its name."""

import json
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ops.stage import PATIENT, Stack
from tests.support.service import Context, invoke


class Operated(Stack):
    """Clients of moto; a call of Lambda runs the function here."""

    def __init__(self) -> None:
        super().__init__("any", {"TableName": "extending-subscription"}, boto3.Session(), None)
        self.calls: set[str] = set()
        """What was asked of AWS, as rights are worded."""
        self.session.events.register("before-call", self._called)
        self.fail = 0
        """How many of the next calls of a function fail."""

    def _called(self, model: Any, **_: Any) -> None:
        self.calls.add(f"{model.service_model.endpoint_prefix}:{model.name}")

    def client(self, service: str, config: Config = PATIENT) -> Any:
        return self if service == "lambda" else super().client(service, config)

    def resource(self, logical_id: str) -> str:
        return logical_id

    def invoke(self, **call: Any) -> Any:
        """What Lambda answers."""
        assert call["FunctionName"] == "SyncFunctionAliaslive"
        if self.fail:
            self.fail -= 1
            return {"FunctionError": "Unhandled", "Payload": BytesIO(b'{"errorType": "Busy"}')}
        return {"Payload": BytesIO(json.dumps(invoke("sync", json.loads(call["Payload"]), Context())).encode())}


def run(tool: Any, target: Stack, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a tool's `main` as make does, on this stack; what keeps it from going on rises."""
    monkeypatch.setattr(tool, "stack", lambda _: target)
    monkeypatch.setattr("sys.argv", ["tool", *arguments])
    return int(tool.main())


def told(out: str) -> Any:
    """The JSON that a tool printed last, after whatever the functions wrote of themselves."""
    return json.loads(out[out.rindex("\n{\n") :])
