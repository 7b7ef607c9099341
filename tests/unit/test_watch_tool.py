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

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetQueueAttributes")
MINUTE = timedelta(minutes=1)


def paged(page: Any) -> Any:
    return lambda _: SimpleNamespace(paginate=lambda **_: iter([page]))


class Target:
    """A stage on AWS: an alarm in its stack, three messages in its failure queue, three metrics."""

    name = "extending-subscription"
    endpoint: str | None = None
    outputs = {"FailureQueueUrl": "f", "UndeliveredQueueUrl": "u"}  # noqa: RUF012

    def __init__(self, denied: Exception | None = None) -> None:
        self.alarm = {"AlarmName": "one", "StateValue": "OK", "StateUpdatedTimestamp": NOW, "StateReason": ""}
        self.asked: list[Any] = []
        self._denied = denied

    def client(self, service: str, _: Any) -> Any:
        results = [
            {"Label": "ExtensionsGranted", "Timestamps": [NOW - MINUTE, NOW - 30 * MINUTE], "Values": [2.0, 3.0]},
            {"Label": "RevocationLag", "Timestamps": [NOW, NOW - MINUTE], "Values": [7.0, 42.0]},
            {"Label": "ExtensionsRefused: already_used", "Timestamps": [NOW - 10 * MINUTE], "Values": [7.0]},
        ]
        resources = [
            {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "one"},
            {"ResourceType": "AWS::CloudWatch::Alarm"},
            {"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "queue"},
        ]
        clients = {
            "cloudwatch": SimpleNamespace(
                get_paginator=paged({"MetricDataResults": results}), describe_alarms=self._describe_alarms
            ),
            "cloudformation": SimpleNamespace(get_paginator=paged({"StackResourceSummaries": resources})),
            "sqs": SimpleNamespace(get_queue_attributes=self._attributes),
        }
        return clients[service]

    def _describe_alarms(self, **request: Any) -> Any:
        self.asked.append(request["AlarmNames"])
        return {"MetricAlarms": [self.alarm]}

    def _attributes(self, **request: Any) -> Any:
        if self._denied:
            raise self._denied
        return {"Attributes": dict.fromkeys(request["AttributeNames"], "3" if request["QueueUrl"] == "f" else "0")}


def looked(target: Target) -> dict[str, list[Any]]:
    """The values in the rows of each source."""
    found: Any = watch.looks(target, NOW)  # type: ignore[arg-type]
    return {name: [list(row.values()) for row in rows] for name, rows in found.items()}


def test_everything_is_shown_over_minutes_and_over_the_hour() -> None:
    """Sums, the most of a lag, a row for each reason of a refusal."""
    looks = looked(Target())
    assert looks["metrics"] == [
        ["ExtensionsGranted", 2, 5],
        ["ExtensionsRefused: already_used", None, 7],
        [Metric.LAG, 42, 42],
    ]
    assert looks["queues"][0] == ["failed in a function", 3, 3]


def test_an_alarm_that_is_on_is_named_with_its_reason_and_only_those_of_the_stack_are_asked_for() -> None:
    """Another stack's name may begin alike."""
    target = Target()
    assert looked(target)["alarms"] == [["none of 1 is on", "", ""]]
    target.alarm |= {"StateValue": "ALARM", "StateReason": "too many"}
    assert looked(target)["alarms"] == [["one", "10:00:00", "too many"]]
    assert target.asked == [["one"], ["one"]]


def test_the_local_cloud_has_its_metrics_in_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
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
    target = Target()
    target.endpoint = "http://127.0.0.1:1"
    assert looked(target)["metrics"] == [["ExtensionsGranted", 1, 3], ["ExtensionsRefused: finished", 1, 1]]


@pytest.mark.parametrize("error", [DENIED, ConnectTimeoutError(endpoint_url="http://nowhere")])
def test_one_look_is_printed_with_what_is_out_of_reach_and_the_tool_ends(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--once for scripts, --json for programs; a missing right of one source hides no other."""
    monkeypatch.setattr(console, "now", lambda: NOW)
    monkeypatch.setattr(watch, "stack", lambda _: Target(denied=error))
    watch.command.main(["--once"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "extending-subscription at 2026-11-22 10:00:00 UTC" in shown
    assert f"Queues: out of reach: {type(error).__name__}: " in shown
    assert "ExtensionsGranted" in shown
    monkeypatch.setattr(watch, "stack", lambda _: Target())
    watch.command.main(["--json"], standalone_mode=False)
    queue = json.loads(capsys.readouterr().out)["queues"][0]
    assert queue == {"queue": "failed in a function", "waiting": 3, "under way": 3}


def test_a_look_follows_the_other_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is how it ends, and no error."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("ops.watch.time.sleep", sleep)
    target: Any = Target()
    watch.follow(target, 5)
    assert slept == [5, 5, 5]
    assert len(target.asked) == 3
