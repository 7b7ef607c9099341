"""template.yaml as it stands, and as SAM expands it for CloudFormation."""

import atexit
import json
import subprocess
from functools import cache
from typing import Any, NamedTuple

import yaml

from devkit.project import ROOT


class Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation; a date is a text. cfn-lint has one too, and is imported in 2 s."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class has it so
        first: [(tag, form) for tag, form in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def written_out(self, name: str, node: yaml.Node) -> dict[str, Any]:
        """!Sub as Fn::Sub, !GetAtt A.B as a list."""
        value: Any
        if isinstance(node, yaml.SequenceNode):
            value = self.construct_sequence(node, deep=True)
        elif isinstance(node, yaml.MappingNode):
            value = self.construct_mapping(node, deep=True)
        else:
            value = node.value.split(".", 1) if name == "GetAtt" else node.value
        return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


Loader.add_multi_constructor("!", Loader.written_out)


def parsed(text: str) -> dict[str, Any]:
    """A template, short forms such as !Ref written out."""
    found: dict[str, Any] = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    return found


@cache
def template() -> dict[str, Any]:
    """The whole of ours."""
    return parsed((ROOT / "template.yaml").read_text())


def resources(type_: str) -> dict[str, Any]:
    """Resources of one type by logical id."""
    return {name: found for name, found in template()["Resources"].items() if found["Type"] == type_}


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Each metric that an alarm reads: its own one, or those of its expression."""
    properties = alarm["Properties"]
    if "Metrics" not in properties:
        return [properties]
    stats = [metric["MetricStat"] for metric in properties["Metrics"] if "MetricStat" in metric]
    return [{"Dimensions": [], **stat["Metric"], "Statistic": stat["Stat"], "Period": stat["Period"]} for stat in stats]


class Route(NamedTuple):
    """A route of the HTTP API, its path as the template has it; `scope` is what a machine's token must name."""

    method: str
    path: str
    authorizer: str
    scope: str | None
    function: str


@cache
def routes() -> list[Route]:
    """Every route that the template gives to a function."""
    found = []
    usual = template()["Resources"]["Api"]["Properties"]["Auth"]["DefaultAuthorizer"]
    for function, definition in resources("AWS::Serverless::Function").items():
        for event in definition["Properties"].get("Events", {}).values():
            if event["Type"] == "HttpApi":
                properties = event["Properties"]
                auth = properties.get("Auth", {})
                scopes = [scope["Fn::Sub"] for scope in auth.get("AuthorizationScopes", [])]
                scope = scopes[0].removeprefix("${ScopePrefix}") if scopes else None
                authorizer = auth.get("Authorizer", usual)
                found.append(Route(properties["Method"], properties["Path"], authorizer, scope, function))
    return found


@cache
def expanded_template(*parameters: str, region: str = "eu-central-1", layer: str = "1") -> str:
    """The template as CloudFormation gets it, in JSON; `layer` stands for the layer's code."""
    sam = _sam()
    assert sam.stdin
    assert sam.stdout
    required = ["JwtIssuer=https://id.example", "MachineAudience=machines"]
    sam.stdin.write(json.dumps([region, layer, *required, *parameters]) + "\n")
    sam.stdin.flush()
    made = sam.stdout.readline()
    assert made, "SAM has refused it, and says above why"
    return made


@cache
def _sam() -> subprocess.Popen[str]:
    """Takes the libraries of the SAM CLI in once, which is most of the work."""
    command = [ROOT / ".venvs" / "sam" / "bin" / "python", ROOT / "devkit" / "transform.py"]
    sam = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(sam.communicate)
    return sam


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
