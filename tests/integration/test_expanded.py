"""The template as CloudFormation gets it: what SAM makes of it, held against what AWS's documents demand."""

import json
import re
import tomllib
from functools import cache
from typing import Any

import pytest

from devkit.project import ROOT
from devkit.template import expanded, expanded_template, resources, routes, template
from extending.items import DELETE_AT
from extending.model import SOURCE, ExtensionEvent
from generate import deployer
from local.webhook import transformed

Template = dict[str, Any]


@cache
def made(*parameters: str) -> Template:
    return dict(json.loads(expanded_template(*parameters)))


def the(type_: str, *parameters: str) -> dict[str, Any]:
    """The only resource of a type."""
    (resource,) = expanded(type_, *parameters).values()
    return dict(resource)


def holds(condition: Any, **given: str) -> bool:
    """Evaluate a condition with these parameters; the others have their defaults."""

    def value(part: Any) -> Any:
        match part:
            case {"Ref": name}:
                return given.get(name, made()["Parameters"][name].get("Default"))
            case {"Condition": name}:
                return value(made()["Conditions"][name])
            case {"Fn::Equals": [left, right]}:
                return str(value(left)) == str(value(right))
            case {"Fn::Not": [inner]}:
                return not value(inner)
            case {"Fn::And": parts}:
                return all(map(value, parts))
        return part

    return bool(value({"Condition": condition}))


REGIONS = {
    "aws": ["eu-central-1", "us-east-1", "ap-south-1", "sa-east-1"],
    "aws-cn": ["cn-north-1", "cn-northwest-1"],
    "aws-us-gov": ["us-gov-west-1", "us-gov-east-1"],
}


def test_cloudformation_would_accept_it_in_every_partition() -> None:
    """Every property and value that SAM has written is one that the regions know; no ARN is of another partition."""
    from cfnlint.api import lint  # 2 s
    from cfnlint.config import ManualArgs

    for partition, (region, *_) in REGIONS.items():
        arns = re.findall(r"arn:(aws[a-z-]*):", expanded_template("GradualDeployment=true", region=region))
        assert set(arns) == {partition}
    regions = [region for each in REGIONS.values() for region in each]
    text = expanded_template("GradualDeployment=true")
    # SAM has put some parameters in: they are not used any more (W2001). W3011 is explained in the template.
    found = lint(text, config=ManualArgs(regions=regions, ignore_checks=["W2001", "W3011"]))
    known = [
        # The local stage has fewer alarms and no gradual deployment.
        r"W1001 .*'OnAws' is False at Resources/\w+DeploymentGroup/",
        # GovCloud has no API destinations and no budgets; their parameters stay empty there, and with them these.
        r"E3006 .*'AWS::(Events::ApiDestination|Events::Connection|Budgets::Budget)'.*us-gov-",
    ]
    messages = [f"{match.rule.id} {match.message}" for match in found]
    assert not [message for message in messages if not any(re.match(each, message) for each in known)]


