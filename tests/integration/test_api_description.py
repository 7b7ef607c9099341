"""openapi.yaml: made of the code, valid, complete, and free of charge at run time."""

import subprocess
import sys
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from devkit.project import ROOT
from devkit.template import resources, routes
from generate import openapi
from generate.story import Story

CONTRACT = {
    "list": "invalid_id invalid_limit invalid_next_token unauthorized view_not_allowed account_not_found",
    "offer": "invalid_id unauthorized view_not_allowed account_not_found subscription_not_found already_used "
    "not_active_yet finished not_main tariff_not_extendable",
    "extend": "invalid_id invalid_json unauthorized owner_required account_not_found subscription_not_found "
    "already_used not_active_yet finished not_main tariff_not_extendable offer_changed body_too_large invalid_body",
    "history": "invalid_id invalid_limit invalid_next_token unauthorized view_not_allowed account_not_found",
    "limits": "invalid_id unauthorized account_not_found",
    "changes": "invalid_json unauthorized body_too_large invalid_body",
    "expire": "invalid_id unauthorized account_not_found extension_not_found",
}
ALWAYS = "internal_error try_again"
"""But of changes, where each change has a result of its own."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader))


def operations(document: dict[str, Any]) -> dict[str, Any]:
    """The operations by their function's name."""
    return {
        name.removesuffix("Function").lower(): document["paths"][event["Properties"]["Path"]][
            event["Properties"]["Method"].lower()
        ]
        for name, function in resources("AWS::Serverless::Function").items()
        for event in function["Properties"]["Events"].values()
        if event["Type"] == "HttpApi"
    }


def contents(operation: dict[str, Any]) -> list[tuple[int, str, dict[str, Any]]]:
    """Status, media type and content of every answer."""
    return [
        (int(status), media_type, content)
        for status, response in operation["responses"].items()
        for media_type, content in response.get("content", {}).items()
    ]


def test_the_description_is_the_one_that_the_code_makes() -> None:
    """`make generate` writes it; every example is what a real handler answers."""
    made, kept = openapi.text(), (ROOT / "openapi.yaml").read_text()
    assert made == kept, "openapi.yaml is not what the code makes: run `make generate`"


def test_the_description_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    validate(document)


@pytest.mark.parametrize("name", openapi.FUNCTIONS)
def test_every_code_of_an_operation_has_an_example_under_its_status(name: str, document: dict[str, Any]) -> None:
    """The key of the example is the code, and status, type and code of the example agree with where it stands."""
    shown = set()
    for status, media_type, content in contents(operations(document)[name]):
        for code, example in content["examples"].items() if media_type == openapi.PROBLEM else ():
            problem = example["value"]
            assert (problem["code"], problem["status"]) == (code, status)
            assert problem["type"].endswith(f":{code}")
            shown.add(code)
    assert shown == set(f"{CONTRACT[name]} {ALWAYS if name != 'changes' else ''}".split())


def test_every_code_that_the_functions_know_is_described() -> None:
    """All but those that nobody can see through API Gateway."""
    from extending.errors import Code

    described = {code for codes in CONTRACT.values() for code in codes.split()} | set(ALWAYS.split())
    assert described == set(Code) - openapi.UNREACHABLE


@pytest.mark.parametrize("name", openapi.FUNCTIONS)
def test_every_example_has_the_shape_that_is_described(name: str, document: dict[str, Any]) -> None:
    """With every object closed: an answer has no field that the description does not name."""
    schemas = {"components": {"schemas": openapi.closed(document["components"]["schemas"])}}
    registry: Registry[Any] = Registry().with_resource("urn:api", DRAFT202012.create_resource(schemas))
    checked = 0
    for _, _, content in contents(operations(document)[name]):
        examples = [each["value"] for each in content.get("examples", {}).values()]
        schema = resolved(content["schema"])
        validator = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for example in [*examples, *([content["example"]] if "example" in content else [])]:
            validator.validate(example)
            checked += 1
    assert checked > 5


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its references leading into the registry."""
    if "oneOf" in schema:
        return {"oneOf": [resolved(each) for each in schema["oneOf"]]}
    return {"$ref": "urn:api" + schema["$ref"]}


def test_the_words_of_the_shapes_are_those_of_the_code(document: dict[str, Any]) -> None:
    """Kinds, states, roles and reasons are written down in the description's shapes once more; here they meet."""
    from extending.model import Kind, Role, State

    schemas = document["components"]["schemas"]
    assert schemas["Subscription"]["properties"]["kind"]["enum"] == list(Kind)
    assert schemas["Subscription"]["properties"]["state"]["enum"] == list(State)
    assert schemas["SubscriptionList"]["properties"]["role"]["enum"] == [role for role in Role if role.may_view]


