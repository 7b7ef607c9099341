"""Describe the HTTP API: write openapi.yaml.

    python -m generate.openapi

Routes come from the functions' resolvers, shapes from answers.py, patterns and codes from the code that enforces them,
and every example is what a real handler answered. The examples are checked against the shapes, and so is every answer
that the attack on the local cloud gets.
"""

# ruff: noqa: E402 - functions read their environment when they are imported

import json
import logging
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from importlib import import_module
from io import StringIO
from typing import Any, TypedDict, get_args, get_type_hints

import boto3
import time_machine
import yaml
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws
from pydantic.json_schema import models_json_schema

from devkit import nowhere
from devkit.project import ROOT

nowhere.enter()

# isort: split
from devkit.builders import NOW, SECOND, TERMS, WEEK, iso
from devkit.service import Answer, Service
from devkit.template import routes, table_definition
from extending import answers
from extending.api import PROBLEMS, USUAL_PAGE, page_size
from extending.errors import Code
from extending.inbound import CHANGES
from extending.model import ID, OfferId, Refused, Terms, from_epoch
from extending.runtime import dynamodb
from functions.changes.app import MOST as MOST_CHANGES
from generate.shapes import json_schemas

FILE = ROOT / "openapi.yaml"
HEADER = "# Made by `make generate` (generate/openapi.py) from the code of the functions. Do not edit.\n"
PROBLEM = "application/problem+json"

GATEWAY = {401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}
GATEWAY |= {503: "Service Unavailable"}
"""What API Gateway says in our stead, as {"message": …}."""

UNREACHABLE = {"route_not_found", "method_not_allowed"}
"""Codes that no caller sees: API Gateway knows the routes and answers anything else itself."""

Json = dict[str, Any]


# Shapes


class Acceptance(TypedDict):
    """The offer that is accepted; nothing else can be sent."""

    offer_id: answers.OfferId


class Message(TypedDict):
    """What API Gateway itself answers."""

    message: str


class Changes(TypedDict):
    """What the service manager tells; each is an event in, word for word."""

    changes: list[dict[str, Any]]


SUCCESS: dict[str, type] = {
    "list": answers.SubscriptionList,
    "offer": answers.Offer,
    "extend": answers.Extended,
    "history": answers.History,
    "limits": answers.AccountLimits,
    "changes": answers.ChangeResults,
}
"""What each function of the API answers, in the order of the description."""

FUNCTIONS = tuple(SUCCESS)
SCOPES = {f"{route.method} {route.path}": [route.scope] for route in routes() if route.scope}
"""What a machine's token must name, by route."""

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

SHAPES = [*SUCCESS.values(), Acceptance, Changes, answers.Problem, *dict.fromkeys(SPECIAL.values()), Message]


# Examples: what the real handlers answer

Answers = list[tuple[str, Answer]]
"""Answers in the order in which they are shown, each with a summary."""


def examples() -> dict[str, Answers]:
    """A run through every answer of every function, on the data that the tests tell."""
    quiet = redirect_stdout(StringIO())  # Lambda makes metrics of what is printed.
    with quiet, mock_aws(), time_machine.travel(NOW, tick=False) as clock:
        boto3.client("dynamodb").create_table(TableName=os.environ["TABLE_NAME"], **table_definition())
        service = Service(clock)
        service.account()
        service.subscription()
        own = {"number": "000000124", "tariff": {"id": "start", "name": "Старт"}, "extension_terms": None}
        more = {"number": "000000125", "kind": "add_on", "parent_id": "S-1"}
        more["tariff"] = {"id": "sessions", "name": "Ещё 5 сеансов"}  # type: ignore[assignment]
        service.subscription(subscription_id="S-2", **own)
        service.subscription(subscription_id="S-3", **more)
        service.subscription(subscription_id="S-4", starts_at="2036-01-01T00:00:00Z", ends_at="2037-01-01T00:00:00Z")
        service.subscription(subscription_id="S-5", starts_at="2025-01-01T00:00:00Z", ends_at="2026-01-01T00:00:00Z")
        for user, role in (("U-1", "owner"), ("U-2", "administrator"), ("U-3", "user")):
            service.member(user_id=user, role=role)
        return _story(service)


