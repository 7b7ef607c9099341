"""Every minute: take back the extensions that have ended, and mark those to be reminded of."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from extending import store
from extending.items import SHARDS
from extending.runtime import Metric, count, logger, measure, metrics, remaining_seconds, utc_now

TIME_USED = 0.75
"""The part of its time that a sweep uses; the rest is for the calls under way and the answer."""


@dataclass
class Swept:
    """What the sweep of one shard did; `lag` is the seconds since the end of the longest due."""

    due: int = 0
    revoked: int = 0
    reminded: int = 0
    failed: int = 0
    unreminded: int = 0
    lag: int = 0


def sweep(shard: int, now: datetime, until: float) -> Swept:
    """Revoke and remind of what is due in a shard, until the monotonic clock says so; the rest stays due."""
    swept = Swept()
    try:
        for due in store.due(shard, now):
            ended = due.ends_at <= now
            if ended:
                swept.due += 1
                swept.lag = max(swept.lag, int((now - due.ends_at).total_seconds()))
            if time.monotonic() > until:
                logger.warning("out of time, the rest is due again in a minute", extra={"shard": shard})
                break
            try:
                if ended:
                    swept.revoked += store.revoke(due, now)
                else:
                    swept.reminded += store.remind(due, now)
            except Exception:  # Whatever it is, one extension must not keep the others waiting.
                swept.failed += ended
                swept.unreminded += not ended
                logger.exception("failed, due again in a minute", extra={"extension": str(due)})
    except Exception:  # The same goes for one shard.
        swept.failed += 1
        logger.exception("shard not read, due again in a minute", extra={"shard": shard})
    return swept


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    now = utc_now()
    until = time.monotonic() + TIME_USED * remaining_seconds(context)
    with ThreadPoolExecutor(SHARDS) as pool:
        shards = list(pool.map(partial(sweep, now=now, until=until), range(SHARDS)))
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
