"""Announce again, from the table, what was written to extensions in a time: grants, reminders, ends.

All that was ever announced stands there, and the events have their old ids: consumers who know them see nothing new.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from devkit.stage import Stack, stack
from extending import items
from extending.items import Item
from ops import console, table

STEPS = (items.GRANTED_AT, items.REMINDED_AT, items.REVOKED_AT)
"""What is added to an extension's item, one after the other; each has its event."""

AT_ONCE = 100
"""Records that publish is given in one call."""

CLOCKS = timedelta(minutes=10)
"""How far the clock of the functions, which is in the items, may be from that of the stream, with a write's time."""


def announcements(
    target: Stack, since: datetime, until: datetime, seen: Callable[[int], object] = lambda _: None
) -> Iterator[dict[str, Any]]:
    """What was written to extensions in a time, as records of the stream; reads the whole table.

    `seen` is told how many items each page has taken.
    """
    written = " OR ".join(f"{step} BETWEEN :since AND :until" for step in STEPS)
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=target.outputs["TableName"],
            FilterExpression=f"{items.TYPE} = :extension AND ({written})",
            ExpressionAttributeValues={
                ":extension": {"S": "extension"},
                ":since": {"N": str(int(since.timestamp()))},
                ":until": {"N": str(int(until.timestamp()))},
            },
        )
    )

    def found() -> Iterator[Item]:
        for page in pages:
            seen(page["ScannedCount"])
            yield from page["Items"]

    for number, item in enumerate(found()):
        for place, step in enumerate(STEPS):
            if step in item and since.timestamp() <= int(item[step]["N"]) <= until.timestamp():
                after = {name: value for name, value in item.items() if name not in STEPS[place + 1 :]}
                before = {name: value for name, value in after.items() if name != step}
                images = {"NewImage": after} | ({"OldImage": before} if place else {})
                yield {
                    "eventName": "MODIFY" if place else "INSERT",
                    "dynamodb": images | {"SequenceNumber": f"{number}{place}"},
                }


def announce(target: Stack, records: Iterable[dict[str, Any]]) -> tuple[int, str | None]:
    """Hand records to publish; returns how many it took, and why not all."""
    waiting, taken = iter(records), 0
    while chunk := list(islice(waiting, AT_ONCE)):
        if reason := hand_over(target, target.outputs["PublishFunctionArn"], {"Records": chunk}):
            return taken, reason
        taken += len(chunk)
    return taken, None


def hand_over(target: Stack, function: str, payload: Any) -> str | None:
    """Call a function; returns why it did not take the payload."""
    try:
        answer = target.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    said = json.loads(answer["Payload"].read())
    failed = "FunctionError" in answer or (isinstance(said, dict) and said.get("batchItemFailures"))
    return f"failed again: {said}" if failed else None


def main() -> int:
    parser = console.arguments("announce", __doc__)
    parser.add_argument("--from", dest="since", type=console.past, required=True, help="FROM=2026-11-21T00:00:00Z")
    parser.add_argument("--to", dest="until", type=console.past, help="TO=…: until now without it")
    parser.add_argument("--yes", action="store_true", help="YES=1: ask nothing")
    arguments = parser.parse_args()
    since, until = arguments.since, arguments.until or console.now() + CLOCKS
    if until < since:
        raise console.Trouble("FROM is after TO.")
    target = stack(arguments.stage)
    size = table.size(target)
    span = f"from {since.isoformat()} to {arguments.until.isoformat() if arguments.until else 'now'}"
    console.ask(f"Read the table ({size}) and announce again what was written to extensions {span}?", arguments.yes)
    with console.progress() as bar:
        reading = bar.add_task("Announcing", total=size.items or None)
        records = announcements(target, since, until, lambda seen: bar.advance(reading, seen))
        taken, reason = announce(target, records)
    if arguments.json:
        console.tell_json({"announced": taken, "reason": reason})
    else:
        console.told().print(console.cell(f"{taken} announced again" + (f", then: {reason}" if reason else ".")))
    return 1 if reason else 0


if __name__ == "__main__":
    console.run(main)
