"""The description of the HTTP API, openapi.yaml.

Routes come from the functions' resolvers, shapes from answers.py, patterns and codes from the code that enforces them,
every example from the story (story.py), and what no code knows from document.yaml. The examples are checked against
the shapes, and so is every answer that the attack on the local cloud gets.
"""

import json
import re
import tomllib
from http import HTTPStatus
from importlib import import_module
from typing import Any, TypedDict, get_args, get_type_hints, is_typeddict

import yaml

from devkit.project import ROOT
from generate.shapes import json_schemas, model
from generate.story import USAGE, Answers, Story, play

# isort: split
from devkit.template import routes
from extending import answers
from extending.api import PROBLEMS, USUAL_PAGE
from extending.batch import MOST as MOST_CHANGES
from extending.errors import Code
from extending.inbound import CHANGES
from extending.model import ID

FILE = ROOT / "openapi.yaml"
PARTS = yaml.safe_load((ROOT / "generate" / "document.yaml").read_text())
HEADER = "# Made by `make generate` (generate/openapi.py) from the code of the functions. Do not edit.\n"
PROBLEM = "application/problem+json"

UNREACHABLE = {"route_not_found", "method_not_allowed"}
"""Codes that no caller sees: API Gateway knows the routes and answers anything else itself."""

GATEWAY = {401, 404, 429, 500, 503}
"""What API Gateway answers by itself, as {"message": …}; 403 too, where a route asks for a scope."""

Json = dict[str, Any]


class Acceptance(TypedDict):
    """The offer that is accepted; nothing else can be sent."""

    offer_id: answers.OfferId


class GatewayMessage(TypedDict):
    """API Gateway's own answer."""

    message: str


class Changes(TypedDict):
    """Changes that a service manager reports; each is an event in, word for word."""

    changes: list[dict[str, Any]]


FUNCTIONS = tuple(PARTS["routes"])
"""The functions of the API, in the order of the description."""

SCOPE_OF = {f"{route.method} {route.path}": route.scope for route in routes() if route.scope}
"""The scope that a machine's token must name, by route."""

SHAPES = [shape for name, shape in vars(answers).items() if is_typeddict(shape) and not name.startswith("_")]
SHAPES += [Acceptance, Changes, GatewayMessage]
SPECIAL = {code: shape for shape in SHAPES for code in get_args(get_type_hints(shape).get("code"))}
"""The problems that carry more than a problem must, by code."""

CHOICES: dict[str, Json] = PARTS["choices"]
CHOICES["Entry"]["shapes"] = [f"{name}Entry" for name in CHANGES]
CHOICE_OF = {frozenset(choice["shapes"]): name for name, choice in CHOICES.items()}


