"""Changes that come in one list: each is read, applied and answered by itself."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from extending import answers, changes, inbound, wire
from extending.changes import Outcome
from extending.dynamo import Busy, TimeLeft
from extending.inbound import AheadOfClock, Change, NotAnEvent
from extending.runtime import logger

MOST = 100
"""Changes in a list."""

AT_ONCE = 16
"""Changes that are written at the same time."""

BEGIN_WITHIN = 3.0
"""Seconds after which no further change is begun: the rest is answered `try_again`, in time for two slowest calls."""


def store(
    entries: Sequence[object], now: datetime, time_left: TimeLeft
) -> tuple[list[answers.ChangeResult], int | None]:
    """Apply the changes. Returns a result for each and, if some must be sent again, the seconds to wait."""
    results: dict[int, answers.ChangeResult] = {}
    valid: dict[int, Change] = {}
    ahead = 0
    for number, entry in enumerate(entries):
        try:
            valid[number] = _change_in(entry, now)
        except NotAnEvent as error:
            results[number] = {"result": "invalid", "fields": error.fields}
        except AheadOfClock:
            results[number] = {"result": "try_again"}
            ahead += 1
    for number, outcome in _apply_all(valid, now, time_left).items():
        if outcome:
            changes.report(valid[number], outcome)
        results[number] = _result(valid[number], outcome)
    try_again = sum(result["result"] == "try_again" for result in results.values())
    # Where nothing but a clock is in the way, a second would not help.
    retry_after = (60 if try_again == ahead else 1) if try_again else None
    return [results[number] for number in sorted(results)], retry_after


def _apply_all(valid: Mapping[int, Change], now: datetime, time_left: TimeLeft) -> dict[int, Outcome | None]:
    """Store changes, those of one entity one after the other; None for one that is to be sent again."""
    until = time.monotonic() + BEGIN_WITHIN

    def apply_each(numbers: list[int]) -> dict[int, Outcome | None]:
        return {number: apply_one(number) for number in numbers}

    def apply_one(number: int) -> Outcome | None:
        if time.monotonic() > until:
            return None
        try:
            return changes.apply(valid[number], now, time_left)
        except Busy:
            return None
        except Exception:  # Whatever it is, one change must not keep the others from their answers.
            logger.exception("change not stored")
            return None

    entities: dict[tuple[str, ...], list[int]] = {}
    for number, change in valid.items():
        entities.setdefault(inbound.entity_key(change), []).append(number)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {number: outcome for each in pool.map(apply_each, entities.values()) for number, outcome in each.items()}


def _result(change: Change, outcome: Outcome | None) -> answers.ChangeResult:
    if outcome is None:
        return {"result": "try_again"}
    result: answers.Stored | answers.Stale = {"result": "stored"} if outcome.is_stored else {"result": "stale"}
    if outcome is Outcome.TIE_LOST:
        result = {"result": "stale", "reason": changes.TIE}
    if change.ignored:
        result["ignored"] = change.ignored
    return result


def _change_in(entry: object, now: datetime) -> Change:
    """The change in an entry; raises NotAnEvent and AheadOfClock."""
    try:
        event = wire.plain(entry)
    except wire.Unreadable as error:
        raise NotAnEvent({error.field: error.why}) from None
    if not isinstance(event, dict):
        raise NotAnEvent({"": 'an object is expected, as {"detail_type": "…", "detail": {…}}'})
    return inbound.read(event.get("detail_type"), event.get("detail"), now)