def test_the_api_is_deployed_whole_or_not_at_all_and_answers_pages_and_its_own_domain() -> None:
    origins = ["https://a.example", "https://b.example:8443"]
    properties = the("AWS::ApiGatewayV2::Api", f"CabinetOrigins={','.join(origins)}")["Properties"]
    # An issuer out of reach is a warning to API Gateway: it would drop the authorizer, and with it every route.
    assert properties["FailOnWarnings"] is True
    cors = properties["Body"]["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == origins
    assert set(cors["exposeHeaders"]) == {"date", "retry-after", "apigw-requestid"}
    (server,) = properties["Body"]["servers"]
    settings = server["x-amazon-apigateway-endpoint-configuration"]
    assert settings["disableExecuteApiEndpoint"] == {"Fn::If": ["OnlyAtOwnDomain", True, False]}
    assert holds("OnlyAtOwnDomain", DisableExecuteApiEndpoint="true")
    assert not holds("OnlyAtOwnDomain")


def test_audiences_and_scopes_are_those_of_the_identity_provider() -> None:
    """A list of each, for CloudFormation to fill in: Cognito has its own words for them.

    Machines have an authorizer of their own, whose audience has no default, and may be none of the users': with a
    shared one a user's token with a scope would open their routes.
    """
    body = the("AWS::ApiGatewayV2::Api")["Properties"]["Body"]
    audiences = {"Jwt": "JwtAudience", "MachineJwt": "MachineAudience"}
    for name, scheme in body["components"]["securitySchemes"].items():
        audience = audiences.pop(name)
        assert template()["Parameters"][audience]["Type"] == "CommaDelimitedList"
        assert scheme["x-amazon-apigateway-authorizer"]["jwtConfiguration"]["audience"] == {"Ref": audience}
    assert not audiences
    assert "Default" not in template()["Parameters"]["MachineAudience"]
    (assertion,) = made()["Rules"]["MachinesHaveTheirOwnAudience"]["Assertions"]
    the_same = {"Fn::EachMemberIn": [{"Ref": "MachineAudience"}, {"Ref": "JwtAudience"}]}
    assert assertion["Assert"] == {"Fn::Not": [the_same]}
    for route in routes():
        security = body["paths"][route.path][route.method.lower()]["security"]
        scope = {"Fn::Sub": f"${{ScopePrefix}}{route.scope}"}
        assert security == ([{"MachineJwt": [scope]}] if route.scope else [{"Jwt": []}])


def test_a_route_with_settings_of_its_own_lacks_none_and_exists() -> None:
    """Settings are not inherited: what is left out is off. Those of a route that is not there fail the deployment."""
    properties = the("AWS::ApiGatewayV2::Stage")["Properties"]
    usual = properties["DefaultRouteSettings"]
    assert "DetailedMetricsEnabled" not in usual  # $0.30 for each metric of each route, and nothing reads them.
    for route, settings in properties["RouteSettings"].items():
        assert set(settings) == set(usual), route
        assert route in {f"{each.method} {each.path}" for each in routes()}
    smaller_regions = {"ThrottlingBurstLimit": 1_250, "ThrottlingRateLimit": 2_500}
    for settings in (usual, *properties["RouteSettings"].values()):
        assert all(settings[limit] <= most for limit, most in smaller_regions.items())


def test_the_access_log_says_why_a_function_gave_no_answer_and_names_nobody() -> None:
    """A crash and a time-out are both 500 to the caller."""
    written = json.loads(the("AWS::ApiGatewayV2::Stage")["Properties"]["AccessLogSettings"]["Format"])
    assert written["integration_error"] == "$context.integrationErrorMessage"
    assert not {"ip", "sub", "authorization"} & set(written)
    # The region's one policy for log delivery has 5,120 characters; groups of this prefix share a line of it.
    group = expanded("AWS::Logs::LogGroup")["ApiLogs"]["Properties"]
    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/${AWS::StackName}")


def test_without_its_parameters_nothing_of_the_webhook_exists() -> None:
    """No connection, no secret, no role; a webhook is HTTPS, or it is refused before anything is changed."""
    for name in ("Webhook", "WebhookDestination", "WebhookConnection", "WebhookRole"):
        assert made()["Resources"][name]["Condition"] == "HasWebhook"
    assert not holds("HasWebhook")
    assert holds("HasWebhook", WebhookUrl="https://manager.example/events")
    parameters = made()["Parameters"]
    assert parameters["WebhookKeyValue"]["NoEcho"] is True
    urls = ("", "https://manager.example/events", "http://manager.example/events", "https://")
    accepted = [bool(re.fullmatch(parameters["WebhookUrl"]["AllowedPattern"], url)) for url in urls]
    assert accepted == [True, True, False, False]


def test_the_webhook_gets_cloudevents_for_a_day_and_then_the_queue_does() -> None:
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


def test_the_table_is_kept_recoverable_and_protected_but_for_the_deployment_that_makes_it() -> None:
    """A first deployment that fails is rolled back, and DynamoDB deletes no table that is protected."""
    table = the("AWS::DynamoDB::Table")
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    properties = table["Properties"]
    (protected, *values) = properties["DeletionProtectionEnabled"]["Fn::If"]
    assert values == [True, False]
    assert holds(protected, Stage="prod")
    assert not holds(protected, Stage="prod", TableProtection="false")
    assert not holds(protected, Stage="dev")
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert properties["TimeToLiveSpecification"] == {"AttributeName": DELETE_AT, "Enabled": True}
    assert "SSESpecification" not in properties  # `SSEEnabled: true` is another key, whose every use is billed.


def test_the_first_hour_says_how_many_resources_the_deployment_shows() -> None:
    """Those of the documented production parameters: whoever counts others has other parameters, and looks."""
    page = (ROOT / "docs" / "first-hour.md").read_text()
    (block,) = [text for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if "Stage=prod" in text]
    prod = tomllib.loads(block)["prod"]
    given: list[str] = prod["deploy"]["parameters"]["parameter_overrides"]
    values = dict(parameter.split("=", 1) for parameter in given)
    conditions = [resource.get("Condition") for resource in made(*given)["Resources"].values()]
    shown = [condition for condition in conditions if not condition or holds(condition, **values)]
    assert f"Shows {len(shown)} resources to add" in page
    # The block replaces the whole section: it has what samconfig.toml has there, and more.
    ours = tomllib.loads((ROOT / "samconfig.toml").read_text())["prod"]
    assert {command: settings["parameters"].keys() for command, settings in ours.items()} == {
        command: settings["parameters"].keys() - {"region"} for command, settings in prod.items()
    }
    assert set(values) <= set(made()["Parameters"])


def test_the_version_to_go_back_to_is_kept_where_only_a_parameter_changes() -> None:
    """Another description under the same logical id is a replacement, and what was replaced is deleted unless kept."""
    versions = expanded("AWS::Lambda::Version").items()
    described = [name for name, version in versions if "Fn::Sub" in version["Properties"].get("Description", "")]
    assert described
    for name, version in versions:
        assert version["DeletionPolicy"] == "Retain", name
        assert name not in described or version["UpdateReplacePolicy"] == "Retain", name


def test_no_parameter_makes_a_version_that_exists() -> None:
    """Lambda refuses one that is the same as the last: a version may be new only where the function is."""

    def versions(*parameters: str) -> Template:
        return {name: version["Properties"] for name, version in expanded("AWS::Lambda::Version", *parameters).items()}

    others = [
        "ExpireConcurrency=1",
        "SyncConcurrency=50",
        "LogRetentionDays=30",
        "GradualDeployment=true",
        "Stage=prod",
    ]
    assert versions(*others) == versions()
    for function in expanded("AWS::Lambda::Function").values():  # Tags are no part of a version either.
        assert function["Properties"]["Tags"] == [{"Key": "lambda:createdBy", "Value": "SAM"}]


# Rights


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
    """Properties of the roles that a service of AWS assumes."""
    return {
        name: role["Properties"]
        for name, role in expanded("AWS::IAM::Role", "GradualDeployment=true").items()
        if f"{service}.amazonaws.com" in json.dumps(role["Properties"]["AssumeRolePolicyDocument"])
    }


def test_the_rights_that_sam_adds_to_a_function_end_at_the_boundary() -> None:
    """Its ready-made policies allow logs, and publish the streams, of the whole account."""
    allowed = rights([the("AWS::IAM::ManagedPolicy")["Properties"]])
    for _, resource in allowed:
        assert resource != '"*"'
        assert "Fn::GetAtt" in resource or "${Table.Arn}" in resource, resource
    for function in expanded("AWS::Lambda::Function").values():
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert ("logs:PutLogEvents", json.dumps({"Fn::GetAtt": [group, "Arn"]})) in allowed
        assert expanded("AWS::Logs::LogGroup")[group]["Properties"]["RetentionInDays"]
    roles = roles_of("lambda")
    assert len(roles) == len(expanded("AWS::Lambda::Function"))
    for name, role in roles.items():
        assert role["PermissionsBoundary"] == {"Ref": "FunctionBoundary"}, name
        for action, resource in rights(role["Policies"]):
            assert "*" not in action + resource, name
            fence = [place for right, place in allowed if right in (action, f"{action.split(':')[0]}:*")]
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


def test_nobody_puts_events_in_the_name_of_another() -> None:
    """Owners are made of what the service manager sends: rights of the account's other principals do not count."""
    puts = [
        statement
        for role in roles_of("lambda").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "events:PutEvents"
    ]
    assert [put["Condition"] for put in puts] == [{"ForAllValues:StringEquals": {"events:source": SOURCE}}]
    policies = {name: each["Properties"]["Statement"] for name, each in expanded("AWS::Events::EventBusPolicy").items()}
    publish, operator = {"Fn::GetAtt": ["PublishFunctionRole", "Arn"]}, {"Ref": "OperatorArn"}
    for name, source, speakers in (
        ("NobodyElseAsServiceManager", "service-manager", [{"Ref": "ServiceManagerArn"}, operator]),
        ("NobodyElseAsOurselves", SOURCE, [publish, operator]),
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


@pytest.mark.parametrize(
    ("name", "parameter", "missing"),
    [
        ("WebhookHasItsKey", "WebhookUrl", "none"),
        ("FrontDoorProbeHasItsClient", "ProbeTokenUrl", "none"),
        ("FrontDoorProbeHasItsDoor", "ProbeTokenUrl", "false"),
        ("BudgetHasItsTopic", "MonthlyBudget", ""),
    ],
)
def test_parameters_that_belong_together_are_given_together(name: str, parameter: str, missing: str) -> None:
    """Refused before any change: a webhook with the key `none`, a probe without client or door, a silent budget."""
    rule = made()["Rules"][name]
    (switched_off,) = rule["RuleCondition"]["Fn::Not"]
    assert switched_off["Fn::Equals"] == [{"Ref": parameter}, made()["Parameters"][parameter]["Default"]]
    (assertion,) = rule["Assertions"]
    assert f'"{missing}"' in json.dumps(assertion["Assert"])


def test_the_front_door_is_tried_with_a_token_of_the_provider() -> None:
    """The probe's own client, the scope of its one call, and the change that changes nothing."""
    parts = {name: part for name, part in made()["Resources"].items() if name.startswith("FrontDoor")}
    assert {part["Condition"] for part in parts.values()} == {"HasFrontDoorProbe"}
    assert holds("HasFrontDoorProbe", ProbeTokenUrl="https://id.example/token")
    assert not holds("HasFrontDoorProbe", Stage="local", ProbeTokenUrl="https://id.example/token")
    (target,) = parts["FrontDoorProbe"]["Properties"]["Targets"]
    changes = json.loads(resources("AWS::Scheduler::Schedule")["ChangesProbe"]["Properties"]["Target"]["Input"])
    assert json.loads(target["Input"]) == json.loads(changes["body"])
    oauth = parts["FrontDoorConnection"]["Properties"]["AuthParameters"]["OAuthParameters"]
    scope = {"Key": "scope", "Value": {"Fn::Sub": "${ScopePrefix}changes:write"}}
    assert scope in oauth["OAuthHttpParameters"]["BodyParameters"]


def test_the_deployers_policy_allows_what_cloudformation_asks_for() -> None:
    """`make generate` writes it; a right that is missing ends a deployment, its roll-back too."""
    assert deployer.FILE.read_text() == deployer.text()
    needed = {"logs:PutMetricFilter", "logs:DeleteMetricFilter", "iam:PutRolePermissionsBoundary", "iam:PassRole"}
    assert needed <= deployer.actions()
    assert len(re.sub(r"\s", "", deployer.text())) <= 6_144, "IAM accepts no larger policy"
