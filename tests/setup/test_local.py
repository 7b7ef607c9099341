"""A start of the local cloud: its end, its seed, and mistakes in how it was called."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from devkit.project import ROOT
from local import __main__ as start
from tests.support.shell import shell

STARTS = """
import os, subprocess, sys
guard = "import subprocess, sys; from local.guard import end_with; subprocess.Popen(['sleep', '600']);"
guard += "print('started', flush=True); end_with(int(sys.argv[1]), sys.argv[2])"
subprocess.run([sys.executable, "-c", guard, str(os.getpid()), sys.argv[1]], start_new_session=True)
"""


def test_whatever_ends_a_start_ends_its_cloud(tmp_path: Path) -> None:
    """kill -9 too, with all workers and with the folder that has the key."""
    folder = tmp_path / "8080"
    folder.mkdir()
    command = [sys.executable, "-c", STARTS, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as start:
        assert start.stdout
        assert start.stdout.readline() == "started\n"
        guard, worker = psutil.Process(start.pid).children(recursive=True)
        start.kill()
    _, alive = psutil.wait_procs([guard, worker], timeout=30)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert not folder.exists()


BAD_PORTS = ("0", "70000", "-1", "http", "", "8080 9090")
BAD_ORIGINS = ("foo", "http://a b", "http://localhost:3000/", "*", "null", "http://x:0", "ftp://x")


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        *((f"--port={port}", f"✗ PORT: {port!r} is not a port: PORT=… is a number") for port in BAD_PORTS),
        *(
            (f"--origins=https://cabinet.example,{origin}", f"✗ ORIGINS: {origin!r} is not an origin: ORIGINS=http://")
            for origin in BAD_ORIGINS
        ),
        ("--webhook=127.0.0.1:9000", "✗ WEBHOOK: '127.0.0.1:9000' is not a URL: WEBHOOK=http://"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(
    argument: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a right one, before anything is started. An origin is named as a browser does it."""
    monkeypatch.setattr("sys.argv", ["make run", argument])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 2
    (found,) = capsys.readouterr().err.splitlines()
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("target", "name", "line"),
    [
        ("run", "PORT", "✗ PORT: {!r} is not a port"),
        ("run", "WEBHOOK", "✗ WEBHOOK: {!r} is not"),
        ("bench", "ARGS", "make bench: error: no such section"),
    ],
)
def test_no_value_of_make_is_run(target: str, name: str, line: str, tmp_path: Path) -> None:
    """It may come from a web page or a file; whatever it holds reaches the program as it was typed."""
    touch = f"touch {tmp_path / 'trace'}"
    value = f"$(shell {touch}) `{touch}` $$({touch}) \"; {touch}; \" '; {touch}; '"
    command = ["make", "--silent", target, f"{name}={value}"]
    done = subprocess.run(command, cwd=ROOT, env=shell(), capture_output=True, text=True, check=False)
    assert not list(tmp_path.iterdir())
    assert (done.returncode, done.stdout) == (2, "")
    assert line.format(value) in done.stderr


def test_the_seed_is_as_of_today() -> None:
    """Periods end some weeks ahead whenever it is reported, usage is of now, and what is past stays where it was."""
    now = datetime(2027, 5, 31, 13, 14, 15, tzinfo=UTC)
    lines = (ROOT / "local" / "seed.jsonl").read_text().splitlines()
    details = [start.as_of(now, json.loads(line))["detail"] for line in lines]
    rows: dict[str, Any] = {detail["subscription_id"]: detail for detail in details if "subscription_id" in detail}
    assert (rows["S-1"]["starts_at"], rows["S-1"]["ends_at"]) == ("2026-01-01T00:00:00Z", "2027-06-21T00:00:00Z")
    assert rows["S-1"]["changed_at"] > rows["S-19"]["changed_at"]
    assert rows["S-19"]["ends_at"] == "2026-01-01T00:00:00Z"
    assert rows["S-22"]["starts_at"] == rows["S-20"]["ends_at"] == "2027-07-12T00:00:00Z"
    usage = [detail for detail in details if "sessions" in detail]
    assert {detail["account_id"] for detail in usage} == {detail["account_id"] for detail in details}
    assert {detail["changed_at"] for detail in usage} == {"2027-05-31T13:14:15Z"}
