"""The items of the table: their keys and attributes by name, and each entity to and from its item.

| item         | pk          | sk                          |
|--------------|-------------|-----------------------------|
| account      | A#{account} | A                           |
| removal      | A#{account} | R                           |
| subscription | A#{account} | S#{subscription}            |
| extension    | A#{account} | S#{subscription}#E#{period} |
| usage        | A#{account} | U                           |
| member       | A#{account} | ~{user}                     |

A list reads what stands before the members. A removal says that nothing older than it is to be known of the account; of
a subscription that was removed there is one in its place. Both go by themselves once nothing older can come.

Names are letters: a list of 1,000 rows would cost twice as much with words. Instants are whole epoch seconds, but
VERSION, the `changed_at` of what the service manager told, in microseconds. A limit that is missing is unlimited, a
role that is missing was taken away. A period is its start or, where the service manager gives it an id, `P#` and that
id. `#` is in no id and sorts before every character of one, so an extension stands right after its subscription.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zlib import crc32

from extending.model import (
    Account,
    Extension,
    ExtensionEvent,
    Holdings,
    Kind,
    Period,
    Role,
    Subscription,
    TariffLimits,
    Terms,
    Usage,
    from_epoch,
)

Item = dict[str, Any]  # as the SDK has them: {"attribute": {"S" | "N": text}}

PARTITION, SORT = "pk", "sk"
TYPE = "t"
VERSION = "v"

NAME, TIME_ZONE, SERVICING_ORGANIZATION = "n", "z", "o"  # account; the last as JSON

ROLE = "r"  # member

USED_SESSIONS, USED_DATABASES = "us", "ud"  # usage

FORGET_AT = "f"  # removal: when DynamoDB may delete it (time to live)

NUMBER, KIND = "no", "k"  # subscription
TARIFF_ID, TARIFF_NAME = "ti", "tn"
STARTS_AT = "b"  # also of the period of an extension whose key does not say it
PERIOD_ID = "pi"
SESSIONS, DATABASES = "ls", "ld"

ENDS_AT = "e"  # subscription and extension
EXTRA_SESSIONS, EXTRA_DATABASES, DURATION, SECONDS = "xs", "xd", "xt", "xl"

GRANTED_AT, GRANTED_BY = "g", "u"  # extension
REQUEST, CORRELATION_ID = "q", "c"
REMINDED_AT, REVOKED_AT = "m", "x"
DUE_SHARD, DUE_AT = "dq", "d"  # the index `due`, which holds what has a reminder or an end before it

SHARDS = 8
"""Partitions of the index `due`; each takes 1,000 index writes a second."""


# Keys


def partition_of(account_id: str) -> Item:
    """Where everything of an account is."""
    return {"S": f"A#{account_id}"}


FIRST_MEMBER: Item = {"S": "~"}
"""Where in a partition the members begin."""


def account_key(account_id: str) -> Item:
    return {PARTITION: partition_of(account_id), SORT: {"S": "A"}}


def removal_key(account_id: str) -> Item:
    return {PARTITION: partition_of(account_id), SORT: {"S": "R"}}


def usage_key(account_id: str) -> Item:
    return {PARTITION: partition_of(account_id), SORT: {"S": "U"}}


def member_key(user_id: str, account_id: str) -> Item:
    return {PARTITION: partition_of(account_id), SORT: {"S": f"~{user_id}"}}


def subscription_key(account_id: str, subscription_id: str) -> Item:
    return {PARTITION: partition_of(account_id), SORT: {"S": f"S#{subscription_id}"}}


def extension_key(extension: Extension) -> Item:
    return _extension_key(extension, f"P#{extension.period_id}" if extension.period_id else None)


def unnamed_extension_key(extension: Extension) -> Item:
    """Where the extension of the same period is if it was granted before the service manager gave the period an id."""
    return _extension_key(extension, None)


def _extension_key(extension: Extension, named: str | None) -> Item:
    sort = f"S#{extension.subscription_id}#E#{named or _epoch(extension.period_starts_at)}"
    return {PARTITION: partition_of(extension.account_id), SORT: {"S": sort}}


# Entities to items


def account_item(account: Account) -> Item:
    item = {**account_key(account.id), TYPE: {"S": "account"}}
    _set(item, {NAME: account.name, TIME_ZONE: account.time_zone})
    if account.servicing_organization is not None:
        told = json.dumps(account.servicing_organization, ensure_ascii=False, separators=(",", ":"))
        item[SERVICING_ORGANIZATION] = {"S": told}
    return item


def member_item(account_id: str, user_id: str, role: Role | None) -> Item:
    item = {**member_key(user_id, account_id), TYPE: {"S": "member"}}
    _set(item, {ROLE: role})
    return item


def subscription_item(account_id: str, subscription: Subscription) -> Item:
    item = {
        **subscription_key(account_id, subscription.id),
        TYPE: {"S": "subscription"},
        STARTS_AT: instant(subscription.starts_at),
        ENDS_AT: instant(subscription.ends_at),
    }
    _set(item, {NUMBER: subscription.number, KIND: subscription.kind, PERIOD_ID: subscription.period_id})
    _set(item, {TARIFF_ID: subscription.tariff_id, TARIFF_NAME: subscription.tariff_name})
    _set(item, {SESSIONS: subscription.limits.sessions, DATABASES: subscription.limits.databases})
    return item | terms_item(subscription.terms) if subscription.terms else item


def usage_item(account_id: str, sessions: int, databases: int) -> Item:
    item = {**usage_key(account_id), TYPE: {"S": "usage"}}
    _set(item, {USED_SESSIONS: sessions, USED_DATABASES: databases})
    return item


REMOVED = {"S": "removed"}
"""The type of what stands for something that was removed."""


def removal_item(key: Item, forget_at: datetime) -> Item:
    """What keeps older changes of the thing with this key out until DynamoDB may delete it."""
    return {**key, TYPE: REMOVED, FORGET_AT: instant(forget_at)}


def extension_item(extension: Extension, due_at: datetime, request: str, correlation_id: str) -> Item:
    """A new extension; `request` is its writer's mark, `due_at` when the schedule first has something to do."""
    key = extension_key(extension)
    return {
        **key,
        **({STARTS_AT: instant(extension.period_starts_at)} if extension.period_id else {}),
        TYPE: {"S": "extension"},
        **terms_item(extension.terms),
        GRANTED_AT: instant(extension.granted_at),
        GRANTED_BY: {"S": extension.granted_by},
        ENDS_AT: instant(extension.ends_at),
        REQUEST: {"S": request},
        CORRELATION_ID: {"S": correlation_id},
        DUE_SHARD: shard(crc32((key[PARTITION]["S"] + key[SORT]["S"]).encode()) % SHARDS),
        DUE_AT: instant(due_at),
    }


