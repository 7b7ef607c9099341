"""The README's table of figures, made from bench/results: what misses its target says so.

cogapp writes it (`make generate`) and checks it (`make check`); see the comments around the table.
"""

import json
from collections.abc import Sequence
from typing import Any

from devkit.project import ROOT

RESULTS = ROOT / "bench" / "results"


def table() -> str:
    """The table in Markdown."""
    shown = ["list", "extend", "limits", "expire"]
    dated = _cell("package", 0, "extend, had the layer dated bytecode", "× floor (processor)")
    lines = [
        ("", "measured", "beside"),
        ("---", "---", "---"),
        (
            f"cold start of {_words(shown)}, as shipped",
            _row("package", 0, shown, "× floor (processor)"),
            "a handler that only makes a boto3 client, packaged as usual",
        ),
        (
            "the same through Lambda's Runtime API",
            _row("init", 1, shown, "× typical"),
            "the typical handler: resource, Logger, Tracer, Metrics, resolver with validation",
        ),
        (
            "bytecode as shipped",
            _row("package", 0, shown, "× fresh (processor)"),
            "bytecode compiled in place; dated bytecode, which SAM's zip makes stale, is at "
            f"{dated['value']:.2f} of the first row's floor",
        ),
        (
            "list, extend, limits, warm: processor time",
            _row("warm", 0, ["list", "extend", "limits"], "× bare, processor"),
            "a bare handler that makes the same calls",
        ),
    ]
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + "\n"


def peers() -> str:
    """The table of what one would pick instead."""
    kept = json.loads((RESULTS / "peers.json").read_text())["tables"][0]
    shown = {
        "by": "",
        "granted": "granted, 150 is right",
        "callers without a usable answer": "callers without a usable answer, of 1,200",
        "a removed owner": "passes a removed owner",
        "a stale offer": "passes a stale offer",
        "round trips": "round trips",
        "write units": "write units",
        "alone, median": "a grant alone",
        "processor": "its processor",
        "does not do": "left to you",
    }
    lines = [list(shown.values()), ["---"] * len(shown)]
    for row in kept["rows"]:
        cells = dict(zip(kept["columns"], row, strict=True))
        lines.append([_plain(cells[name]) for name in shown])
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + "\n"


def _plain(cell: Any) -> str:
    return f"{cell['median']:.1f} {cell['unit']}" if isinstance(cell, dict) else _label(cell)


def _words(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _row(section: str, number: int, rows: Sequence[str], column: str) -> str:
    return ", ".join(_told(_cell(section, number, row, column)) for row in rows)


def _told(figure: dict[str, Any]) -> str:
    """A ratio, and what it should have been where it was not."""
    if figure["kept"]:
        return f"{figure['value']:.2f}"
    bound = f"at most {figure['most']}" if "most" in figure else f"at least {figure['least']}"
    return f"**{figure['value']:.2f}** (goal: {bound})"


def _cell(section: str, number: int, row: str, column: str) -> dict[str, Any]:
    kept = json.loads((RESULTS / f"{section}.json").read_text())["tables"][number]
    place = kept["columns"].index(column)
    (found,) = (cells[place] for cells in kept["rows"] if _label(cells[0]) == row)
    return dict(found)


def _label(cell: Any) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
