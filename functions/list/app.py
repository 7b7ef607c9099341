"""GET /accounts/{account_id}/subscriptions: what the account has, what can be extended, what it may use now."""

import re
from http import HTTPStatus
from typing import Any

from extending import answers, api, model, service
from extending.errors import Code
from extending.model import Refused
from extending.runtime import logger, utc_now

PATH = "/accounts/<account_id>/subscriptions"
USUAL_PAGE = 50

app = api.resolver("GET", PATH)


@app.get(PATH)
def list_subscriptions(account_id: str) -> api.Response[str]:
    now = utc_now()
    user_id = api.caller(app)
    api.check_ids(account_id)
    query = app.current_event.query_string_parameters
    limit = page_limit(query.get("limit"))
    role, holdings = service.view(user_id, account_id)
    try:
        page = model.page(holdings, now, limit, query.get("next_token"))
    except ValueError as error:
        raise Refused(Code.INVALID_NEXT_TOKEN) from error
    logger.info("listed", extra={"role": role})
    return api.reply(HTTPStatus.OK, answers.subscription_list(role, holdings, page, now))


def page_limit(text: str | None) -> int:
    """How many rows a page has, from 1 to 100."""
    if text is None:
        return USUAL_PAGE
    if not re.fullmatch("[1-9][0-9]?|100", text):
        raise Refused(Code.INVALID_LIMIT)
    return int(text)


@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
