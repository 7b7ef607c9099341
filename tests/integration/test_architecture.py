"""The promises of the template and of the layers of the code."""

import ast
import json
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from devkit.project import ROOT
from devkit.template import expanded, expanded_template, resources, template, watched

FUNCTIONS = resources("AWS::Serverless::Function")
NAMES = sorted(name.removesuffix("Function").lower() for name in FUNCTIONS)
LAYER = ROOT / "layers" / "shared" / "extending"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
COSTS = (ROOT / "docs" / "costs.md").read_text()
FIRST_HOUR = (ROOT / "docs" / "first-hour.md").read_text()


def statements(function: str) -> list[dict[str, Any]]:
    return [s for policy in FUNCTIONS[function]["Properties"]["Policies"] for s in policy["Statement"]]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_the_readme_names_every_function_with_its_trigger_and_its_rights() -> None:
    """The first table that anyone reads."""
    readme = (ROOT / "README.md").read_text()
    for name in NAMES:
        (row,) = re.findall(rf"^\| \[{name}\]\(functions/{name}/app\.py\) \|(.*)\|$", readme, re.MULTILINE)
        trigger, _, may = row.split(" | ")
        for event in FUNCTIONS[f"{name.title()}Function"]["Properties"]["Events"].values():
            if event["Type"] != "HttpApi":
                continue
            last = event["Properties"]["Path"].removeprefix("/accounts/{account_id}")
            assert event["Properties"]["Method"] in trigger
            assert last in trigger.replace("…/{subscription_id}", "/subscriptions/{subscription_id}")
        actions = {a for s in statements(f"{name.title()}Function") for a in as_list(s["Action"])}
        said = {
            "delete": "dynamodb:DeleteItem",
            "put(?! events)": "dynamodb:PutItem",
            "update": "dynamodb:UpdateItem",
            "put events": "events:PutEvents",
            "failure queue": "sqs:SendMessage",
        }
        assert {action for word, action in said.items() if re.search(word, may)} == actions & set(said.values())


def test_folder_function_and_sample_have_the_same_name() -> None:
    """One word per thing."""
    assert NAMES == ["changes", "expire", "extend", "history", "limits", "list", "offer", "publish", "sync"]
    assert sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")) == NAMES
    assert {path.stem.split("-")[0] for path in (ROOT / "events").glob("*.json")} == set(NAMES)
    for name, function in FUNCTIONS.items():
        assert function["Properties"]["CodeUri"] == f"functions/{name.removesuffix('Function').lower()}"


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_has_rights_of_its_own_and_no_wildcard(function: str) -> None:
    """Action by action, on a named resource; no ready-made policy."""
    for statement in statements(function):
        assert all(":" in action and "*" not in action for action in as_list(statement["Action"]))
        assert all("*" not in json.dumps(resource) for resource in as_list(statement["Resource"]))
    assert all(set(policy) == {"Statement"} for policy in FUNCTIONS[function]["Properties"]["Policies"])


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_has_a_log_group_that_forgets_and_an_alarm(function: str) -> None:
    """Logs end; faults are seen."""
    group = FUNCTIONS[function]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
    assert resources("AWS::Logs::LogGroup")[group]["Properties"]["RetentionInDays"]
    assert "Errors" in [
        metric["MetricName"]
        for alarm in resources("AWS::CloudWatch::Alarm").values()
        for metric in watched(alarm)
        if {"Name": "FunctionName", "Value": {"Ref": function}} in metric["Dimensions"]
    ]


