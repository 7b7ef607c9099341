"""The README's tables of figures, made from bench/results: what misses its goal says so.

cogapp writes them (`make generate`) and checks them (`make check`); see the comments around each.
"""

import re

from devkit.project import ROOT

RESULTS = ROOT / "bench" / "results"

TABLE = """
|  | measured | beside |
| --- | --- | --- |
| cold start of list, extend, limits and expire, as shipped | {cold} \
| a handler that only makes a boto3 client, packaged as usual |
| the same through Lambda's Runtime API | {runtime} \
| the typical handler: resource, Logger, Tracer, Metrics, resolver with validation |
| bytecode as shipped | {bytecode} \
| bytecode compiled in place; dated bytecode, which SAM's zip makes stale, is at {dated} of the first row's floor |
| list, extend, limits, warm: processor time | {warm} | a bare handler that makes the same calls |

"""


def table() -> str:
    """The ratios of cold and warm calls."""
    shown = ["list", "extend", "limits", "expire"]
    package, ratio = _rows("package", "The package as it ships: init"), "× floor (processor)"
    return TABLE.format(
        cold=_figures(package, shown, ratio),
        runtime=_figures(_rows("init", "Init through the Runtime API"), shown, "× typical"),
        bytecode=_figures(package, shown, "× fresh (processor)"),
        dated=package["extend, had the layer dated bytecode"][ratio],
        warm=_figures(_rows("warm", "Warm: one call"), shown[:3], "× bare, processor"),
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
    cells = [[re.sub(least_and_most, "", row[column]) for column in shown] for row in rows]
    lines = [list(shown.values()), ["---"] * len(shown), *cells]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def _rows(section: str, title: str) -> dict[str, dict[str, str]]:
    """The cells of a table of the results, by the first of their row and by column."""
    document = (RESULTS / f"{section}.md").read_text()
    (found,) = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    columns, _, *rows = (line[2:-2].split(" | ") for line in found.splitlines() if line.startswith("|"))
    return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}


def _figures(rows: dict[str, dict[str, str]], shown: list[str], column: str) -> str:
    """Ratios, each with its goal where it misses that."""
    kept = (rows[name][column].partition(" ✓")[0] for name in shown)
    return ", ".join(re.sub(r"^(.*) ✗ ≤ (.*)$", r"**\1** (goal: at most \2)", figure) for figure in kept)
