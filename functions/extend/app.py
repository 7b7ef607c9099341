"""POST …/extension."""

from http import HTTPStatus
from typing import Any

from extending import answers, api, service
from extending.errors import Code
from extending.metric import Metric
from extending.model import OfferId, Refused
from extending.runtime import REMIND_BEFORE, count, count_at_once, logger, metrics, remaining_seconds, utc_now
from extending.service import Acceptance

PATH = "/accounts/<account_id>/subscriptions/<subscription_id>/extension"

app = api.resolver("POST", PATH)


@app.post(PATH)
def extend_subscription(account_id: str, subscription_id: str) -> api.Response[str]:
    """Grant what was offered, once in the period of the subscription."""
    now = utc_now()
    user_id = api.caller(app)
    api.check_ids(account_id, subscription_id)
    offer_id = accepted_offer(api.json_body(app))
    correlation_id = logger.get_correlation_id() or ""
    accepted = Acceptance(account_id, subscription_id, user_id, offer_id, now, correlation_id)
    try:
        extended = service.extend(accepted, REMIND_BEFORE, lambda: remaining_seconds(app.lambda_context))
    except Refused as refusal:
        count_at_once(Metric.REFUSED, reason=refusal.code)
        raise
    created = extended.created
    count(Metric.GRANTED if created else Metric.REPLAYED)
    ids = {"subscription_id": subscription_id, "extension_id": extended.extension.extension.id}
    logger.info("extended", extra=ids | {"granted_now": created})
    status = HTTPStatus.CREATED if created else HTTPStatus.OK
    return api.reply(status, answers.extended(extended.extension, created))


def accepted_offer(body: object) -> OfferId:
    """The offer that a body names; raises Refused where it is anything but {"offer_id": "…"}."""
    token = api.only_field(body, "offer_id", lambda value: None if isinstance(value, str) else "not a string")
    try:
        return OfferId.from_token(token)
    except ValueError as error:
        raise Refused(Code.INVALID_BODY, fields={"offer_id": "not what an offer gave"}) from error


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
