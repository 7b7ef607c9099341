"""POST /changes."""

import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from typing import Any

from extending import answers, api, changes, inbound, wire
from extending.changes import Outcome
from extending.dynamo import Busy, TimeLeft
from extending.inbound import AheadOfClock, Change, NotAnEvent
from extending.runtime import Metric, count_at_once, logger, metrics, remaining_seconds, utc_now

PATH = "/changes"

MOST = 100
"""Changes in a request."""

AT_ONCE = 16
"""Changes that are written at the same time."""

BEGIN_WITHIN = 3.0
"""Seconds in which a change is begun with, or is to be sent again: two calls of the slowest then still end in time."""

app = api.resolver("POST", PATH)


@app.post(PATH)
def store_changes() -> api.Response[str]:
    """The service manager's changes over HTTPS, stored as sync stores them, with one result for each."""
    now = utc_now()
    api.require_machine_token(app)
    entries = entries_of(api.json_body(app, api.MOST_CHANGES))
    results: dict[int, answers.ChangeResult] = {}
    valid: dict[int, Change] = {}
    ahead = 0
    for number, entry in enumerate(entries):
        try:
            valid[number] = change_of(entry, now)
        except NotAnEvent as error:
            results[number] = {"result": "invalid", "fields": error.fields}
        except AheadOfClock:
            results[number] = {"result": "try_again"}
            ahead += 1
    for number, outcome in apply_all(valid, now, lambda: remaining_seconds(app.lambda_context)).items():
        if outcome:
            changes.report(valid[number], outcome)
        results[number] = result_of(valid[number], outcome)
    kinds = Counter(result["result"] for result in results.values())
    logger.info("changes stored", extra={"results": kinds})
    retry_after: dict[str, str] = {}
    if kinds["try_again"]:
        # Where nothing but a clock is in the way, a second would not help.
        retry_after["Retry-After"] = "60" if kinds["try_again"] == ahead else "1"
        count_at_once(Metric.BATCH_TRY_AGAIN)
    return api.reply(HTTPStatus.OK, {"results": [results[number] for number in sorted(results)]}, retry_after)


def apply_all(valid: Mapping[int, Change], now: datetime, time_left: TimeLeft) -> dict[int, Outcome | None]:
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


def result_of(change: Change, outcome: Outcome | None) -> answers.ChangeResult:
    if outcome is None:
        return {"result": "try_again"}
    result: answers.Stored | answers.Stale = {"result": "stored"} if outcome.is_stored else {"result": "stale"}
    if outcome is Outcome.TIE_LOST:
        result = {"result": "stale", "reason": changes.TIE}
    if change.ignored:
        result["ignored"] = change.ignored
    return result


def entries_of(body: object) -> list[object]:
    """The entries of a body; raises Refused where it is anything but {"changes": [1 to 100 entries]}."""

    def problem_of(entries: object) -> str | None:
        if not isinstance(entries, list) or isinstance(entries, wire.Pairs):
            return "not a list"
        return None if 1 <= len(entries) <= MOST else f"1 to {MOST} are expected"

    entries: list[object] = api.only_field(body, "changes", problem_of)
    return entries


def change_of(entry: object, now: datetime) -> Change:
    """The change in an entry; raises NotAnEvent and AheadOfClock."""
    try:
        event = wire.plain(entry)
    except wire.Unreadable as error:
        raise NotAnEvent({error.field: error.why}) from None
    if not isinstance(event, dict):
        raise NotAnEvent({"": 'an object is expected, as {"detail_type": "…", "detail": {…}}'})
    return inbound.read(event.get("detail_type"), event.get("detail"), now)


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
