"""The template as CloudFormation gets it: what SAM makes of it, held against what AWS's documents demand."""

import json
import re
import tomllib
from typing import Any

import pytest

from devkit.project import ROOT
from devkit.template import expanded, expanded_template, routes, template
from extending.items import FORGET_AT
from generate import deployer
from local.webhook import transformed

Template = dict[str, Any]


def made(*parameters: str) -> Template:
    template: Template = json.loads(expanded_template(*parameters))
    return template


def holds(template: Template, condition: Any, **given: str) -> bool:
    """Evaluate a condition with these parameters; the others have their defaults."""

    def value(of: Any) -> Any:
        match of:
            case {"Ref": name}:
                return given.get(name, template["Parameters"][name].get("Default"))
            case {"Condition": name}:
                return value(template["Conditions"][name])
            case {"Fn::Equals": [left, right]}:
                return str(value(left)) == str(value(right))
            case {"Fn::Not": [inner]}:
                return not value(inner)
            case {"Fn::And": parts}:
                return all(map(value, parts))
        return of

    return bool(value({"Condition": condition}))


REGIONS = {
    "aws": ["eu-central-1", "us-east-1", "ap-south-1", "sa-east-1"],
    "aws-cn": ["cn-north-1", "cn-northwest-1"],
    "aws-us-gov": ["us-gov-west-1", "us-gov-east-1"],
}


@pytest.mark.parametrize("partition", REGIONS)
def test_cloudformation_would_take_it_in_every_partition(partition: str) -> None:
    """Every property and value that SAM has written is one that the regions know; no ARN is of another partition."""
    from cfnlint.api import lint  # takes 2 s
    from cfnlint.config import ManualArgs

    text = expanded_template("GradualDeployment=true", region=REGIONS[partition][0])
    # SAM has put some parameters in: they are not used any more (W2001). W3011 is explained in the template.
    found = lint(text, config=ManualArgs(regions=REGIONS[partition], ignore_checks=["W2001", "W3011"]))
    said = [f"{match.rule.id} {match.message}" for match in found]
    # The local stage has fewer alarms and no gradual deployment.
    said = [line for line in said if not re.match(r"W1001 .*'OnAws' is False at Resources/\w+DeploymentGroup/", line)]
    # GovCloud has no API destinations and no budgets; there their parameters stay empty, and with them these resources.
    if partition == "aws-us-gov":
        absent = r"E3006 .*'AWS::(Events::ApiDestination|Events::Connection|Budgets::Budget)'"
        said = [line for line in said if not re.match(absent, line)]
    assert not said
    assert set(re.findall(r"arn:(aws[a-z-]*):", text)) == {partition}


def test_an_api_whose_issuer_cannot_be_reached_is_not_deployed() -> None:
    """To API Gateway that is a warning: it would drop the authorizer, and with it every route."""
    (api,) = expanded("AWS::ApiGatewayV2::Api").values()
    assert api["Properties"]["FailOnWarnings"] is True


def test_audiences_and_scopes_are_those_of_the_identity_provider() -> None:
    """A list of each, for CloudFormation to fill in: Cognito has its own words for them.

    Machines have an authorizer of their own, whose audience has no default that could be the users' as well.
    """
    (api,) = expanded("AWS::ApiGatewayV2::Api").values()
    body = api["Properties"]["Body"]
    audiences = {"Jwt": "JwtAudience", "MachineJwt": "MachineAudience"}
    for name, scheme in body["components"]["securitySchemes"].items():
        audience = audiences.pop(name)
        assert template()["Parameters"][audience]["Type"] == "CommaDelimitedList"
        assert scheme["x-amazon-apigateway-authorizer"]["jwtConfiguration"]["audience"] == {"Ref": audience}
    assert not audiences
    assert "Default" not in template()["Parameters"]["MachineAudience"]
    asked = {
        f"{method} {path}": operation["security"]
        for path, operations in body["paths"].items()
        for method, operation in operations.items()
        if method in ("get", "post")
    }
    assert asked["post /changes"] == [{"MachineJwt": [{"Fn::Sub": "${ScopePrefix}changes:write"}]}]
    assert asked["get /accounts/{account_id}/limits"] == [{"MachineJwt": [{"Fn::Sub": "${ScopePrefix}limits:read"}]}]
    assert asked["get /accounts/{account_id}/subscriptions"] == [{"Jwt": []}]


