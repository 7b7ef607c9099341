"""Growth: operations at sizes that lie orders apart, and what stops each first."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from bench.accounts import account, due, items_of
from bench.engine import TABLE, Engine, Json, changes, event, members
from bench.measure import Row, Table
from bench.setup import Setup
from devkit.builders import account_removed, iso
from devkit.project import ROOT

PICTURE = ROOT / "docs" / "images" / "growth.png"
COST = "bench.handlers.asked:cost"
LIST, LIMITS, REMOVAL = "list, rows of the account", "limits, rows of the account", "removal, items of the account"
BATCH, SWEEP, REPORT = "changes, in one request", "sweep, due extensions", "report, accounts of the table"
TIMEOUT = 28
"""Seconds of a function behind the API, which itself waits for 30 at the most."""

SWEEPING = 41
"""Seconds of each minute in which a sweep begins something."""


class Point(NamedTuple):
    """One operation at one size; seconds, round trips and units of one call, megabytes of the process at the most."""

    size: int
    seconds: float
    memory: float
    trips: int | None = None
    read: float = 0
    write: float = 0


Curves = dict[str, list[Point]]


def run(setup: Setup) -> list[Table]:
    rows = (1, 10, 50) if setup.quick else (1, 50, 500, 5_000)
    waiting = (100, 200, 400) if setup.quick else (1_000, 4_000, 16_000)
    accounts = (100, 200, 400) if setup.quick else (500, 2_000, 8_000)
    with Engine(setup) as local:
        for size in rows:
            local.put(account(f"A-{size}", size, extended=1))

        def reads(function: str) -> list[Point]:
            return [_cost(local, function, size, [event(function, account_id=f"A-{size}")] * 9) for size in rows]

        def batch(size: int) -> Point:
            return _cost(local, "changes", size, [members("A-BATCH", size + number, size) for number in range(9)])

        curves = {
            LIST: reads("list"),
            LIMITS: reads("limits"),
            REMOVAL: [_cost(local, "changes", size, [_removal(size)]) for size in rows],
            BATCH: [batch(size) for size in (1, 10, 100)],
        }
    curves[SWEEP] = [_sweep(setup, size) for size in waiting]
    curves[REPORT] = [_report(setup, size) for size in accounts]
    if not setup.quick:
        _draw(setup, curves)
    return [_measured(curves), _stops(curves)]


def _removal(size: int) -> Json:
    return changes(("AccountRemoved", account_removed(account_id=f"A-{size}", changed_at=iso(datetime.now(UTC)))))


def _cost(local: Engine, function: str, size: int, events: Sequence[Json]) -> Point:
    """The median of these calls, in an instance of its own; of more than one the first, which warms, is dropped."""
    handler = f"functions.{function}.app:handler"
    asked = {"handler": handler, "dynamodb": "extending.runtime:dynamodb"}
    worker = local.worker()
    worker.call(handler)
    block = worker.call(COST, *(asked | {"event": each} for each in events))
    assert block.last["answer"].get("statusCode", 200) == 200, block.last
    seconds = statistics.median(block.walls[1:] or block.walls) / 1000
    return Point(size, seconds, block.peak / 1024, *(block.last[name] for name in ("trips", "read", "write")))


def _sweep(setup: Setup, size: int) -> Point:
    with Engine(setup) as local:
        local.put(due(size))
        return _cost(local, "expire", size, [{}])


REPORT_CODE = """
import sys
import boto3
from bench.worker import peak
from devkit.stage import Stack
from ops import report
session = boto3.Session("bench", "bench", region_name="us-east-1")
report.stack = lambda _: Stack("bench", {"TableName": sys.argv[1]}, session, sys.argv[2])
report.command.main(["--json", "--rate", "1e9"], standalone_mode=False)
print(peak(), file=sys.stderr)
"""


def _report(setup: Setup, size: int) -> Point:
    """The operator's program on a table of so many accounts, as it is started by hand."""
    with Engine(setup) as local:
        local.put(items_of(size))
        command = [sys.executable, "-c", REPORT_CODE, TABLE, local.url]
        started = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        return Point(size, time.perf_counter() - started, int(ended.stderr.split()[-1]) / 1024)


