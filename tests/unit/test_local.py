"""What a start of the local cloud finds of others, and what is wrong with how it was called."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from local import ROOT, cloud

GONE = {"pid": 2**22 - 1, "created": 0.0}
"""A process that nobody has: no process id is that high."""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a start on port 1, and no other."""
    monkeypatch.setattr(cloud, "STATE", tmp_path)
    folder = tmp_path / "1"
    folder.mkdir()
    return folder


@pytest.fixture
def left() -> Iterator[subprocess.Popen[bytes]]:
    """A process that somebody left behind, with a child in its group."""
    process = subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def record(folder: Path, owner: dict[str, Any], ministack: dict[str, Any]) -> None:
    (folder / "processes.json").write_text(json.dumps({"owner": owner, "ministack": ministack}))


def identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "created": psutil.Process(pid).create_time()}


def test_what_a_killed_start_left_is_ended_with_its_children(state: Path, left: subprocess.Popen[bytes]) -> None:
    """kill -9, or the power: nobody could tidy up."""
    (child,) = children_of(left)
    record(state, GONE, identity(left.pid))
    cloud.end_what_a_killed_start_left()
    child.wait(10)
    assert not state.exists()


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Its children, once the shell has started them."""
    while not (found := psutil.Process(process.pid).children()):
        pass
    return found


def test_what_runs_is_left_alone(state: Path, left: subprocess.Popen[bytes]) -> None:
    """A second local cloud on another port."""
    record(state, identity(os.getpid()), identity(left.pid))
    cloud.end_what_a_killed_start_left()
    assert left.poll() is None
    assert state.exists()


def test_a_process_that_only_has_the_id_of_one_that_is_gone_is_left_alone(
    state: Path, left: subprocess.Popen[bytes]
) -> None:
    """Ids come round again; what started later is somebody else's."""
    record(state, GONE, identity(left.pid) | {"created": 1.0})
    cloud.end_what_a_killed_start_left()
    assert left.poll() is None
    assert not state.exists()


def made(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http", "8080 9090"])
def test_a_port_that_there_is_not_is_told_in_a_line(port: str) -> None:
    """Before anything is started."""
    done = made("run", f"PORT={port}")
    assert done.returncode != 0
    assert f"{port!r} is not a port: PORT=… takes a number from 1 to 65535" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("tool", ["load", "redrive", "logs"])
def test_a_tool_without_what_it_needs_says_what_that_is(tool: str) -> None:
    """make load without FILE or STAGE, and the others without STAGE."""
    done = made(tool)
    assert done.returncode != 0
    assert "STAGE=local" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
