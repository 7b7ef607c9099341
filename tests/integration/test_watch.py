"""No alarm is dead: what each one watches is really emitted, under the very name, namespace and dimensions.

And none is deaf: probes call what nobody else may be calling; a function that always fails raises its alarm in time.
"""

import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from devkit.builders import NOW, WEEK, usage_changed
from devkit.service import Answer, Service
from devkit.template import expanded, resources, template, watched
from extending import api, changes, sweep
from extending import service as use_cases
from extending.dynamo import Busy
from extending.errors import Code
from extending.model import Refused
from tests.integration.conftest import Bus, publish, sqs

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

AWS_METRICS = {
    # What AWS itself emits, by namespace: the dimension that it comes with, and metrics.
    "AWS/Lambda": ("FunctionName", "Errors Throttles Invocations IteratorAge DestinationDeliveryFailures"),
    "AWS/SQS": ("QueueName", "ApproximateNumberOfMessagesVisible"),
    "AWS/ApiGateway": ("ApiId", "5xx Count Latency"),
    "AWS/Scheduler": ("ScheduleGroup", "InvocationAttemptCount InvocationDroppedCount"),
    "AWS/Events": ("RuleName", "Invocations FailedInvocations"),
}
ALARMS = resources("AWS::CloudWatch::Alarm")


