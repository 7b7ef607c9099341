"""How it grows: operations at sizes that lie orders apart, and what stops each first."""

import json
import statistics
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bench.engine import Engine, Json, changes, engine, event, told
from bench.measure import Cell, Table
from bench.setup import Setup
from devkit.builders import account_removed, iso
from devkit.project import ROOT
from devkit.service import machine_event

PICTURE = ROOT / "docs" / "images" / "growth.png"
FILL, DUE = "bench.handlers.fill:account", "bench.handlers.fill:due"
COST = "bench.handlers.asked:cost"
TIMEOUT = 28
"""Seconds of a function behind the API, which itself waits for 30 at the most."""

SWEEP = 41
"""Seconds of each minute in which a sweep begins something."""


class Point(NamedTuple):
    """One operation at one size; seconds, round trips and units of one call, megabytes of the process at the most."""

    size: int
    seconds: float
    memory: float
    trips: int | None = None
    read: float = 0
    write: float = 0


def run(setup: Setup) -> list[Table]:
    rows = (1, 10, 50) if setup.quick else (1, 50, 500, 5_000)
    due = (100, 200, 400) if setup.quick else (1_000, 4_000, 16_000)
    with engine(setup) as local:
        fill = local.worker(FILL, libraries=setup.default)
        for size in rows:
            fill.call(FILL, [{"id": f"A-{size}", "subscriptions": size, "extended": 1}])
        curves = {
            "list, rows of the account": [_cost(local, "list", size, [_of("list", size)] * 9) for size in rows],
            "limits, rows of the account": [_cost(local, "limits", size, [_of("limits", size)] * 9) for size in rows],
            "removal, items of the account": [_cost(local, "changes", size, [_removal(size)]) for size in rows],
            "changes, in one request": [
                _cost(local, "changes", size, [told(number, size) for number in range(size, size + 9)])
                for size in (1, 10, 100)
            ],
        }
    curves["sweep, due extensions"] = [_sweep(setup, size) for size in due]
    if not setup.quick:
        _draw(setup, curves)
    return [_measured(curves), _stops(curves)]


def _of(function: str, size: int) -> Json:
    if function == "limits":
        return machine_event("limits", {"account_id": f"A-{size}"})
    return event(function, account_id=f"A-{size}")


def _removal(size: int) -> Json:
    return changes(("AccountRemoved", account_removed(account_id=f"A-{size}", changed_at=iso(datetime.now(UTC)))))


def _cost(local: Engine, function: str, size: int, events: Sequence[Json]) -> Point:
    """The median of these calls, in an instance of its own; of more than one the first, which warms, is dropped."""
    worker = local.worker(COST)
    asked = {"handler": f"functions.{function}.app:handler", "client": "extending.runtime:dynamodb"}
    block = worker.call(COST, [asked | {"event": each} for each in events])
    assert block.last["answer"].get("statusCode", 200) == 200, block.last
    seconds = statistics.median(block.walls[1:] or block.walls)
    return Point(size, seconds, block.peak / 1024, *(block.last[name] for name in ("trips", "read", "write")))


def _sweep(setup: Setup, size: int) -> Point:
    with engine(setup) as local:
        local.worker(DUE, libraries=setup.default).call(DUE, [{"count": size}])
        return _cost(local, "expire", size, [{}])


def _line(points: Sequence[Point], of: Callable[[Point], float] = lambda point: point.seconds) -> tuple[float, float]:
    """Slope and intercept through all points but the smallest, which shows what a call costs at all."""
    return statistics.linear_regression([point.size for point in points[-3:]], [of(point) for point in points[-3:]])


def _measured(curves: dict[str, list[Point]]) -> Table:
    rows: list[list[Cell]] = []
    for name, points in curves.items():
        for point in points:
            spent = (point.trips, f"{point.read:,g}", f"{point.write:,g}") if point.trips is not None else ("", "", "")
            rows.append([name, point.size, _seconds(point.seconds), *spent, f"{point.memory:.0f} MB"])
        if name.startswith("sweep"):
            slope, intercept = _line(points)
            rows.append([name, "1,000,000, extrapolated", _seconds(1e6 * slope + intercept), "", "", "", ""])
    note = (
        "Median of 8 calls on DynamoDB Local, which shares the processor with what calls it; removal and sweep "
        "once. Units by AWS's rules. Each size has an instance of its own; memory is the most that it held. "
        "Extrapolated: a straight line through three measured points. Rows are subscriptions, and one extension."
    )
    return Table(
        "How it grows", note, ("operation", "size", "time", "round trips", "read units", "write units", "memory"), rows
    )


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _stops(curves: dict[str, list[Point]]) -> Table:
    """What stops each first on AWS, and at what size, by the lines through what was measured."""
    rows: list[list[Cell]] = []
    for name in ("list, rows of the account", "limits, rows of the account"):
        largest = curves[name][-1]
        at = _at(curves[name], 1_024, lambda point: point.memory), _at(curves[name], TIMEOUT)
        which = ("Lambda: MemorySize of 1,024 MB", f"Lambda: Timeout of {TIMEOUT} s")[at[1] < at[0]]
        often = f"{3_000 / largest.read:,.0f} calls a second of one account with {largest.size:,} rows"
        rows.append([name, which, f"{min(at):,.0f}", f"DynamoDB: 3,000 read units a second of one partition: {often}"])
    name = "removal, items of the account"
    at = _at(curves[name], TIMEOUT), 1_000 * TIMEOUT
    which = (f"Lambda: Timeout of {TIMEOUT} s", "DynamoDB: 1,000 write units a second of one partition")[at[1] < at[0]]
    rows.append([name, which, f"{min(at):,.0f}", "the same change again goes on from there"])
    name = "changes, in one request"
    each = curves[name][-1].write / curves[name][-1].size
    often = (
        f"DynamoDB: 1,000 write units a second of one partition: {1_000 / each:,.0f} changes a second of one account"
    )
    rows.append([name, "the contract: 100 in a request", "100", often])
    name = "sweep, due extensions"
    often = "DynamoDB: 1,000 writes a second of one partition of the index, eight of them: 8,000 revocations a second"
    rows.append([name, f"Lambda: {SWEEP} s of its Timeout of 55 s", f"{_at(curves[name], SWEEP):,.0f} a minute", often])
    note = "Sizes by straight lines, with the processor of this machine; on AWS a function of 1,024 MB has 0.6 of one."
    return Table("Where it stops", note, ("operation", "stops first", "at about", "and"), rows)


def _at(points: Sequence[Point], bound: float, of: Callable[[Point], float] = lambda point: point.seconds) -> float:
    """The size at which the line reaches a bound."""
    slope, intercept = _line(points, of)
    return (bound - intercept) / slope


def _draw(setup: Setup, curves: dict[str, list[Point]]) -> None:
    """The picture, by the Python that has the library for it."""
    data = {
        name: {"points": [(point.size, point.seconds) for point in points], "line": _line(points)}
        for name, points in curves.items()
    }
    command = [setup.python, str(ROOT / "bench" / "picture.py"), str(PICTURE)]
    subprocess.run(command, input=json.dumps(data), text=True, check=True, env=setup.environment(setup.peers))
