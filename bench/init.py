"""Cold: a new process until the handler's module is ready."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.measure import Figure, Sample, Table, interleaved, timed_process
from bench.setup import Setup
from devkit.project import FUNCTIONS, ROOT, emulator, free_port

HANDLERS = ROOT / "bench" / "handlers"
NOTE = (
    "Files are in the page cache. The bounds are on the processor's time: an import waits for nothing else, and other "
    "work on the machine hardly moves it."
)
REACHED = ("list", "offer", "extend", "history", "limits", "expire")
"""Functions that are to be near the floor; sync and changes validate with pydantic, publish has three clients."""


def run(setup: Setup) -> list[Table]:
    floor = (setup.default, HANDLERS)
    cases: dict[str, Callable[[], tuple[float, float]]] = {
        "bare Python": partial(import_, setup, "", HANDLERS),
        "floor: one boto3 client, default packaging": partial(import_, setup, "floor", *floor),
        "one boto3 client, our layer": partial(import_, setup, "floor", setup.layer, HANDLERS),
        "typical handler, default packaging": partial(import_, setup, "typical", *floor),
    }
    cases |= {name: partial(import_, setup, "app", setup.layer, setup.function(name)) for name in FUNCTIONS}
    times = interleaved(3 if setup.quick else 21, cases)
    walls = {name: Sample([wall for wall, _ in taken]) for name, taken in times.items()}
    cpus = {name: Sample([cpu for _, cpu in taken]) for name, taken in times.items()}
    return [
        _table("Init: a fresh process until the module is ready", NOTE, walls, cpus),
        _through_emulator(setup),
    ]


def _table(title: str, note: str, walls: dict[str, Sample], cpus: dict[str, Sample]) -> Table:
    _, floor, _, typical, *_ = walls
    rows = [
        (
            name,
            wall,
            cpus[name],
            Figure(wall.over(walls[floor])),
            Figure(cpus[name].over(cpus[floor]), most=1.2 if name in REACHED else None),
            Figure(cpus[name].over(cpus[typical]), most=0.7 if name in REACHED else None),
        )
        for name, wall in walls.items()
    ]
    return Table(
        title, note, ("imports", "time", "processor", "× floor", "× floor (processor)", "× typical (processor)"), rows
    )


def import_(setup: Setup, module: str, *path: Path) -> tuple[float, float]:
    """Milliseconds, on the clock and of the processor, of a process that imports a module.

    It ends at once: an instance of Lambda does not tidy up behind the import either, which is a sixth of some.
    """
    code = f"import os{module and ', ' + module}; os._exit(0)"
    return timed_process([setup.python, "-c", code], setup.environment(*path), setup.folder)


def _through_emulator(setup: Setup) -> Table:
    """The same through Lambda's Runtime API: from the start of the emulator to its first answer."""
    client = setup.interface_client
    floor = (setup.default, HANDLERS, client)
    cases: dict[str, Callable[[], float]] = {
        "floor": partial(_first_answer, setup, "floor.handler", *floor),
        "typical": partial(_first_answer, setup, "typical.handler", *floor),
    }
    cases |= {
        name: partial(_first_answer, setup, "idle.handler", setup.layer, setup.function(name), HANDLERS, client)
        for name in FUNCTIONS
    }
    walls = {name: Sample(taken) for name, taken in interleaved(2 if setup.quick else 9, cases).items()}
    rows = [
        (name, wall, Figure(wall.over(walls["floor"])), Figure(wall.over(walls["typical"])))
        for name, wall in walls.items()
    ]
    note = (
        "Amazon's Runtime Interface Emulator with awslambdaric, from its start to the first answer of a function that "
        "is imported and does nothing."
    )
    return Table("Init through the Runtime API", note, ("handler", "time", "× floor", "× typical"), rows)


def _first_answer(setup: Setup, handler: str, *path: Path) -> float:
    port = free_port()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations", data=b"{}")
    started = time.perf_counter()
    process = subprocess.Popen(
        emulator(port, setup.python, "-m", "awslambdaric", handler),
        env=setup.environment(*path, AWS_LAMBDA_FUNCTION_TIMEOUT="60"),
        cwd=setup.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    taken = time.perf_counter() - started
                    said = answer.read()
                    assert json.loads(said) == {}, said
                    return taken * 1000
            except OSError:
                assert process.poll() is None, "the emulator has ended"
                assert time.perf_counter() - started < 60, "the emulator does not answer"
                time.sleep(0.001)
    finally:
        process.terminate()
        process.wait()