def emitted(text: str) -> set[tuple[str, str, str]]:
    """Namespace, name and dimensions of every metric in a function's output."""
    return {
        (directive["Namespace"], metric["Name"], " ".join(dimensions))
        for record in map(json.loads, text.splitlines())
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", [])
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def made_of_lines() -> set[tuple[str, str, str]]:
    """The same of every metric that is made of lines of a log."""
    filters = resources("AWS::Logs::MetricFilter").values()
    made = [metric for each in filters for metric in each["Properties"]["MetricTransformations"]]
    return {(str(metric["MetricNamespace"]), metric["MetricName"], "") for metric in made}


def test_a_filter_reads_what_the_access_log_writes() -> None:
    """API Gateway writes the status as a text."""
    (api,) = resources("AWS::Serverless::HttpApi").values()
    log = api["Properties"]["AccessLogSettings"]
    assert json.loads(log["Format"])["status"] == "$context.status"
    filters = {name: part["Properties"] for name, part in resources("AWS::Logs::MetricFilter").items()}
    assert {name: each["FilterPattern"] for name, each in filters.items()} == {
        "RefusedRequests": '{ $.status = "401" || $.status = "403" }',
        "ThrottledRequests": '{ $.status = "429" }',
    }
    for each in filters.values():
        assert log["DestinationArn"] == {"Fn::GetAtt": [each["LogGroupName"]["Ref"], "Arn"]}


def test_each_alarm_watches_what_a_run_emits(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant, a sweep that fails on something, an answer that fails, and some that are to be asked for again."""
    service.extend()
    monkeypatch.setattr(sweep, "revoke", lambda *_: 1 / 0)
    assert service.at(NOW + WEEK).expire()["failed"] == 1
    monkeypatch.setattr(use_cases, "view", lambda *_: 1 / 0)
    assert service.list().status == 500
    monkeypatch.setattr(use_cases, "view", busy)
    assert service.list().status == 503
    monkeypatch.setattr(changes, "apply", busy)
    assert service.changes(("UsageChanged", usage_changed())).json["results"] == [{"result": "try_again"}]
    seen = emitted(capsys.readouterr().out) | made_of_lines()

    for name, alarm in ALARMS.items():
        for metric in watched(alarm):
            namespace = str(metric["Namespace"])  # That of metrics made of lines is a Fn::Sub.
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
            if namespace in AWS_METRICS:
                dimension, names = AWS_METRICS[namespace]
                assert metric["MetricName"] in names.split(), name
                # Without a dimension Lambda counts the whole AWS account.
                assert set(dimensions) == {dimension} or (name, dimensions) == ("ThrottlesAlarm", {}), name
            else:
                assert (namespace, metric["MetricName"], " ".join(dimensions)) in seen, name
                assert all(value == {"Ref": "AWS::StackName"} for value in dimensions.values()), name


def busy(*_: object) -> None:
    raise Busy


def test_every_answer_that_fails_is_counted_and_back_pressure_apart(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each status from 500 on, and no other; `try_again` rolls no deployment back."""
    for code, problem in api.PROBLEMS.items():
        capsys.readouterr()
        api.problem(Refused(code))
        counted = {name for _, name, _ in emitted(capsys.readouterr().out)} & {"AnswersFailed", "AnswersTryAgain"}
        fault = "AnswersTryAgain" if code is Code.TRY_AGAIN else "AnswersFailed"
        assert counted == ({fault} if problem.status >= 500 else set()), code


def is_on(name: str, **series: float) -> bool:
    """Evaluate an alarm over one quarter of an hour; `of` stands for the sum of all metrics of that name."""
    expression = re.sub(r'SUM\(METRICS\("of"\)\)', "of", ALARMS[name]["Properties"]["Metrics"][0]["Expression"])
    expression = re.sub(r"FILL\((\w+), 0\)", r"\1", expression).replace("AND", "and").replace("OR", "or")
    return bool(eval(expression, {}, series))  # noqa: S307 - our own


@pytest.mark.parametrize(
    ("calls", "failed", "expected"),
    [(3, 3, True), (15, 2, False), (2_000, 3, True), (100_000, 100, False), (100_000, 101, True)],
)
def test_more_than_two_failures_and_more_than_one_in_a_thousand_are_too_many(
    calls: int, failed: int, expected: bool
) -> None:
    """The first counts where calls are rare, the second where they are many."""
    for name, alarm in ALARMS.items():
        if name.endswith("ErrorsAlarm"):
            assert is_on(name, calls=calls, failed=failed) is expected, name
            assert len(watched(alarm)) == 2
    assert is_on("AnswersFailedAlarm", of=calls, failed=failed) is expected
    assert is_on("ApiFaultsAlarm", calls=calls, faults=failed, again=0) is expected
    assert is_on("ThrottlesAlarm", calls=calls, of=failed) is expected


@pytest.mark.parametrize(
    ("name", "series", "expected"),
    [
        # Callers that are asked to come again do so; one call in a hundred of them is a table that is too slow.
        ("ApiFaultsAlarm", {"calls": 100, "faults": 50, "again": 50}, False),
        ("ApiFaultsAlarm", {"calls": 100, "faults": 50, "again": 47}, True),
        ("TryAgainAlarm", {"calls": 100, "again": 5, "batches": 5}, False),
        ("TryAgainAlarm", {"calls": 100, "again": 5, "batches": 6}, True),
        ("TryAgainAlarm", {"calls": 10_000, "again": 50, "batches": 50}, False),
        # A wrong audience is 401 for all, without one error of a function; a few expired tokens are usual.
        ("ApiRefusalsAlarm", {"calls": 30, "refused": 30}, True),
        ("ApiRefusalsAlarm", {"calls": 200, "refused": 30}, False),
    ],
)
def test_back_pressure_and_refusals_are_alarms_of_their_own(name: str, series: dict[str, int], expected: bool) -> None:
    assert is_on(name, **series) is expected


def test_an_alarm_says_when_it_is_over_and_reads_no_more_than_cloudwatch_allows() -> None:
    """Whoever was woken may go to sleep again. Ten metrics in an alarm."""
    for name, alarm in ALARMS.items():
        assert alarm["Properties"]["OKActions"] == alarm["Properties"]["AlarmActions"], name
        assert len(watched(alarm)) <= 10, name
    # What Lambda cannot hand over to a failure destination is in no queue, and in no log.
    with_destination = {name for name, function in FUNCTIONS.items() if "OnFailure" in json.dumps(function)}
    metrics = watched(ALARMS["FailuresLostAlarm"])
    assert {metric["MetricName"] for metric in metrics} == {"DestinationDeliveryFailures"}
    assert {metric["Dimensions"][0]["Value"]["Ref"] for metric in metrics} == with_destination


FUNCTIONS = resources("AWS::Serverless::Function")
PROBES = {name: probe["Properties"] for name, probe in resources("AWS::Scheduler::Schedule").items()}
BY_HTTP = sorted(
    name
    for name, function in FUNCTIONS.items()
    if "HttpApi" in {event["Type"] for event in function["Properties"]["Events"].values()}
)


def probe_of(function: str, probes: dict[str, Any] = PROBES) -> dict[str, Any]:
    return dict(probes[function.removesuffix("Function") + "Probe"])


def every(schedule: dict[str, Any]) -> int:
    """The number of times that a schedule goes off in a quarter of an hour."""
    rate = re.fullmatch(r"rate\((\d+) minutes?\)", schedule["ScheduleExpression"])
    assert rate
    return 15 // int(rate[1])


def test_a_probe_is_a_strangers_call_and_changes_nothing(
    service: Service, table: "Table", capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes as far as the table, and is answered without a fault.

    Those of changes and sync make the same change: an account that nobody has is removed, as of 1970, once.
    """
    before = table.scan()["Items"]
    for function in BY_HTTP:
        name = function.removesuffix("Function").lower()
        answer = Answer.of(service.call(name, json.loads(probe_of(function)["Target"]["Input"])))
        if name == "changes":
            assert (answer.status, answer.json) == (200, {"results": [{"result": "stored"}]})
        else:
            assert (answer.status, answer.code) == (404, "account_not_found"), name
    event = json.loads(probe_of("SyncFunction")["Target"]["Input"])
    sent = json.loads(json.loads(probe_of("ChangesFunction")["Target"]["Input"])["body"])
    assert sent == {"changes": [{"detail_type": event["detail-type"], "detail": event["detail"]}]}
    assert service.call("sync", event) == {"stored": False}
    assert [item for item in table.scan()["Items"] if item["pk"] != "A#probe"] == before
    assert "AnswersFailed" not in {name for _, name, _ in emitted(capsys.readouterr().out)}


def test_a_probe_goes_to_the_newest_version() -> None:
    """To the alias, nine of ten would meet the old version while CodeDeploy moves to the new one.

    The failure destination belongs to the alias: what a probe of sync fails on is in no queue, and comes again.
    """
    versions, schedules = expanded("AWS::Lambda::Version"), expanded("AWS::Scheduler::Schedule")
    calls, _ = expanded("AWS::IAM::Role")["ProbeRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    for function in [*BY_HTTP, "SyncFunction"]:
        version = versions[probe_of(function, schedules)["Properties"]["Target"]["Arn"]["Ref"]]
        assert version["Properties"]["FunctionName"] == {"Ref": function}
        # Any of its versions: with a right to the newest alone, no probe would move before the slowest is published.
        assert {"Fn::Sub": f"${{{function}.Arn}}:*"} in calls["Resource"]
    config = expanded("AWS::Lambda::EventInvokeConfig")["SyncFunctionEventInvokeConfig"]["Properties"]
    assert config["Qualifier"] == "live"


def test_probes_that_do_not_come_are_heard_of() -> None:
    """A denied call is dropped without a trace, a switched-off schedule is silent; a canary must not pass by that."""
    coming = sum(every(probe) for probe in PROBES.values())
    assert not is_on("ProbesAlarm", dropped=0, come=coming)
    assert is_on("ProbesAlarm", dropped=3, come=coming)
    assert is_on("ProbesAlarm", dropped=0, come=coming / 2 - 2)
    assert ALARMS["ProbesAlarm"]["Properties"]["TreatMissingData"] == "breaching"
    assert {str(probe["GroupName"]) for probe in PROBES.values()} == {"{'Ref': 'Probes'}"}
    # Not all in the same second: a new AWS account runs ten functions at once. That of publish wakes none by itself.
    assert [name for name, each in PROBES.items() if each["FlexibleTimeWindow"]["Mode"] == "OFF"] == ["PublishProbe"]


def test_the_probe_of_publish_comes_through_the_stream_and_announces_nothing(bus: Bus, table: "Table") -> None:
    """The template's filter lets it pass; publish neither announces it nor sets it aside."""
    target = probe_of("PublishFunction")["Target"]
    item = json.loads(target["Input"]["Fn::Sub"])["Item"]
    assert target["Arn"]["Fn::Sub"].endswith(":scheduler:::aws-sdk:dynamodb:putItem")
    stream = FUNCTIONS["PublishFunction"]["Properties"]["Events"]["Extensions"]["Properties"]
    pattern = json.loads(stream["FilterCriteria"]["Filters"][0]["Pattern"])
    assert item["t"]["S"] in pattern["dynamodb"]["NewImage"]["t"]["S"]
    for event in ("INSERT", "MODIFY"):
        assert event in pattern["eventName"]
        record = {"eventName": event, "dynamodb": {"NewImage": item, "SequenceNumber": "1"}}
        assert publish([record]) == []
    assert not bus.accepted
    assert "Messages" not in sqs().receive_message(QueueUrl=bus.queue_url)


def test_a_function_that_always_fails_is_heard_of_in_a_quarter_of_an_hour() -> None:
    """However little it is called. An alarm's window slides: it goes off as soon as its threshold is passed."""
    for function, (metric, series) in product(FUNCTIONS, (("Errors", "failed"), ("Throttles", "of"))):
        dimensions = [{"Name": "FunctionName", "Value": {"Ref": function}}]
        ((name, found),) = [
            (name, found)
            for name, alarm in ALARMS.items()
            for found in watched(alarm)
            if (found["MetricName"], found["Dimensions"]) == (metric, dimensions)
        ]
        alarm = ALARMS[name]["Properties"]
        assert (found["Statistic"], found["Period"], alarm["EvaluationPeriods"]) == ("Sum", 900, 1)
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
        failures = every(probe_of(function))
        assert is_on(name, **{"calls": failures, series: failures})


def test_silence_is_heard() -> None:
    """A schedule or a stream that wakes nobody has no errors."""
    for name in ("ScheduleSilentAlarm", "PublishSilentAlarm"):
        alarm = ALARMS[name]["Properties"]
        assert alarm["TreatMissingData"] == "breaching"
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= 900
    assert every(probe_of("PublishFunction")) >= 3


def test_a_canary_that_always_fails_is_seen_before_everyone_is_moved_to_it() -> None:
    """Every way of a gradual deployment lasts twice as long as a probe needs to raise the alarm: five minutes."""
    parameter = template()["Parameters"]["DeploymentSteps"]
    assert parameter["Default"] in parameter["AllowedValues"]
    for steps in parameter["AllowedValues"]:
        percent, minutes = map(int, re.findall(r"\d+", steps))
        lasts = minutes if steps.startswith("Canary") else minutes * (100 // percent - 1)
        assert lasts >= 9, steps
    moved = [function for function in BY_HTTP if "DeploymentPreference" in FUNCTIONS[function]["Properties"]]
    assert moved == [function for function in BY_HTTP if function != "ExpireFunction"]  # Its sweep moves at once.
    for function in moved:
        alarms = [alarm["Ref"] for alarm in FUNCTIONS[function]["Properties"]["DeploymentPreference"]["Alarms"]]
        assert alarms == [function.replace("Function", "ErrorsAlarm"), "AnswersFailedAlarm", "ProbesAlarm"]
