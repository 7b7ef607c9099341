"""Several instances of the functions at once, each a process that serves one call at a time, as on Lambda."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from devkit.service import Context, Json, invoke
from extending import batch
from tests.engine.client import Table, connect, use

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([f"functions.{name}.app" for name in ("extend", "expire", "sync", "changes")])


class Worker:
    """One instance; calls asked of it wait in its pipe until it comes to them."""

    def __init__(self, table: Table) -> None:
        self._pipe, calls = PROCESSES.Pipe()
        self._process = PROCESSES.Process(
            target=_serve, args=(calls, table.client.meta.endpoint_url, table.name), daemon=True
        )
        self._process.start()

    def ask(self, name: str, event: Json, seconds: float = 25) -> None:
        self._pipe.send((name, event, seconds))

    def answer(self) -> Any:
        return self._pipe.recv()

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        self._process.kill()
        self._process.join()


def _serve(calls: Connection, engine: str, table: str) -> None:
    use(connect(engine), table, setattr)
    vars(batch)["BEGIN_WITHIN"] = 600.0  # How much one request stores is no question of how fast we are.
    calls.send("ready")
    while True:
        name, event, seconds = calls.recv()
        try:
            calls.send(invoke(name, event, Context(seconds)))
        except Exception as error:
            calls.send({"error": repr(error)})


@contextmanager
def fleet(table: Table, size: int) -> Iterator[list[Worker]]:
    """Instances that have started and wait for calls."""
    workers = [Worker(table) for _ in range(size)]
    try:
        for worker in workers:
            assert worker.answer() == "ready"
        yield workers
    finally:
        for worker in workers:
            worker.kill()
