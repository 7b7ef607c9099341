"""Cold: a new process until the handler's module is ready, of the package as it ships, and how large that is."""

import json
import os
import subprocess
import time
import urllib.request
from functools import partial
from pathlib import Path

from bench.measure import Row, Table, interleaved, ratio, spread
from bench.setup import Setup
from devkit.project import FUNCTIONS, ROOT, emulator, free_port

HANDLERS = ROOT / "bench" / "handlers"
FLOOR, TYPICAL = "floor: one boto3 client, default packaging", "typical handler, default packaging"
REACHED = {"list": 0.85, "offer": 1.2, "extend": 0.85, "history": 1.2, "limits": 0.85, "expire": 0.85}
"""Bounds of their ratio to the floor; sync and changes validate with pydantic, publish has three clients."""


def package(setup: Setup) -> list[Table]:
    """The import of each function, and sizes."""
    shipped, fresh = setup.shipped, setup.fresh
    cases = {
        FLOOR: partial(import_, setup, "floor", setup.default, HANDLERS),
        "bare Python": partial(import_, setup, "sys", HANDLERS),
        "one boto3 client, our layer": partial(import_, setup, "floor", shipped / "layer", HANDLERS),
        TYPICAL: partial(import_, setup, "typical", setup.default, HANDLERS),
        "extend, had the layer dated bytecode": partial(import_, setup, "app", setup.dated, shipped / "extend"),
    }
    for name in FUNCTIONS:
        cases[name] = partial(import_, setup, "app", shipped / "layer", shipped / name)
        cases[f"{name}, fresh"] = partial(import_, setup, "app", fresh / "layer", fresh / name)
    times = interleaved(3 if setup.quick else 21, cases)
    walls = {name: [wall for wall, _ in measured] for name, measured in times.items()}
    cpus = {name: [cpu for _, cpu in measured] for name, measured in times.items()}
    rows: list[Row] = []
    for name, cpu in cpus.items():
        bounds = (REACHED[name], 0.7, 1.05) if name in REACHED else (None, None, None)
        row: Row = {
            "imports": name,
            "time": spread(walls[name]),
            "processor": spread(cpu),
            "× floor": ratio(walls[name], walls[FLOOR]),
            "× floor (processor)": ratio(cpu, cpus[FLOOR], bounds[0]),
            "× typical (processor)": ratio(cpu, cpus[TYPICAL], bounds[1]),
        }
        if name in FUNCTIONS:
            row["× fresh (processor)"] = ratio(cpu, cpus[f"{name}, fresh"], bounds[2])
        rows.append(row)
    note = (
        "Zipped as `sam package` does it, every file dated 1980, and unzipped; `fresh` is the same tree with bytecode "
        "that was compiled in place. Files are in the page cache. The bounds are on the processor's time: an import "
        "waits for nothing else, and other work on the machine hardly moves it."
    )
    return [Table("The package as it ships: init", note, rows), _sizes(setup)]


def _sizes(setup: Setup) -> Table:
    rows: list[Row] = [{"package": "default packaging", "unzipped, MB": _megabytes(setup.default)}]
    for name in ("layer", *FUNCTIONS):
        folder = setup.shipped / name
        zipped = _megabytes(folder.with_suffix(".zip"))
        rows.append({"package": name, "unzipped, MB": _megabytes(folder), "zipped, MB": zipped})
    note = "Default packaging is of the same libraries, and the tracer's; Lambda takes 250 MB unzipped."
    return Table("The package as it ships: size", note, rows)


def _megabytes(path: Path) -> str:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return f"{sum(file.stat().st_size for file in files) / 1e6:.3g}"


def import_(setup: Setup, module: str, *path: Path, **variables: str) -> tuple[float, float]:
    """Milliseconds, on the clock and of the processor, of a process that imports a module.

    It exits at once without clean-up, as on Lambda; clean-up would be up to a sixth of the time.
    """
    command = [setup.python, "-c", f"import os, {module}; os._exit(0)"]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=setup.environment(*path, **variables), cwd=setup.folder)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{module} cannot be imported; why is above"
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def init(setup: Setup) -> list[Table]:
    """The same through Lambda's Runtime API: from the start of the emulator to its first answer."""
    cases = {name: partial(_first_answer, setup, name, setup.default) for name in ("floor", "typical")}
    for name in FUNCTIONS:
        cases[name] = partial(_first_answer, setup, "app", setup.shipped / "layer", setup.shipped / name)
    walls = interleaved(2 if setup.quick else 9, cases)
    floor, typical = walls["floor"], walls["typical"]
    rows: list[Row] = [
        {"handler": name, "time": spread(wall), "× floor": ratio(wall, floor), "× typical": ratio(wall, typical)}
        for name, wall in walls.items()
    ]
    note = (
        "Amazon's Runtime Interface Emulator with awslambdaric, from its start to the first answer of a function that "
        "is imported and does nothing."
    )
    return [Table("Init through the Runtime API", note, rows)]


def _first_answer(setup: Setup, module: str, *path: Path) -> float:
    port = free_port()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations", data=b"{}")
    environment = setup.environment(*path, HANDLERS, setup.interface_client, MODULE=module)
    started = time.perf_counter()
    process = subprocess.Popen(
        emulator(port, setup.python, "-m", "awslambdaric", "idle.handler"),
        env=environment,
        cwd=setup.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    milliseconds = (time.perf_counter() - started) * 1000
                    body = answer.read()
                    assert json.loads(body) == {}, body
                    return milliseconds
            except OSError:
                assert process.poll() is None, "the emulator has ended"
                assert time.perf_counter() - started < 60, "the emulator does not answer"
                time.sleep(0.001)
    finally:
        process.terminate()
        process.wait()
