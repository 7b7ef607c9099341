"""The promises of the template, and what the documents say of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

from devkit.project import ROOT
from devkit.template import expanded, resources, template, watched
from extending import inbound
from extending.metric import NAMESPACE, Metric
from tests.integration.conftest import as_list

FUNCTIONS = resources("AWS::Serverless::Function")
NAMES = sorted(name.removesuffix("Function").lower() for name in FUNCTIONS)
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
COSTS = (ROOT / "docs" / "costs.md").read_text()
FIRST_HOUR = (ROOT / "docs" / "first-hour.md").read_text()


def triggers(function: str) -> list[dict[str, Any]]:
    return list(FUNCTIONS[function]["Properties"]["Events"].values())


def test_folder_function_and_sample_have_the_same_name() -> None:
    assert NAMES == ["changes", "expire", "extend", "history", "limits", "list", "offer", "publish", "sync"]
    assert sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")) == NAMES
    assert {path.stem.split("-")[0] for path in (ROOT / "events").glob("*.json")} == set(NAMES)
    for name, function in FUNCTIONS.items():
        assert function["Properties"]["CodeUri"] == f"functions/{name.removesuffix('Function').lower()}"


def test_the_readme_names_every_function_with_its_trigger_and_its_rights() -> None:
    readme = (ROOT / "README.md").read_text()
    words = {
        "delete": "dynamodb:DeleteItem",
        "put(?! events)": "dynamodb:PutItem",
        "update": "dynamodb:UpdateItem",
        "put events": "events:PutEvents",
        "failure queue": "sqs:SendMessage",
    }
    for name, function in FUNCTIONS.items():
        folder = name.removesuffix("Function").lower()
        (row,) = re.findall(rf"^\| \[{folder}\]\(functions/{folder}/app\.py\) \|(.*)\|$", readme, re.MULTILINE)
        trigger, _, permissions = row.split(" | ")
        for properties in (event["Properties"] for event in triggers(name) if event["Type"] == "HttpApi"):
            last = properties["Path"].removeprefix("/accounts/{account_id}")
            assert properties["Method"] in trigger
            assert last in trigger.replace("…/{subscription_id}", "/subscriptions/{subscription_id}")
        statements = [each for policy in function["Properties"]["Policies"] for each in policy["Statement"]]
        actions = {action for statement in statements for action in as_list(statement["Action"])}
        named = {action for word, action in words.items() if re.search(word, permissions)}
        assert named == actions & set(words.values())


def test_every_asynchronous_trigger_has_a_failure_destination_and_every_target_a_queue() -> None:
    for name, function in FUNCTIONS.items():
        for event in triggers(name):
            properties = event["Properties"]
            if event["Type"] in {"EventBridgeRule", "ScheduleV2"}:
                assert properties["DeadLetterConfig"]["Arn"]
                assert function["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
            elif event["Type"] == "DynamoDB":
                assert properties["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
                assert properties["BisectBatchOnFunctionError"] is True
                assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
                # Age alone decides: a number of tries would be used up in some hours of a bus that is away.
                assert properties["MaximumRetryAttempts"] == -1
                assert properties["MaximumRecordAgeInSeconds"] < 86_400
            else:
                assert event["Type"] == "HttpApi"


def test_the_bus_hands_on_whatever_the_service_manager_sends() -> None:
    """By its source alone: an event of a misspelt type is set aside with its error, where a rule would lose it."""
    (rule,) = triggers("SyncFunction")
    assert rule["Properties"]["Pattern"] == {"source": [inbound.SOURCE]}


def test_the_schedule_is_named_after_the_stack_and_runs_every_minute() -> None:
    """Two stacks in one account must not collide; a sweep that is late is not made up for."""
    properties = FUNCTIONS["ExpireFunction"]["Properties"]
    schedule = properties["Events"]["EveryMinute"]["Properties"]
    assert schedule["Name"] == {"Fn::Sub": "${AWS::StackName}-expire"}
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    retries = properties["EventInvokeConfig"]
    assert (retries["MaximumRetryAttempts"], retries["MaximumEventAgeInSeconds"]) == (0, 60)


def test_the_dashboard_shows_metrics_that_the_functions_emit() -> None:
    (dashboard,) = resources("AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["Properties"]["DashboardBody"]["Fn::Sub"])
    shown = {m[1] for w in body["widgets"] for m in w["properties"]["metrics"] if m[0] == NAMESPACE}
    assert shown
    assert shown <= set(Metric)
    everyones = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert everyones["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


# Documents


def test_every_alarm_has_its_place_in_the_runbook() -> None:
    """With its severity, what a customer notices, its meaning and what to do."""
    for alarm in resources("AWS::CloudWatch::Alarm"):
        assert re.search(rf"^\| `{alarm}` \| (now|today) \| \S.* \| \S.* \| \S.* \|$", RUNBOOK, re.MULTILINE), alarm


def test_the_runbook_names_only_what_there_is() -> None:
    """Commands are typed at night: no name in them is wrong, and no table is changed while it is still changing."""
    pages = RUNBOOK + REFERENCE + FIRST_HOUR
    assert set(re.findall(r"\(res (\w+)\)", pages)) <= set(template()["Resources"])
    assert set(re.findall(r"\(out (\w+)\)", pages)) <= set(template()["Outputs"])
    for parameter in template()["Parameters"]:
        assert f"| `{parameter}` |" in REFERENCE
    for block in re.findall(r"```bash\n(.*?)```", pages, re.DOTALL):
        changing: set[str] = set()
        for command, name in re.findall(r"aws dynamodb (.+?) --table-name (\S+)", block):
            assert command != "update-table" or name not in changing, block
            changing = changing | {name} if command == "update-table" else changing - {name}


def test_settings_that_a_restore_leaves_out_are_set_by_hand() -> None:
    """A stack that adopts a restored table changes nothing that the template has had all along."""
    (block,) = [block for block in re.findall(r"```bash\n(.*?)```", REFERENCE, re.DOTALL) if "from-backup" in block]
    (table,) = resources("AWS::DynamoDB::Table").values()
    time_to_live = table["Properties"]["TimeToLiveSpecification"]["AttributeName"]
    given = {
        "StreamSpecification": "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
        "DeletionProtectionEnabled": "--deletion-protection-enabled",
        "PointInTimeRecoverySpecification": "PointInTimeRecoveryEnabled=true",
        "TimeToLiveSpecification": f"Enabled=true,AttributeName={time_to_live}",
    }
    comes_with_the_backup = {"AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"}
    comes_with_the_backup |= {"OnDemandThroughput"}
    assert set(given) == set(table["Properties"]) - comes_with_the_backup
    for option in given.values():
        assert f"{option}\n" in block


def test_the_cost_table_adds_up() -> None:
    """A changed row changes the sum."""
    table = COSTS[COSTS.index("| HTTP API, calls |") :]
    rows = [line.split(" | ") for line in table[: table.index("**a month**")].splitlines()]
    amounts = {row[0]: [float(re.sub(r"[*|,]", "", cell)) for cell in row[-3:]] for row in rows if len(row) > 3}
    (total,) = [amounts.pop(name) for name in list(amounts) if "**by use**" in name]
    for fixed in ("| probes: ", " alarms over "):
        (row,) = [name for name in amounts if fixed in name]
        del amounts[row]
    for column, accuracy in enumerate((0.06, 0.06, 5)):
        assert abs(sum(row[column] for row in amounts.values()) - total[column]) < accuracy


def test_the_cost_table_counts_the_probes_and_alarms_that_there_are() -> None:
    """Each schedule by its rate, in a month of 43,800 minutes; each metric that an alarm reads is billed."""
    rates = [each["Properties"]["ScheduleExpression"] for each in resources("AWS::Scheduler::Schedule").values()]
    times = sum(43_800 // int(re.sub(r"\D", "", rate)) for rate in rates)
    assert f"| probes: calls, writes, logs, {times:,} schedules |" in COSTS
    every = resources("AWS::CloudWatch::Alarm").values()
    alarms = [alarm for alarm in every if alarm.get("Condition") != "HasFrontDoorProbe"]
    read = sum(len(watched(alarm)) for alarm in alarms)
    assert f"| {len(alarms)} alarms over {read} metrics, " in COSTS


# Versions


def references(value: Any) -> Iterator[str]:
    """The names that a part of a template refers to by Ref and Sub."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{(\w+)[.}]", inner)
            else:
                yield from references(inner)


def test_new_shared_code_is_a_new_version_of_every_function() -> None:
    """Otherwise callers of the alias would never get it."""
    first, second = (set(expanded("AWS::Lambda::Version", layer=layer)) for layer in "12")
    assert len(first) == len(second) == len(FUNCTIONS)
    assert not first & second


def test_a_parameter_that_a_function_reads_is_in_the_description_of_its_version() -> None:
    """A new description replaces the version, so that callers get the new value."""
    parameters = set(template()["Parameters"])
    # All have the reminder lead in their environment; only extend behaves otherwise with another value.
    assert set(references(template()["Globals"]["Function"]["Environment"])) & parameters == {"ReminderLeadSeconds"}
    for name, function in FUNCTIONS.items():
        properties = function["Properties"]
        read = {name for part in ("Environment", "SnapStart") for name in references(properties.get(part))} & parameters
        read |= {"ReminderLeadSeconds"} if name == "ExtendFunction" else set()
        description = properties.get("VersionDescription", {}).get("Fn::Sub", "")
        assert read == set(re.findall(r"\$\{(\w+)\}", description)), name
