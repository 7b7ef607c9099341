"""MiniStack, the local cloud: started on loopback, ended with all its workers, whatever ended us before."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from devkit.project import REGION, ROOT, Trouble, environment

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
    record = {"owner": identity(os.getpid()), "ministack": identity(process.pid)}
    (state / "processes.json").write_text(json.dumps(record))
    try:
        yield process
    finally:
        _end(process.pid)


def wait_until_it_answers(process: subprocess.Popen[bytes], endpoint: str, key: str, state: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            headers = {"X-Amz-Security-Token": key}
            if httpx.get(f"{endpoint}/_ministack/health", headers=headers, timeout=2).is_success:
                return
        time.sleep(0.1)
    raise Trouble("The local cloud did not start. It said:\n" + last_words(state))


def last_words(state: Path) -> str:
    return (state / "ministack.log").read_text(errors="replace")[-3000:]


def end_what_a_killed_start_left() -> None:
    """End the MiniStack of every start that is no more (kill -9, power), and remove what it kept.

    Known by recorded process id and start time, never by name: an id may belong to somebody else by now.
    """
    for record in STATE.glob("*/processes.json"):
        try:
            processes = json.loads(record.read_text())
        except (OSError, ValueError):  # just being written, or removed
            continue
        if _lives(processes["owner"]):
            continue
        if _lives(processes["ministack"]):
            _end(processes["ministack"]["pid"])
        shutil.rmtree(record.parent, ignore_errors=True)


def identity(pid: int) -> dict[str, Any]:
    """The id with the start in ticks since boot: psutil has it by the wall clock, which may be set meanwhile."""
    after_the_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    return {"pid": pid, "started": int(after_the_name.split()[19])}


def _lives(process: dict[str, Any]) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return identity(process["pid"]) == process and psutil.Process(process["pid"]).status() != psutil.STATUS_ZOMBIE
    return False


def _end(leader: int) -> None:
    """End a process with its group: it is asked, has two seconds to tidy up, and then nobody is asked any more."""
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        process = psutil.Process(leader)
        process.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(2)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