def _story(service: Service) -> dict[str, Answers]:
    list_, offer, extend = service.list, service.offer, service.extend
    before = list_(limit="1")
    offered = offer()
    offer_id = offered.json["offer_id"]
    told: dict[str, Answers] = {
        "list": [
            ("An administrator sees it all and cannot extend", list_("U-2")),
            ("The first page of one row; the row can be extended", before),
        ],
        "offer": [("What the owner gets, until when", offered)],
        "extend": [],
    }
    calls: dict[str, Callable[..., Answer]] = {"list": list_, "offer": offer}
    calls["extend"] = partial(extend, offer_id)
    for name, call in calls.items():
        told[name] += _not_for_everyone(call)
    obstacles = {
        "A subscription that has not begun": "S-4",
        "A subscription that is over": "S-5",
        "A paid add-on": "S-3",
        "A tariff without an extension": "S-2",
        "A subscription that the account has not": "S-9",
    }
    for summary, subscription in obstacles.items():
        told["offer"].append((summary, offer(subscription=subscription)))
        told["extend"].append((summary, extend(_token(subscription), subscription=subscription)))
    told["list"] += [
        ("A limit beyond 100", list_(limit="101")),
        ("A token of another account", list_(next_token=_token("S-1"))),
    ]
    told["extend"] += [
        ("An administrator", extend(offer_id, "U-2")),
        ("The body is not JSON", extend(body="offer_id=1")),
        ("A field too many", extend(body=json.dumps({"offer_id": offer_id, "sessions": 100}))),
    ]
    service.subscription(extension_terms=TERMS | {"sessions": 3}, changed_at="2026-11-22T10:00:00Z")
    told["extend"].append(("The tariff was changed after the offer", extend(offer_id)))
    service.subscription(changed_at="2026-11-22T10:00:01Z")
    told["extend"] += [
        ("This request created it", extend(offer_id)),
        ("An owner had done it a moment ago", extend(offer_id)),
    ]
    told["list"].insert(0, ("Extended, and until when", list_()))
    told["offer"].append(("It runs", offer()))
    service.at(NOW + WEEK + SECOND)
    told["extend"].append(("It has ended", extend(offer_id)))
    service.expire()
    told["list"].insert(1, ("Extended earlier in this period, and taken back", list_()))
    return told | {"history": _history(service), "limits": _limits(service), "changes": _changes(service)}


def _not_for_everyone(call: Callable[..., Answer]) -> Answers:
    """What each route of an account's own users answers to others, and in trouble."""
    return [
        ("An id with a space", call(account="A 100")),
        ("A token without a usable `sub`", call(user=None)),
        ("A user of the account", call(user="U-3")),
        ("A user without a role in the account", call(user="U-9")),
        *_troubled(call),
    ]


def _history(service: Service) -> Answers:
    history = service.history
    return [
        ("Extended once, and taken back", history()),
        *_not_for_everyone(history),
        ("A limit beyond 100", history(limit="101")),
        ("A token of another account", history(next_token=_token("S-1"))),
    ]


def _limits(service: Service) -> Answers:
    service.tell("UsageChanged", {"account_id": "A-100", "sessions": 2, "databases": 5, "changed_at": iso(NOW)})
    limits = service.limits
    known = limits()
    told = [
        ("After the end: four databases are more than there may be", known),
        ("The caller has these limits", limits(known=known.headers["ETag"])),
        ("An id with a space", limits(account="A 100")),
        ("A token for something else than the API", limits(use="id")),
        ("The service manager has told nothing of it", limits(account="A-900")),
    ]
    return told + _troubled(limits)


