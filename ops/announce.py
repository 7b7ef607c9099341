"""Announce again, from the table, the grants, reminders and ends of a time.

The table holds all that was ever announced, and the events keep their ids: consumers who know them see nothing new.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import click

from devkit.stage import Stack, stack
from extending import items
from ops import console, table

STEPS = (items.GRANTED_AT, items.REMINDED_AT, items.REVOKED_AT)
"""Attributes that an extension's item gets one after the other; each has its event."""

AT_ONCE = 100
"""Records in one call of publish."""

CLOCKS = timedelta(minutes=10)
"""The most by which the functions' clock, which is in the items, and the stream's may differ."""


def announcements(target: Stack, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """Writes to extensions in a time, as records of the stream; reads the whole table."""
    written = " OR ".join(f"{step} BETWEEN :since AND :until" for step in STEPS)
    request: dict[str, Any] = {
        "FilterExpression": f"{items.TYPE} = :extension AND ({written})",
        "ExpressionAttributeValues": {
            ":extension": {"S": "extension"},
            ":since": {"N": str(int(since.timestamp()))},
            ":until": {"N": str(int(until.timestamp()))},
        },
    }
    for number, item in enumerate(table.scan(target, **request)):
        for place, step in enumerate(STEPS):
            if step in item and since.timestamp() <= int(item[step]["N"]) <= until.timestamp():
                later = {*STEPS[place + 1 :], *([] if step == items.REVOKED_AT else [items.REVOKED_BY])}
                after = {name: value for name, value in item.items() if name not in later}
                before = {name: value for name, value in after.items() if name != step}
                images = {"NewImage": after} | ({"OldImage": before} if place else {})
                yield {
                    "eventName": "MODIFY" if place else "INSERT",
                    "dynamodb": images | {"SequenceNumber": f"{number}{place}"},
                }


def announce(target: Stack, records: Iterable[dict[str, Any]]) -> tuple[int, str | None]:
    """Pass records to publish; returns the number that it accepted, and the reason why not all."""
    waiting, announced = iter(records), 0
    while chunk := list(islice(waiting, AT_ONCE)):
        if reason := hand_over(target, target.outputs["PublishFunctionArn"], {"Records": chunk}):
            return announced, reason
        announced += len(chunk)
    return announced, None


def hand_over(target: Stack, function: str, payload: Any) -> str | None:
    """Call a function; returns why it failed."""
    try:
        answer = target.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    answered = json.loads(answer["Payload"].read())
    failed = "FunctionError" in answer or (isinstance(answered, dict) and answered.get("batchItemFailures"))
    return f"failed again: {answered}" if failed else None


@click.command()
@click.argument("since", type=console.past)
@click.option("--until", metavar="INSTANT", type=console.past, help="End here instead of now.")
@console.STAGE
@console.JSON
@console.YES
def command(since: datetime, until: datetime | None, stage: str, as_json: bool, yes: bool) -> int:
    """Send the events since an instant again.

    Consumers who have missed them get them with their old ids.

    \b
    extending announce 2026-11-21T00:00:00Z --stage prod
    """
    if until and until < since:
        raise click.UsageError("--until is before the first instant")
    target = stack(stage)
    span = f"from {since.isoformat()} to {until.isoformat() if until else 'now'}"
    console.ask(f"Read the table ({table.size(target)}) and announce again the grants, reminders and ends {span}?", yes)
    announced, reason = announce(target, announcements(target, since, until or console.now() + CLOCKS))
    if as_json:
        console.print_json({"announced": announced, "reason": reason})
    else:
        console.results().print(console.safe(f"{announced} announced again" + (f", then: {reason}" if reason else ".")))
    return 1 if reason else 0
