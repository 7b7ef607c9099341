"""Accounts of a table that never was, to measure `extending report` on.

Three in ten accounts have extended, some of them in several periods; two hundred servicing organisations.
"""

import random
from collections.abc import Iterator
from datetime import timedelta

from devkit.builders import CONTACT, DAY, NOW
from extending import items
from extending.items import Item
from extending.model import Account, Extension, Kind, OfferId, Role, Subscription, TariffLimits, Terms

AT = NOW
"""The time at which the table is read."""

TERMS = Terms(2, 8, "P7D", 604_800)
TARIFFS = [("start", "Старт", 1, 1), ("basic", "Базовый", 2, 1), ("prof", "ПРОФ", 5, 3), ("corp", "КОРП", 20, 20)]
ORGANIZATIONS = 200


def items_of(accounts: int) -> Iterator[Item]:
    chance = random.Random(1)  # noqa: S311 - the same every time
    for number in range(accounts):
        yield from account(number, chance)


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
