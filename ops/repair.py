"""Let the next change about a record in that a wrong `changed_at` keeps out: its version becomes 0, and nothing else.

What the record says stays as it is until the service manager tells it once more.
"""

from datetime import timedelta
from typing import Any

from rich.table import Table

from devkit.stage import Stack, stack
from extending import answers, items
from extending.items import Item
from extending.model import ID, USER_ID
from ops import console

NEVER: Item = {"N": "0"}
"""The version of what was never told."""


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
    raise console.Trouble(f"{record!r} is not a record: RECORD=account, member:U-1, subscription:S-1 or usage")


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
        raise console.Trouble("It was told anew meanwhile: nothing was changed. Look at it again.") from None
    after: Item = answer["Attributes"]
    return after


def shown(item: Item) -> dict[str, Any]:
    """A record's attributes, and its version as an instant."""
    values = {name: next(iter(value.values())) for name, value in item.items()}
    version = items.version_of(item)
    return values | {"changed_at": answers.instant(items.told_at(item)) if version else "never"}


def main() -> int:
    parser = console.arguments("repair", __doc__)
    parser.add_argument("--account", type=console.account_id, required=True, help="ACCOUNT=A-100")
    parser.add_argument("--record", required=True, help="RECORD=account, member:U-1, subscription:S-1, usage")
    parser.add_argument("--yes", action="store_true", help="YES=1: ask nothing")
    arguments = parser.parse_args()
    key = key_of(arguments.record, arguments.account)
    target = stack(arguments.stage)
    before = fetch(target, key)
    if before is None:
        raise console.Trouble(f"{arguments.account} has no record {arguments.record}.")
    if not items.version_of(before):
        raise console.Trouble(f"Whatever is told of {arguments.record} next is let in: nothing to repair.")
    out = console.told()
    if not arguments.json:
        out.print(compared(arguments.record, [("now", before), ("then", before | {items.VERSION: NEVER})]))
    ahead = items.told_at(before) > console.now() + timedelta(seconds=1)
    why = "is ahead of the clock" if ahead else "is past: it is in the way only if the service manager sends older ones"
    console.ask(f"Its changed_at {why}. Set it to never, so that the next change is stored?", arguments.yes)
    after = repair(target, key, before)
    if arguments.json:
        console.tell_json({"record": arguments.record, "before": shown(before), "after": shown(after)})
    else:
        out.print(
            console.cell(
                f"Done: {arguments.record} was last told {shown(after)['changed_at']}. Have it sent once more."
            )
        )
    return 0


def compared(record: str, versions: list[tuple[str, Item]]) -> Table:
    """A record now and then, attribute by attribute."""
    table = Table(title=record, title_justify="left")
    for head in ("", *(name for name, _ in versions)):
        table.add_column(head, overflow="fold")
    columns = [shown(item) for _, item in versions]
    for name in sorted(columns[0]):
        table.add_row(console.cell(name), *(console.cell(column[name]) for column in columns))
    return table


if __name__ == "__main__":
    console.run(main)
