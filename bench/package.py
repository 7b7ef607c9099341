"""What goes to AWS: how fast it is once zipped and unzipped, and how large."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.init import HANDLERS, import_
from bench.measure import Cell, Figure, Sample, Table, interleaved
from bench.setup import Setup
from devkit.project import FUNCTIONS

REACHED = ("list", "extend", "limits", "expire")
"""Functions whose package is to be faster than the floor."""


def run(setup: Setup) -> list[Table]:
    return [_init(setup), _sizes(setup)]


def _init(setup: Setup) -> Table:
    shipped, fresh = setup.shipped, setup.fresh
    cases: dict[str, Callable[[], tuple[float, float]]] = {
        "floor: one boto3 client, default packaging": partial(import_, setup, "floor", setup.default, HANDLERS),
        "extend, had the layer dated bytecode": partial(import_, setup, "app", setup.dated, shipped / "extend"),
    }
    for name in FUNCTIONS:
        cases[name] = partial(import_, setup, "app", shipped / "layer", shipped / name)
        cases[f"{name}, fresh"] = partial(import_, setup, "app", fresh / "layer", fresh / name)
    times = interleaved(3 if setup.quick else 21, cases)
    walls = {name: Sample([wall for wall, _ in taken]) for name, taken in times.items()}
    cpus = {name: Sample([cpu for _, cpu in taken]) for name, taken in times.items()}
    floor = next(iter(cpus.values()))
    rows: list[list[Cell]] = []
    for name, wall in walls.items():
        reached = name in REACHED
        cpu = cpus[name]
        row: list[Cell] = [name, wall, cpu, Figure(cpu.over(floor), most=0.85 if reached else None), ""]
        if name in FUNCTIONS:
            row[-1] = Figure(cpu.over(cpus[f"{name}, fresh"]), most=1.05 if reached else None)
        rows.append(row)
    note = (
        "Zipped as `sam package` does it, every file dated 1980, and unzipped; `fresh` is the same tree with bytecode "
        "that was compiled in place."
    )
    return Table(
        "The package as it ships: init",
        note,
        ("imports", "time", "processor", "× floor (processor)", "× fresh (processor)"),
        rows,
    )


def _sizes(setup: Setup) -> Table:
    rows = [("default packaging", _megabytes(setup.default), "")]
    for name in ("layer", *FUNCTIONS):
        folder = setup.shipped / name
        rows.append((name, _megabytes(folder), _megabytes(folder.with_suffix(".zip"))))
    note = "Default packaging is of the same libraries, and the tracer's; Lambda takes 250 MB unzipped."
    return Table("The package as it ships: size", note, ("package", "unzipped, MB", "zipped, MB"), rows)


def _megabytes(path: Path) -> str:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.3g}"
