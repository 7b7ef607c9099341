"""GET …/extension-offer: what the owner would get, until when, and the `offer_id` to accept it with."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.logging import correlation_paths

from extending import api, model, store
from extending.runtime import logger, utc_now

PATH = "/accounts/<account_id>/subscriptions/<subscription_id>/extension-offer"

app = api.resolver("GET", PATH)


@app.get(PATH)
def offer_extension(account_id: str, subscription_id: str) -> Response[str]:
    now = utc_now()
    user_id = api.caller(app)
    api.check_ids(account_id, subscription_id)
    _, holdings = store.view(user_id, account_id)
    proposal = model.propose(holdings, subscription_id, now)
    logger.info("offered", extra={"account_id": account_id, "subscription_id": subscription_id})
    return api.reply(HTTPStatus.OK, api.offer_json(proposal))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
