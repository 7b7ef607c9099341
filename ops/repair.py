"""Unblock a record whose `changed_at` is wrong, often in the future: its version becomes 0, and nothing else changes.

The record keeps its values until the service manager sends it again.
"""

from datetime import timedelta
from typing import Any

import click
from rich.table import Table

from devkit.project import Trouble
from devkit.stage import Stack, stack
from extending import answers, items
from extending.items import Item
from extending.model import ID, USER_ID
from ops import console

NEVER: Item = {"N": "0"}
"""The version that any change is newer than."""


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


def repair(target: Stack, key: Item, seen: Item) -> Item:
    """Set the version to 0 where it is still the one that was seen; returns the record as it is then."""
    dynamodb = target.client("dynamodb")
    try:
        answer = dynamodb.update_item(
            TableName=target.outputs["TableName"],
            Key=key,
            UpdateExpression=f"SET {items.VERSION} = :never",
            ConditionExpression=f"{items.VERSION} = :seen",
            ExpressionAttributeValues={":never": NEVER, ":seen": seen[items.VERSION]},
            ReturnValues="ALL_NEW",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        raise Trouble("The record changed meanwhile: nothing was done. Look at it again.") from None
    after: Item = answer["Attributes"]
    return after


def shown(item: Item) -> dict[str, Any]:
    """A record's attributes, and its version as an instant."""
    values = {name: next(iter(value.values())) for name, value in item.items()}
    version = items.version_of(item)
    return values | {"changed_at": answers.instant(items.told_at(item)) if version else "never"}


@click.command()
@console.ACCOUNT
@click.argument("record")
@console.STAGE
@console.JSON
@console.YES
def command(account_id: str, record: str, stage: str, as_json: bool, yes: bool) -> int:
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
    if not items.version_of(before):
        raise Trouble(f"The next change of {record} will be stored: nothing to repair.")
    out = console.results()
    if not as_json:
        columns = {"now": shown(before), "then": shown(before | {items.VERSION: NEVER})}
        compared = Table("", *columns, title=record, title_justify="left")
        for name in sorted(columns["now"]):
            compared.add_row(name, *(console.cell(column[name]) for column in columns.values()))
        out.print(compared)
    ahead = items.told_at(before) > console.now() + timedelta(seconds=1)
    why = "is in the future" if ahead else "is past: it blocks only changes that are older"
    console.ask(f"Its changed_at {why}. Set it to never, so that the next change is stored?", yes)
    after = shown(repair(target, key, before))
    if as_json:
        console.print_json({"record": record, "before": shown(before), "after": after})
    else:
        out.print(console.safe(f"{record} is unblocked. Ask the service manager to send it again."))
    return 0