def test_every_route_is_described_with_the_token_that_it_asks_for(document: dict[str, Any]) -> None:
    """The description's security is the template's: none opts out, and a machine's token names a scope."""
    assert document["security"] == [{"user": []}]
    assert {
        (method.upper(), path): operation.get("security")
        for path, item in document["paths"].items()
        for method, operation in item.items()
    } == {(route.method, route.path): [{"machine": [route.scope]}] if route.scope else None for route in routes()}
    (flow,) = document["components"]["securitySchemes"]["machine"]["flows"].values()
    assert set(flow["scopes"]) == {route.scope for route in routes() if route.scope}


def test_every_way_in_and_every_way_out_has_a_name(document: dict[str, Any]) -> None:
    """A choice is a shape by itself, each of its shapes too: generators name types after them."""
    schemas = document["components"]["schemas"]
    choices = {name for name, schema in schemas.items() if "oneOf" in schema}
    assert choices == set(openapi.CHOICES)
    assert not unnamed_choices(document["paths"])
    assert not [name for name, schema in schemas.items() if "title" in schema]


def unnamed_choices(value: Any) -> bool:
    """True where a choice stands anywhere in it."""
    if isinstance(value, dict):
        return "oneOf" in value or any(map(unnamed_choices, value.values()))
    return isinstance(value, list) and any(map(unnamed_choices, value))


def test_what_the_gateway_answers_by_itself_has_a_shape_beside_ours(document: dict[str, Any]) -> None:
    """Under one status a generated client reads one shape, whatever the media type: it has to hold both."""
    for operation in operations(document).values():
        for response in operation["responses"].values():
            shapes = [content["schema"] for content in response.get("content", {}).values()]
            assert all(shape == shapes[0] for shape in shapes)


def test_a_missing_example_is_named() -> None:
    """The error shows which answer the story lacks."""
    with pytest.raises(LookupError, match="answer 404 offer_changed of the function list"):
        Story({"list": []}).example("list", 404, "offer_changed")


def test_a_link_leads_to_an_operation_with_the_parameters_that_it_has(document: dict[str, Any]) -> None:
    """From the list to the offer, from the offer to the extension."""
    known = {
        operation["operationId"]: {parameter["name"] for parameter in operation["parameters"]}
        for operation in operations(document).values()
    }
    links = [
        link
        for operation in operations(document).values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert len(links) == 3
    for link in links:
        assert set(link["parameters"]) <= known[link["operationId"]]


def test_nothing_of_the_description_is_paid_for_at_run_time() -> None:
    """No function of the API imports Powertools' OpenAPI; pydantic only the one that accepts changes.

    And the schedule's cold start pays for no route.
    """
    code = "import sys\n"
    for name in ("expire", *sorted({*openapi.FUNCTIONS} - {"expire", "changes"}), "changes"):
        code += f"from functions.{name} import app\nprint({name!r}, *sys.modules)\n"
    environment = {"TABLE_NAME": "t", "EVENT_BUS_NAME": "b", "AWS_DEFAULT_REGION": "eu-central-1"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    loaded = {name: set(modules) for name, *modules in map(str.split, run.stdout.splitlines())}
    assert set(loaded) == set(openapi.FUNCTIONS)
    assert "extending.api" not in loaded["expire"]
    for name, modules in loaded.items():
        assert "aws_lambda_powertools.event_handler.openapi.models" not in modules
        assert "yaml" not in modules
        assert ("pydantic" in modules) == (name == "changes")
