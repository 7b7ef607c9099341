"""Make an export of a table that never was, as DynamoDB writes one to S3, to measure `extending report` on.

    python -m bench.export FOLDER [ACCOUNTS]

Three in ten accounts have extended, some of them in several periods; two hundred servicing organisations.
"""

import gzip
import json
import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from devkit.builders import CONTACT, DAY, NOW
from extending import items
from extending.items import Item
from extending.model import Account, Extension, Kind, OfferId, Role, Subscription, TariffLimits, Terms

AT = NOW
"""When the export was made."""

TERMS = Terms(2, 8, "P7D", 604_800)
TARIFFS = [("start", "Старт", 1, 1), ("basic", "Базовый", 2, 1), ("prof", "ПРОФ", 5, 3), ("corp", "КОРП", 20, 20)]
ORGANIZATIONS = 200


def account(number: int, chance: random.Random) -> Iterator[Item]:
    """The items of one account."""
    account_id = f"A-{number:07}"
    version = {items.VERSION: items.version(AT - chance.randrange(1, 400) * DAY)}
    partner = chance.randrange(ORGANIZATIONS)
    contact = CONTACT | {"name": f"ООО «Партнёр {partner}»", "phone": f"+7 495 000-{partner:04}"}
    yield items.account_item(Account(account_id, f"ООО «Клиент {number}»", "Europe/Moscow", {**contact})) | version
    tariff_id, tariff_name, sessions, databases = chance.choice(TARIFFS)
    length = chance.choice((30, 90, 365)) * DAY
    starts_at = AT - timedelta(seconds=chance.randrange(int(length.total_seconds())))
    main = Subscription(
        id=f"S-{number}",
        number=f"{number:09}",
        kind=Kind.MAIN,
        tariff_id=tariff_id,
        tariff_name=tariff_name,
        starts_at=starts_at,
        ends_at=starts_at + length,
        limits=TariffLimits(sessions, databases),
        terms=TERMS,
    )
    yield items.subscription_item(account_id, main) | version
    if chance.random() < 0.3:
        yield extension(account_id, main, chance)
        if chance.random() < 0.3:
            before = main._replace(starts_at=starts_at - length, ends_at=starts_at)
            yield extension(account_id, before, chance)
    if chance.random() < 0.6:
        usage = items.usage_item(account_id, chance.randrange(sessions + 2), chance.randrange(databases + 2))
        yield usage | {items.VERSION: items.version(AT - chance.randrange(1, 48) * timedelta(hours=1))}
    for user, role in enumerate((Role.OWNER, Role.ADMINISTRATOR)):
        yield items.member_item(account_id, f"U-{number}-{user}", role) | version


def extension(account_id: str, subscription: Subscription, chance: random.Random) -> Item:
    """An extension at some time of the period that is past, its owner reminded and it revoked when it was due."""
    past = min(subscription.ends_at, AT) - subscription.starts_at
    granted_at = subscription.starts_at + timedelta(seconds=chance.randrange(int(past.total_seconds()) or 1))
    granted: Extension = OfferId.of(subscription).accepted(account_id, "U-0", granted_at)
    item = items.extension_item(granted, granted.ends_at, "0" * 16, "JKJaXmPLvHcESHA=")
    revoked_at = granted.ends_at + timedelta(seconds=min(chance.expovariate(1 / 40), 7200))
    if revoked_at < AT:
        item |= {items.REVOKED_AT: items.instant(revoked_at), items.REMINDED_AT: items.instant(granted.ends_at - DAY)}
        del item[items.DUE_SHARD], item[items.DUE_AT]
    return item


def write(folder: Path, accounts: int) -> None:
    """The file of an export, with its manifest."""
    chance = random.Random(1)  # noqa: S311 - the same every time
    export = folder / "AWSDynamoDB" / "01795341600000-0a1b2c3d"
    (export / "data").mkdir(parents=True)
    with gzip.open(export / "data" / "00000000.json.gz", "wt", compresslevel=1, encoding="utf-8") as file:
        for number in range(accounts):
            for item in account(number, chance):
                file.write(json.dumps({"Item": item}, ensure_ascii=False, separators=(",", ":")) + "\n")
    summary = {"exportTime": "2026-11-22T10:00:00.123Z", "outputFormat": "DYNAMODB_JSON"}
    (export / "manifest-summary.json").write_text(json.dumps(summary))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 1_000_000)