def terms_item(terms: Terms) -> Item:
    """The attributes of terms, in whatever item."""
    return {
        EXTRA_SESSIONS: {"N": str(terms.sessions)},
        EXTRA_DATABASES: {"N": str(terms.databases)},
        DURATION: {"S": terms.duration},
        SECONDS: {"N": str(terms.seconds)},
    }


def instant(when: datetime) -> Item:
    return {"N": str(_epoch(when))}


def version(changed_at: datetime) -> Item:
    return {"N": str(microseconds(changed_at))}


def microseconds(when: datetime) -> int:
    """Since 1970, as VERSION has them."""
    return round(when.timestamp() * 1_000_000)


def shard(number: int) -> Item:
    return {"S": f"D#{number}"}


# Items to entities


def account_from(item: Item) -> Account:
    told = _text(item, SERVICING_ORGANIZATION)
    return Account(
        id=item[PARTITION]["S"].removeprefix("A#"),
        name=_text(item, NAME),
        time_zone=_text(item, TIME_ZONE),
        servicing_organization=json.loads(told) if told else None,
    )


def role_from(item: Item | None) -> Role | None:
    return Role(item[ROLE]["S"]) if item and ROLE in item else None


def usage_from(item: Item) -> Usage:
    return Usage(int(item[USED_SESSIONS]["N"]), int(item[USED_DATABASES]["N"]), told_at(item))


