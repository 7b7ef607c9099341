"""GET /accounts/{account_id}/subscriptions: what the account has, what can be extended, what it may use now."""

import re
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.logging import correlation_paths

from extending import api, model, store
from extending.errors import Code, Refused
from extending.runtime import logger, utc_now

PATH = "/accounts/<account_id>/subscriptions"
USUAL_PAGE = 50

app = api.resolver("GET", PATH)


@app.get(PATH)
def list_subscriptions(account_id: str) -> Response[str]:
    now = utc_now()
    user_id = api.caller(app)
    api.check_ids(account_id)
    query = app.current_event.query_string_parameters
    limit = page_limit(query.get("limit"))
    role, holdings = store.view(user_id, account_id)
    try:
        page = model.page(holdings, now, limit, query.get("next_token"))
    except ValueError as error:
        raise Refused(Code.INVALID_NEXT_TOKEN) from error
    account = holdings.account
    logger.info("listed", extra={"account_id": account_id, "role": role})
    return api.reply(
        HTTPStatus.OK,
        {
            "account": {
                "id": account.id,
                "name": account.name,
                "time_zone": account.time_zone,
                "servicing_organization": account.servicing_organization,
            },
            "role": role,
            "limits": api.limits_json(holdings.limits(now)),
            "subscriptions": [
                api.subscription_json(subscription, holdings.extension_of(subscription), role, now)
                for subscription in page.subscriptions
            ],
            "next_token": page.next_token,
        },
    )


def page_limit(text: str | None) -> int:
    """How many rows a page has, from 1 to 100."""
    if text is None:
        return USUAL_PAGE
    if not re.fullmatch("[1-9][0-9]?|100", text):
        raise Refused(Code.INVALID_LIMIT)
    return int(text)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
