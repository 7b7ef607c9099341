"""Items that benches put into the table: accounts of any size, what the schedule has left behind, a whole table.

Of the table that `extending report` reads three in ten accounts have extended, some of them in several periods; it has
two hundred servicing organisations.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

from devkit.builders import CONTACT, DAY, NOW, subscription_changed
from extending import items
from extending.inbound import SubscriptionChanged
from extending.items import Item
from extending.model import Account, OfferId, Role, Subscription, TariffLimits

OWNER = "U-1"
AT = NOW
"""The time at which the whole table is read."""

TARIFFS = [("start", "Старт", 1, 1), ("basic", "Базовый", 2, 1), ("prof", "ПРОФ", 5, 3), ("corp", "КОРП", 20, 20)]
ORGANIZATIONS = 200


@cache
def subscription(number: int) -> Subscription:
    """One that is active and can be extended."""
    change = SubscriptionChanged(**subscription_changed(subscription_id=f"S-{number}", number=f"{number:09}"))
    return change.subscription._replace(version=items.microseconds(change.changed_at))


def account(id_: str, subscriptions: int, extended: int = 0) -> Iterator[Item]:
    """An account with its owner and subscriptions, the first of them extended now."""
    version = {items.VERSION: {"N": str(subscription(0).version)}}
    yield items.account_item(Account(id_, "ООО «Ромашка»", "Europe/Moscow", {**CONTACT})) | version
    yield items.member_item(id_, OWNER, Role.OWNER) | version
    for number in range(subscriptions):
        yield items.subscription_item(id_, subscription(number))
        if number < extended:
            yield extension(id_, subscription(number), datetime.now(UTC))


def due(count: int) -> Iterator[Item]:
    """Extensions that have ended and wait for the sweep, spread over all shards."""
    granted_at = datetime.now(UTC) - 8 * DAY
    for number in range(count):
        yield extension(f"A-{number // 10}", subscription(number % 10), granted_at)


def extension(account_id: str, extended: Subscription, granted_at: datetime) -> Item:
    granted = OfferId.of(extended).accepted(account_id, OWNER, granted_at)
    return items.extension_item(granted, granted.ends_at, "0" * 16, "JKJaXmPLvHcESHA=")


def items_of(accounts: int) -> Iterator[Item]:
    """A whole table."""
    chance = random.Random(1)  # noqa: S311 - the same every time
    for number in range(accounts):
        yield from one_of_many(number, chance)


def one_of_many(number: int, chance: random.Random) -> Iterator[Item]:
    account_id = f"A-{number:07}"
    version = {items.VERSION: items.version(AT - chance.randrange(1, 400) * DAY)}
    partner = chance.randrange(ORGANIZATIONS)
    contact = CONTACT | {"name": f"ООО «Партнёр {partner}»", "phone": f"+7 495 000-{partner:04}"}
    yield items.account_item(Account(account_id, f"ООО «Клиент {number}»", "Europe/Moscow", {**contact})) | version
    tariff_id, tariff_name, sessions, databases = chance.choice(TARIFFS)
    length = chance.choice((30, 90, 365)) * DAY
    starts_at = AT - timedelta(seconds=chance.randrange(int(length.total_seconds())))
    main = subscription(number)._replace(
        tariff_id=tariff_id,
        tariff_name=tariff_name,
        starts_at=starts_at,
        ends_at=starts_at + length,
        limits=TariffLimits(sessions, databases),
    )
    yield items.subscription_item(account_id, main) | version
    if chance.random() < 0.3:
        yield past_extension(account_id, main, chance)
        if chance.random() < 0.3:
            before = main._replace(starts_at=starts_at - length, ends_at=starts_at)
            yield past_extension(account_id, before, chance)
    if chance.random() < 0.6:
        usage = items.usage_item(account_id, chance.randrange(sessions + 2), chance.randrange(databases + 2))
        yield usage | {items.VERSION: items.version(AT - chance.randrange(1, 48) * timedelta(hours=1))}
    for user, role in enumerate((Role.OWNER, Role.ADMINISTRATOR)):
        yield items.member_item(account_id, f"U-{number}-{user}", role) | version


def past_extension(account_id: str, extended: Subscription, chance: random.Random) -> Item:
    """One of some time of the period that is past, its owner reminded and it revoked when it was due."""
    past = min(extended.ends_at, AT) - extended.starts_at
    granted_at = extended.starts_at + timedelta(seconds=chance.randrange(int(past.total_seconds()) or 1))
    item = extension(account_id, extended, granted_at)
    ends_at = items.instant_from(item[items.ENDS_AT])
    revoked_at = ends_at + timedelta(seconds=min(chance.expovariate(1 / 40), 7200))
    if revoked_at < AT:
        item |= {items.REVOKED_AT: items.instant(revoked_at), items.REMINDED_AT: items.instant(ends_at - DAY)}
        del item[items.DUE_SHARD], item[items.DUE_AT]
    return item
