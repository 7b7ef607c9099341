"""Describe the HTTP API: write openapi.yaml.

    python -m generate.openapi

Routes come from the functions' resolvers, shapes from answers.py, patterns and codes from the code that enforces them,
and every example from the story (story.py). The examples are checked against the shapes, and so is every answer that
the attack on the local cloud gets.
"""

import json
import logging
import re
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypedDict, get_args, get_type_hints

import yaml
from pydantic.json_schema import models_json_schema

from devkit.project import ROOT
from generate.shapes import enumerated, json_schemas, untitled
from generate.story import USAGE, Answers, Story, play

# isort: split
from devkit.template import routes
from extending import answers
from extending.api import PROBLEMS, USUAL_PAGE, page_size
from extending.batch import MOST as MOST_CHANGES
from extending.errors import Code
from extending.inbound import CHANGES
from extending.model import ID, Refused

FILE = ROOT / "openapi.yaml"
HEADER = "# Made by `make generate` (generate/openapi.py) from the code of the functions. Do not edit.\n"
PROBLEM = "application/problem+json"

GATEWAY = {401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}
GATEWAY |= {503: "Service Unavailable"}
"""Statuses that API Gateway answers by itself, as {"message": …}; 403 too, where a route asks for a scope."""

UNREACHABLE = {"route_not_found", "method_not_allowed"}
"""Codes that no caller sees: API Gateway knows the routes and answers anything else itself."""

Json = dict[str, Any]


# Routes


class Acceptance(TypedDict):
    """The offer that is accepted; nothing else can be sent."""

    offer_id: answers.OfferId


class GatewayMessage(TypedDict):
    """API Gateway's own answer."""

    message: str


class Changes(TypedDict):
    """Changes that a service manager reports; each is an event in, word for word."""

    changes: list[dict[str, Any]]


class Route(NamedTuple):
    """What a route of a function answers: the shape, what that is called by status, and the body that it takes."""

    shape: type
    says: dict[int, str]
    body: type | None = None


ROUTES = {
    "list": Route(answers.SubscriptionList, {200: "A page of the account's subscriptions, with the account's limits."}),
    "offer": Route(answers.Offer, {200: "The offer that may be accepted. Reading it uses nothing up."}),
    "extend": Route(
        answers.Extended,
        {
            201: "This request created the extension.",
            200: "The extension of this period runs already; here it is, whoever took it.",
        },
        Acceptance,
    ),
    "history": Route(answers.History, {200: "A page of the account's extensions of all periods."}),
    "limits": Route(
        answers.AccountLimits,
        {
            200: "The limits of the account, true for as long as `Cache-Control` says.",
            304: "The caller's limits are those of now, for as long as `Cache-Control` says.",
        },
    ),
    "changes": Route(answers.ChangeResults, {200: "One result for each change."}, Changes),
    "expire": Route(answers.Expired, {200: "The extension, which is over from now on at the latest."}),
}
"""The functions of the API, in the order of the description."""

FUNCTIONS = tuple(ROUTES)
SCOPE_OF = {f"{route.method} {route.path}": route.scope for route in routes() if route.scope}
"""The scope that a machine's token must name, by route."""

SCOPES = {
    "changes:write": "Report accounts, members, subscriptions and usage.",
    "limits:read": "Read what an account may use.",
    "extensions:expire": "End a running extension early.",
}

SPECIAL: dict[str, type] = {
    code: shape
    for shape in (
        answers.NotAllowed,
        answers.InvalidBody,
        answers.NotExtendable,
        answers.AlreadyUsed,
        answers.OfferChanged,
    )
    for code in get_args(get_type_hints(shape)["code"])
}
"""The problems that carry more than a problem must, by code."""

SHAPES = [*(route.shape for route in ROUTES.values()), Acceptance, Changes, answers.Problem]
SHAPES += [*dict.fromkeys(SPECIAL.values()), GatewayMessage]


class Choice(NamedTuple):
    """One of several shapes, under a name of its own; `by` is the field that tells them apart."""

    shapes: tuple[str, ...]
    by: str | None = None
    says: str = ""


