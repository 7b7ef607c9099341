"""An operator's view of a stage: each source at its own risk, counted over the right time."""

import io
import json
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from rich.console import Console

from devkit.builders import NOW
from extending.runtime import Metric
from ops import console, watch

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetQueueAttributes")
MINUTE = timedelta(minutes=1)


def paged(*pages: Any) -> Any:
    return lambda _: SimpleNamespace(paginate=lambda **_: iter(pages))


class Target:
    """A stage on AWS whose clients give these answers."""

    name = "extending-subscription"
    endpoint: str | None = None
    outputs = {"FailureQueueUrl": "f", "UndeliveredQueueUrl": "u"}  # noqa: RUF012

    def __init__(self, **clients: Any) -> None:
        results = [
            {"Label": "ExtensionsGranted", "Timestamps": [NOW - MINUTE, NOW - 30 * MINUTE], "Values": [2.0, 3.0]},
            {"Label": "RevocationLag", "Timestamps": [NOW, NOW - MINUTE], "Values": [0.0, 42.0]},
            {"Label": "ExtensionsRefused: already_used", "Timestamps": [NOW - 10 * MINUTE], "Values": [7.0]},
        ]
        summaries = [
            {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": "one"},
            {"ResourceType": "AWS::CloudWatch::Alarm"},
            {"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "queue"},
        ]
        self.alarms = [{"AlarmName": "one", "StateValue": "OK", "StateUpdatedTimestamp": NOW, "StateReason": ""}]
        self.asked: list[Any] = []
        self._clients = {
            "cloudwatch": SimpleNamespace(
                get_paginator=paged({"MetricDataResults": results}),
                describe_alarms=self.describe_alarms,
            ),
            "cloudformation": SimpleNamespace(get_paginator=paged({"StackResourceSummaries": summaries})),
            "sqs": SimpleNamespace(
                get_queue_attributes=lambda QueueUrl, AttributeNames: {  # noqa: N803
                    "Attributes": dict.fromkeys(AttributeNames, "3" if QueueUrl == "f" else "0")
                }
            ),
        } | clients

    def describe_alarms(self, **request: Any) -> Any:
        self.asked.append(request["AlarmNames"])
        return {"MetricAlarms": self.alarms}

    def client(self, service: str, _: Any) -> Any:
        return self._clients[service]


def looked(target: Target) -> dict[str, watch.Look]:
    return {look.title: look for look in watch.Watched(target).look(NOW)}  # type: ignore[arg-type]


def test_everything_is_shown_over_minutes_and_over_the_hour() -> None:
    """Sums, the most of a lag, a row for each reason of a refusal."""
    looks = looked(Target())
    assert looks["Metrics"].rows == [
        ["ExtensionsGranted", 2, 5],
        ["ExtensionsRefused: already_used", None, 7],
        [Metric.LAG, 42, 42],
    ]
    assert looks["Queues"].rows[0] == ["failed in a function", 3, 3]


def test_an_alarm_that_is_on_is_named_with_its_reason_and_only_those_of_the_stack_are_asked_for() -> None:
    """Another stack's name may begin alike."""
    target = Target()
    assert looked(target)["Alarms"].rows == [["none of 1 is on", "", ""]]
    target.alarms[0] |= {"StateValue": "ALARM", "StateReason": "too many"}
    assert looked(target)["Alarms"].rows == [["one", "10:00:00", "too many"]]
    assert target.asked == [["one"], ["one"]]


@pytest.mark.parametrize("error", [DENIED, ConnectTimeoutError(endpoint_url="http://nowhere")])
def test_what_is_out_of_reach_is_said_and_the_rest_is_kept(error: Exception) -> None:
    """A missing right of one source hides no other."""

    def refuse(**_: Any) -> Any:
        raise error

    target: Any = Target(sqs=SimpleNamespace(get_queue_attributes=refuse))
    assert str(error) in (looked(target)["Queues"].trouble or "")
    out = Console(file=io.StringIO(), width=120)
    out.print(watch.shown(target, watch.Watched(target), NOW))
    assert isinstance(out.file, io.StringIO)
    assert "Queues: out of reach: " in out.file.getvalue()
    assert "ExtensionsGranted" in out.file.getvalue()


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
    rows = {row[0]: row[1:] for row in looked(target)["Metrics"].rows}
    assert (rows["ExtensionsGranted"], rows["ExtensionsRefused: finished"]) == ([1, 3], [1, 1])


def test_one_look_is_printed_and_the_tool_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--once for scripts, --json for programs."""
    monkeypatch.setattr(watch, "stack", lambda _: Target())
    monkeypatch.setattr(console, "now", lambda: NOW)
    watch.command.main(["--once"], standalone_mode=False)
    assert "extending-subscription at 2026-11-22 10:00:00 UTC" in capsys.readouterr().out
    watch.command.main(["--json"], standalone_mode=False)
    looks = json.loads(capsys.readouterr().out)
    assert looks["queues"][0] == {"queue": "failed in a function", "waiting": 3, "under way": 3}


def test_a_look_follows_the_other_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is how it ends, and no error."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("ops.watch.time.sleep", sleep)
    target: Any = Target()
    watch.follow(target, watch.Watched(target), 5)
    assert slept == [5, 5, 5]
    assert len(target.asked) == 3