def _changes(service: Service) -> Answers:
    """One request of each kind of result, in an account that nothing else speaks of."""
    changes, account = service.changes, "A-700"
    member = {"account_id": account, "user_id": "U-8", "role": "owner", "changed_at": "2026-11-21T10:00:00Z"}
    service.tell("MemberChanged", member | {"changed_at": "2026-11-21T11:00:00Z"})
    wrong = {"account_id": account, "subscription_id": "S-8", "changed_at": "yesterday"}
    entries = [
        ("UsageChanged", USAGE | {"account_id": account}),
        ("MemberChanged", member),
        ("SubscriptionRemoved", wrong),
    ]
    told = [("One stored, one older than what is known, one invalid", changes(*entries))]
    with database(_timeout()):
        told.append(("The database is busy; to be sent again", changes(entries[0])))
    return [
        *told,
        ("The body is not JSON", changes(body="changes=1")),
        ("Nothing to change", changes()),
        ("A token for something else than the API", changes(use="id")),
    ]


USAGE: Json = {"sessions": 2, "databases": 1, "changed_at": "2026-11-21T10:00:00Z"}


def _troubled(call: Callable[..., Answer]) -> Answers:
    with database(RuntimeError()):
        fault = call()
    with database(_timeout()):
        busy = call()
    return [("A fault of ours", fault), ("The database is busy", busy)]


def _token(subscription_id: str) -> str:
    return OfferId(subscription_id, from_epoch(0), Terms(2, 8, "P7D", 604_800)).token


def _timeout() -> Exception:
    return ReadTimeoutError(endpoint_url="https://dynamodb.eu-central-1.amazonaws.com/")


@contextmanager
def database(trouble: Exception) -> Iterator[None]:
    """A database that meets every call with this."""

    def fail(**_: Any) -> None:
        raise trouble

    dynamodb.meta.events.register_first("before-call.dynamodb", fail)
    try:
        yield
    finally:
        dynamodb.meta.events.unregister("before-call.dynamodb", fail)


# The document