def description() -> Json:
    """The whole description, made afresh."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    story = play()
    paths: Json = {}
    for name in FUNCTIONS:
        module = import_module(f"functions.{name}.app")
        app = module.http_api() if name == "expire" else module.app
        (route,) = (route for route in app._dynamic_routes + app._static_routes if route.include_in_schema)
        path = re.sub("<(.+?)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(name, route, path, story)
    document: Json = PARTS["document"]
    document["info"] |= {"version": project["version"], "summary": project["description"]}
    return document | {"paths": paths, "components": document["components"] | {"schemas": _schemas()}}


def _operation(name: str, route: Any, path: str, story: Story) -> Json:
    """An operation: path and function as Powertools knows them, with what only the handler knows."""
    docstring = str(route.func.__doc__).replace("`", "")
    scope = SCOPE_OF.get(f"{route.method} {path}")
    operation: Json = {
        "operationId": route.func.__name__,
        "summary": docstring.rstrip("."),
        "description": docstring + (f" Scope: `{scope}`." if scope else ""),
        "tags": ["machines" if scope else "extending"],
        "parameters": _parameters(name, path, story),
    }
    if scope:
        operation["security"] = [{"machine": [scope]}]
    if name == "changes":
        operation["requestBody"] = _body({"changes": [{"detail_type": "UsageChanged", "detail": USAGE}]}, Changes)
    if name == "extend":
        operation["requestBody"] = _body({"offer_id": story.example("offer", 200).json["offer_id"]}, Acceptance)
    operation["responses"] = _responses(name, scope, story.answers[name])
    return operation


def _body(sent: Json, shape: type) -> Json:
    return {"required": True, "content": {"application/json": {"schema": _ref(shape.__name__), "example": sent}}}


def _parameters(name: str, path: str, story: Story) -> list[Json]:
    """Path parameters, and the query parameters and headers of list, history and limits."""
    ids = {"account_id": "A-100", "subscription_id": "S-1"}
    ids["extension_id"] = story.example("expire", 200).json["extension"]["id"]
    schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
    parameters: list[Json] = [
        {"name": id_, "in": "path", "required": True, "schema": schema, "example": ids[id_]}
        for id_ in re.findall("{(.+?)}", path)
    ]
    limit, token, known = PARTS["parameters"].values()
    if name in ("list", "history"):
        pages = [answer.json for _, answer in story.answers[name] if answer.status == 200]
        next_token = next(page["next_token"] for page in pages if page["next_token"])
        parameters += [limit | {"schema": limit["schema"] | {"default": USUAL_PAGE}, "example": USUAL_PAGE}]
        parameters += [token | {"example": next_token}]
    if name == "limits":
        parameters += [known | {"example": story.example(name, 200).headers["ETag"]}]
    return parameters


def _responses(name: str, scope: str | None, played: Answers) -> Json:
    """The answers of a route by status: those played, and those of API Gateway."""
    responses: Json = {}
    gateway = GATEWAY | ({403} if scope else set())
    for status in sorted({answer.status for _, answer in played} | gateway):
        here = [(summary, answer) for summary, answer in played if answer.status == status]
        codes = [Code(answer.code) for _, answer in here if answer.code]
        shapes = {SPECIAL.get(code, answers.Problem).__name__ for code in codes}
        shapes = shapes | {"GatewayMessage"} if status in gateway else shapes or {PARTS["routes"][name]["shape"]}
        content: Json = {}
        examples: Json = {}
        for summary, answer in here:
            if answer.json is not None:
                key = answer.code or "_".join(re.findall("[a-z]+", summary.lower()))
                examples[key] = {"summary": summary, "value": answer.json}
                content[answer.headers["Content-Type"]] = {"schema": _one_of(shapes), "examples": examples}
        if status in gateway:
            content["application/json"] = {"schema": _one_of(shapes), "example": {"message": HTTPStatus(status).phrase}}
        lines = [f"`{code}`: {PROBLEMS[code].title}." for code in dict.fromkeys(codes)]
        if status in gateway:
            lines.append("`application/json` is API Gateway's own answer.")
        optional = {
            "headers": _headers(name, status, status in gateway),
            "content": content,
            "links": PARTS["links"].get(f"{name} {status}"),
        }
        description = " ".join(lines) or PARTS["routes"][name].get(status)
        if not description:
            raise LookupError(f"generate/document.yaml has no name for the answer {status} of the function {name}")
        responses[str(status)] = {"description": description} | {key: value for key, value in optional.items() if value}
    return responses


def _headers(name: str, status: int, may_be_gateway: bool) -> Json:
    """Headers of an answer; API Gateway's own answers have none of ours."""
    headers: dict[str | int, Json] = PARTS["headers"]
    if name == "limits" and status in (200, 304):
        return headers["limits"]
    never_cached = {} if may_be_gateway else headers["never_cached"]
    batch = headers["changes"] if (name, status) == ("changes", 200) else {}
    return never_cached | headers.get(status, {}) | batch


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _one_of(shapes: set[str]) -> Json:
    """The shape, or the choice that has these shapes."""
    return _ref(*shapes) if len(shapes) == 1 else _ref(CHOICE_OF[frozenset(shapes)])


def _schemas() -> Json:
    """The shapes that the operations name, and those within them; only what is sent is closed."""
    schemas = json_schemas(map(model, SHAPES), "serialization", "#/components/schemas/{model}") | _inbound()
    for name in CHANGES:
        schemas[f"{name}Entry"] = {
            "type": "object",
            "properties": {"detail_type": {"type": "string", "enum": [name]}, "detail": _ref(name)},
            "required": ["detail_type", "detail"],
        }
    changes = {"type": "array", "minItems": 1, "maxItems": MOST_CHANGES, "items": _ref("Entry")}
    schemas["Changes"]["properties"]["changes"] = changes
    for sent in ("Acceptance", "Changes"):
        schemas[sent]["additionalProperties"] = False
    schemas["Subscription"]["properties"]["extension"] = _ref("ExtensionOfPeriod")
    schemas["ChangeResults"]["properties"]["results"]["items"] = _ref("ChangeResult")
    return schemas | {name: _choice(choice, schemas) for name, choice in CHOICES.items()}


def _choice(choice: Json, schemas: Json) -> Json:
    """A choice as OpenAPI has it: with the values of the field that distinguishes its shapes."""
    made: Json = {"description": choice["description"], "oneOf": [_ref(shape) for shape in choice["shapes"]]}
    if by := choice.get("by"):
        values = {shape: schemas[shape]["properties"][by]["enum"] for shape in choice["shapes"]}
        mapping = {value: _ref(shape)["$ref"] for shape in values for value in values[shape]}
        made["discriminator"] = {"propertyName": by, "mapping": mapping}
    return made


def _inbound() -> Json:
    """The schemas of the events in; shapes within them have names of their own, apart from those of answers."""
    schemas = json_schemas(CHANGES.values(), "validation", "#/components/schemas/Inbound{model}")
    return {name if name in CHANGES else f"Inbound{name}": schema for name, schema in schemas.items()}


def closed(shape: Any) -> Any:
    """A shape with every object in it closed, as tests want it: what it does not name may not be answered.

    Published it is open: an answer may have more one day.
    """
    if isinstance(shape, dict):
        extra = {"additionalProperties": False} if isinstance(shape.get("properties"), dict) else {}
        return {key: closed(value) for key, value in shape.items()} | extra
    return [closed(value) for value in shape] if isinstance(shape, list) else shape


class _Dumper(yaml.SafeDumper):
    """Lists stand inside their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - not without
        super().increase_indent(flow, indentless=False)


def text() -> str:
    """openapi.yaml as it should be."""
    plain = json.loads(json.dumps(description()))  # What occurs twice is written twice.
    return HEADER + yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
