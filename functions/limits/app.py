"""GET /accounts/{account_id}/limits."""

from http import HTTPStatus
from typing import Any

from extending import accounts, answers, api, caching
from extending.errors import Code
from extending.model import Refused
from extending.runtime import exact_now, logger

PATH = "/accounts/<account_id>/limits"

app = api.resolver("GET", PATH)


@app.get(PATH)
def account_limits(account_id: str) -> api.Response[str]:
    """The limits that an application server enforces; it may ask at every log-in."""
    clock = exact_now()
    now = clock.replace(microsecond=0)
    api.require_machine_token(app)
    api.check_ids(account_id)
    holdings = accounts.holdings(account_id)
    if not holdings.is_known:
        raise Refused(Code.ACCOUNT_NOT_FOUND)
    limits = holdings.limits(now)
    answer = answers.account_limits(account_id, limits, now)
    tag = caching.etag(answer["limits"])
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={caching.max_age(limits.next_change_at, clock)}"}
    logger.info("limits answered")
    if caching.is_known_by(app.current_event.headers.get("if-none-match", ""), tag):
        return api.Response(HTTPStatus.NOT_MODIFIED, body="", headers=headers)
    return api.reply(HTTPStatus.OK, answer, headers)


@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
