"""No alarm is dead: what each one watches is really emitted, under the very name, namespace and dimensions."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.metrics import Metrics

from extending import api, store
from extending.errors import Refused
from extending.runtime import metrics
from tests.build import NOW, WEEK
from tests.integration.conftest import Service
from tests.template import resources

STACK = "test"  # POWERTOOLS_SERVICE_NAME of the tests; the template sets it to the stack's name

AWS_METRICS = {
    # What AWS itself emits, by namespace: metric and the dimensions that it comes with.
    "AWS/Lambda": {"Errors": ["FunctionName"], "Throttles": ["FunctionName"], "IteratorAge": ["FunctionName"]},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible": ["QueueName"]},
    "AWS/ApiGateway": {"5xx": ["ApiId"], "Latency": ["ApiId"]},
}


def emitted(text: str) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Namespace, name and dimensions of every metric in a function's output."""
    found = set()
    for line in text.splitlines():
        record = json.loads(line)
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", []):
            for dimensions in directive["Dimensions"]:
                values = tuple(sorted((name, record[name]) for name in dimensions))
                found |= {(directive["Namespace"], metric["Name"], values) for metric in directive["Metrics"]}
    return found


def test_each_alarm_watches_what_a_run_emits(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant, a sweep that fails on something, and an answer that fails."""
    assert isinstance(metrics, Metrics)
    service.extend()
    monkeypatch.setattr(store, "revoke", lambda *_: 1 / 0)
    assert service.at(NOW + WEEK).expire()["failed"] == 1
    monkeypatch.setattr(store, "view", lambda *_: 1 / 0)
    assert service.list().status == 500
    seen = emitted(capsys.readouterr().out)

    for name, alarm in resources("AWS::CloudWatch::Alarm").items():
        watched: dict[str, Any] = alarm["Properties"]
        dimensions = [dimension["Name"] for dimension in watched["Dimensions"]]
        if watched["Namespace"] in AWS_METRICS:
            assert AWS_METRICS[watched["Namespace"]][watched["MetricName"]] == dimensions, name
        else:
            ((dimension, value),) = [(d["Name"], d["Value"]) for d in watched["Dimensions"]]
            assert value == {"Ref": "AWS::StackName"}
            assert (watched["Namespace"], watched["MetricName"], ((dimension, STACK),)) in seen, name


def test_every_answer_that_fails_is_counted(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Each status from 500 on, and no other."""
    for code, problem in api.PROBLEMS.items():
        capsys.readouterr()
        api.problem(Refused(code))
        counted = any(name == "AnswersFailed" for _, name, _ in emitted(capsys.readouterr().out))
        assert counted == (problem.status >= 500), code
