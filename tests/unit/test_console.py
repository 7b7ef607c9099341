"""What the operator's tools share: one line for what is wrong, and no write without a yes."""

import io
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from devkit import stage
from devkit.project import REGION, ROOT
from devkit.stage import NoStack
from ops import console

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate\nexceeded"}}, "Scan")


TOOLS = {
    "announce.py": ["--from", "2026-11-21T00:00:00Z"],
    "explain.py": ["--account", "A-100"],
    "forget.py": ["--account", "A-100"],
    "load.py": [str(ROOT / "local" / "seed.jsonl")],
    "logs.py": [],
    "redrive.py": [],
    "repair.py": ["--account", "A-100", "--record", "account"],
    "report/__main__.py": ["--json"],
    "watch.py": [],
}
"""Each, with what it cannot be run without."""


@pytest.fixture(autouse=True)
def endings() -> Iterator[None]:
    """A tool has a process of its own; here its handlers are taken away again."""
    before = {ending: signal.getsignal(ending) for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for ending, handler in before.items():
        signal.signal(ending, handler)


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (NoStack("no stage moon"), "no stage moon", 2),
        (NoCredentialsError(), "Unable to locate credentials", 2),
        (THROTTLED, "(ThrottlingException) when calling the Scan operation: Rate exceeded", 2),
        (PermissionError(13, "Permission denied", "report.html"), "Permission denied", 2),
        (KeyboardInterrupt(), "Stopped", 130),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    error: BaseException, said: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: the operator reads what it is, a script its code."""

    def tool() -> int:
        raise error

    with pytest.raises(SystemExit) as ended:
        console.run(tool)
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, said in line) == (code, True)


def test_every_tool_is_tried_here() -> None:
    """A tool is what can be run."""
    tools = [file for file in (ROOT / "ops").rglob("*.py") if "__main__" in file.read_text()]
    assert {str(file.relative_to(ROOT / "ops")) for file in tools} == set(TOOLS)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("prod", "The config profile (nobodys) could not be found"),
        ("local", "make run PORT=1"),
        ("moon", "STAGE=local"),
    ],
)
def test_a_stage_that_cannot_be_reached_is_one_line_of_every_tool(
    tool: str, named: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such profile, no local cloud, no such stage."""
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setattr("sys.argv", [tool, "--stage", named, *TOOLS[tool]])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "ops" / tool), run_name="__main__")
    (line,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, said in line) == (2, True), line


def test_the_local_cloud_needs_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE is for AWS; one that is not there keeps nobody from `make run`."""
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    found = stage.local_session().client("sqs", endpoint_url="http://127.0.0.1:1")
    assert found.meta.region_name == REGION


def test_a_question_shows_what_others_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of another system may hold what a terminal library takes for its own."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda: "y")
    console.ask("Delete [/x] [type=missing]?", yes=False)
    assert capsys.readouterr().err == "Delete [/x] [type=missing]? [y/N] "


WRITES = """
import signal, sys, time
from pathlib import Path
from ops import console
from ops.report.__main__ import whole

def tool():
    with whole(Path(sys.argv[1])) as file:
        file.write("names of clients")
        print("writing", flush=True)
        time.sleep(60)

for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(ending, signal.SIG_DFL)  # however the tests were started
console.run(tool)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_tool_that_is_ended_takes_away_what_it_has_begun_to_write(ending: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, kill, a terminal that is closed: half a report holds clients' names, and nobody would look for it."""
    command = [sys.executable, "-c", WRITES, str(tmp_path / "report.html")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "writing\n"
        assert os.listdir(tmp_path)
        process.send_signal(ending)
        assert (process.wait(10), process.stderr.read()) == (130, "✗ Stopped.\n")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("account", ["", "A 1", "A#1", "x" * 65])
def test_a_wrong_argument_is_one_line_that_names_it(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the name that it has behind `make`."""
    parser = console.arguments("explain", None)
    parser.add_argument("--account", type=console.account_id)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--account", account])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"✗ ACCOUNT: {account!r} is not an account id")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yesterday", "not an instant"),
        ("2026-11-21T00:00:00", "name the zone"),
        ("9000-01-01T00:00:00Z", "still to come"),
    ],
)
def test_an_instant_of_the_past_has_a_zone(text: str, why: str) -> None:
    """Local time on an operator's machine is nobody's time."""
    with pytest.raises(console.ArgumentTypeError, match=why):
        console.past(text)
    assert console.past("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)


def test_without_a_terminal_nothing_is_written_unless_it_was_said_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that hangs at a question, or takes silence for a yes, would be worse."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(console.Trouble, match="YES=1"):
        console.ask("Forget A-100?", yes=False)
    console.ask("Forget A-100?", yes=True)


@pytest.mark.parametrize(("answer", "goes_on"), [("y", True), ("YES", True), ("", False), ("n", False)])
def test_on_a_terminal_only_a_yes_goes_on(answer: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The enter key alone is a no."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    if goes_on:
        console.ask("Forget A-100?", yes=False)
        return
    with pytest.raises(console.Trouble, match="Nothing was done"):
        console.ask("Forget A-100?", yes=False)


def test_what_others_have_told_is_no_order_to_the_terminal() -> None:
    """A name may hold markup and escape sequences; both are letters here."""
    assert console.cell("[red]\x1b[2J\n\u202eООО").plain == "[red]�[2J��ООО"
