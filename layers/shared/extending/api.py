"""The HTTP side: resolver, caller, and the one table from refusal to status."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import Response as Response  # noqa: PLC0414 - for the functions
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.logging import correlation_paths

from extending import answers, wire
from extending.dynamo import Busy
from extending.errors import Code
from extending.metric import Metric
from extending.model import ID, USER_ID, Refused
from extending.runtime import count_at_once, logger, pseudonym

CORRELATION_ID = correlation_paths.API_GATEWAY_HTTP
"""Path of the request's id in an event, for the logs."""

MOST_BODY = 4_096
"""Bytes of the longest body that is read; a valid one has some six hundred at the most."""

MOST_BYTES_OF_CHANGES = 1_048_576
"""The same for a list of changes: 10,000 for each of 100, more than the longest valid change."""


class _Problem(NamedTuple):
    status: HTTPStatus
    title: str
    detail: str


PROBLEMS = {
    Code.INVALID_ID: _Problem(
        HTTPStatus.BAD_REQUEST,
        "Invalid id",
        "An id is 1 to 64 Latin letters, digits, dots, underscores and hyphens, and begins with a letter or a digit. "
        "Take account and subscription ids as the list gives them.",
    ),
    Code.INVALID_JSON: _Problem(
        HTTPStatus.BAD_REQUEST,
        "Invalid JSON",
        "Send the body as JSON in UTF-8.",
    ),
    Code.INVALID_LIMIT: _Problem(
        HTTPStatus.BAD_REQUEST, "Invalid limit", "`limit` is a whole number from 1 to 100; without it a page holds 50."
    ),
    Code.INVALID_NEXT_TOKEN: _Problem(
        HTTPStatus.BAD_REQUEST,
        "Invalid next_token",
        "Send `next_token` as the previous page of this same account gave it, or leave it out to begin anew.",
    ),
    Code.UNAUTHORIZED: _Problem(
        HTTPStatus.UNAUTHORIZED, "Not signed in", "Sign in and send the access token: Authorization: Bearer …"
    ),
    Code.VIEW_NOT_ALLOWED: _Problem(
        HTTPStatus.FORBIDDEN,
        "Not for your role",
        "Subscriptions are shown to owners and administrators of the account. Ask an owner of the account.",
    ),
    Code.OWNER_REQUIRED: _Problem(
        HTTPStatus.FORBIDDEN,
        "An owner is required",
        "Only an owner of the account may extend a subscription. Ask an owner of the account to do it.",
    ),
    Code.ROUTE_NOT_FOUND: _Problem(
        HTTPStatus.NOT_FOUND, "No such route", "Nothing is served at this path. See the API description."
    ),
    Code.ACCOUNT_NOT_FOUND: _Problem(
        HTTPStatus.NOT_FOUND,
        "No such account",
        "Check the id. A user also needs a role in the account: ask one of its owners. To a machine this says that the "
        "account was never reported, or was removed.",
    ),
    Code.SUBSCRIPTION_NOT_FOUND: _Problem(
        HTTPStatus.NOT_FOUND,
        "No such subscription",
        "The account has no such subscription. Take its id from the list of subscriptions.",
    ),
    Code.EXTENSION_NOT_FOUND: _Problem(
        HTTPStatus.NOT_FOUND,
        "No such extension",
        "The account has no such extension. Take its id from the account's history, or from an event.",
    ),
    Code.METHOD_NOT_ALLOWED: _Problem(
        HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", "Use the method that the `Allow` header names."
    ),
    Code.ALREADY_USED: _Problem(
        HTTPStatus.CONFLICT,
        "Already extended",
        "This subscription was already extended in its current period, and can be only once per period. For more, turn "
        "to the servicing organisation.",
    ),
    Code.NOT_ACTIVE_YET: _Problem(
        HTTPStatus.CONFLICT,
        "Not active yet",
        "This subscription has not begun. Extend it once it is active, or turn to the servicing organisation.",
    ),
    Code.FINISHED: _Problem(
        HTTPStatus.CONFLICT,
        "Subscription finished",
        "This subscription is over. Renew it with the servicing organisation; a new period can be extended again.",
    ),
    Code.NOT_MAIN: _Problem(
        HTTPStatus.CONFLICT,
        "Not a main subscription",
        "Only a main subscription can be extended. Extend the main one, or turn to the servicing organisation.",
    ),
    Code.TARIFF_NOT_EXTENDABLE: _Problem(
        HTTPStatus.CONFLICT,
        "Tariff cannot be extended",
        "This tariff has no extension, or all that it would add is unlimited already. For more sessions or databases "
        "turn to the servicing organisation.",
    ),
    Code.OFFER_CHANGED: _Problem(
        HTTPStatus.CONFLICT,
        "The offer has changed",
        "What you were offered is no longer on offer, and nothing was extended. Read the new offer in `offer` and "
        "accept that one if you like it.",
    ),
    Code.BODY_TOO_LARGE: _Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "Body too large",
        f"Send at most {MOST_BODY:,} bytes; a list of changes may have {MOST_BYTES_OF_CHANGES:,}: "
        "send fewer changes at a time.",
    ),
    Code.INVALID_BODY: _Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Invalid body",
        "Send what the API description asks for at this route, and nothing else. `fields` names what is wrong.",
    ),
    Code.INTERNAL_ERROR: _Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Internal error",
        "Something is wrong on our side; repeating the request does no harm. If it persists, report the "
        "`apigw-requestid` of this answer to the operator of the service.",
    ),
    Code.TRY_AGAIN: _Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Try again",
        "The service is busy. Repeat the same request after the seconds that `Retry-After` names; nothing is "
        "granted twice.",
    ),
}


