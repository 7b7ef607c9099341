"""Servers that start slowly are started once for a whole run, by the process that hands out the tests and ends them.

Without workers the fixture that needs one starts and ends it itself.
"""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

FOLDER = "TESTS_STARTED"
"""The environment variable with the folder in which the workers find addresses."""

PATIENCE = 600
"""Seconds that a worker waits for an address."""

Start = Callable[[], AbstractContextManager[str]]
"""Starts a server, yields its address, ends it."""


class Starter:
    """Starts the servers that the collected tests need; `needs`, by name: how, and whether a test needs it."""

    def __init__(self, needs: dict[str, tuple[Start, Callable[[str], bool]]]) -> None:
        self._needs = needs
        self._folder = Path(tempfile.mkdtemp(prefix="tests-"))
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        os.environ[FOLDER] = str(self._folder)

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """The first worker to have collected decides."""
        if self._threads:
            return
        for name, (start, is_needed_by) in self._needs.items():
            if any(map(is_needed_by, ids)):
                thread = threading.Thread(target=self._hold, args=(name, start))
                thread.start()
                self._threads.append(thread)

    def pytest_sessionfinish(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        shutil.rmtree(self._folder)

    def _hold(self, name: str, start: Start) -> None:
        try:
            with start() as address:
                self._publish(name, f"at {address}")
                self._over.wait()
        except Exception as error:
            self._publish(name, f"not started: {error}")

    def _publish(self, name: str, outcome: str) -> None:
        unfinished = self._folder / f"{name}.unfinished"
        unfinished.write_text(outcome)
        unfinished.rename(self._folder / name)


@contextmanager
def started(name: str, start: Start) -> Iterator[str]:
    """The address of the server that the run shares under this name; without a shared run it is started here."""
    folder = os.environ.get(FOLDER)
    if not folder:
        with start() as address:
            yield address
        return
    file = Path(folder) / name
    deadline = time.monotonic() + PATIENCE
    while not file.exists():
        assert time.monotonic() < deadline, f"{name} has not started within {PATIENCE} s"
        time.sleep(0.1)
    outcome, _, address = file.read_text().partition(" ")
    assert outcome == "at", f"{name}: {file.read_text()}"
    yield address


def finished(worker: str) -> None:
    """Let the others know that this worker has run all its tests."""
    if folder := os.environ.get(FOLDER):
        (Path(folder) / f"{worker}.finished").touch()


def wait_for_the_others(request: pytest.FixtureRequest) -> None:
    """Until every other worker has run all its tests; for a test that looks at the whole run."""
    workerinput = getattr(request.config, "workerinput", None)
    if workerinput is None:
        return
    folder = Path(os.environ[FOLDER])
    deadline = time.monotonic() + 3600
    while len(list(folder.glob("*.finished"))) < workerinput["workercount"] - 1:
        assert time.monotonic() < deadline, "the other workers have not finished within an hour"
        time.sleep(0.2)
