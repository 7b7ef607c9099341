"""openapi.yaml: made of the code, valid, complete, and free of charge at run time."""

import subprocess
import sys
from typing import Any

import pytest
import yaml

from devkit.project import ROOT
from devkit.template import resources, routes
from extending.errors import Code
from generate import openapi

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


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The operation of a function."""
    events = resources("AWS::Serverless::Function")[f"{name.capitalize()}Function"]["Properties"]["Events"].values()
    (route,) = (event["Properties"] for event in events if event["Type"] == "HttpApi")
    return dict(document["paths"][route["Path"]][route["Method"].lower()])


def test_the_description_is_the_one_that_the_code_makes() -> None:
    """`make generate` writes it; every example is what a real handler answers."""
    made, kept = openapi.text(), (ROOT / "openapi.yaml").read_text()
    assert made == kept, "openapi.yaml is not what the code makes: run `make generate`"


@pytest.mark.parametrize("name", openapi.FUNCTIONS)
def test_every_code_of_an_operation_has_an_example_under_its_status(name: str, document: dict[str, Any]) -> None:
    """Those that the contract says, and no others."""
    shown = set()
    for status, response in operation(document, name)["responses"].items():
        problems = response.get("content", {}).get(openapi.PROBLEM, {"examples": {}})
        for code, example in problems["examples"].items():
            assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))
            shown.add(code)
    assert shown == set(f"{CONTRACT[name]} {ALWAYS if name != 'changes' else ''}".split())


def test_every_code_that_the_functions_know_is_described() -> None:
    """All but those that nobody can see through API Gateway."""
    described = {code for codes in CONTRACT.values() for code in codes.split()} | set(ALWAYS.split())
    assert described == set(Code) - openapi.UNREACHABLE


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
