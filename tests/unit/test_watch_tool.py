"""An operator's view of a stage: each source at its own risk, counted over the right time."""

import json
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from devkit.builders import NOW
from extending.metric import Metric
from ops import console, watch
from tests.support.operated import Operated, run

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetQueueAttributes")
MINUTE = timedelta(minutes=1)
RESOURCES = [
    {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "one"},
    {"ResourceType": "AWS::CloudWatch::Alarm"},
    {"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "queue"},
]
METRICS = [
    {"Label": "ExtensionsGranted", "Timestamps": [NOW - MINUTE, NOW - 30 * MINUTE], "Values": [2.0, 3.0]},
    {"Label": "RevocationLag", "Timestamps": [NOW, NOW - MINUTE], "Values": [7.0, 42.0]},
    {"Label": "ExtensionsRefused: already_used", "Timestamps": [NOW - 10 * MINUTE], "Values": [7.0]},
]
WAITING = {"ApproximateNumberOfMessages": "3", "ApproximateNumberOfMessagesNotVisible": "1"}


@pytest.fixture
def target() -> Operated:
    """A stage on AWS: an alarm in its stack, three messages in its queues, three metrics."""
    alarm = {"AlarmName": "one", "StateValue": "OK", "StateUpdatedTimestamp": NOW, "StateReason": ""}
    return Operated(
        cloudformation_ListStackResources=[{"StackResourceSummaries": RESOURCES}],
        cloudwatch_DescribeAlarms=[{"MetricAlarms": [alarm]}, {"MetricAlarms": [alarm | {"StateValue": "ALARM"}]}],
        cloudwatch_GetMetricData=[{"MetricDataResults": METRICS}],
        sqs_GetQueueAttributes=[{"Attributes": WAITING}],
    )


def looked(target: Operated) -> dict[str, list[Any]]:
    """The values in the rows of each source."""
    found: Any = watch.looks(target, NOW)
    return {name: [list(row.values()) for row in rows] for name, rows in found.items()}


def test_everything_is_shown_over_minutes_and_over_the_hour(
    target: Operated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sums, the most of a lag, a row for each reason of a refusal; here for programs."""
    monkeypatch.setattr(console, "now", lambda: NOW)
    run(watch, target, monkeypatch, "--json")
    shown = json.loads(capsys.readouterr().out)
    assert [[*row.values()] for row in shown["metrics"]] == [
        ["ExtensionsGranted", 2, 5],
        ["ExtensionsRefused: already_used", None, 7],
        [Metric.LAG, 42, 42],
    ]
    assert shown["queues"][0] == {"queue": "failed in a function", "waiting": 3, "under way": 1}


def test_an_alarm_that_is_on_is_named_and_only_those_of_the_stack_are_asked_for(target: Operated) -> None:
    """Another stack's name may begin alike."""
    asked: list[Any] = []
    described = "provide-client-params.cloudwatch.DescribeAlarms"
    target.session.events.register(described, lambda params, **_: asked.append(params["AlarmNames"]))
    assert looked(target)["alarms"] == [["none of 1 is on", "", ""]]
    assert looked(target)["alarms"] == [["one", "10:00:00", ""]]
    assert asked == [["one"], ["one"]]


def test_the_local_cloud_has_its_metrics_in_the_logs(target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the lines that CloudWatch would make them from."""

    def line(at: datetime, **values: Any) -> Any:
        metrics = [{"Metrics": [{"Name": name} for name in values if name != "reason"]}]
        return SimpleNamespace(at=at, text=json.dumps({"_aws": {"CloudWatchMetrics": metrics}} | values))

    lines = [
        line(NOW - MINUTE, ExtensionsGranted=[1.0]),
        line(NOW - 20 * MINUTE, ExtensionsGranted=[1.0, 1.0]),
        line(NOW, ExtensionsRefused=1, reason="finished"),
        SimpleNamespace(at=NOW, text="START"),
    ]
    monkeypatch.setattr(watch, "entries", lambda *_: iter(lines))
    target.endpoint = "http://127.0.0.1:1"
    assert looked(target)["metrics"] == [["ExtensionsGranted", 1, 3], ["ExtensionsRefused: finished", 1, 1]]


@pytest.mark.parametrize("error", [DENIED, ConnectTimeoutError(endpoint_url="http://nowhere")])
def test_what_is_out_of_reach_hides_nothing_else(
    target: Operated, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A right may be missing, or a service not answer."""

    def fail(**_: Any) -> None:
        raise error

    target.session.events.register("provide-client-params.sqs", fail)
    run(watch, target, monkeypatch, "--once")
    shown = capsys.readouterr().out
    assert f"Queues: out of reach: {type(error).__name__}: " in shown
    assert "ExtensionsGranted" in shown
