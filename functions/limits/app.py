"""GET /accounts/{account_id}/limits."""

import hashlib
import json
from datetime import datetime
from http import HTTPStatus
from typing import Any

from extending import accounts, answers, api
from extending.errors import Code
from extending.model import Refused
from extending.runtime import exact_now, logger

PATH = "/accounts/<account_id>/limits"

MOST_SECONDS = 30
"""Seconds for which an answer may be used, where nothing changes earlier."""

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
    tag = etag(answer["limits"])
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={max_age(limits.next_change_at, clock)}"}
    logger.info("limits answered")
    if is_known_by(app.current_event.headers.get("if-none-match", ""), tag):
        return api.Response(HTTPStatus.NOT_MODIFIED, body="", headers=headers)
    return api.reply(HTTPStatus.OK, answer, headers)


def etag(limits: answers.Limits) -> str:
    """Weak: `as_of` is another in every answer."""
    return f'W/"{hashlib.sha256(json.dumps(limits).encode()).hexdigest()[:32]}"'


def is_known_by(if_none_match: str, tag: str) -> bool:
    """True if the caller has these limits; weak comparison, as RFC 9110 has it for this header."""
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return known == ["*"] or tag.removeprefix("W/") in known


def max_age(next_change_at: datetime | None, clock: datetime) -> int:
    """Seconds, never past the next change: the clock here is the exact one, and a part of a second is left out."""
    if next_change_at is None:
        return MOST_SECONDS
    return min(MOST_SECONDS, int((next_change_at - clock).total_seconds()))


@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
