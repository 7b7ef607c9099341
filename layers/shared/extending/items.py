"""The items of the table: their keys and attributes by name, and each entity to and from its item.

| item         | pk          | sk                          |
|--------------|-------------|-----------------------------|
| account      | A#{account} | A                           |
| removal      | A#{account} | R                           |
| subscription | A#{account} | S#{subscription}            |
| extension    | A#{account} | S#{subscription}#E#{period} |
| usage        | A#{account} | U                           |
| member       | A#{account} | ~{user}                     |

A list reads what stands before the members. A removal keeps everything out of the account that was reported no later; a
subscription that was removed has one in its place. Both are deleted by time to live once nothing older can come.

Names are letters: a list of 1,000 rows would cost twice as much with words. Instants are whole epoch seconds, but
VERSION, the `changed_at` of a report, in microseconds. A limit that is missing is unlimited, a role that is missing was
taken away, an end in the year 9000 is none. A period is its start or, where the service manager gives it an id, `P#`
and that id. `#` is in no id and sorts before every character of one, so an extension stands right after its
subscription.

A subscription whose next period is reported ahead has that period in NEXT, a map of the same attributes; VERSION is
then that of NEXT, and RUNNING_VERSION that of the period outside.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zlib import crc32

from extending.model import (
    Account,
    Extension,
    ExtensionEvent,
    FirstNamed,
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

DELETE_AT = "f"  # of a removal: from then on DynamoDB may delete it (time to live)

NUMBER, KIND = "no", "k"  # subscription
TARIFF_ID, TARIFF_NAME = "ti", "tn"
STARTS_AT = "b"  # also of the period of an extension whose key does not say it
PERIOD_ID = "pi"
FIRST_PERIOD_ID, FIRST_PERIOD_START, FIRST_PERIOD_VERSION = "fi", "fb", "fv"  # of the first period that got an id
NEXT, RUNNING_VERSION = "nx", "rv"
SESSIONS, DATABASES = "ls", "ld"

ENDS_AT = "e"  # subscription and extension
EXTRA_SESSIONS, EXTRA_DATABASES, DURATION, SECONDS = "xs", "xd", "xt", "xl"

GRANTED_AT, GRANTED_BY = "g", "u"  # extension
SUBSCRIPTION_VERSION = "sv"  # VERSION of the period that it was granted on
REQUEST, CORRELATION_ID = "q", "c"
REMINDED_AT, REVOKED_AT = "m", "x"
REVOKED_BY, REVOKE_REQUEST = "y", "yq"  # where it was ended early
DUE_SHARD, DUE_AT = "dq", "d"  # the index `due`, which holds what has a reminder or an end before it

SHARDS = 8
"""Partitions of the index `due`; each takes 1,000 index writes a second."""


# Keys


def partition_of(account_id: str) -> Item:
    """The partition that holds an account."""
    return {"S": f"A#{account_id}"}


FIRST_MEMBER: Item = {"S": "~"}
"""Sort key at which the members of a partition begin."""


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
    named = f"P#{extension.period_id}" if extension.period_id else None
    return _extension_key(extension, named, extension.period_starts_at)


def unnamed_extension_key(extension: Extension, start: datetime) -> Item:
    """Key of an extension that was granted for this period before the service manager gave it an id."""
    return _extension_key(extension, None, start)


def _extension_key(extension: Extension, named: str | None, start: datetime) -> Item:
    sort = f"S#{extension.subscription_id}#E#{named or _epoch(start)}"
    return {PARTITION: partition_of(extension.account_id), SORT: {"S": sort}}


# Entities to items


def account_item(account: Account) -> Item:
    item = {**account_key(account.id), TYPE: {"S": "account"}}
    _set(item, {NAME: account.name, TIME_ZONE: account.time_zone})
    if account.servicing_organization is not None:
        contact = json.dumps(account.servicing_organization, ensure_ascii=False, separators=(",", ":"))
        item[SERVICING_ORGANIZATION] = {"S": contact}
    return item


def member_item(account_id: str, user_id: str, role: Role | None, name: str | None = None) -> Item:
    """A member; the name goes with the role."""
    item = {**member_key(user_id, account_id), TYPE: {"S": "member"}}
    _set(item, {ROLE: role, NAME: name if role else None})
    return item


SUBSCRIPTION = {"S": "subscription"}


def subscription_item(account_id: str, subscription: Subscription) -> Item:
    """A subscription with one period, as reported."""
    return {
        **subscription_key(account_id, subscription.id),
        TYPE: SUBSCRIPTION,
        **_period_item(subscription),
        VERSION: {"N": str(subscription.version)},
    }


def _period_item(subscription: Subscription) -> Item:
    item = {STARTS_AT: instant(subscription.starts_at), ENDS_AT: instant(subscription.ends_at)}
    _set(item, {NUMBER: subscription.number, KIND: subscription.kind, PERIOD_ID: subscription.period_id})
    _set(item, {TARIFF_ID: subscription.tariff_id, TARIFF_NAME: subscription.tariff_name})
    _set(item, {SESSIONS: subscription.limits.sessions, DATABASES: subscription.limits.databases})
    return item | terms_item(subscription.terms) if subscription.terms else item


class Reports(NamedTuple):
    """Everything that is stored of one subscription: the newest report, and the period that runs until it begins."""

    version: int
    newest: Subscription | None
    """None: it was removed."""
    running: Subscription | None = None
    """Only where the newest period was reported ahead; its end as reported, not cut."""
    running_version: int | None = None
    """Only a later report changes `running`; kept when that period is over, or was removed."""
    first_named: FirstNamed | None = None
    delete_at: datetime | None = None
    """Of a removal: when it may be deleted."""


def reports_from(item: Item) -> Reports:
    first = None
    if FIRST_PERIOD_ID in item:
        start = instant_from(item[FIRST_PERIOD_START])
        first = FirstNamed(item[FIRST_PERIOD_ID]["S"], start, first_version_of(item))
    version, running_version = version_of(item) or 0, _number(item, RUNNING_VERSION)
    if type_of(item) != "subscription":
        return Reports(version, None, None, running_version, first, instant_from(item[DELETE_AT]))
    id_ = item[SORT]["S"].removeprefix("S#")
    if NEXT not in item:
        return Reports(version, _period_from(item, id_, version, first), None, running_version, first)
    newest = _period_from(item[NEXT]["M"], id_, version, first)
    running = _period_from(item, id_, running_version or 0, first)
    return Reports(version, newest, running, running_version, first)


def reports_item(key: Item, reports: Reports) -> Item:
    """The item of a subscription with everything that is stored of it."""
    item: Item = {**key, VERSION: {"N": str(reports.version)}}
    _set(item, {RUNNING_VERSION: reports.running_version})
    if first := reports.first_named:
        item[FIRST_PERIOD_START] = instant(first.starts_at)
        _set(item, {FIRST_PERIOD_ID: first.period_id, FIRST_PERIOD_VERSION: first.version})
    if not reports.newest:
        assert reports.delete_at
        return {**item, TYPE: REMOVED, DELETE_AT: instant(reports.delete_at)}
    item[TYPE] = SUBSCRIPTION
    if not reports.running:
        return item | _period_item(reports.newest)
    return item | _period_item(reports.running) | {NEXT: {"M": _period_item(reports.newest)}}


SUBSCRIPTION_ATTRIBUTES = (
    *(TYPE, VERSION, DELETE_AT, NUMBER, KIND, TARIFF_ID, TARIFF_NAME, STARTS_AT, ENDS_AT, PERIOD_ID),
    *(SESSIONS, DATABASES, EXTRA_SESSIONS, EXTRA_DATABASES, DURATION, SECONDS, NEXT, RUNNING_VERSION),
)
"""The attributes that a new report of a subscription writes or removes; it leaves all others."""


def usage_item(account_id: str, sessions: int, databases: int) -> Item:
    item = {**usage_key(account_id), TYPE: {"S": "usage"}}
    _set(item, {USED_SESSIONS: sessions, USED_DATABASES: databases})
    return item


REMOVED = {"S": "removed"}
"""The type of the item that stands for a removed record."""


def removal_item(key: Item, delete_at: datetime) -> Item:
    """An item that refuses older reports until DynamoDB may delete it."""
    return {**key, TYPE: REMOVED, DELETE_AT: instant(delete_at)}


def extension_item(extension: Extension, due_at: datetime, request: str, correlation_id: str) -> Item:
    """A new extension; `request`: its writer's mark; `due_at`: the time at which the schedule first acts."""
    key = extension_key(extension)
    item = {
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
    _set(item, {SUBSCRIPTION_VERSION: extension.subscription_version})
    return item


def terms_item(terms: Terms) -> Item:
    """The attributes of terms, in any item."""
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
    contact = _text(item, SERVICING_ORGANIZATION)
    return Account(
        id=item[PARTITION]["S"].removeprefix("A#"),
        name=_text(item, NAME),
        time_zone=_text(item, TIME_ZONE),
        servicing_organization=json.loads(contact) if contact else None,
    )


def role_from(item: Item | None) -> Role | None:
    return Role(item[ROLE]["S"]) if item and ROLE in item else None


def usage_from(item: Item) -> Usage:
    return Usage(int(item[USED_SESSIONS]["N"]), int(item[USED_DATABASES]["N"]), reported_at(item))


def reported_at(item: Item) -> datetime:
    """The `changed_at` of a report, in whole seconds."""
    return from_epoch((version_of(item) or 0) // 1_000_000)


def version_of(item: Item) -> int | None:
    """The `changed_at` of a report in microseconds since 1970; None for what was not reported."""
    return _number(item, VERSION)


def running_version_of(item: Item) -> int:
    return _number(item, RUNNING_VERSION) or 0


def first_version_of(item: Item) -> int:
    return _number(item, FIRST_PERIOD_VERSION) or 0


def subscription_from(item: Item) -> Subscription:
    """The period that runs, cut at the start of the one reported ahead, which is its `next`; or the only period."""
    reports = reports_from(item)
    assert reports.newest
    if not reports.running:
        return reports.newest
    end = min(reports.running.ends_at, reports.newest.starts_at)
    return reports.running._replace(ends_at=end, next=reports.newest)


def _period_from(item: Item, id_: str, version: int, first: FirstNamed | None) -> Subscription:
    return Subscription(
        id=id_,
        number=item[NUMBER]["S"],
        kind=Kind(item[KIND]["S"]),
        tariff_id=item[TARIFF_ID]["S"],
        tariff_name=item[TARIFF_NAME]["S"],
        starts_at=instant_from(item[STARTS_AT]),
        ends_at=instant_from(item[ENDS_AT]),
        limits=TariffLimits(_number(item, SESSIONS), _number(item, DATABASES)),
        terms=_terms_from(item),
        period_id=_text(item, PERIOD_ID),
        version=version,
        first_named=first,
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
        subscription_version=_number(item, SUBSCRIPTION_VERSION),
        revoked_by=_text(item, REVOKED_BY),
    )


def granted_on(item: Item) -> int:
    """Version of the subscription that an extension was granted on; one that does not say it was granted on the newest
    report of its own time."""
    version = _number(item, SUBSCRIPTION_VERSION)
    return int(item[GRANTED_AT]["N"]) * 1_000_000 if version is None else version


def name_from(item: Item) -> str | None:
    """The name of a member; None once the role was removed."""
    return _text(item, NAME) if ROLE in item else None


def holdings_from(account_id: str, found: Iterable[Item]) -> Holdings:
    """Everything of an account, from the items of its partition; removals are ignored."""
    account: Account | None = None
    usage: Usage | None = None
    subscriptions: dict[str, Subscription] = {}
    extensions: dict[tuple[str, Period], Extension] = {}
    names: dict[str, str] = {}
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
            case "member":
                if name := name_from(item):
                    names[item[SORT]["S"].removeprefix("~")] = name
    is_known = account is not None or bool(subscriptions)
    return Holdings(account or Account(account_id), subscriptions, extensions, usage, is_known, names)


def instant_from(value: Item) -> datetime:
    return from_epoch(int(value["N"]))


def type_of(item: Item) -> str:
    return str(item[TYPE]["S"])


def correlation_id_of(item: Item) -> str:
    """The id of the request that granted the extension in this item."""
    return str(item[CORRELATION_ID]["S"])


def event_between(old: Item | None, new: Item) -> ExtensionEvent | None:
    """The event that led from one image of an extension to the next; raises ValueError for images of another item."""
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