CHOICES = {
    "ExtensionOfPeriod": Choice(
        ("Available", "Extension", "Unavailable"), "state", "The extension of the current period, or why there is none."
    ),
    "ChangeResult": Choice(("Stored", "Stale", "Invalid", "TryAgain"), "result", "What became of a change."),
    "Entry": Choice(tuple(f"{name}Entry" for name in CHANGES), "detail_type", "An event in."),
    "NoOffer": Choice(("NotExtendable", "AlreadyUsed"), "code", "Why there is no offer."),
    "NotExtended": Choice(
        ("NotExtendable", "AlreadyUsed", "OfferChanged"), "code", "Why the subscription was not extended."
    ),
    "ProblemOrMessage": Choice(
        ("Problem", "GatewayMessage"), says="A problem of ours, or a message of API Gateway: only a problem has `code`."
    ),
}


# The document


def description() -> Json:
    """The whole description, made afresh."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    story = play()
    paths: Json = {}
    for name in FUNCTIONS:
        module = import_module(f"functions.{name}.app")
        app = module.http_api() if name == "expire" else module.app
        made = app.get_openapi_schema().model_dump(mode="json", by_alias=True, exclude_none=True)
        ((path, item),) = made["paths"].items()
        ((method, operation),) = item.items()
        (served,) = (route.func for route in app._dynamic_routes + app._static_routes if route.include_in_schema)
        parameters = [parameter["name"] for parameter in operation.get("parameters", [])]
        scope = SCOPE_OF.get(f"{method.upper()} {path}")
        paths.setdefault(path, {})[method] = _operation(name, served, parameters, scope, story)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Extending subscription",
            "version": project["version"],
            "summary": project["description"],
            "description": (
                "An owner of an account takes two more sessions and up to eight more databases for seven days, once in "
                "the period of a subscription. Instants are UTC; errors are RFC 9457 problems, told apart by `code`. "
                'What API Gateway answers by itself is `{"message": …}` and has no `code`.'
            ),
            "contact": {"name": "Whoever operates the stack"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com",
                "description": "A stack; its output `ApiUrl` is this address.",
                "variables": {
                    "api": {"default": "api-id", "description": "Output `ApiId` of the stack."},
                    "region": {"default": "eu-central-1", "description": "Region of the stack."},
                },
            },
            {"url": "http://127.0.0.1:8080/api", "description": "The local cloud of `make run`."},
        ],
        "security": [{"user": []}],
        "tags": [
            {"name": "extending", "description": "Called by the web cabinet of an account, with its user's token."},
            {
                "name": "machines",
                "description": "Called by service managers and application servers, each with its own token.",
            },
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "user": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the stack's issuer (`JwtIssuer`) for `JwtAudience`; `sub` is "
                    "the user id.",
                },
                "machine": {
                    "type": "oauth2",
                    "description": "An access token (JWT) of the same issuer for `MachineAudience`; `scope` or `scp` "
                    "names the scope of the route. The issuer says where it gives tokens.",
                    "flows": {"clientCredentials": {"tokenUrl": "https://id.example/oauth2/token", "scopes": SCOPES}},
                },
            },
            "schemas": _schemas(),
        },
    }


def _operation(name: str, served: Callable[..., Any], parameters: list[str], scope: str | None, story: Story) -> Json:
    """An operation: path and function as Powertools knows them, with what only the handler knows."""
    docstring = str(served.__doc__).replace("`", "")
    operation: Json = {
        "operationId": served.__name__,
        "summary": docstring.rstrip("."),
        "description": docstring + (f" Scope: `{scope}`." if scope else ""),
        "tags": ["machines" if scope else "extending"],
        "parameters": [_path_parameter(parameter, story) for parameter in parameters],
    }
    if scope:
        operation["security"] = [{"machine": [scope]}]
    if name in ("list", "history"):
        operation["parameters"] += _paging(name, story)
    if name == "limits":
        known = story.example(name, 200).headers["ETag"]
        operation["parameters"].append(IF_NONE_MATCH | {"example": known})
    if body := ROUTES[name].body:
        content = {"schema": _ref(body.__name__), "example": _sent(name, story)}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    operation["responses"] = _responses(name, scope, story.answers[name])
    return operation


def _sent(name: str, story: Story) -> Json:
    """A body as it is sent."""
    if name == "changes":
        return {"changes": [{"detail_type": "UsageChanged", "detail": USAGE}]}
    return {"offer_id": story.example("offer", 200).json["offer_id"]}


def _path_parameter(name: str, story: Story) -> Json:
    examples = {"account_id": "A-100", "subscription_id": "S-1"}
    examples["extension_id"] = story.example("expire", 200).json["extension"]["id"]
    schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": examples[name]}


IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": "`ETag` of the limits that the caller has.",
    "schema": {"type": "string"},
}


def _paging(name: str, story: Story) -> list[Json]:
    bounds = [number for number in range(1000) if _accepts(page_size, str(number))]
    limit = {"type": "integer", "minimum": bounds[0], "maximum": bounds[-1], "default": USUAL_PAGE}
    token = {"type": "string", "minLength": 1, "maxLength": 512, "pattern": "^[A-Za-z0-9_-]+$"}
    pages = [answer.json for _, answer in story.answers[name] if answer.status == 200]
    return [
        {"name": "limit", "in": "query", "description": "How many rows a page has.", "schema": limit, "example": 50},
        {
            "name": "next_token",
            "in": "query",
            "description": "`next_token` of the previous page of this same account; opaque.",
            "schema": token,
            "example": next(page["next_token"] for page in pages if page["next_token"]),
        },
    ]


def _accepts(check: Callable[[str], int], text: str) -> bool:
    try:
        check(text)
    except Refused:
        return False
    return True


def _responses(name: str, scope: str | None, played: Answers) -> Json:
    """The answers of a route by status: those played, and those of API Gateway."""
    responses: Json = {}
    gateway = GATEWAY | ({403: "Forbidden"} if scope else {})
    for status in sorted({answer.status for _, answer in played} | set(gateway)):
        here = [(summary, answer) for summary, answer in played if answer.status == status]
        codes = [Code(answer.code) for _, answer in here if answer.code]
        shapes = {SPECIAL.get(code, answers.Problem).__name__ for code in codes} or {ROUTES[name].shape.__name__}
        if status in gateway:
            shapes = {"GatewayMessage", *shapes} if codes else {"GatewayMessage"}
        content: Json = {}
        if here and here[0][1].json is not None:
            shown = {answer.code or _slug(summary): (summary, answer) for summary, answer in here}
            content[here[0][1].headers["Content-Type"]] = {
                "schema": _one_of(shapes),
                "examples": {key: {"summary": summary, "value": a.json} for key, (summary, a) in shown.items()},
            }
        if status in gateway:
            content["application/json"] = {"schema": _one_of(shapes), "example": {"message": gateway[status]}}
        lines = [f"`{code}`: {PROBLEMS[code].title}." for code in dict.fromkeys(codes)]
        if status in gateway:
            lines.append("`application/json` is API Gateway's own answer.")
        response: Json = {"description": " ".join(lines) or ROUTES[name].says[status]}
        if headers := _headers(name, status, status in gateway):
            response["headers"] = headers
        if content:
            response["content"] = content
        if links := LINKS.get((name, status)):
            response["links"] = links
        responses[str(status)] = response
    return responses


def _slug(summary: str) -> str:
    return "_".join(re.findall("[a-z]+", summary.lower()))


def _headers(name: str, status: int, may_be_gateway: bool) -> Json:
    """Headers of an answer; API Gateway's own answers have none of ours."""
    text, seconds = {"type": "string"}, {"type": "integer", "minimum": 1}
    if name == "limits" and status in (200, 304):
        until = "How long the limits hold: 30 seconds, or to the next change if that is earlier."
        return {
            "ETag": {"description": "Of the limits; weak.", "required": True, "schema": text},
            "Cache-Control": {"description": until, "required": True, "schema": text},
        }
    headers: Json = {}
    if not may_be_gateway:
        never = {"type": "string", "enum": ["no-store"]}
        headers["Cache-Control"] = {"description": "Never cached.", "required": True, "schema": never}
    if status == 401:
        headers["WWW-Authenticate"] = {"description": "Bearer", "schema": text}
    if status == 503:
        headers["Retry-After"] = {"description": "Seconds to wait.", "schema": seconds}
    if name == "changes" and status == 200:
        headers["Retry-After"] = {"description": "Seconds, where a result is `try_again`.", "schema": seconds}
    return headers


