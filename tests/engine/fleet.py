"""Several instances of the functions at once, each a process."""

import json
import os
import subprocess
import sys
from typing import Self

from devkit.project import ROOT
from devkit.service import Json


class Worker:
    """One instance; calls asked of it wait in its pipe until it comes to them."""

    def __init__(self, engine: str, table: str, functions: tuple[str, ...]) -> None:
        environment = os.environ | {"AWS_ENDPOINT_URL_DYNAMODB": engine, "TABLE_NAME": table, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.worker", *functions],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    def wait_until_ready(self) -> None:
        assert self._stdout.readline() == "ready\n", "a worker did not start; its errors are above"

    def ask(self, name: str, event: Json, seconds: float = 25) -> None:
        self._stdin.write(json.dumps({"name": name, "event": event, "seconds": seconds}) + "\n")

    def answer(self) -> Json:
        return dict(json.loads(self._stdout.readline()))

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, if need be in the middle of a call."""
        self.kill()
        self._stdout.close()
        self._stdin.close()


class Fleet:
    """Instances that have started and wait for calls; ended on leaving the block."""

    def __init__(self, engine: str, table: str, size: int, *functions: str) -> None:
        self.workers = [Worker(engine, table, functions) for _ in range(size)]

    def __enter__(self) -> Self:
        try:
            for worker in self.workers:
                worker.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.close()
