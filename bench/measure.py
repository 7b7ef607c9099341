"""Figures and tables: how what was measured is shown."""

import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")

Row = dict[str, str | int]
"""Cells by column; a row may leave columns out."""


class Table(NamedTuple):
    title: str
    note: str
    rows: Sequence[Row]

    def markdown(self) -> str:
        columns = list(dict.fromkeys(column for row in self.rows for column in row))
        cells = [[_text(row.get(column, "")) for column in columns] for row in self.rows]
        lines = [columns, ["---"] + ["--:"] * (len(columns) - 1), *cells]
        return "\n".join([f"## {self.title}", "", self.note, "", *("| " + " | ".join(line) + " |" for line in lines)])


def _text(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def spread(times: Sequence[float]) -> str:
    """The median of milliseconds, and the least and the most."""
    median = statistics.median(times)
    digits = max(0, 3 - len(str(int(median))))
    return f"{median:,.{digits}f} ({min(times):,.{digits}f}–{max(times):,.{digits}f}) ms"


def ratio(ours: Sequence[float], theirs: Sequence[float], most: float | None = None) -> str:
    """The median of the ratios of each pair, in the order of the rounds: what disturbs one disturbs both."""
    return figure(statistics.median(mine / its for mine, its in zip(ours, theirs, strict=True)), most)


def figure(value: float, most: float | None = None) -> str:
    """A number, with the bound that it is to keep, if any."""
    if most is None:
        return f"{value:.2f}"
    return f"{value:.2f} {'✓' if round(value, 2) <= most else '✗'} ≤ {most:g}"


def interleaved(rounds: int, cases: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Call every case once in each round, each round beginning with another; the first round, which warms, is dropped.

    What disturbs the machine for a while disturbs all cases alike.
    """
    results: dict[str, list[T]] = {name: [] for name in cases}
    names = deque(cases)
    for _ in range(rounds + 1):
        for name in names:
            results[name].append(cases[name]())
        names.rotate(-1)
    return {name: measured[1:] for name, measured in results.items()}