WEBHOOK = ("Webhook", "WebhookDestination", "WebhookConnection", "WebhookRole")


def test_without_its_parameters_nothing_of_the_webhook_exists() -> None:
    """No connection, no secret, no role: every resource of it is behind one condition."""
    template = made()
    for name in WEBHOOK:
        assert template["Resources"][name]["Condition"] == "HasWebhook"
    assert not holds(template, "HasWebhook")
    assert holds(template, "HasWebhook", WebhookUrl="https://manager.example/events")
    assert template["Parameters"]["WebhookKeyValue"]["NoEcho"] is True


@pytest.mark.parametrize(
    ("url", "is_taken"),
    [
        ("", True),
        ("https://manager.example/events", True),
        ("http://manager.example/events", False),
        ("https://", False),
    ],
)
def test_a_webhook_is_https(url: str, is_taken: bool) -> None:
    """API destinations take nothing else; refused as a parameter it is refused before anything is changed."""
    pattern = made()["Parameters"]["WebhookUrl"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, url)) is is_taken


def test_the_webhook_is_told_in_cloudevents_for_a_day_and_then_the_queue_is() -> None:
    """The event that the template makes of ours, its header, and where it ends."""
    from extending.model import SOURCE, ExtensionEvent

    rule = made()["Resources"]["Webhook"]["Properties"]
    assert rule["EventPattern"] == {"source": [SOURCE], "detail-type": list(ExtensionEvent)}
    (target,) = rule["Targets"]
    assert target["HttpParameters"]["HeaderParameters"] == {"Content-Type": "application/cloudevents+json"}
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]}
    detail = {"event_id": "e-1", "account_id": "A-1", "granted_by": 'U"\\', "terms": {"sessions": 2}}
    event = {"source": SOURCE, "detail-type": "ExtensionGranted", "time": "2026-11-22T10:00:00Z", "detail": detail}
    assert json.loads(transformed(target["InputTransformer"], event)) == {
        "specversion": "1.0",
        "id": "e-1",
        "source": SOURCE,
        "type": "ExtensionGranted",
        "subject": "A-1",
        "time": "2026-11-22T10:00:00Z",
        "datacontenttype": "application/json",
        "data": detail,
    }


