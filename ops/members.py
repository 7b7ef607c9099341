"""Bring members to where they stand now: from a partition for each user into that of their account.

Before the upgrade it copies, while the functions of before go on with the old items; after it, it takes over what was
told meanwhile and deletes the old ones. It may be stopped, and run as often as one likes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from extending import items
from extending.items import Item
from ops import console
from ops.stage import stack


class Moved(NamedTuple):
    copied: int
    known: int
    deleted: int


def old_members(dynamodb: Any, table: str) -> Iterator[Item]:
    """Members as they were stored until 0.1; reads the whole table."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression=f"begins_with({items.PARTITION}, :user) AND {items.TYPE} = :member",
        ExpressionAttributeValues={":user": {"S": "U#"}, ":member": {"S": "member"}},
    )
    for page in pages:
        yield from page["Items"]


def move(dynamodb: Any, table: str, *, delete: bool) -> Moved:
    """Put each old member where it belongs, unless something as new is there; delete the old ones where asked to."""
    copied = known = deleted = 0
    for old in old_members(dynamodb, table):
        account = old[items.SORT]["S"].removeprefix("A#")
        key = items.member_key(old[items.PARTITION]["S"].removeprefix("U#"), account)
        try:
            dynamodb.put_item(
                TableName=table,
                Item={**old, **key},
                ConditionExpression=f"attribute_not_exists({items.VERSION}) OR {items.VERSION} < :version",
                ExpressionAttributeValues={":version": old[items.VERSION]},
            )
            copied += 1
        except dynamodb.exceptions.ConditionalCheckFailedException:
            known += 1
        if delete:
            old_key = {name: old[name] for name in (items.PARTITION, items.SORT)}
            dynamodb.delete_item(TableName=table, Key=old_key)
            deleted += 1
    return Moved(copied, known, deleted)


def main() -> int:
    parser = console.arguments("move-members", __doc__)
    parser.add_argument("--delete", action="store_true", help="DELETE=1: after the upgrade, delete the old items")
    parser.add_argument("--yes", action="store_true", help="YES=1: ask nothing")
    arguments = parser.parse_args()
    target = stack(arguments.stage)
    then = " and delete the old items" if arguments.delete else ""
    console.ask(
        f"Read all of {target.name}'s table, copy members of version 0.1 into their accounts{then}?", arguments.yes
    )
    moved = move(target.client("dynamodb"), target.outputs["TableName"], delete=arguments.delete)
    if arguments.json:
        console.tell_json(moved._asdict())
    else:
        out = console.told()
        out.print(f"{moved.copied} copied, {moved.known} known already, {moved.deleted} old ones deleted")
    return 0


if __name__ == "__main__":
    console.run(main)
