"""Samples, ratios and tables: what a section measures and how it is shown."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

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


@dataclass(frozen=True)
class Figure:
    """A ratio or a number, with the bound that it is to keep, if any."""

    value: float
    most: float | None = None

    @property
    def kept(self) -> bool:
        return self.most is None or round(self.value, 2) <= self.most

    def __str__(self) -> str:
        mark = f" {'✓' if self.kept else '✗'} ≤ {self.most:g}" if self.most is not None else ""
        return f"{self.value:.2f}{mark}"


Cell = str | int | Sample | Figure
Row = dict[str, Cell]
"""Cells by column; a row may leave columns out."""


@dataclass(frozen=True)
class Table:
    title: str
    note: str
    rows: Sequence[Row]

    def markdown(self) -> str:
        columns = list(dict.fromkeys(column for row in self.rows for column in row))
        cells = [[_text(row.get(column, "")) for column in columns] for row in self.rows]
        lines = [columns, ["---"] + ["--:"] * (len(columns) - 1), *cells]
        return "\n".join([f"## {self.title}", "", self.note, "", *("| " + " | ".join(line) + " |" for line in lines)])


def _text(cell: Cell) -> str:
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
