"""The README's tables of figures, made from bench/results: what misses its goal says so.

cogapp writes them (`make generate`) and checks them (`make check`); see the comments around each.
"""

import re
from collections.abc import Sequence

from devkit.project import ROOT

RESULTS = ROOT / "bench" / "results"


def table() -> str:
    """The ratios of cold and warm calls."""
    shown = ["list", "extend", "limits", "expire"]
    package, ratio = _rows("package", "The package as it ships: init"), "× floor (processor)"
    dated = package["extend, had the layer dated bytecode"][ratio]
    return _markdown(
        ["", "measured", "beside"],
        [
            f"cold start of {', '.join(shown[:-1])} and {shown[-1]}, as shipped",
            _figures(package, shown, ratio),
            "a handler that only makes a boto3 client, packaged as usual",
        ],
        [
            "the same through Lambda's Runtime API",
            _figures(_rows("init", "Init through the Runtime API"), shown, "× typical"),
            "the typical handler: resource, Logger, Tracer, Metrics, resolver with validation",
        ],
        [
            "bytecode as shipped",
            _figures(package, shown, "× fresh (processor)"),
            "bytecode compiled in place; dated bytecode, which SAM's zip makes stale, is at "
            f"{dated} of the first row's floor",
        ],
        [
            "list, extend, limits, warm: processor time",
            _figures(_rows("warm", "Warm: one call"), ["list", "extend", "limits"], "× bare, processor"),
            "a bare handler that makes the same calls",
        ],
    )


def peers() -> str:
    """The table of what one would pick instead."""
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
    rows = _rows("peers", "Beside what one would pick instead").values()
    least_and_most = r" \([\d.,]+–[\d.,]+\)"
    return _markdown(
        list(shown.values()), *([re.sub(least_and_most, "", row[column]) for column in shown] for row in rows)
    )


def _rows(section: str, title: str) -> dict[str, dict[str, str]]:
    """The cells of a table of the results, by the first of their row and by column."""
    document = (RESULTS / f"{section}.md").read_text()
    (found,) = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    columns, _, *rows = (line[2:-2].split(" | ") for line in found.splitlines() if line.startswith("|"))
    return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}


def _figures(rows: dict[str, dict[str, str]], shown: Sequence[str], column: str) -> str:
    """Ratios, each with its goal where it misses that."""
    return ", ".join(
        re.sub(r"^(.*) ✗ ≤ (.*)$", r"**\1** (goal: at most \2)", rows[name][column].partition(" ✓")[0])
        for name in shown
    )


def _markdown(head: list[str], *rows: list[str]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + "\n"
