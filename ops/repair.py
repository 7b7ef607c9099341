"""Unblock a record whose `changed_at` is wrong, often in the future: it becomes the least that a record may have.

The record keeps its values until the service manager sends it again.
"""

from datetime import timedelta
from typing import Any

import click

from devkit.project import Trouble
from devkit.stage import Stack, stack
from extending import answers, items
from extending.items import Item
from extending.model import ID, USER_ID
from ops import console


def key_of(record: str, account_id: str) -> Item:
    """The key of a record: account, usage, member:U-1, subscription:S-1."""
    kind, _, id_ = record.partition(":")
    match kind:
        case "account" if not id_:
            return items.account_key(account_id)
        case "usage" if not id_:
            return items.usage_key(account_id)
        case "member" if USER_ID.fullmatch(id_):
            return items.member_key(id_, account_id)
        case "subscription" if ID.fullmatch(id_):
            return items.subscription_key(account_id, id_)
    raise Trouble(f"{record!r} is not a record: account, member:U-1, subscription:S-1 or usage")


def fetch(target: Stack, key: Item) -> Item | None:
    answer = target.client("dynamodb").get_item(TableName=target.outputs["TableName"], Key=key, ConsistentRead=True)
    found: Item | None = answer.get("Item")
    return found


def least_version(target: Stack, account_id: str) -> int:
    """The version that any valid change is newer than: right after the account's removal, if there was one."""
    removal = fetch(target, items.removal_key(account_id))
    removed = items.version_of(removal) if removal else None
    return 0 if removed is None else removed + 1


def with_version(item: Item, version: int) -> Item:
    """A record with another version, of its running period too."""
    return item | {name: {"N": str(version)} for name in (items.VERSION, items.RUNNING_VERSION) if name in item}


def repair(target: Stack, key: Item, seen: Item, version: int) -> Item:
    """Set the version of a record where it is still the one that was seen; returns the record as it is then."""
    changed = {name: value for name, value in with_version(seen, version).items() if value != seen[name]}
    dynamodb = target.client("dynamodb")
    try:
        answer = dynamodb.update_item(
            TableName=target.outputs["TableName"],
            Key=key,
            UpdateExpression=f"SET {', '.join(f'{name} = :{name}' for name in changed)}",
            ConditionExpression=f"{items.VERSION} = :seen",
            ExpressionAttributeValues={
                ":seen": seen[items.VERSION],
                **{f":{name}": value for name, value in changed.items()},
            },
            ReturnValues="ALL_NEW",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        raise Trouble("The record changed meanwhile: nothing was done. Look at it again.") from None
    after: Item = answer["Attributes"]
    return after


def shown(item: Item) -> dict[str, Any]:
    """A record's attributes, and its version as an instant."""
    values = {name: next(iter(value.values())) for name, value in item.items()}
    return values | {"changed_at": answers.instant(items.reported_at(item))}


@click.command()
@console.ACCOUNT
@click.argument("record")
@console.STAGE
@console.JSON
@console.YES
def command(account_id: str, record: str, stage: str, as_json: bool, yes: bool) -> None:
    """Unblock a RECORD dated in the future.

    A record is account, usage, member:U-1 or subscription:S-1.

    \b
    extending repair A-100 member:U-3 --stage prod
    """
    key = key_of(record, account_id)
    target = stack(stage)
    before = fetch(target, key)
    if before is None:
        raise Trouble(f"{account_id} has no record {record}.")
    least = least_version(target, account_id)
    if (items.version_of(before) or 0) <= least:  # Less: the account's removal is about to delete it.
        raise Trouble(f"The next change of {record} will be stored: nothing to repair.")
    out = console.results()
    if not as_json:
        now, then = shown(before), shown(with_version(before, least))
        out.print(console.grid(record, [{"attribute": name, "now": now[name], "then": then[name]} for name in now]))
    ahead = items.reported_at(before) > console.now() + timedelta(seconds=1)
    why = "is in the future" if ahead else "is past: it blocks only changes that are older"
    console.ask(f"Its changed_at {why}. Set it back, so that the next change is stored?", yes)
    after = shown(repair(target, key, before, least))
    if as_json:
        console.print_json({"record": record, "before": shown(before), "after": after})
    else:
        out.print(console.safe(f"{record} is unblocked. Ask the service manager to send it again."))