def told_at(item: Item) -> datetime:
    """The `changed_at` of what the service manager told, in whole seconds."""
    return from_epoch(version_of(item) // 1_000_000)


def version_of(item: Item) -> int:
    """The same in microseconds since 1970; 0 for what it did not tell."""
    return int(item[VERSION]["N"]) if VERSION in item else 0


def subscription_from(item: Item) -> Subscription:
    return Subscription(
        id=item[SORT]["S"].removeprefix("S#"),
        number=item[NUMBER]["S"],
        kind=Kind(item[KIND]["S"]),
        tariff_id=item[TARIFF_ID]["S"],
        tariff_name=item[TARIFF_NAME]["S"],
        starts_at=instant_from(item[STARTS_AT]),
        ends_at=instant_from(item[ENDS_AT]),
        limits=TariffLimits(_number(item, SESSIONS), _number(item, DATABASES)),
        terms=_terms_from(item),
        period_id=_text(item, PERIOD_ID),
    )


def extension_from(item: Item) -> Extension:
    """The extension that an item of the table or of its stream holds."""
    _, subscription_id, _, period, *named = item[SORT]["S"].split("#")
    terms = _terms_from(item)
    assert terms
    return Extension(
        account_id=item[PARTITION]["S"].removeprefix("A#"),
        subscription_id=subscription_id,
        period_starts_at=instant_from(item[STARTS_AT]) if named else from_epoch(int(period)),
        terms=terms,
        granted_at=instant_from(item[GRANTED_AT]),
        granted_by=item[GRANTED_BY]["S"],
        ends_at=instant_from(item[ENDS_AT]),
        reminded_at=instant_from(item[REMINDED_AT]) if REMINDED_AT in item else None,
        revoked_at=instant_from(item[REVOKED_AT]) if REVOKED_AT in item else None,
        period_id=named[0] if named else None,
    )


def holdings_from(account_id: str, found: Iterable[Item]) -> Holdings:
    """Everything of an account, out of the items of its partition; members and removals are passed over."""
    account: Account | None = None
    usage: Usage | None = None
    subscriptions: dict[str, Subscription] = {}
    extensions: dict[tuple[str, Period], Extension] = {}
    for item in found:
        match type_of(item):
            case "account":
                account = account_from(item)
            case "subscription":
                subscription = subscription_from(item)
                subscriptions[subscription.id] = subscription
            case "extension":
                extension = extension_from(item)
                extensions[extension.subscription_id, extension.period] = extension
            case "usage":
                usage = usage_from(item)
    is_known = account is not None or bool(subscriptions)
    return Holdings(account or Account(account_id), subscriptions, extensions, usage, is_known)


def instant_from(value: Item) -> datetime:
    return from_epoch(int(value["N"]))


def type_of(item: Item) -> str:
    return str(item[TYPE]["S"])


def correlation_id_of(item: Item) -> str:
    """The id of the request that granted the extension in this item."""
    return str(item[CORRELATION_ID]["S"])


def event_between(old: Item | None, new: Item) -> ExtensionEvent | None:
    """What happened to an extension from one image to the next; raises ValueError for images of another item."""
    if type_of(new) != "extension":
        raise ValueError("not an extension")
    if old is None:
        return ExtensionEvent.GRANTED
    if REVOKED_AT in new and REVOKED_AT not in old:
        return ExtensionEvent.EXPIRED
    if REMINDED_AT in new and REMINDED_AT not in old:
        return ExtensionEvent.ENDS_SOON
    return None


def _terms_from(item: Item) -> Terms | None:
    if DURATION not in item:
        return None
    sessions, databases = int(item[EXTRA_SESSIONS]["N"]), int(item[EXTRA_DATABASES]["N"])
    return Terms(sessions, databases, item[DURATION]["S"], int(item[SECONDS]["N"]))


def _epoch(when: datetime) -> int:
    return int(when.timestamp())


def _text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _number(item: Item, name: str) -> int | None:
    return int(item[name]["N"]) if name in item else None


def _set(item: Item, values: Mapping[str, str | int | None]) -> None:
    """Add the attributes that have a value."""
    for name, value in values.items():
        if value is not None:
            item[name] = {"N": str(value)} if isinstance(value, int) else {"S": value}
