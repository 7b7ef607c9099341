"""Fill the table as the functions would have done."""
# ruff: noqa: ARG001 - Lambda passes event and context whether or not they are used

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config

from extending import items, service
from extending.model import Account, Kind, OfferId, Role, ServicingOrganization, Subscription, TariffLimits, Terms
from extending.runtime import TABLE_NAME, dynamodb

OWNER = "U-1"
START = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = Terms(2, 8, "P7D", 604_800)
BATCH = 25


def account(event: dict[str, Any], context: Any) -> list[str]:
    """An account with its owner and `subscriptions`, of which `extended` are extended; their offers."""
    name: str = event["id"]
    servicing_organization: ServicingOrganization = {
        "name": "ООО «Учёт и Сервис»",
        "city": "Москва",
        "phone": "+7 495 123-45-67",
        "email": "help@uchet.example",
        "site": "https://uchet.example",
    }
    put(items.account_item(Account(name, "ООО «Ромашка»", "Europe/Moscow", servicing_organization)))
    put(items.member_item(name, OWNER, Role.OWNER))
    offers = []
    for number in range(event["subscriptions"]):
        subscription = Subscription(
            id=f"S-{number}",
            number=f"{number:09}",
            kind=Kind.MAIN,
            tariff_id="basic",
            tariff_name="Базовый",
            starts_at=START,
            ends_at=START + timedelta(days=3650),
            limits=TariffLimits(2, 1),
            terms=TERMS,
            version=items.microseconds(START),
        )
        put(items.subscription_item(name, subscription))
        offer = OfferId.of(subscription)
        offers.append(offer.token)
        if number < event["extended"]:
            now = datetime.now(UTC).replace(microsecond=0)
            accepted = service.Acceptance(name, subscription.id, OWNER, offer, now, "bench")
            service.extend(accepted, timedelta(days=1), lambda: 60)
    return offers


def put(item: items.Item) -> None:
    """Write an item as if it had been reported at START."""
    dynamodb.put_item(TableName=TABLE_NAME, Item=item | {items.VERSION: items.version(START)})


def due(event: dict[str, Any], context: Any) -> int:
    """Extensions that have ended and wait for the sweep, `count` of them, spread over all shards."""
    granted = datetime.now(UTC).replace(microsecond=0) - timedelta(days=8)
    requests = []
    for number in range(event["count"]):
        extension = OfferId(f"S-{number % 10}", START, TERMS, items.microseconds(START)).accepted(
            f"A-{number // 10}", OWNER, granted
        )
        item = items.extension_item(extension, extension.ends_at, "bench", "bench")
        requests.append({"PutRequest": {"Item": item}})
    batches = [requests[first : first + BATCH] for first in range(0, len(requests), BATCH)]
    with ThreadPoolExecutor(items.SHARDS) as pool:
        list(pool.map(_write, batches))
    return len(requests)


_patient = boto3.client("dynamodb", config=Config(max_pool_connections=items.SHARDS))


def _write(batch: list[Any]) -> None:
    answer = _patient.batch_write_item(RequestItems={TABLE_NAME: batch})
    assert not answer["UnprocessedItems"]
