"""The table's stream: announce on the bus what has been written to extensions."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from extending import bus, failures, items, store
from extending.bus import Announcement
from extending.model import Allowance, Extension, ExtensionEvent
from extending.runtime import Metric, count, logger, metrics, utc_now

Record = dict[str, Any]

PROBE = {"S": "probe"}
"""The type of the item that the template's probe writes: it shows that the way from the table to here is open."""


READ_WITHIN = 3.0
"""Seconds in which a batch begins to read accounts; a read and a call of the bus at their slowest then still fit."""


class Accounts:
    """What accounts are left with when an extension ends; after a failure, or too long, reminders go without it."""

    def __init__(self) -> None:
        self._until = time.monotonic() + READ_WITHIN

    def after_end(self, extension: Extension) -> Allowance | None:
        """From its end on, as far as is known now."""
        if time.monotonic() > self._until:
            return None
        try:
            limits = store.holdings(extension.account_id).limits(extension.ends_at)
        except Exception:  # A reminder waits for nothing.
            self._until = 0
            logger.warning("account not read, reminded without what is left", exc_info=True)
            return None
        return Allowance(limits.sessions, limits.databases)


def announcement(record: Record) -> Announcement | None:
    """What a change of an extension announces, if anything; raises for a record that tells no such change."""
    change = record["dynamodb"]
    old, new = change.get("OldImage"), change.get("NewImage")
    if not new or new.get(items.TYPE) == PROBE:
        return None
    event = items.event_between(old, new)
    return Announcement(event, items.extension_from(new), items.correlation_id_of(new)) if event else None


def too_late(announced: Announcement, now: datetime) -> bool:
    """After the end nobody is told that it is near, however long the bus was away."""
    return announced.event is ExtensionEvent.ENDS_SOON and not announced.extension.runs(now)


def announce(records: Sequence[Record], now: datetime, function_arn: str) -> list[str]:
    """Put what the records announce on the bus, in chunks and in the order of each extension.

    At the first record that the bus does not take it ends. Returns the sequence numbers of the records to be brought
    again: Lambda begins anew with the first of them. A record that cannot be read goes to the failure queue once
    everything before it is out.
    """
    again: list[str] = []
    accounts = Accounts()
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
            announced = announced._replace(after_end=accounts.after_end(announced.extension))
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


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    again = announce(event["Records"], utc_now(), context.invoked_function_arn)
    return {"batchItemFailures": [{"itemIdentifier": number} for number in again]}