_SAME_ACCOUNT = {"account_id": "$request.path.account_id"}
_SAME_SUBSCRIPTION = _SAME_ACCOUNT | {"subscription_id": "$request.path.subscription_id"}
LINKS: dict[tuple[str, int], Json] = {
    ("list", 200): {
        "next_page": {
            "operationId": "list_subscriptions",
            "parameters": _SAME_ACCOUNT | {"next_token": "$response.body#/next_token"},
        },
        "offer": {
            "operationId": "offer_extension",
            "parameters": _SAME_ACCOUNT | {"subscription_id": "$response.body#/subscriptions/0/id"},
        },
    },
    ("offer", 200): {
        "accept": {
            "operationId": "extend_subscription",
            "description": "With `offer_id` of this answer in the body.",
            "parameters": _SAME_SUBSCRIPTION,
        }
    },
}
"""Where an answer leads: from the list to the offer, from the offer to the extension."""


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _one_of(shapes: set[str]) -> Json:
    """The shape, or the choice that has these shapes."""
    if len(shapes) == 1:
        return _ref(*shapes)
    return _ref(next(name for name, choice in CHOICES.items() if set(choice.shapes) == shapes))


def _schemas() -> Json:
    """The shapes that the operations name, and those within them; only what is sent is closed."""
    schemas = json_schemas(SHAPES, "#/components/schemas/{model}") | _inbound()
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


