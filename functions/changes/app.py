"""POST /changes."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from typing import Any

from extending import answers, api, inbound, intake
from extending.inbound import Change, NotAnEvent
from extending.intake import Taken
from extending.runtime import Metric, count_at_once, logger, metrics, remaining_seconds, utc_now
from extending.store import Busy

PATH = "/changes"

MOST = 100
"""Changes in a request."""

AT_ONCE = 16
"""Changes that are written at the same time."""

BEGIN_WITHIN = 3.0
"""Seconds in which a change is begun with, or is to be sent again: two calls of the slowest then still end in time."""

app = api.resolver("POST", PATH)


@app.post(PATH)
def take_changes() -> api.Response[str]:
    """What the service manager tells over HTTPS, stored as sync stores it, with one result for each."""
    now = utc_now()
    api.machine(app)
    entries = entries_of(api.json_body(app, api.MOST_CHANGES))
    results: dict[int, answers.ChangeResult] = {}
    changes: dict[int, Change] = {}
    for number, entry in enumerate(entries):
        try:
            changes[number] = change_of(entry, now)
        except NotAnEvent as error:
            results[number] = {"result": "invalid", "fields": error.fields}
    for number, taken in take(changes, now, lambda: remaining_seconds(app.lambda_context)).items():
        if taken:
            intake.report(changes[number], taken)
        results[number] = result_of(taken)
    kinds = Counter(result["result"] for result in results.values())
    logger.info("changes taken", extra={"results": kinds})
    retry_after: dict[str, str] = {}
    if kinds["try_again"]:
        retry_after["Retry-After"] = "1"
        count_at_once(Metric.BATCH_TRY_AGAIN)
    return api.reply(HTTPStatus.OK, {"results": [results[number] for number in sorted(results)]}, retry_after)


def take(changes: Mapping[int, Change], now: datetime, time_left: Callable[[], float]) -> dict[int, Taken | None]:
    """Store changes, those of one thing one after the other; None for one that is to be sent again."""
    until = time.monotonic() + BEGIN_WITHIN

    def take_each(numbers: list[int]) -> dict[int, Taken | None]:
        return {number: take_one(number) for number in numbers}

    def take_one(number: int) -> Taken | None:
        if time.monotonic() > until:
            return None
        try:
            return intake.take(changes[number], now, time_left)
        except Busy:
            return None
        except Exception:  # Whatever it is, one change must not keep the others from their answers.
            logger.exception("change not stored")
            return None

    things: dict[tuple[str, ...], list[int]] = {}
    for number, change in changes.items():
        things.setdefault(inbound.thing(change), []).append(number)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return {number: taken for each in pool.map(take_each, things.values()) for number, taken in each.items()}


def result_of(taken: Taken | None) -> answers.ChangeResult:
    match taken:
        case None:
            return {"result": "try_again"}
        case Taken.TIE_LOST:
            return {"result": "stale", "reason": intake.TIE}
        case Taken.STORED | Taken.TIE_WON:
            return {"result": "stored"}
        case _:
            return {"result": "stale"}


def entries_of(body: object) -> list[object]:
    """The entries of a body; raises Refused where it is anything but {"changes": [1 to 100 entries]}."""

    def problem_of(entries: object) -> str | None:
        if not isinstance(entries, list) or isinstance(entries, api.Pairs):
            return "not a list"
        return None if 1 <= len(entries) <= MOST else f"1 to {MOST} are expected"

    entries: list[object] = api.only_field(body, "changes", problem_of)
    return entries


def change_of(entry: object, now: datetime) -> Change:
    """The change that an entry tells; raises NotAnEvent."""
    try:
        told = plain(entry, "")
    except RecursionError:
        raise NotAnEvent({"detail": "nested too deeply"}) from None
    if not isinstance(told, dict):
        raise NotAnEvent({"": 'an object is expected, as {"detail_type": "…", "detail": {…}}'})
    return inbound.read(told.get("detail_type"), told.get("detail"), now)


def plain(value: object, path: str) -> object:
    """What JSON says, its objects as dicts; raises NotAnEvent where a name is given twice."""
    if isinstance(value, api.Pairs):
        members: dict[str, object] = {}
        for name, member in value:
            # A name that no field of ours has is not repeated to whoever reads the answer.
            at = f"{path}{name}" if NAME.fullmatch(name) else f"{path}?"
            if name in members:
                raise NotAnEvent({at: "given more than once"})
            members[name] = plain(member, f"{at}.")
        return members
    return [plain(element, path) for element in value] if isinstance(value, list) else value


NAME = re.compile("[a-z_]{1,32}", re.ASCII)


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path=api.CORRELATION_ID)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return api.resolve(app, event, context)
