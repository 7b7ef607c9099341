"""The table's stream: announce on the bus what has been written to extensions."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from extending import accounts, bus, failures, items
from extending.bus import Announcement
from extending.metric import Metric
from extending.model import Allowance, ExtensionEvent
from extending.runtime import count, logger

Record = dict[str, Any]

PROBE = {"S": "probe"}
"""The type of the item that the template's probe writes: it shows that the way from the table to here is open."""


READ_WITHIN = 3.0
"""Seconds in which a batch begins to read accounts; a read and a call of the bus at their slowest then still fit."""


class Accounts:
    """Reads of the accounts that are reminded; after a failure, or too long, reminders go without them."""

    def __init__(self) -> None:
        self._until = time.monotonic() + READ_WITHIN

    def complete(self, reminder: Announcement) -> Announcement | None:
        """The reminder with the limits after the end, where they are known; None if that is over or deleted."""
        extension = reminder.extension
        if time.monotonic() > self._until:
            return reminder
        try:
            holdings = accounts.holdings(extension.account_id)
        except Exception:  # A reminder waits for nothing.
            self._until = 0
            logger.warning("account not read, reminded without what is left", exc_info=True)
            return reminder
        stored = holdings.extensions.get((extension.subscription_id, extension.period))
        if not stored or stored.id != extension.id or stored.ended_early:
            return None
        limits = holdings.limits(extension.ends_at)
        return reminder._replace(after_end=Allowance(limits.sessions, limits.databases))


def announcement(record: Record) -> Announcement | None:
    """The event that a change of an extension announces, if any; raises for a record of anything else."""
    change = record["dynamodb"]
    old, new = change.get("OldImage"), change.get("NewImage")
    if not new or new.get(items.TYPE) == PROBE:
        return None
    event = items.event_between(old, new)
    return Announcement(event, items.extension_from(new), items.correlation_id_of(new)) if event else None


def too_late(announced: Announcement, now: datetime) -> bool:
    """True for a reminder after the end, however long the bus was away."""
    return announced.event is ExtensionEvent.ENDS_SOON and not announced.extension.runs(now)


def announce(records: Sequence[Record], now: datetime, function_arn: str) -> list[str]:
    """Put what the records announce on the bus, in chunks and in the order of each extension.

    Stops at the first record that the bus refuses. Returns the sequence numbers of the records that Lambda must send
    again; Lambda starts again at the first of them. A record that cannot be read goes to the failure queue once
    everything before it is out.
    """
    again: list[str] = []
    read = Accounts()
    chunk: list[tuple[Record, Announcement]] = []
    for record in records:
        try:
            announced = announcement(record)
        except Exception as error:
            if refused := put(chunk):
                return [*again, refused]
            chunk = []
            if not failures.keep({"Records": [record]}, error, function_arn):
                again.append(number_of(record))
            continue
        if announced is None or too_late(announced, now):
            continue
        if announced.event is ExtensionEvent.ENDS_SOON:
            announced = read.complete(announced)
            if announced is None:
                continue
        # Never two of one extension in a call: the first might fail alone.
        if len(chunk) == bus.MOST_ENTRIES or announced.extension.id in {a.extension.id for _, a in chunk}:
            if refused := put(chunk):
                return [*again, refused]
            chunk = []
        chunk.append((record, announced))
    if refused := put(chunk):
        again.append(refused)
    return again


def put(chunk: Sequence[tuple[Record, Announcement]]) -> str | None:
    """Put a chunk on the bus; the sequence number of the first record that was not taken, if any."""
    if not chunk:
        return None
    try:
        refusals = bus.put([announced for _, announced in chunk])
    except Exception as error:
        logger.warning("record to be repeated", extra={"error": type(error).__name__, "reason": str(error)})
        return number_of(chunk[0][0])
    count(Metric.PUBLISHED, refusals.count(None))
    for (record, _), refusal in zip(chunk, refusals, strict=True):
        if refusal:
            logger.warning("record to be repeated", extra={"error": "NotTaken", "reason": refusal})
            return number_of(record)
    return None


def number_of(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])