def test_whatever_is_not_answered_at_once_has_a_place_to_fail_to() -> None:
    """Every asynchronous trigger has a failure destination, and every target a queue for what does not reach it."""
    for function in FUNCTIONS.values():
        for event in function["Properties"]["Events"].values():
            properties = event["Properties"]
            if event["Type"] in {"EventBridgeRule", "ScheduleV2"}:
                assert properties["DeadLetterConfig"]["Arn"]
                assert function["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
            elif event["Type"] == "DynamoDB":
                assert properties["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
                assert properties["BisectBatchOnFunctionError"] is True
                assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
                assert properties["MaximumRecordAgeInSeconds"] < 86_400
            else:
                assert event["Type"] == "HttpApi"


def test_the_schedule_is_named_after_the_stack_and_runs_every_minute() -> None:
    """Two stacks in one account must not collide."""
    schedule = FUNCTIONS["ExpireFunction"]["Properties"]["Events"]["EveryMinute"]["Properties"]
    assert schedule["Name"] == {"Fn::Sub": "${AWS::StackName}-expire"}
    assert schedule["ScheduleExpression"] == "rate(1 minute)"


def test_there_is_one_table_and_it_is_kept() -> None:
    """On demand, recoverable, and its stream shows before and after."""
    (table,) = resources("AWS::DynamoDB::Table").values()
    properties = table["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert table["UpdateReplacePolicy"] == "Retain"


def test_every_route_asks_for_a_token() -> None:
    """The authorizer of users is the default; a route may ask for a machine's, and for nothing less."""
    (api,) = resources("AWS::Serverless::HttpApi").values()
    assert api["Properties"]["Auth"]["DefaultAuthorizer"] == "Jwt"
    for function in FUNCTIONS.values():
        for event in function["Properties"]["Events"].values():
            assert set(event["Properties"].get("Auth", {})) in (set(), {"Authorizer", "AuthorizationScopes"})


def test_what_machines_call_asks_for_a_machine_and_its_scope_and_nothing_else_does() -> None:
    """A scope alone does not keep users out: a provider may give it to any client of theirs."""

    def machines(scope: str) -> dict[str, Any]:
        return {"Authorizer": "MachineJwt", "AuthorizationScopes": [{"Fn::Sub": f"${{ScopePrefix}}{scope}"}]}

    scopes = {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": event["Properties"]["Auth"]
        for function in FUNCTIONS.values()
        for event in function["Properties"]["Events"].values()
        if "Auth" in event["Properties"]
    }
    assert scopes == {
        "POST /changes": machines("changes:write"),
        "GET /accounts/{account_id}/limits": machines("limits:read"),
        "DELETE /accounts/{account_id}/extensions/{extension_id}": machines("extensions:expire"),
    }


def test_every_resource_is_introduced_by_a_line_of_why() -> None:
    """The template is the map."""
    lines = (ROOT / "template.yaml").read_text().splitlines()
    for name in [*FUNCTIONS, "Api", "SharedLayer", "Table", "Bus", "FailureQueue", "UndeliveredQueue", "Dashboard"]:
        assert lines[lines.index(f"  {name}:") - 1].startswith("  # "), name


def imported(path: Path) -> set[str]:
    """Top-level names of the modules that a module imports, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module.split(".")[0], node.module}
    return found


def test_only_the_modules_that_read_and_write_speak_to_the_table_and_only_the_bus_to_the_bus() -> None:
    """Keys and event names have one home each."""
    for path in [*LAYER.glob("*.py"), *(ROOT / "functions").glob("*/app.py")]:
        text = path.read_text()
        if path.name not in ("dynamo.py", "accounts.py", "grants.py", "sweep.py", "changes.py"):
            assert "KeyConditionExpression" not in text
            assert "dynamodb." not in text.replace('boto3.client("dynamodb"', "").replace("dynamodb.client", ""), path
        if path.name != "bus.py":
            assert "put_events" not in text


def test_the_functions_know_nothing_of_the_local_cloud() -> None:
    """No special case is deployed."""
    for path in [*LAYER.glob("*.py"), *(ROOT / "functions").glob("*/app.py")]:
        assert "local" not in imported(path)
        assert "ministack" not in path.read_text().lower()


def emitted_metrics() -> set[str]:
    from extending.runtime import Metric

    return {metric.value for metric in Metric}


def test_alarms_and_dashboard_speak_of_metrics_that_the_functions_emit() -> None:
    """No dead alarm: names, namespace and dimension are those of the code."""
    from extending.runtime import NAMESPACE

    service = [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]
    ours = [metric for alarm in resources("AWS::CloudWatch::Alarm").values() for metric in watched(alarm)]
    made_of_logs = {"Fn::Sub": f"{NAMESPACE}/${{AWS::StackName}}"}
    ours = [a for a in ours if a["Namespace"] != made_of_logs and not a["Namespace"].startswith("AWS/")]
    assert ours
    for alarm in ours:
        assert alarm["Namespace"] == NAMESPACE
        assert alarm["MetricName"] in emitted_metrics()
        assert alarm["Dimensions"] == service
    assert template()["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == {
        "Ref": "AWS::StackName"
    }
    (dashboard,) = resources("AWS::CloudWatch::Dashboard").values()
    body = json.loads(dashboard["Properties"]["DashboardBody"]["Fn::Sub"])
    shown = {m[1] for w in body["widgets"] for m in w["properties"]["metrics"] if m[0] == NAMESPACE}
    assert shown <= emitted_metrics()


def test_every_alarm_has_its_place_in_the_runbook() -> None:
    """docs/runbook.md says for each how severe it is, whether a customer notices, what it means and what to do."""
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


def test_what_a_restore_leaves_out_is_given_to_the_table_by_hand() -> None:
    """A stack that takes a table back changes nothing of it that the template has said all along."""
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
    rates = [s["Properties"]["ScheduleExpression"] for s in resources("AWS::Scheduler::Schedule").values()]
    times = sum(43_800 // int(re.sub(r"\D", "", rate)) for rate in rates)
    assert f"| probes: calls, writes, logs, {times:,} schedules |" in COSTS
    every = resources("AWS::CloudWatch::Alarm").values()
    alarms = [alarm for alarm in every if alarm.get("Condition") != "HasFrontDoorProbe"]
    read = sum(len(watched(alarm)) for alarm in alarms)
    assert f"| {len(alarms)} alarms over {read} metrics, " in COSTS


def references(value: Any) -> Iterator[str]:
    """Logical ids that a part of a template refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0] if isinstance(inner, list) else inner.split(".")[0]
            elif key == "Fn::Sub" and isinstance(inner, str):
                yield from re.findall(r"\$\{(\w+)[.}]", inner)
            elif key == "DependsOn":
                yield from as_list(inner)
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize("gradual", ["true", "false"])
def test_no_resource_refers_to_itself_in_a_circle(gradual: str) -> None:
    """CloudFormation refuses a circle, and SAM makes resources that are not in the template: look at what it makes."""
    made = json.loads(expanded_template(f"GradualDeployment={gradual}"))["Resources"]
    assert ("AWS::CodeDeploy::DeploymentGroup" in {r["Type"] for r in made.values()}) == (gradual == "true")
    order = TopologicalSorter({name: {ref for ref in references(of) if ref in made} for name, of in made.items()})
    assert list(order.static_order())


def test_new_shared_code_is_a_new_version_of_every_function() -> None:
    """Otherwise callers of the alias would never get it."""
    first, second = (set(expanded("AWS::Lambda::Version", layer=layer)) for layer in "12")
    assert len(first) == len(second) == len(FUNCTIONS)
    assert not first & second


def reads_the_reminder_lead(function: str) -> bool:
    """It is in the environment of every function; only what imports it behaves otherwise with another value."""
    app = ROOT / FUNCTIONS[function]["Properties"]["CodeUri"] / "app.py"
    return "REMIND_BEFORE" in app.read_text()


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_parameter_that_a_function_reads_is_in_the_description_of_its_version(function: str) -> None:
    """A new description replaces the version, so that callers get the new value; and the old one is kept."""
    properties = FUNCTIONS[function]["Properties"]
    own = [properties.get("Environment"), properties.get("SnapStart")]
    read = set(references(own)) & set(template()["Parameters"])
    read |= {"ReminderLeadSeconds"} if reads_the_reminder_lead(function) else set()
    description = properties.get("VersionDescription", {}).get("Fn::Sub", "")
    assert read == set(re.findall(r"\$\{(\w+)\}", description))
    assert not read or FUNCTIONS[function]["UpdateReplacePolicy"] == "Retain"


def test_what_all_functions_have_in_their_environment_is_of_the_stack_or_known_to_the_test_above() -> None:
    """A parameter more there must be in the descriptions of those that read it."""
    everyones = template()["Globals"]["Function"]["Environment"]
    assert set(references(everyones)) & set(template()["Parameters"]) == {"ReminderLeadSeconds"}
    assert [name for name in sorted(FUNCTIONS) if reads_the_reminder_lead(name)] == ["ExtendFunction"]