def _choice(choice: Choice, schemas: Json) -> Json:
    """A choice as OpenAPI has it: with the values of the field that tells its shapes apart."""
    made: Json = {"description": choice.says, "oneOf": [_ref(shape) for shape in choice.shapes]}
    if by := choice.by:
        values = {shape: schemas[shape]["properties"][by]["enum"] for shape in choice.shapes}
        mapping = {value: _ref(shape)["$ref"] for shape in choice.shapes for value in values[shape]}
        made["discriminator"] = {"propertyName": by, "mapping": mapping}
    return made


def _inbound() -> Json:
    """The schemas of the events in; shapes within them have names of their own, apart from those of answers."""
    models = [(model, "validation") for model in CHANGES.values()]
    _, made = models_json_schema(models, ref_template="#/components/schemas/Inbound{model}")  # type: ignore[arg-type]
    text = json.dumps(enumerated(untitled(made["$defs"])))
    for name in CHANGES:
        text = text.replace(f"#/components/schemas/Inbound{name}", f"#/components/schemas/{name}")
    return {name if name in CHANGES else f"Inbound{name}": schema for name, schema in json.loads(text).items()}


def closed(shape: Any) -> Any:
    """A shape with every object in it closed, as tests want it: what it does not name may not be answered.

    Published it is open: an answer may have more one day.
    """
    if isinstance(shape, dict):
        extra = {"additionalProperties": False} if isinstance(shape.get("properties"), dict) else {}
        return {key: closed(value) for key, value in shape.items()} | extra
    return [closed(value) for value in shape] if isinstance(shape, list) else shape


class _Dumper(yaml.SafeDumper):
    """Lists stand inside their key; nothing is said twice by reference."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - not without
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - not without
        return True


def text() -> str:
    """openapi.yaml as it should be."""
    plain = json.loads(json.dumps(description()))
    return HEADER + yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


if __name__ == "__main__":
    logging.disable()
    FILE.write_text(text())
    print(f"{FILE.relative_to(ROOT)} written", file=sys.stderr)