def _measured(curves: Curves) -> Table:
    rows: list[Row] = []
    for name, points in curves.items():
        for point in points:
            row: Row = {"operation": name, "size": point.size, "time": _seconds(point.seconds)}
            if point.trips is not None:
                units = {"read units": f"{point.read:,g}", "write units": f"{point.write:,g}"}
                row |= {"round trips": point.trips, **units}
            rows.append(row | {"memory": f"{point.memory:.0f} MB"})
        if ahead := _ahead(name, points):
            rows.append({"operation": name, "size": "1,000,000, extrapolated", "time": _seconds(ahead)})
    note = (
        "Median of 8 calls on DynamoDB Local, which shares the processor with what calls it; removal, sweep and "
        "report once. Units by AWS's rules. Each size has an instance of its own; memory is the most that it held. "
        "Extrapolated: a straight line through three measured points. Rows are subscriptions, and one extension."
    )
    return Table("How it grows", note, rows)


def _ahead(name: str, points: Sequence[Point]) -> float | None:
    """Seconds for a million of what may become so many."""
    slope, intercept = _line(points)
    return 1e6 * slope + intercept if name in (SWEEP, REPORT) else None


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.1f} s"


def _stops(curves: Curves) -> Table:
    """The first bound of each on AWS, and at what size, by the lines through what was measured."""
    memory, timeout = "Lambda: MemorySize of 1,024 MB", f"Lambda: Timeout of {TIMEOUT} s"
    units = "DynamoDB: 1,000 write units a second of one partition"
    rows: list[Row] = []
    for name in (LIST, LIMITS):
        sizes = {memory: _at(curves[name], 1_024, "memory"), timeout: _at(curves[name], TIMEOUT)}
        largest = curves[name][-1]
        often = f"{3_000 / largest.read:,.0f} calls a second of one account with {largest.size:,} rows"
        rows.append(_stop(name, sizes, f"DynamoDB: 3,000 read units a second of one partition: {often}"))
    largest = curves[BATCH][-1]
    often = f"{1_000 * largest.size / largest.write:,.0f} changes a second of one account"
    sizes = {timeout: _at(curves[REMOVAL], TIMEOUT), units: 1_000.0 * TIMEOUT}
    sweeping = f"Lambda: {SWEEPING} s of each minute, 0.75 of its Timeout"
    shards = "DynamoDB: 1,000 writes a second of one partition of the index, eight of them: 8,000 revocations a second"
    nothing = "nothing: it reads 1,000 units a second (`--rate`)"
    rows += [
        _stop(REMOVAL, sizes, "the same change again goes on from there"),
        _stop(BATCH, {"the contract: 100 in a request": 100}, f"{units}: {often}"),
        _stop(SWEEP, {sweeping: _at(curves[SWEEP], SWEEPING)}, shards),
        {"operation": REPORT, "stops first": nothing, "and": "the processor of who runs it, see above"},
    ]
    note = "Sizes by straight lines, with the processor of this machine; on AWS a function of 1,024 MB has 0.6 of one."
    return Table("Where it stops", note, rows)


def _stop(name: str, sizes: dict[str, float], also: str) -> Row:
    first = min(sizes, key=lambda bound: sizes[bound])
    return {"operation": name, "stops first": first, "at about": f"{sizes[first]:,.0f}", "and": also}


def _line(points: Sequence[Point], what: str = "seconds") -> tuple[float, float]:
    """Slope and intercept through all points but the smallest, which shows what a call costs at all."""
    largest = points[-3:]
    return statistics.linear_regression([point.size for point in largest], [getattr(point, what) for point in largest])


def _at(points: Sequence[Point], bound: float, what: str = "seconds") -> float:
    """The size at which the line reaches a bound."""
    slope, intercept = _line(points, what)
    return (bound - intercept) / slope


def _draw(setup: Setup, curves: Curves) -> None:
    """The picture, by the Python that has the library for it."""
    data = {
        name: {"points": [(point.size, point.seconds) for point in points], "ahead": _ahead(name, points)}
        for name, points in curves.items()
    }
    command = [setup.python, str(ROOT / "bench" / "picture.py"), str(PICTURE)]
    subprocess.run(command, input=json.dumps(data), text=True, check=True, env=setup.environment(setup.peers))
