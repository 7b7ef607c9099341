"""MiniStack, the local cloud: started on loopback, ended with all its workers, whatever ends us."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from devkit.project import REGION, ROOT, Trouble, environment
from devkit.server import answers

STATE = ROOT / ".local-cloud"


def state_folder(port: int) -> Path:
    """The folder of one local cloud while it runs; one on another port has another."""
    return STATE / str(port)


@contextlib.contextmanager
def ministack(port: int, key: str, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run MiniStack behind its guard, which asks for the key; it ends with the block."""
    variables = {
        "AWS_SESSION_TOKEN": key,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "OWNER": str(os.getpid()),
        "READ_TIMEOUT_SECONDS": "10",  # The functions' workers have this environment too.
        "TMPDIR": str(state),
    }
    with (state / "ministack.log").open("wb") as output:
        process = subprocess.Popen(
            # -P: beside the guard stand modules with names that others have, too.
            [ROOT / ".venvs" / "ministack" / "bin" / "python", "-P", ROOT / "local" / "guard.py"],
            env=environment() | variables,
            cwd=state,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:  # It is asked, has two seconds to tidy up, and then ends with its workers.
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_it_answers(process: subprocess.Popen[bytes], endpoint: str, key: str, state: Path) -> None:
    if not answers(process, f"{endpoint}/_ministack/health", 200, 60, **{"X-Amz-Security-Token": key}):
        raise Trouble("The local cloud did not start. It said:\n" + last_words(state))


def last_words(state: Path) -> str:
    return (state / "ministack.log").read_text(errors="replace")[-3000:]