def description() -> Json:
    """The whole description, made afresh."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = examples()
    paths: Json = {}
    for name in FUNCTIONS:
        module = import_module(f"functions.{name}.app")
        made = module.app.get_openapi_schema().model_dump(mode="json", by_alias=True, exclude_none=True)
        ((path, item),) = made["paths"].items()
        ((method, operation),) = item.items()
        paths[path] = {method: _operation(name, f"{method.upper()} {path}", module, operation, told[name])}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Extending subscription",
            "version": project["version"],
            "summary": project["description"],
            "description": (
                "An owner of an account takes two more sessions and up to eight more databases for seven days, once in "
                "the period of a subscription. Instants are UTC; errors are RFC 9457 problems, told apart by `code`."
            ),
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com",
                "description": "A stack; its output `ApiUrl` is this address.",
                "variables": {
                    "api": {"default": "api-id", "description": "Output `ApiId` of the stack."},
                    "region": {"default": "eu-central-1"},
                },
            },
            {"url": "http://127.0.0.1:8080/api", "description": "The local cloud of `make run`."},
        ],
        "security": [{"bearer": []}, {"openid": []}],
        "tags": [
            {"name": "extending", "description": "What the web cabinet of an account calls, with its user's token."},
            {
                "name": "machines",
                "description": "What service managers and application servers call, each with its own.",
            },
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the stack's issuer (`JwtIssuer`) for the audience of users "
                    "(`JwtAudience`; `sub` is the user id) or of machines (`MachineAudience`).",
                },
                "openid": {
                    "type": "openIdConnect",
                    "openIdConnectUrl": "https://id.example/.well-known/openid-configuration",
                    "description": "The same token, found by the issuer's discovery document.",
                },
            },
            "schemas": _schemas(),
        },
    }


def _operation(name: str, route: str, module: Any, made: Json, told: Answers) -> Json:
    """What Powertools makes of a route, with what only its handler knows."""
    operation_id = _operation_id(route, made)
    scopes = SCOPES.get(route)
    operation: Json = {
        "operationId": operation_id,
        "summary": getattr(module, operation_id).__doc__.rstrip(".").replace("`", ""),
        "tags": ["machines" if scopes else "extending"],
        "parameters": [_path_parameter(parameter["name"]) for parameter in made.get("parameters", [])],
    }
    if scopes:
        operation["security"] = [{scheme: scopes} for scheme in ("bearer", "openid")]
    if name in ("list", "history"):
        operation["parameters"] += _paging()
    if name == "limits":
        operation["parameters"].append(IF_NONE_MATCH)
    if name == "changes":
        usage = {"detail_type": "UsageChanged", "detail": {"account_id": "A-700"} | USAGE}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(Changes), "example": {"changes": [usage]}}},
        }
    if name == "extend":
        accepted = next(a for _, a in told if a.status == 201).json["extension"]
        assert accepted["state"] == "active"
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(Acceptance), "example": {"offer_id": _offer_id(told)}}},
        }
    operation["responses"] = _responses(name, bool(scopes), told)
    return operation


def _operation_id(route: str, made: Json) -> str:
    """The name of the function that answers; Powertools appends path and method to it."""
    method, path = route.split()
    return str(made["operationId"]).removesuffix(re.sub(r"\W", "_", f"{path}_{method.lower()}"))


def _offer_id(told: Answers) -> str:
    changed = next(a for _, a in told if a.code == "offer_changed")
    return str(changed.json["offer"]["offer_id"])


def _path_parameter(name: str) -> Json:
    example = {"account_id": "A-100", "subscription_id": "S-1"}[name]
    schema = {"type": "string", "pattern": f"^{ID.pattern}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": "`ETag` of the limits that the caller has.",
    "schema": {"type": "string"},
}


def _paging() -> list[Json]:
    bounds = [number for number in range(1000) if _accepts(page_size, str(number))]
    limit = {"type": "integer", "minimum": bounds[0], "maximum": bounds[-1], "default": USUAL_PAGE}
    token = {"type": "string", "minLength": 1, "maxLength": 512, "pattern": "^[A-Za-z0-9_-]+$"}
    return [
        {"name": "limit", "in": "query", "description": "How many rows a page has.", "schema": limit, "example": 50},
        {
            "name": "next_token",
            "in": "query",
            "description": "`next_token` of the previous page of this same account; opaque.",
            "schema": token,
        },
    ]


def _accepts(check: Callable[[str], int], text: str) -> bool:
    try:
        check(text)
    except Refused:
        return False
    return True


def _responses(name: str, is_scoped: bool, told: Answers) -> Json:
    responses: Json = {}
    gateway = GATEWAY | ({403: "Forbidden"} if is_scoped else {})
    for status in sorted({answer.status for _, answer in told} | set(gateway)):
        here = [(summary, answer) for summary, answer in told if answer.status == status]
        codes = [Code(answer.code) for _, answer in here if answer.code]
        content: Json = {}
        if here and here[0][1].json is not None:
            media_type = here[0][1].headers["Content-Type"]
            shown = {answer.code or _slug(summary): (summary, answer) for summary, answer in here}
            content[media_type] = {
                "schema": _one_of([SPECIAL.get(code, answers.Problem) for code in codes] or [SUCCESS[name]]),
                "examples": {key: {"summary": summary, "value": a.json} for key, (summary, a) in shown.items()},
            }
        if status in gateway:
            content["application/json"] = {"schema": _ref(Message), "example": {"message": gateway[status]}}
        lines = [f"`{code}`: {PROBLEMS[code].title}." for code in dict.fromkeys(codes)]
        if status in gateway:
            lines.append("`application/json` is API Gateway's own answer.")
        response: Json = {"description": " ".join(lines) or _success(name, status)}
        if headers := _headers(name, status):
            response["headers"] = headers
        if content:
            response["content"] = content
        if links := LINKS.get((name, status)):
            response["links"] = links
        responses[str(status)] = response
    return responses


def _slug(summary: str) -> str:
    return "_".join(re.findall("[a-z]+", summary.lower()))


def _success(name: str, status: int) -> str:
    return {
        ("list", 200): "A page of the account's subscriptions, with the account's limits.",
        ("offer", 200): "What may be accepted. Reading it uses nothing up.",
        ("extend", 201): "This request created the extension.",
        ("extend", 200): "The extension of this period runs already; here it is, whoever took it.",
        ("history", 200): "A page of the account's extensions of all periods.",
        ("limits", 200): "What the account may use, true as long as `Cache-Control` says.",
        ("limits", 304): "The caller's limits are those of now, for as long as `Cache-Control` says.",
        ("changes", 200): "One result for each change.",
    }[name, status]


def _headers(name: str, status: int) -> Json:
    if name == "limits" and status in (200, 304):
        until = "Until when it may be taken for true: 30 seconds, or to the next change if that is earlier."
        return {
            "ETag": {"description": "Of the limits; weak.", "required": True, "schema": {"type": "string"}},
            "Cache-Control": {"description": until, "required": True, "schema": {"type": "string"}},
        }
    if name == "changes" and status == 200:
        retry = {"description": "Seconds, where one is to be sent again.", "schema": {"type": "integer", "minimum": 1}}
        return _headers("", status) | {"Retry-After": retry}
    known: dict[int, Json] = {
        401: {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}},
        503: {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
        },
    }
    cached = {"Cache-Control": {"description": "Never cached.", "required": True, "schema": {"const": "no-store"}}}
    return known.get(status, {}) if status in GATEWAY else cached


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
            "parameters": _SAME_SUBSCRIPTION,
            "requestBody": {"offer_id": "$response.body#/offer_id"},
        }
    },
}
"""Where an answer leads: from the list to the offer, from the offer to the extension."""


def _ref(shape: type) -> Json:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _one_of(shapes: list[type]) -> Json:
    different = list(dict.fromkeys(shapes))
    return _ref(different[0]) if len(different) == 1 else {"oneOf": [_ref(shape) for shape in different]}


def _schemas() -> Json:
    """The shapes that the operations name, and those within them; only what is sent is closed."""
    schemas = json_schemas(SHAPES, "#/components/schemas/{model}")
    schemas["Acceptance"]["additionalProperties"] = False
    schemas |= _told()
    kinds = [
        {
            "type": "object",
            "properties": {"detail_type": {"const": name}, "detail": {"$ref": f"#/components/schemas/{name}"}},
            "required": ["detail_type", "detail"],
        }
        for name in CHANGES
    ]
    schemas["Changes"]["properties"]["changes"] = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_CHANGES,
        "items": {"oneOf": kinds},
    }
    schemas["Changes"]["additionalProperties"] = False
    row = schemas["Subscription"]["properties"]["extension"]
    schemas["Subscription"]["properties"]["extension"] = _told_apart(row["anyOf"], "state", schemas)
    return schemas


def _told() -> Json:
    """The schemas of the events in; what they consist of has names of its own."""
    models = [(model, "validation") for model in CHANGES.values()]
    _, made = models_json_schema(models, ref_template="#/components/schemas/Inbound{model}")  # type: ignore[arg-type]
    text = json.dumps(made["$defs"])
    for name in CHANGES:
        text = text.replace(f"#/components/schemas/Inbound{name}", f"#/components/schemas/{name}")
    return {name if name in CHANGES else f"Inbound{name}": schema for name, schema in json.loads(text).items()}


def _told_apart(choices: list[Json], by: str, schemas: Json) -> Json:
    """A choice of shapes as OpenAPI wants it: with the values of the field that tells them apart."""
    mapping: dict[str, str] = {}
    for choice in choices:
        told = schemas[choice["$ref"].rpartition("/")[2]]["properties"][by]
        mapping |= dict.fromkeys(told.get("enum", [told.get("const")]), choice["$ref"])
    return {"discriminator": {"mapping": mapping, "propertyName": by}, "oneOf": choices}


def closed(shape: Any) -> Any:
    """A shape with every object in it closed, as tests want it: what it does not name may not be answered.

    Published it is open, so that an answer may come to tell more.
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
