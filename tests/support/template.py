"""template.yaml as the tests read it: as it stands, and as SAM expands it for CloudFormation."""

import json
import subprocess
from functools import cache
from typing import Any, NamedTuple

from cfnlint.decode import decode

from local import ROOT


@cache
def template() -> dict[str, Any]:
    """The whole template, short forms such as !Ref written out."""
    parsed, errors = decode(str(ROOT / "template.yaml"))
    assert not errors, errors
    return dict(parsed)


def resources(type_: str) -> dict[str, Any]:
    """Resources of one type by logical id."""
    return {name: found for name, found in template()["Resources"].items() if found["Type"] == type_}


class Route(NamedTuple):
    """A route of the HTTP API, its path as the template has it; `scope` is what a machine's token must name."""

    method: str
    path: str
    scope: str | None


@cache
def routes() -> list[Route]:
    """Every route that the template gives to a function."""
    found = []
    for function in resources("AWS::Serverless::Function").values():
        for event in function["Properties"].get("Events", {}).values():
            if event["Type"] == "HttpApi":
                told = event["Properties"]
                scopes = [scope["Fn::Sub"] for scope in told.get("Auth", {}).get("AuthorizationScopes", [])]
                scope = scopes[0].removeprefix("${ScopePrefix}") if scopes else None
                found.append(Route(told["Method"], told["Path"], scope))
    return found


@cache
def expanded_template(*parameters: str, region: str = "eu-central-1", layer: str = "1") -> str:
    """The template as CloudFormation gets it, in JSON; `layer` stands for the layer's code."""
    python, script = ROOT / ".venvs" / "sam" / "bin" / "python", ROOT / "tests" / "support" / "transform.py"
    command = [str(python), str(script), region, layer, "JwtIssuer=https://id.example", *parameters]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return str(done.stdout)


def expanded(type_: str, *parameters: str, layer: str = "1") -> dict[str, Any]:
    """Resources of one type in the expanded template, by logical id."""
    made = json.loads(expanded_template(*parameters, layer=layer))["Resources"]
    return {name: found for name, found in made.items() if found["Type"] == type_}


def table_definition() -> dict[str, Any]:
    """Arguments of CreateTable for the template's only table, so that no test has keys of its own."""
    (table,) = resources("AWS::DynamoDB::Table").values()
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    stream = {"StreamEnabled": True, **table["Properties"]["StreamSpecification"]}
    return {name: table["Properties"][name] for name in wanted} | {"StreamSpecification": stream}
