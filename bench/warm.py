"""Warm: what a call of each route takes beside a bare handler that makes the same calls of the table."""

from collections.abc import Iterator
from typing import Any

from bench.engine import Block, Json, Worker, engine, event, told
from bench.measure import Cell, Figure, Sample, Table, interleaved
from bench.setup import Setup
from devkit.project import Trouble

BARE = {"extend": "extend", "limits": "limits", "changes": "changes"}
"""The bare handler of a function, where it is not that of a list."""

Turns = list[list[Json]]


def run(setup: Setup) -> list[Table]:
    """>= 1,000 calls of each, in blocks that take turns."""
    rounds, size = (2, 20) if setup.quick else (20, 50)
    calls = range((rounds + 1) * size)

    def same(function: str, **ids: str) -> tuple[Turns, Turns]:
        turns = [[event(function, account_id="A-USUAL", **ids)] * size] * (rounds + 1)
        return turns, turns

    def blocks(events: list[Json]) -> Turns:
        return [events[first : first + size] for first in range(0, len(events), size)]

    with engine(setup) as local:
        fill = local.worker("bench.handlers.fill:account")
        _account(fill, "A-USUAL", 3, 1)

        def extending(account: str) -> Turns:
            offers = _account(fill, account, len(calls), 0)
            ids = [{"account_id": account, "subscription_id": f"S-{number}"} for number in calls]
            return blocks([event("extend", offer_id=offers[number], **ids[number]) for number in calls])

        cases = {
            "list": same("list"),
            "offer": same("offer", subscription_id="S-2"),
            "limits": same("limits"),
            "extend": (extending("A-OURS"), extending("A-BARE")),
            "history": same("history"),
            "changes": (
                blocks([told(number, account_id="A-OURS") for number in calls]),
                blocks([told(number, account_id="A-BARE") for number in calls]),
            ),
        }
        workers: dict[str, Any] = {}
        for name, (ours, bare) in cases.items():
            beside = f"bench.handlers.bare:{BARE.get(name, 'view')}"
            for label, handler, turns in (
                (name, f"functions.{name}.app:handler", ours),
                (f"{name}, bare", beside, bare),
            ):
                workers[label] = _caller(local.worker(handler), handler, iter(turns))
        measured = interleaved(rounds, workers)
    note = (
        f"{rounds * size:,} calls of each on DynamoDB Local, in turns; the account has 3 subscriptions, 1 extension. "
        "A call of changes reports one."
    )
    return [_table("Warm: one call", note, measured, {"list": 1.3, "limits": 1.2, "extend": 1.3})]


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