_HEADERS = {"Cache-Control": "no-store"}
_EXTRA_HEADERS = {Code.TRY_AGAIN: {"Retry-After": "1"}, Code.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"}}


def resolver(method: str, path: str) -> APIGatewayHttpResolver:
    """The event handler of a function that serves one route; every error leaves it as problem+json."""
    app = APIGatewayHttpResolver()
    app.exception_handler(Refused)(problem)

    def busy(error: Busy) -> Response[str]:
        logger.warning("the database is busy", extra={"error": str(error)})
        return problem(Refused(Code.TRY_AGAIN))

    def failed(error: Exception) -> Response[str]:
        logger.error("unexpected error", exc_info=error)
        return problem(Refused(Code.INTERNAL_ERROR))

    app.exception_handler(Busy)(busy)
    app.exception_handler(Exception)(failed)

    @app.not_found
    def not_found(_: NotFoundError) -> Response[str]:
        # The router does not match a path whose id has forbidden characters.
        check_ids(*app.current_event.path_parameters.values())
        raise Refused(Code.ROUTE_NOT_FOUND)

    @app.route(path, [other for other in _METHODS if other != method], include_in_schema=False)
    def wrong_method(**_: str) -> Response[str]:
        response = problem(Refused(Code.METHOD_NOT_ALLOWED))
        response.headers["Allow"] = method
        return response

    return app


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def resolve(app: APIGatewayHttpResolver, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request; every log line meanwhile names the account and, by a pseudonym, the user."""
    who: dict[str, str] = {}
    match event:
        case {"pathParameters": {"account_id": str(account_id)}} if ID.fullmatch(account_id):
            who["account_id"] = account_id
    if user_id := _user_id(event):
        who["user"] = pseudonym(user_id)
    with logger.append_context_keys(**who):
        return app.resolve(event, context)


def require_machine_token(app: APIGatewayHttpResolver) -> str:
    """The machine that API Gateway's authorizer verified, with the route's scope; raises Refused without one."""
    return _subject(app)


def caller(app: APIGatewayHttpResolver) -> str:
    """The user id that API Gateway's authorizer verified; raises Refused without one."""
    user_id = _subject(app)
    # A token that a client has for itself has the client for its subject (RFC 9068, section 2.2).
    if (_claims(app.current_event.raw_event) or {}).get("client_id") == user_id:
        raise _BadSub(Code.UNAUTHORIZED)
    return user_id


def _subject(app: APIGatewayHttpResolver) -> str:
    event = app.current_event.raw_event
    if _claims(event) is None:
        raise Refused(Code.UNAUTHORIZED)
    if subject := _user_id(event):
        return subject
    raise _BadSub(Code.UNAUTHORIZED)


class _BadSub(Refused):
    """A valid token whose `sub` is not a user's id: signing in again would not help."""

    detail = (
        "The token verifies, but its `sub` is no id: that is 1 to 255 visible ASCII characters, without spaces, and "
        "for users not the client's own. The identity provider has to issue another."
    )


ACCESS = {"token_use": {"access"}, "typ": {"bearer", "jwt", "at+jwt", "application/at+jwt"}}
"""Claims that name the purpose of a token, with their values in an access token."""


def _claims(event: dict[str, Any]) -> dict[str, Any] | None:
    """The claims that API Gateway's authorizer verified; None for a token that is not an access token."""
    match event:
        case {"requestContext": {"authorizer": {"jwt": {"claims": dict(claims)}}}} if all(
            str(claims[name]).lower() in uses for name, uses in ACCESS.items() if name in claims
        ):
            return claims
    return None


def _user_id(event: dict[str, Any]) -> str | None:
    match _claims(event):
        case {"sub": str(user_id)} if USER_ID.fullmatch(user_id):
            return user_id
    return None


def check_ids(*ids: str) -> None:
    """Refuse an invalid id before a key is built from it."""
    if not all(map(ID.fullmatch, ids)):
        raise Refused(Code.INVALID_ID)


USUAL_PAGE = 50
"""Rows of a page if the caller names no number."""


def paging(app: APIGatewayHttpResolver) -> tuple[int, str | None]:
    """The number of rows of the requested page, 1 to 100, and the token where it begins; raises Refused."""
    query = app.current_event.query_string_parameters
    return page_size(query.get("limit", str(USUAL_PAGE))), query.get("next_token")


def page_size(text: str) -> int:
    """The number of rows of a page, 1 to 100; raises Refused."""
    if not re.fullmatch("[1-9][0-9]?|100", text):
        raise Refused(Code.INVALID_LIMIT)
    return int(text)


def json_body(app: APIGatewayHttpResolver, longest: int = MOST_BODY) -> object:
    """The body of the request, its objects as Pairs; raises Refused where it is too long or not JSON in UTF-8."""
    event = app.current_event
    try:
        body = event.body or ""
        raw = base64.b64decode(body, validate=True) if event.is_base64_encoded else body.encode()
        if len(raw) > longest:
            raise Refused(Code.BODY_TOO_LARGE)
        return wire.parse(raw)
    except ValueError as error:  # Wrong base64, half a character, no UTF-8, no JSON.
        raise Refused(Code.INVALID_JSON) from error


def only_field(body: object, name: str, problem_of: Callable[[Any], str | None]) -> Any:
    """The value in a body of one field; raises Refused where it is another body, or `problem_of` finds one with it."""
    if not isinstance(body, wire.Pairs):
        raise Refused(Code.INVALID_BODY, fields={"": "the body is not an object"})
    given = [value for key, value in body if key == name]
    # The first few unknown fields are enough.
    fields = {key[:64].encode(errors="replace").decode(): "unknown field" for key, _ in body[:9] if key != name}
    if len(given) != 1:
        fields[name] = "given more than once" if given else "missing"
    elif what := problem_of(given[0]):
        fields[name] = what
    if fields:
        raise Refused(Code.INVALID_BODY, fields=fields)
    return given[0]


def reply(status: HTTPStatus, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response[str]:
    return Response(status, "application/json", _dumps(body), headers={**_HEADERS, **(headers or {})})


def problem(refusal: Refused) -> Response[str]:
    """A refusal as RFC 9457 has it."""
    status, title, detail = PROBLEMS[refusal.code]
    if isinstance(refusal, _BadSub):
        detail = refusal.detail
    logger.info("refused", extra={"code": refusal.code})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Back-pressure is no fault: it must not roll a deployment back.
        count_at_once(Metric.TRY_AGAIN if refusal.code is Code.TRY_AGAIN else Metric.ANSWERS_FAILED)
    body = answers.problem(refusal, status, title, detail)
    headers = _HEADERS | _EXTRA_HEADERS.get(refusal.code, {})
    return Response(status, "application/problem+json", _dumps(body), headers=headers)


def _dumps(body: object) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
