"""Fill the table: accounts as the service manager reports them, extensions that the schedule has left behind."""
# ruff: noqa: ARG001 - Lambda passes event and context whether or not they are used

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config

from devkit.builders import subscription_changed
from devkit.service import Service
from extending import items
from extending.model import OfferId, Terms
from extending.runtime import TABLE_NAME

OWNER = "U-1"
BATCH = 25

batches = boto3.client("dynamodb", config=Config(max_pool_connections=items.SHARDS))
service = Service()


def offer(subscription_id: str) -> OfferId:
    """The offer of a subscription as the builders have it."""
    reported = subscription_changed()
    starts_at, changed_at = (datetime.fromisoformat(reported[name]) for name in ("starts_at", "changed_at"))
    return OfferId(subscription_id, starts_at, Terms(2, 8, "P7D", 604_800), items.microseconds(changed_at))


def account(event: dict[str, Any], context: Any) -> list[str]:
    """An account with its owner and `subscriptions`, of which `extended` are extended; their offers."""
    name = event["id"]
    service.account(account_id=name)
    service.member(account_id=name, user_id=OWNER)
    offers = []
    for number in range(event["subscriptions"]):
        id_ = f"S-{number}"
        service.subscription(account_id=name, subscription_id=id_, number=f"{number:09}")
        offers.append(offer(id_).token)
        if number < event["extended"]:
            assert service.extend(offers[number], OWNER, name, id_).status == 201
    return offers


def due(event: dict[str, Any], context: Any) -> None:
    """Extensions that have ended and wait for the sweep, `count` of them, spread over all shards."""
    granted = datetime.now(UTC).replace(microsecond=0) - timedelta(days=8)
    puts = []
    for number in range(event["count"]):
        extension = offer(f"S-{number % 10}").accepted(f"A-{number // 10}", OWNER, granted)
        item = items.extension_item(extension, extension.ends_at, "bench", "bench")
        puts.append({"PutRequest": {"Item": item}})
    with ThreadPoolExecutor(items.SHARDS) as pool:
        list(pool.map(_write, [puts[first : first + BATCH] for first in range(0, len(puts), BATCH)]))


def _write(batch: list[Any]) -> None:
    answer = batches.batch_write_item(RequestItems={TABLE_NAME: batch})
    assert not answer["UnprocessedItems"]
