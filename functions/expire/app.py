"""Every minute: take back the extensions that have ended, and mark those to be reminded of.

DELETE /accounts/{account_id}/extensions/{extension_id}: end one now.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import correlation_paths

from extending import sweep
from extending.items import SHARDS
from extending.metric import Metric
from extending.runtime import count, logger, measure, metrics, remaining_seconds, utc_now

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver

PATH = "/accounts/<account_id>/extensions/<extension_id>"

TIME_USED = 0.75
"""The part of its time that a sweep uses; the rest is for the calls under way and the answer."""


@dataclass
class Swept:
    """Results of the sweep of one shard; `lag` is the seconds since the end of the longest due."""

    due: int = 0
    revoked: int = 0
    reminded: int = 0
    failed: int = 0
    unreminded: int = 0
    lag: int = 0


def sweep_shard(shard: int, now: datetime, until: float) -> Swept:
    """Revoke or remind of everything due in a shard; stops at `until` of the monotonic clock, the rest stays due."""
    swept = Swept()
    try:
        for due in sweep.due(shard, now):
            ended = due.ends_at <= now
            if ended:
                swept.due += 1
                swept.lag = max(swept.lag, int((now - due.ends_at).total_seconds()))
            if time.monotonic() > until:
                logger.warning("out of time, the rest is due again in a minute", extra={"shard": shard})
                break
            try:
                if ended:
                    swept.revoked += sweep.revoke(due, now)
                else:
                    swept.reminded += sweep.remind(due, now)
            except Exception:  # Whatever it is, one extension must not keep the others waiting.
                swept.failed += ended
                swept.unreminded += not ended
                logger.exception("failed, due again in a minute", extra={"extension": str(due)})
    except Exception:  # The same goes for one shard.
        swept.failed += 1
        logger.exception("shard not read, due again in a minute", extra={"shard": shard})
    return swept


def sweep_all(now: datetime, until: float) -> dict[str, int]:
    with ThreadPoolExecutor(SHARDS) as pool:
        shards = list(pool.map(partial(sweep_shard, now=now, until=until), range(SHARDS)))
    answer = {
        "due": sum(swept.due for swept in shards),
        "revoked": sum(swept.revoked for swept in shards),
        "failed": sum(swept.failed for swept in shards),
        "oldest_lag_seconds": max(swept.lag for swept in shards),
    }
    count(Metric.REVOKED, answer["revoked"])
    count(Metric.REMINDED, sum(swept.reminded for swept in shards))
    count(Metric.FAILED, answer["failed"] + sum(swept.unreminded for swept in shards))
    measure(Metric.LAG, answer["oldest_lag_seconds"])
    logger.info("swept", extra=answer)
    return answer


ROUTE_SECONDS = 26
"""Time of a request: API Gateway waits for 30 s, while a sweep may take longer."""


@cache
def http_api() -> "APIGatewayHttpResolver":
    """The route, built at its first request: the schedule's cold start pays for none of its imports."""
    from extending import answers, api, service  # noqa: PLC0415

    app = api.resolver("DELETE", PATH)

    @app.delete(PATH)
    def expire_extension(account_id: str, extension_id: str) -> api.Response[str]:
        """End a running extension now, once; its right stays used."""
        now = utc_now()
        until = time.monotonic() + ROUTE_SECONDS
        by = api.require_machine_token(app)
        # From the event: the router drops a line break at the end of a path.
        api.check_ids(*app.current_event.path_parameters.values())
        ended, holdings, expired = service.expire(
            account_id, extension_id, by, now, time_left=lambda: until - time.monotonic()
        )
        if expired:
            count(Metric.EXPIRED_EARLY)
        ids = {"subscription_id": ended.subscription_id, "extension_id": extension_id}
        logger.info("ended early" if expired else "over already", extra=ids)
        return api.reply(HTTPStatus.OK, answers.expired(ended, holdings, expired, now))

    return app


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a request of API Gateway; whatever else the event holds, sweep."""
    if isinstance(event, dict) and "requestContext" in event:
        from extending import api  # noqa: PLC0415 - see http_api

        return api.resolve(http_api(), event, context)
    now = utc_now()
    return sweep_all(now, time.monotonic() + TIME_USED * remaining_seconds(context))