def test_pages_may_read_what_they_need_of_an_answer() -> None:
    """Its clock, when to come again, and the id to ask an operator about."""
    (api,) = expanded("AWS::ApiGatewayV2::Api", "CabinetOrigins=https://a.example,https://b.example:8443").values()
    cors = api["Properties"]["Body"]["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == ["https://a.example", "https://b.example:8443"]
    assert set(cors["exposeHeaders"]) == {"date", "retry-after", "apigw-requestid"}


def test_a_route_with_settings_of_its_own_lacks_none_and_exists() -> None:
    """Settings are not inherited: what is left out is off. Those of a route that is not there fail the deployment."""
    (stage,) = expanded("AWS::ApiGatewayV2::Stage").values()
    usual = stage["Properties"]["DefaultRouteSettings"]
    assert "DetailedMetricsEnabled" not in usual  # $0.30 for each metric of each route, and nothing reads them.
    for route, settings in stage["Properties"]["RouteSettings"].items():
        assert set(settings) == set(usual), route
        assert route in {f"{method} {path}" for method, path, _ in routes()}
    smaller_regions = {"ThrottlingBurstLimit": 1_250, "ThrottlingRateLimit": 2_500}
    for settings in (usual, *stage["Properties"]["RouteSettings"].values()):
        assert all(settings[limit] <= most for limit, most in smaller_regions.items())


def test_the_access_log_tells_why_a_function_gave_no_answer() -> None:
    """A crash and a time-out are both 500 to the caller."""
    (stage,) = expanded("AWS::ApiGatewayV2::Stage").values()
    written = json.loads(stage["Properties"]["AccessLogSettings"]["Format"])
    assert written["integration_error"] == "$context.integrationErrorMessage"
    assert not {"ip", "sub", "authorization"} & set(written)


def test_the_access_log_needs_no_room_in_the_regions_policy() -> None:
    """Log delivery is allowed by one policy of 5,120 characters; groups of this prefix share a line of it."""
    group = expanded("AWS::Logs::LogGroup")["ApiLogs"]["Properties"]
    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/${AWS::StackName}")


def test_production_protects_its_table_but_for_the_deployment_that_makes_it() -> None:
    """A first deployment that fails is rolled back, and DynamoDB deletes no table that is protected."""
    template = made()
    table = template["Resources"]["Table"]
    assert table["DeletionPolicy"] == "RetainExceptOnCreate"
    (protected, *values) = table["Properties"]["DeletionProtectionEnabled"]["Fn::If"]
    assert values == [True, False]
    assert holds(template, protected, Stage="prod")
    assert not holds(template, protected, Stage="prod", TableProtection="false")
    assert not holds(template, protected, Stage="dev")


def test_what_a_removal_leaves_goes_by_the_attribute_that_says_when() -> None:
    """Time to live reads the attribute that the code writes."""
    time_to_live = made()["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"]
    assert time_to_live == {"AttributeName": FORGET_AT, "Enabled": True}


def test_the_first_hour_tells_how_many_resources_the_deployment_shows() -> None:
    """Those of the documented production parameters: whoever counts others has other parameters, and looks."""
    runbook = (ROOT / "docs" / "first-hour.md").read_text()
    (block,) = [text for text in re.findall(r"```toml\n(.*?)```", runbook, re.DOTALL) if "Stage=prod" in text]
    prod = tomllib.loads(block)["prod"]
    given: list[str] = prod["deploy"]["parameters"]["parameter_overrides"]
    template, values = made(*given), dict(parameter.split("=", 1) for parameter in given)
    shown = [
        name
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or holds(template, resource["Condition"], **values)
    ]
    assert f"Shows {len(shown)} resources to add" in runbook
    # The block takes the place of the whole section: what samconfig.toml has there, and more.
    ours = tomllib.loads((ROOT / "samconfig.toml").read_text())["prod"]
    assert {command: settings["parameters"].keys() for command, settings in ours.items()} == {
        command: settings["parameters"].keys() - {"region"} for command, settings in prod.items()
    }
    assert {parameter.split("=")[0] for parameter in given} <= set(template["Parameters"])


def test_the_table_is_encrypted_with_the_key_that_costs_nothing() -> None:
    """`SSEEnabled: true` is another key, whose every use is billed."""
    assert "SSESpecification" not in made()["Resources"]["Table"]["Properties"]


def test_the_version_to_go_back_to_is_kept_where_only_a_parameter_changes() -> None:
    """Another description under the same logical id is a replacement, and what was replaced is deleted unless kept."""
    replaced = 0
    for name, version in expanded("AWS::Lambda::Version").items():
        assert version["DeletionPolicy"] == "Retain", name
        if "Fn::Sub" in version["Properties"].get("Description", ""):
            assert version["UpdateReplacePolicy"] == "Retain", name
            replaced += 1
    assert replaced


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def rights(policies: list[Any]) -> list[tuple[str, str]]:
    """Each action with each resource that inline policies allow it on."""
    return [
        (action, json.dumps(resource))
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


def roles_of(service: str) -> dict[str, Any]:
    """Properties of the roles that a service of AWS takes on."""
    return {
        name: role["Properties"]
        for name, role in expanded("AWS::IAM::Role", "GradualDeployment=true").items()
        if f"{service}.amazonaws.com" in json.dumps(role["Properties"]["AssumeRolePolicyDocument"])
    }


def test_what_sam_adds_to_a_functions_rights_ends_at_the_boundary() -> None:
    """Its ready-made policies allow logs, and publish the streams, of the whole account."""
    (boundary,) = expanded("AWS::IAM::ManagedPolicy").values()
    allowed = rights([boundary["Properties"]])
    for _, resource in allowed:
        assert resource != '"*"'
        assert "Fn::GetAtt" in resource or "${Table.Arn}" in resource, resource
    for function in expanded("AWS::Lambda::Function").values():
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert ("logs:PutLogEvents", json.dumps({"Fn::GetAtt": [group, "Arn"]})) in allowed
    roles = roles_of("lambda")
    assert len(roles) == len(expanded("AWS::Lambda::Function"))
    for name, role in roles.items():
        assert role["PermissionsBoundary"] == {"Ref": "FunctionBoundary"}, name
        for action, resource in rights(role["Policies"]):
            assert "*" not in action + resource, name
            fence = [of for right, of in allowed if right in (action, f"{action.split(':')[0]}:*")]
            assert resource.replace("/index/due", "/index/*") in fence, (name, action)


def test_no_other_role_has_more_than_its_one_use() -> None:
    """Schedules call what they name; CodeDeploy's own policy is the only ready-made one, and only where it is used."""
    for name, role in roles_of("scheduler").items():
        assert "ManagedPolicyArns" not in role, name
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        # Of a function any version, where that is what a probe calls.
        for action, resource in rights(role["Policies"]):
            assert "*" not in action + resource.replace(":*", ""), name
    ((_, codedeploy),) = roles_of("codedeploy").items()
    assert [arn.rpartition("/")[2] for arn in codedeploy["ManagedPolicyArns"]] == ["AWSCodeDeployRoleForLambda"]
    every = expanded("AWS::IAM::Role", "GradualDeployment=true")
    assert len(every) == len(roles_of("lambda")) + len(roles_of("scheduler")) + 3
    for role, target in (("WebhookRole", "WebhookDestination"), ("FrontDoorRole", "FrontDoor")):
        destination = json.dumps({"Fn::GetAtt": [target, "Arn"]})
        assert rights(every[role]["Properties"]["Policies"]) == [("events:InvokeApiDestination", destination)]


def test_publish_speaks_in_no_other_name() -> None:
    """Sync stores whatever comes as `service-manager`: owners could be made up."""
    from extending.model import SOURCE

    puts = [
        statement
        for role in roles_of("lambda").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "events:PutEvents"
    ]
    assert [put["Condition"] for put in puts] == [{"ForAllValues:StringEquals": {"events:source": SOURCE}}]
    rule = expanded("AWS::Events::Rule")["SyncFunctionChanges"]
    assert SOURCE not in rule["Properties"]["EventPattern"]["source"]


def test_age_alone_decides_when_the_stream_is_given_up() -> None:
    """A number of tries would be used up in some hours of a bus that is away."""
    (mapping,) = expanded("AWS::Lambda::EventSourceMapping").values()
    assert mapping["Properties"]["MaximumRetryAttempts"] == -1
    assert mapping["Properties"]["MaximumRecordAgeInSeconds"] < 86_400


def test_no_parameter_makes_a_version_that_exists() -> None:
    """Lambda refuses one that is the same as the last: a version may be new only where the function is."""
    before = expanded("AWS::Lambda::Version")
    for other in (
        "ExpireConcurrency=1",
        "SyncConcurrency=50",
        "LogRetentionDays=30",
        "GradualDeployment=true",
        "Stage=prod",
    ):
        after = expanded("AWS::Lambda::Version", other)
        assert {name: v["Properties"] for name, v in after.items()} == {n: v["Properties"] for n, v in before.items()}
    for function in expanded("AWS::Lambda::Function").values():  # Tags are no part of a version either.
        assert function["Properties"]["Tags"] == [{"Key": "lambda:createdBy", "Value": "SAM"}]


def test_nobody_else_puts_events_in_another_name() -> None:
    """Rights of the account's other principals do not count: owners are made of what the service manager sends."""
    policies = {name: of["Properties"]["Statement"] for name, of in expanded("AWS::Events::EventBusPolicy").items()}
    for name, source, speakers in (
        ("NobodyElseAsServiceManager", "service-manager", [{"Ref": "ServiceManagerArn"}, {"Ref": "OperatorArn"}]),
        (
            "NobodyElseAsOurselves",
            "extending-subscription",
            [{"Fn::GetAtt": ["PublishFunctionRole", "Arn"]}, {"Ref": "OperatorArn"}],
        ),
    ):
        denied = policies.pop(name)
        assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "events:PutEvents")
        assert denied["Condition"] == {  # One such entry in a call is enough.
            "ForAnyValue:StringEquals": {"events:source": source},
            "StringNotLike": {"aws:PrincipalArn": speakers},
        }
    (allowed,) = policies.values()
    assert allowed["Condition"]["StringLike"] == {"aws:PrincipalArn": {"Ref": "ServiceManagerArn"}}
    assert allowed["Condition"]["ForAllValues:StringEquals"] == {"events:source": "service-manager"}
    for name in ("ServiceManagerArn", "OperatorArn"):
        assert template()["Parameters"][name]["Default"] == "nobody"


def test_a_sweep_that_is_late_is_not_made_up_for() -> None:
    """Lambda would go on with a throttled one for six hours, beside all that come meanwhile."""
    config = expanded("AWS::Lambda::EventInvokeConfig")["ExpireFunctionEventInvokeConfig"]["Properties"]
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


def test_parameters_that_belong_together_are_given_together() -> None:
    """Refused before any change: a webhook with the key `none`, a probe without client or door, a silent budget."""
    for name, condition, missing in (
        ("WebhookHasItsKey", "WebhookUrl", "none"),
        ("FrontDoorProbeHasItsClient", "ProbeTokenUrl", "none"),
        ("FrontDoorProbeHasItsDoor", "ProbeTokenUrl", "false"),
        ("BudgetHasItsTopic", "MonthlyBudget", ""),
    ):
        rule = made()["Rules"][name]
        (switched_off,) = rule["RuleCondition"]["Fn::Not"]
        assert switched_off["Fn::Equals"] == [{"Ref": condition}, made()["Parameters"][condition]["Default"]]
        (assertion,) = rule["Assertions"]
        assert f'"{missing}"' in json.dumps(assertion["Assert"])


def test_machines_have_an_audience_that_is_no_users() -> None:
    """Or a user's token with a scope would open their routes: refused before anything is changed."""
    (assertion,) = made()["Rules"]["MachinesHaveTheirOwnAudience"]["Assertions"]
    the_same = {"Fn::EachMemberIn": [{"Ref": "MachineAudience"}, {"Ref": "JwtAudience"}]}
    assert assertion["Assert"] == {"Fn::Not": [the_same]}


def test_the_api_may_answer_at_its_own_domain_alone() -> None:
    """So that nobody comes around what stands before it."""
    (api,) = expanded("AWS::ApiGatewayV2::Api").values()
    assert holds(made(), "OnlyAtOwnDomain", DisableExecuteApiEndpoint="true")
    assert not holds(made(), "OnlyAtOwnDomain")
    (server,) = api["Properties"]["Body"]["servers"]
    settings = server["x-amazon-apigateway-endpoint-configuration"]
    assert settings["disableExecuteApiEndpoint"] == {"Fn::If": ["OnlyAtOwnDomain", True, False]}


def test_the_front_door_is_tried_with_a_token_of_the_provider() -> None:
    """The probe's own client, the scope of its one call, and the change that changes nothing."""
    resources = made()["Resources"]
    assert {of["Condition"] for name, of in resources.items() if name.startswith("FrontDoor")} == {"HasFrontDoorProbe"}
    assert holds(made(), "HasFrontDoorProbe", ProbeTokenUrl="https://id.example/token")
    assert not holds(made(), "HasFrontDoorProbe", Stage="local", ProbeTokenUrl="https://id.example/token")
    (target,) = resources["FrontDoorProbe"]["Properties"]["Targets"]
    changes = json.loads(resources["ChangesProbe"]["Properties"]["Target"]["Input"])
    assert json.loads(target["Input"]) == json.loads(changes["body"])
    oauth = resources["FrontDoorConnection"]["Properties"]["AuthParameters"]["OAuthParameters"]
    assert {"Key": "scope", "Value": {"Fn::Sub": "${ScopePrefix}changes:write"}} in oauth["OAuthHttpParameters"][
        "BodyParameters"
    ]


def test_whoever_deploys_is_given_what_cloudformation_asks_for() -> None:
    """`make generate` writes the policy; a right that is missing ends a deployment, its roll-back too."""
    assert deployer.FILE.read_text() == deployer.text()
    every = deployer.actions()
    for needed in ("logs:PutMetricFilter", "logs:DeleteMetricFilter", "iam:PutRolePermissionsBoundary", "iam:PassRole"):
        assert needed in every
    size = len(re.sub(r"\s", "", deployer.text()))
    assert size <= 6_144, "IAM takes no larger policy"
