"""The HTTP side: resolver, caller, JSON shapes, and the one table from refusal to status."""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from botocore.exceptions import BotoCoreError, ClientError

from extending import store
from extending.errors import Code, Refused
from extending.model import (
    ID,
    USER_ID,
    EffectiveLimits,
    Extension,
    Limit,
    Proposal,
    Role,
    Subscription,
    instant,
    instant_or_none,
    terms_json,
)
from extending.runtime import Metric, count, logger

Json = dict[str, Any]


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
        HTTPStatus.BAD_REQUEST, "Invalid JSON", 'Send the body as JSON in UTF-8: {"offer_id": "…"}.'
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
        "There is no such account among yours. Check the id, or ask an owner of the account for a role in it.",
    ),
    Code.SUBSCRIPTION_NOT_FOUND: _Problem(
        HTTPStatus.NOT_FOUND,
        "No such subscription",
        "The account has no such subscription. Take its id from the list of subscriptions.",
    ),
    Code.METHOD_NOT_ALLOWED: _Problem(
        HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", "Use the method that the `Allow` header names."
    ),
    Code.ALREADY_USED: _Problem(
        HTTPStatus.CONFLICT,
        "Already extended",
        "This subscription was already extended in its current period; once is all there is. For more, turn to the "
        "servicing organisation.",
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
        "This tariff has no extension. For more sessions or databases turn to the servicing organisation.",
    ),
    Code.OFFER_CHANGED: _Problem(
        HTTPStatus.CONFLICT,
        "The offer has changed",
        "What you were offered is no longer on offer, and nothing was extended. Read the new offer in `offer` and "
        "accept that one if you like it.",
    ),
    Code.INVALID_BODY: _Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Invalid body",
        "Send exactly one field, `offer_id`, as the offer of this subscription gave it. See `fields`.",
    ),
    Code.INTERNAL_ERROR: _Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Internal error",
        "Something is wrong on our side; repeating the request does no harm. If it persists, tell the operator of "
        "the service the `apigw-requestid` of this answer.",
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

    def failed(error: Exception) -> Response[str]:
        if isinstance(error, ClientError | BotoCoreError) and store.is_transient(error):
            logger.warning("the database did not do it in time", extra={"error": type(error).__name__})
            return problem(Refused(Code.TRY_AGAIN))
        logger.error("unexpected error", exc_info=error)
        return problem(Refused(Code.INTERNAL_ERROR))

    app.exception_handler(Exception)(failed)

    @app.not_found
    def not_found(_: NotFoundError) -> Response[str]:
        # The router knows fewer characters than an id may be wrong in.
        check_ids(*app.current_event.path_parameters.values())
        raise Refused(Code.ROUTE_NOT_FOUND)

    @app.route(path, [other for other in _METHODS if other != method], include_in_schema=False)
    def wrong_method(**_: str) -> Response[str]:
        response = problem(Refused(Code.METHOD_NOT_ALLOWED))
        response.headers["Allow"] = method
        return response

    return app


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def caller(app: APIGatewayHttpResolver) -> str:
    """The user id that API Gateway's authorizer has verified; without one the caller is refused."""
    match app.current_event.raw_event["requestContext"]:
        case {"authorizer": {"jwt": {"claims": {"sub": str(user_id)}}}} if USER_ID.fullmatch(user_id):
            return user_id
    raise Refused(Code.UNAUTHORIZED)


def check_ids(*ids: str) -> None:
    """Refuse what is no id, before any key is built of it."""
    if not all(map(ID.fullmatch, ids)):
        raise Refused(Code.INVALID_ID)


def reply(status: HTTPStatus, body: Json) -> Response[str]:
    return Response(status, "application/json", _dumps(body), headers=dict(_HEADERS))


def problem(refusal: Refused) -> Response[str]:
    """A refusal as RFC 9457 has it."""
    status, title, detail = PROBLEMS[refusal.code]
    logger.info("refused", extra={"code": refusal.code})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        count(Metric.ANSWERS_FAILED)
    body: Json = {
        "type": f"urn:extending-subscription:problem:{refusal.code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": refusal.code,
    }
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT):
        body["servicing_organization"] = refusal.servicing_organization
    if refusal.extension:
        body["extension"] = extension_json(*refusal.extension)
    if refusal.offer:
        body["offer"] = offer_json(refusal.offer)
    if refusal.fields:
        body["fields"] = [{"name": name, "problem": what} for name, what in refusal.fields.items()]
    headers = _HEADERS | _EXTRA_HEADERS.get(refusal.code, {})
    return Response(status, "application/problem+json", _dumps(body), headers=headers)


# JSON shapes


def subscription_json(subscription: Subscription, extension: Extension | None, role: Role, now: datetime) -> Json:
    """A row of the list; `extension` is that of the subscription's current period."""
    return {
        "id": subscription.id,
        "number": subscription.number,
        "kind": subscription.kind,
        "tariff": {"id": subscription.tariff_id, "name": subscription.tariff_name},
        "starts_at": instant(subscription.starts_at),
        "ends_at": instant(subscription.ends_at),
        "state": subscription.state(now),
        "limits": subscription.limits._asdict(),
        "extension": extension_json(extension, now) if extension else _extendable_json(subscription, role, now),
    }


def _extendable_json(subscription: Subscription, role: Role, now: datetime) -> Json:
    obstacle = subscription.obstacle(now) or (None if role is Role.OWNER else Code.OWNER_REQUIRED)
    if obstacle or not subscription.terms:
        return {"state": "unavailable", "reason": obstacle}
    return {"state": "available", "terms": terms_json(subscription.terms)}


def extension_json(extension: Extension, now: datetime) -> Json:
    return {
        "state": "active" if extension.runs(now) else "used",
        "id": extension.id,
        "terms": terms_json(extension.terms),
        "granted_at": instant(extension.granted_at),
        "granted_by": extension.granted_by,
        "ends_at": instant(extension.ends_at),
        "revoked_at": instant_or_none(extension.revoked_at),
    }


def offer_json(proposal: Proposal) -> Json:
    return {
        "offer_id": proposal.offer.token,
        "subscription_id": proposal.offer.subscription_id,
        "terms": terms_json(proposal.offer.terms),
        "ends_at_if_accepted_now": instant(proposal.ends_at_if_accepted_now),
        "limits_before": limits_json(proposal.limits_before),
        "limits_after": limits_json(proposal.limits_after),
        "servicing_organization": proposal.servicing_organization,
    }


def limits_json(limits: EffectiveLimits) -> Json:
    return {
        "sessions": _limit_json(limits.sessions),
        "databases": _limit_json(limits.databases),
        "next_change_at": instant_or_none(limits.next_change_at),
    }


def _limit_json(limit: Limit) -> Json:
    return {"base": limit.base, "extra": limit.extra, "total": limit.total}


def _dumps(body: Json) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
