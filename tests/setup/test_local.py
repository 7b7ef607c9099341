"""What a start of the local cloud finds of others, and what is wrong with how it was called."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from devkit.project import ROOT
from devkit.template import template
from local import __main__ as start
from local import cloud, webhook
from tests.support.shell import shell

GONE = {"pid": 2**22 - 1, "started": 0}
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


def test_what_a_killed_start_left_is_ended_with_its_children(state: Path, left: subprocess.Popen[bytes]) -> None:
    """kill -9, or the power: nobody could tidy up."""
    (child,) = children_of(left)
    record(state, GONE, cloud.identity(left.pid))
    cloud.end_what_a_killed_start_left()
    with contextlib.suppress(psutil.NoSuchProcess):
        while child.status() != psutil.STATUS_ZOMBIE:  # whoever has it now may be slow to reap
            time.sleep(0.01)
    assert not state.exists()


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Its children, once the shell has started them."""
    while not (found := psutil.Process(process.pid).children()):
        pass
    return found


def test_what_runs_is_left_alone(state: Path, left: subprocess.Popen[bytes]) -> None:
    """A second local cloud on another port."""
    record(state, cloud.identity(os.getpid()), cloud.identity(left.pid))
    cloud.end_what_a_killed_start_left()
    assert left.poll() is None
    assert state.exists()


def test_a_process_that_only_has_the_id_of_one_that_is_gone_is_left_alone(
    state: Path, left: subprocess.Popen[bytes]
) -> None:
    """Ids come round again; what started later is somebody else's."""
    record(state, GONE, cloud.identity(left.pid) | {"started": 1})
    cloud.end_what_a_killed_start_left()
    assert left.poll() is None
    assert not state.exists()


def made(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", *arguments]
    return subprocess.run(command, cwd=ROOT, env=shell(), capture_output=True, text=True, check=False)


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a call that cannot be was answered; make says that it failed, too."""
    assert done.returncode == 2
    assert done.stdout == ""
    said = [each for each in done.stderr.splitlines() if not each.startswith("Setting up .venv")]  # a first start
    line, *rest = said
    assert all(re.match(r"make(\[\d+\])?: \*\*\*", each) for each in rest), done.stderr
    return line


@pytest.mark.parametrize("port", ["0", "70000", "-1", "http", "", "8080 9090"])
def test_a_port_that_there_is_not_is_told_in_a_line(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started."""
    monkeypatch.setattr("sys.argv", ["make run", f"--port={port}"])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"✗ PORT: {port!r} is not a port: PORT=… takes a number from 1 to 65535"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "PORT=8080 9090"], "✗ PORT: '8080 9090' is not a port"),
        (["run", "WEBHOOK=127.0.0.1:9000"], "✗ WEBHOOK: '127.0.0.1:9000' is not a URL: WEBHOOK=http://"),
    ],
)
def test_a_wrong_value_of_make_is_one_line(arguments: list[str], said: str) -> None:
    """With its name behind make, and a right one."""
    assert the_line(made(*arguments)).startswith(said)


@pytest.mark.parametrize(
    "value", ["$(shell touch {})", "`touch {}`", "$$(touch {})", '"; touch {}; "', "'; touch {}; '"]
)
@pytest.mark.parametrize("name", ["PORT", "WEBHOOK", "ARGS"])
def test_no_value_of_make_is_run(name: str, value: str, tmp_path: Path) -> None:
    """It may come from a web page or a file; whatever it holds reaches the program as it was typed."""
    said = made("bench" if name == "ARGS" else "run", f"{name}={value.format(tmp_path / 'trace')}")
    assert said.returncode == 2
    assert not list(tmp_path.iterdir())


def test_the_local_webhook_posts_what_the_template_says() -> None:
    """It is read without the tools that know all of a template: they take longer to load than a start should."""
    expected, rule = template()["Resources"]["Webhook"]["Properties"], webhook.rule_of_template()
    assert rule["EventPattern"] == expected["EventPattern"]
    (expected,), (target,) = expected["Targets"], rule["Targets"]
    for read in ("Id", "HttpParameters", "InputTransformer", "RetryPolicy"):
        assert target[read] == expected[read]


@pytest.mark.parametrize(
    "origin", ["foo", "http://a b", "http://localhost:3000/", "*", "null", "http://x:0", "ftp://x"]
)
def test_what_is_no_origin_is_told_in_a_line(
    origin: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a browser names it: scheme, host, and the port where it is not the usual one."""
    monkeypatch.setattr("sys.argv", ["make run", f"--origins=https://cabinet.example,{origin}"])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"✗ ORIGINS: {origin!r} is not an origin: ORIGINS=http://localhost:3000,")


def test_the_seed_is_as_of_today() -> None:
    """Periods end some weeks ahead whenever it is reported, usage is of now, and what is past stays where it was."""
    now = datetime(2027, 5, 31, 13, 14, 15, tzinfo=UTC)
    lines = (ROOT / "local" / "seed.jsonl").read_text().splitlines()
    details = [start.as_of(now, json.loads(line))["detail"] for line in lines]
    rows = {detail["subscription_id"]: detail for detail in details if "subscription_id" in detail}
    assert (rows["S-1"]["starts_at"], rows["S-1"]["ends_at"]) == ("2026-01-01T00:00:00Z", "2027-06-21T00:00:00Z")
    assert rows["S-1"]["changed_at"] > rows["S-19"]["changed_at"]
    assert rows["S-19"]["ends_at"] == "2026-01-01T00:00:00Z"
    assert rows["S-22"]["starts_at"] == rows["S-20"]["ends_at"] == "2027-07-12T00:00:00Z"
    usage = [detail for detail in details if "sessions" in detail]
    assert {detail["account_id"] for detail in usage} == {detail["account_id"] for detail in details}
    assert {detail["changed_at"] for detail in usage} == {"2027-05-31T13:14:15Z"}
