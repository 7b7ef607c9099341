"""POST …/extension: grant what was offered, once in the period of the subscription."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from extending import api, store
from extending.errors import Code, Refused
from extending.model import Offer
from extending.runtime import REMIND_BEFORE, Metric, count, logger, metrics, remaining_seconds, utc_now

PATH = "/accounts/<account_id>/subscriptions/<subscription_id>/extension"

app = api.resolver("POST", PATH)


@app.post(PATH)
def extend_subscription(account_id: str, subscription_id: str) -> Response[str]:
    now = utc_now()
    user_id = api.caller(app)
    api.check_ids(account_id, subscription_id)
    offer = accepted_offer(app.current_event)
    try:
        extension, created = store.extend(
            account_id,
            subscription_id,
            user_id,
            offer,
            now,
            remind_before=REMIND_BEFORE,
            correlation_id=logger.get_correlation_id() or "",
            time_left=lambda: remaining_seconds(app.lambda_context),
        )
    except Refused as refusal:
        count(Metric.REFUSED, reason=refusal.code)
        raise
    metrics.add_metric(Metric.GRANTED if created else Metric.REPLAYED, MetricUnit.Count, 1)
    ids = {"account_id": account_id, "subscription_id": subscription_id, "extension_id": extension.id}
    logger.info("extended", extra=ids | {"granted_now": created})
    return api.reply(
        HTTPStatus.CREATED if created else HTTPStatus.OK,
        {"created": created, "extension": api.extension_json(extension, now)},
    )


def accepted_offer(event: APIGatewayProxyEventV2) -> Offer:
    """The offer that the body names; raises Refused where it is anything but {"offer_id": "…"}."""
    try:
        body = json.loads(event.decoded_body or "", object_pairs_hook=_Pairs)
    except (ValueError, RecursionError) as error:
        raise Refused(Code.INVALID_JSON) from error
    if not isinstance(body, _Pairs):
        raise Refused(Code.INVALID_BODY, fields={"": "the body is not an object"})
    given = [value for name, value in body if name == "offer_id"]
    fields = {
        name[:64].encode(errors="replace").decode(): "unknown field" for name, _ in body[:9] if name != "offer_id"
    }
    if len(given) != 1:
        fields["offer_id"] = "given more than once" if given else "missing"
    elif not isinstance(given[0], str):
        fields["offer_id"] = "not a string"
    elif not fields:
        try:
            return Offer.from_token(given[0])
        except ValueError:
            fields["offer_id"] = "not what an offer gave"
    raise Refused(Code.INVALID_BODY, fields=fields)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, so that a name given twice is seen."""


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
