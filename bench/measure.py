"""Samples, ratios and tables: what a section measures and how it is shown."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """The same measured several times, in the order of the rounds; shown as its median, and the least and the most."""

    values: Sequence[float]
    unit: str = "ms"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def over(self, other: "Sample") -> float:
        """The ratio to another, pair by pair, and of those the median: what disturbs one of a pair disturbs both."""
        return statistics.median(mine / its for mine, its in zip(self.values, other.values, strict=True))

    def __str__(self) -> str:
        digits = max(0, 3 - len(str(int(self.median))))
        least, most = min(self.values), max(self.values)
        return f"{self.median:,.{digits}f} ({least:,.{digits}f}–{most:,.{digits}f}) {self.unit}"

    def json(self) -> Any:
        return {
            "median": round(self.median, 4),
            "min": round(min(self.values), 4),
            "max": round(max(self.values), 4),
            "n": len(self.values),
            "unit": self.unit,
        }


@dataclass(frozen=True)
class Figure:
    """A ratio or a number, with the bound that it is to keep, if any."""

    value: float
    most: float | None = None
    least: float | None = None

    @property
    def kept(self) -> bool:
        shown = round(self.value, 2)
        return (self.most is None or shown <= self.most) and (self.least is None or shown >= self.least)

    def __str__(self) -> str:
        bounds = [f"{sign} {bound:g}" for sign, bound in (("≤", self.most), ("≥", self.least)) if bound is not None]
        mark = f" {'✓' if self.kept else '✗'} {' '.join(bounds)}" if bounds else ""
        return f"{self.value:.2f}{mark}"

    def json(self) -> Any:
        bounds = {"most": self.most, "least": self.least}
        return {"value": round(self.value, 4), "kept": self.kept} | {k: v for k, v in bounds.items() if v is not None}


Cell = str | int | Sample | Figure


@dataclass(frozen=True)
class Table:
    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        lines = [list(self.columns), ["---"] + ["--:"] * (len(self.columns) - 1)]
        lines += [[text(cell) for cell in row] for row in self.rows]
        return "\n".join([f"## {self.title}", "", self.note, "", *("| " + " | ".join(line) + " |" for line in lines)])

    def json(self) -> Any:
        rows = [[cell.json() if isinstance(cell, Sample | Figure) else cell for cell in row] for row in self.rows]
        return {"title": self.title, "note": self.note, "columns": list(self.columns), "rows": rows}


def text(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def interleaved(rounds: int, cases: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Call every case once in each round, each round beginning with another; the first round, which warms, is dropped.

    What disturbs the machine for a while disturbs all cases alike.
    """
    results: dict[str, list[T]] = {name: [] for name in cases}
    names = list(cases)
    for round_ in range(rounds + 1):
        start = round_ % len(names)
        for name in names[start:] + names[:start]:
            result = cases[name]()
            if round_:
                results[name].append(result)
    return results


def timed_process(command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> tuple[float, float]:
    """Milliseconds that a new process took to its end: on the clock, and of the processor."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=dict(environment), cwd=cwd)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000
