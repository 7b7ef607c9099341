"""Warm: what a call of each route takes beside a bare handler that makes the same calls of the table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.engine import Block, Engine, Json, Worker, engine, event, told
from bench.measure import Cell, Figure, Sample, Table, interleaved
from bench.setup import Setup
from devkit.project import Trouble

BARE = {"extend": "extend", "limits": "limits", "changes": "changes"}
"""The bare handler of a function, where it is not that of a list."""


def run(setup: Setup) -> list[Table]:
    """>= 1,000 calls of each, in blocks that take turns."""
    rounds, size = (2, 20) if setup.quick else (25, 50)
    calls = (rounds + 1) * size
    with engine(setup) as local:
        fill = local.worker("bench.handlers.fill:account")
        _account(fill, "A-USUAL", 3, 1)
        reading = event("list", account_id="A-USUAL")
        asking = event("limits", account_id="A-USUAL")
        remembering = event("history", account_id="A-USUAL")
        offering = event("offer", account_id="A-USUAL", subscription_id="S-2")
        extending = [
            [
                event("extend", offer_id=offer, account_id=account, subscription_id=f"S-{number}")
                for number, offer in enumerate(_account(fill, account, calls, 0))
            ]
            for account in ("A-OURS", "A-BARE")
        ]
        blocks = _side_by_side(
            local,
            rounds,
            {
                "list": ([[reading] * size] * (rounds + 1), [[reading] * size] * (rounds + 1)),
                "offer": ([[offering] * size] * (rounds + 1), [[offering] * size] * (rounds + 1)),
                "limits": ([[asking] * size] * (rounds + 1), [[asking] * size] * (rounds + 1)),
                "extend": (_blocks(extending[0], size), _blocks(extending[1], size)),
                "history": ([[remembering] * size] * (rounds + 1), [[remembering] * size] * (rounds + 1)),
                "changes": (
                    _blocks([told(n, account_id="A-OURS") for n in range(calls)], size),
                    _blocks([told(n, account_id="A-BARE") for n in range(calls)], size),
                ),
            },
        )
    note = (
        f"{rounds * size:,} calls of each on DynamoDB Local, in turns; the account has 3 subscriptions, 1 extension. "
        "A call of changes tells one."
    )
    return [_table("Warm: one call", note, blocks, {"list": 1.3, "limits": 1.2, "extend": 1.3}), _hundred(setup)]


def _hundred(setup: Setup) -> Table:
    """As many changes as a request may have."""
    rounds, size = (2, 2) if setup.quick else (15, 4)
    requests = range((rounds + 1) * size)
    with engine(setup) as local:
        label = "changes of 100"
        cases = {
            label: (
                _blocks([told(n, 100, "A-OURS") for n in requests], size),
                _blocks([told(n, 100, "A-BARE") for n in requests], size),
            )
        }
        blocks = _side_by_side(local, rounds, cases)
    walls = {name: [wall for block in measured for wall in block.walls] for name, measured in blocks.items()}
    rows: list[list[Cell]] = []
    for name, measured in blocks.items():
        slowest = Figure(max(walls[name]), most=2.0 if name == label else None)
        cpu = Sample([block.cpu_per_call for block in measured])
        rows.append([name, cpu, Sample([1000 * wall for wall in walls[name]]), slowest])
    note = (
        f"{rounds * size} requests of each on DynamoDB Local, which shares the processor with what calls it; "
        "a request is to be answered within two seconds."
    )
    columns = ("handler", "processor a request", "time a request", "slowest, s")
    return Table("Warm: a hundred changes in a request", note, columns, rows)


Cases = Mapping[str, tuple[Sequence[list[Json]], Sequence[list[Json]]]]


def _side_by_side(local: Engine, rounds: int, cases: Cases) -> dict[str, list[Block]]:
    """Blocks of ours and of the bare handler in turns, each in an instance of its own."""
    workers: dict[str, Any] = {}
    for name, (ours, bare) in cases.items():
        function = name.split()[0]
        for label, handler, events in (
            (name, f"functions.{function}.app:handler", ours),
            (f"{name}, bare", f"bench.handlers.bare:{BARE.get(function, 'view')}", bare),
        ):
            workers[label] = _caller(local.worker(handler), handler, iter(events))
    return interleaved(rounds, workers)


def _caller(worker: Worker, handler: str, events: Iterator[list[Json]]) -> Any:
    def call() -> Block:
        block = worker.call(handler, next(events))
        if block.last["statusCode"] not in (200, 201) or "try_again" in block.last["body"]:
            raise Trouble(f"{handler} answered {block.last}. If that is try_again, the machine is too busy to measure.")
        return block

    return call


def _table(title: str, note: str, blocks: dict[str, list[Block]], most: dict[str, float]) -> Table:
    cpus = {name: Sample([block.cpu_per_call for block in measured]) for name, measured in blocks.items()}
    walls = {name: Sample([1000 * w for block in measured for w in block.walls]) for name, measured in blocks.items()}
    rows: list[list[Cell]] = []
    for name, cpu in cpus.items():
        row: list[Cell] = [name, cpu, walls[name]]
        if f"{name}, bare" in cpus:
            row.append(Figure(cpu.over(cpus[f"{name}, bare"]), most=most.get(name)))
            row.append(Figure(walls[name].over(walls[f"{name}, bare"])))
        else:
            row += ["", ""]
        rows.append(row)
    columns = ("handler", "processor a call", "time a call", "× bare, processor", "× bare, time")
    return Table(title, note, columns, rows)


def _account(fill: Worker, name: str, subscriptions: int, extended: int) -> list[str]:
    wanted = {"id": name, "subscriptions": subscriptions, "extended": extended}
    offers: list[str] = fill.call("bench.handlers.fill:account", [wanted]).last
    return offers


def _blocks(events: list[Json], size: int) -> list[list[Json]]:
    return [events[first : first + size] for first in range(0, len(events), size)]
