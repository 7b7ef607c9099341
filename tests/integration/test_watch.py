"""No alarm is dead: what each one watches is really emitted, under the very name, namespace and dimensions.

And none is deaf: probes call what nobody else may be calling, and a function that always fails is heard of in time.
"""

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.metrics import Metrics

from devkit.builders import NOW, WEEK
from devkit.service import Context, Service
from devkit.template import expanded, resources, template
from extending import api, store
from extending import service as use_cases
from extending.model import Refused
from extending.runtime import metrics
from tests.integration.conftest import Bus, publish, sqs

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

STACK = "test"  # POWERTOOLS_SERVICE_NAME of the tests; the template sets it to the stack's name

AWS_METRICS = {
    # What AWS itself emits, by namespace: metric and the dimensions that it comes with.
    "AWS/Lambda": {name: ["FunctionName"] for name in ("Errors", "Throttles", "Invocations", "IteratorAge")},
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


def filtered() -> set[tuple[str, str]]:
    """Namespace and name of every metric that is made of lines of a log."""
    filters = [filter_["Properties"] for filter_ in resources("AWS::Logs::MetricFilter").values()]
    made = [transformation for filter_ in filters for transformation in filter_["MetricTransformations"]]
    return {(str(metric["MetricNamespace"]), metric["MetricName"]) for metric in made}


def test_the_filter_for_throttled_requests_reads_what_the_access_log_writes() -> None:
    """API Gateway tells the status as a text."""
    (filter_,) = [filter_["Properties"] for filter_ in resources("AWS::Logs::MetricFilter").values()]
    (api,) = resources("AWS::Serverless::HttpApi").values()
    log = api["Properties"]["AccessLogSettings"]
    assert log["DestinationArn"] == {"Fn::GetAtt": [filter_["LogGroupName"]["Ref"], "Arn"]}
    assert json.loads(log["Format"])["status"] == "$context.status"
    assert filter_["FilterPattern"] == '{ $.status = "429" }'


def test_each_alarm_watches_what_a_run_emits(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant, a sweep that fails on something, and an answer that fails."""
    assert isinstance(metrics, Metrics)
    service.extend()
    monkeypatch.setattr(store, "revoke", lambda *_: 1 / 0)
    assert service.at(NOW + WEEK).expire()["failed"] == 1
    monkeypatch.setattr(use_cases, "view", lambda *_: 1 / 0)
    assert service.list().status == 500
    seen = emitted(capsys.readouterr().out)

    for name, alarm in resources("AWS::CloudWatch::Alarm").items():
        watched: dict[str, Any] = alarm["Properties"]
        if (str(watched["Namespace"]), watched["MetricName"]) in filtered():
            assert watched["Dimensions"] == [], name
            continue
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


FUNCTIONS = resources("AWS::Serverless::Function")
PROBES = {name: probe["Properties"] for name, probe in resources("AWS::Scheduler::Schedule").items()}
BY_HTTP = sorted(
    name
    for name, function in FUNCTIONS.items()
    if "HttpApi" in {event["Type"] for event in function["Properties"]["Events"].values()}
)


def probe_of(function: str) -> dict[str, Any]:
    probe: dict[str, Any] = PROBES[function.removesuffix("Function") + "Probe"]
    return probe


def every(schedule: dict[str, Any]) -> int:
    """How often a schedule goes off in a quarter of an hour."""
    rate = re.fullmatch(r"rate\((\d+) minutes?\)", schedule["ScheduleExpression"])
    assert rate
    return 15 // int(rate[1])


@pytest.mark.parametrize("function", BY_HTTP)
def test_a_probe_is_a_strangers_call_and_changes_nothing(
    function: str, service: Service, table: "Table", capsys: pytest.CaptureFixture[str]
) -> None:
    """It comes as far as the table, and is answered without a fault; what it tells is of nobody's account."""
    before = table.scan()["Items"]
    name = function.removesuffix("Function").lower()
    app = __import__(f"functions.{name}.app", fromlist=["app"])
    answer = app.handler(json.loads(probe_of(function)["Target"]["Input"]), Context())
    body = json.loads(answer["body"])
    if name == "changes":
        assert (answer["statusCode"], body) == (200, {"results": [{"result": "stored"}]})
    else:
        assert (answer["statusCode"], body["code"]) == (404, "account_not_found")
    assert [item for item in table.scan()["Items"] if item["pk"] != "A#probe"] == before
    assert "AnswersFailed" not in {name for _, name, _ in emitted(capsys.readouterr().out)}


def test_the_probe_of_sync_is_an_event_of_the_contract_and_changes_nothing(service: Service, table: Any) -> None:
    """It is the one that the probe of changes tells: an account that nobody has is removed, as of 1970, once."""
    target = probe_of("SyncFunction")["Target"]
    event = json.loads(target["Input"])
    pattern = FUNCTIONS["SyncFunction"]["Properties"]["Events"]["Changes"]["Properties"]["Pattern"]
    assert event["source"] in pattern["source"]
    assert event["detail-type"] in pattern["detail-type"]
    told = json.loads(json.loads(probe_of("ChangesFunction")["Target"]["Input"])["body"])
    assert told == {"changes": [{"detail_type": event["detail-type"], "detail": event["detail"]}]}
    before = table.scan()["Items"]
    assert service.call("sync", event) == {"stored": True}
    assert service.call("sync", event) == {"stored": False}
    assert [item for item in table.scan()["Items"] if item["pk"] != "A#probe"] == before


PROBED = sorted([*BY_HTTP, "SyncFunction"])


def test_what_a_probe_of_sync_fails_on_is_in_no_queue() -> None:
    """Where failures go belongs to the alias; the probe comes once more a minute later, and nobody would redrive it."""
    config = expanded("AWS::Lambda::EventInvokeConfig")["SyncFunctionEventInvokeConfig"]["Properties"]
    assert config["Qualifier"] == "live"


@pytest.mark.parametrize("function", PROBED)
def test_a_probe_goes_to_the_newest_version(function: str) -> None:
    """To the alias, nine of ten would meet the old version while CodeDeploy moves to the new one."""
    target = expanded("AWS::Scheduler::Schedule")[function.removesuffix("Function") + "Probe"]["Properties"]["Target"]
    version = expanded("AWS::Lambda::Version")[target["Arn"]["Ref"]]
    assert version["Properties"]["FunctionName"] == {"Ref": function}
    (role,) = [role["Properties"] for name, role in expanded("AWS::IAM::Role").items() if name == "ProbeRole"]
    calls, _ = role["Policies"][0]["PolicyDocument"]["Statement"]
    assert target["Arn"] in calls["Resource"]


def test_the_probe_of_publish_comes_through_the_stream_and_announces_nothing(bus: Bus, table: "Table") -> None:
    """The template's filter lets it pass; publish takes it, and neither sets it aside nor tells of it."""
    target = probe_of("PublishFunction")["Target"]
    item = json.loads(target["Input"]["Fn::Sub"])["Item"]
    assert target["Arn"]["Fn::Sub"].endswith(":scheduler:::aws-sdk:dynamodb:putItem")
    (filtered,) = FUNCTIONS["PublishFunction"]["Properties"]["Events"]["Extensions"]["Properties"]["FilterCriteria"][
        "Filters"
    ]
    pattern = json.loads(filtered["Pattern"])
    assert item["t"]["S"] in pattern["dynamodb"]["NewImage"]["t"]["S"]
    for event in ("INSERT", "MODIFY"):
        assert event in pattern["eventName"]
        record = {"eventName": event, "dynamodb": {"NewImage": item, "SequenceNumber": "1"}}
        assert publish([record]) == []
    assert not bus.taken
    assert "Messages" not in sqs().receive_message(QueueUrl=bus.queue_url)


def certain_failures(function: str) -> int:
    """How many calls fail in a quarter of an hour, at the least, when every call of a function fails."""
    if function == "ExpireFunction":
        (schedule,) = FUNCTIONS[function]["Properties"]["Events"].values()
        return every(schedule["Properties"])
    return every(probe_of(function))


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_that_always_fails_is_heard_of_in_a_quarter_of_an_hour(function: str) -> None:
    """However little it is called. An alarm's window slides: it goes off as soon as its threshold is passed."""
    for metric in ("Errors", "Throttles"):
        found = [
            alarm["Properties"]
            for alarm in resources("AWS::CloudWatch::Alarm").values()
            if alarm["Properties"]["MetricName"] == metric
            and alarm["Properties"]["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]
        ]
        if (function, metric) == ("ExpireFunction", "Throttles"):
            continue  # ScheduleSilentAlarm sees a sweep that is turned away.
        (alarm,) = found
        assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == ("Sum", 900, 1)
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["Threshold"] < certain_failures(function)


def test_silence_is_heard() -> None:
    """A schedule or a stream that wakes nobody has no errors."""
    alarms = {name: alarm["Properties"] for name, alarm in resources("AWS::CloudWatch::Alarm").items()}
    for name in ("ScheduleSilentAlarm", "PublishSilentAlarm"):
        alarm = alarms[name]
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
    for function in BY_HTTP:
        watched = FUNCTIONS[function]["Properties"]["DeploymentPreference"]["Alarms"]
        assert watched == [{"Ref": function.replace("Function", "ErrorsAlarm")}, {"Ref": "AnswersFailedAlarm"}]
