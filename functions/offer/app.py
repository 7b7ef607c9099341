"""GET …/extension-offer."""

from http import HTTPStatus
from typing import Any

from extending import answers, api, model, service
from extending.runtime import logger, utc_now

PATH = "/accounts/<account_id>/subscriptions/<subscription_id>/extension-offer"

app = api.resolver("GET", PATH)


@app.get(PATH)
def offer_extension(account_id: str, subscription_id: str) -> api.Response[str]:
    """The extension that an owner may accept, until when, and the `offer_id` to accept it with."""
    now = utc_now()
    user_id = api.caller(app)
    api.check_ids(account_id, subscription_id)
    _, holdings = service.view(user_id, account_id)
    offer = model.make_offer(holdings, subscription_id, now)
    logger.info("offered", extra={"subscription_id": subscription_id})
    return api.reply(HTTPStatus.OK, answers.offer(offer))


@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
