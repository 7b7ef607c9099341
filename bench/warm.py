"""Warm: what a call of each function takes beside a bare handler that makes the same calls of the table."""

import json
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import NamedTuple

from bench.accounts import account, due
from bench.engine import Block, Engine, Json, Worker, event, extend, members
from bench.measure import Row, Table, figure, interleaved, ratio, spread
from bench.setup import Setup
from devkit.project import Trouble

CALLS, BARE = "bench.handlers.asked:calls", "bench.handlers.bare:handler"


class Case(NamedTuple):
    """Calls of a function, of which `size` are made in a turn; `most` bounds the ratio of the processor's time."""

    function: str
    size: int
    request: Callable[[str, int], Json]
    """The event of the call with this number, of an account whose name begins so."""
    most: float | None = None
    due: int = 0
    """Extensions that wait for each call."""


def run(setup: Setup) -> list[Table]:
    rounds, size, waiting = (2, 20, 40) if setup.quick else (20, 50, 400)

    def read(name: str, **ids: str) -> Callable[[str, int], Json]:
        return lambda account_id, _: event(name, account_id=account_id, **ids)

    cases = {
        "list": Case("list", size, read("list"), 1.3),
        "offer": Case("offer", size, read("offer", subscription_id="S-2")),
        "limits": Case("limits", size, read("limits"), 1.2),
        "extend": Case("extend", size, lambda account_id, number: extend(f"{account_id}-GRANT", number), 1.3),
        "history": Case("history", size, read("history")),
        "changes": Case("changes", size, members),
        "100 changes": Case("changes", 1, lambda account_id, number: members(f"{account_id}-100", number, 100)),
        f"sweep of {waiting}": Case("expire", 1, lambda *_: {}, due=waiting),
    }
    with Engine(setup) as local:
        for account_id in ("A-OURS", "A-SAME", "A-BARE"):
            local.put(account(account_id, 3, extended=1))
            local.put(account(f"{account_id}-GRANT", (rounds + 1) * size))
        turns: dict[str, Callable[[], Block]] = {}
        recorder = local.worker()
        for name, case in cases.items():
            prepare = partial(local.put, list(due(case.due)))
            turns[name] = _ours(case, prepare, local.worker())
            turns[f"{name}, bare"] = _bare(case, prepare, local.worker(), recorder)
        blocks = interleaved(rounds, turns)
    note = (
        f"{rounds * size:,} calls of each on DynamoDB Local, in turns, {rounds} of 100 changes and of a sweep; the "
        "account has 3 subscriptions, 1 extension. A call of changes reports one, unless it says 100. The bare handler "
        "repeats what the function has asked of the table for another account, with as many threads."
    )
    return [Table("Warm: one call", note, _rows(cases, blocks))]


def _ours(case: Case, prepare: Callable[[], None], worker: Worker) -> Callable[[], Block]:
    """The next turn of a function."""
    handler, numbers = f"functions.{case.function}.app:handler", count()

    def turn() -> Block:
        prepare()
        block = worker.call(handler, *(case.request("A-OURS", next(numbers)) for _ in range(case.size)))
        answered = block.last.get("statusCode", 200) in (200, 201) and "try_again" not in block.last.get("body", "")
        if not answered or block.last.get("revoked", 0) < case.due:  # A write that is sent again revokes nothing.
            raise Trouble(f"{handler} answered {block.last}: if nothing else, the machine is too busy to measure.")
        return block

    return turn


def _bare(case: Case, prepare: Callable[[], None], worker: Worker, recorder: Worker) -> Callable[[], Block]:
    """The next turn of the bare handler: what the function calls for one account, for another."""
    handler, numbers = f"functions.{case.function}.app:handler", count()
    asked = {"handler": handler, "dynamodb": "extending.runtime:dynamodb"}

    def calls() -> Json:
        prepare()
        made = recorder.call(CALLS, asked | {"event": case.request("A-SAME", next(numbers))}).last
        return {"calls": json.loads(json.dumps(made).replace("A-SAME", "A-BARE"))}

    def turn() -> Block:
        repeated = [calls() for _ in range(case.size)]
        prepare()
        return worker.call(BARE, *repeated)

    return turn


def _rows(cases: dict[str, Case], blocks: dict[str, list[Block]]) -> list[Row]:
    cpus = {name: [block.cpu for block in measured] for name, measured in blocks.items()}
    walls = {name: [wall for block in measured for wall in block.walls] for name, measured in blocks.items()}
    rows: list[Row] = []
    for name, cpu in cpus.items():
        row: Row = {"handler": name, "processor a call": spread(cpu), "time a call": spread(walls[name])}
        if case := cases.get(name):
            bare = f"{name}, bare"
            row["× bare, processor"] = ratio(cpu, cpus[bare], case.most)
            row["× bare, time"] = ratio(walls[name], walls[bare], 1.25 if case.due else None)
        if name == "100 changes":
            row["slowest, s"] = figure(max(walls[name]) / 1000, 2.0)
        rows.append(row)
    return rows
