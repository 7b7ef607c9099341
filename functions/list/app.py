"""GET /accounts/{account_id}/subscriptions."""

from http import HTTPStatus
from typing import Any

from extending import answers, api, paging, service
from extending.errors import Code
from extending.model import Refused
from extending.runtime import logger, utc_now

PATH = "/accounts/<account_id>/subscriptions"

app = api.resolver("GET", PATH)


@app.get(PATH)
def list_subscriptions(account_id: str) -> api.Response[str]:
    """The account's subscriptions, what can be extended, and the limits now."""
    now = utc_now()
    user_id = api.caller(app)
    api.check_ids(account_id)
    limit, next_token = api.paging(app)
    role, holdings = service.view(user_id, account_id)
    try:
        page = paging.page(holdings, now, limit, next_token)
    except ValueError as error:
        raise Refused(Code.INVALID_NEXT_TOKEN) from error
    logger.info("listed", extra={"role": role})
    return api.reply(HTTPStatus.OK, answers.subscription_list(role, holdings, page, now))


@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
