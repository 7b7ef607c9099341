"""The operator's tools have in common: one line for what is wrong, and no write without a yes."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from devkit import stage
from devkit.project import REGION, ROOT, Trouble
from devkit.stage import NoStack
from extending.model import USER_ID
from ops import cli, console
from ops.cli import COMMANDS
from ops.expire import operator

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate\nexceeded"}}, "Scan")


TOOLS = {
    "announce": ["2026-11-21T00:00:00Z"],
    "expire": ["A-100", "E-1"],
    "explain": ["A-100"],
    "load": [str(ROOT / "local" / "seed.jsonl")],
    "repair": ["A-100", "account"],
    "remove-account": ["A-100"],
    "report": ["--json"],
}
"""The arguments that a command needs."""


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


def called(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the program as a shell does; returns its exit code."""
    monkeypatch.setattr("sys.argv", ["extending", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("tool", sorted({*COMMANDS} - {"rehearse"}))  # It refuses most stages before it looks for them.
@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("prod", "The config profile (nobodys) could not be found"),
        ("local", "make run PORT=1"),
        ("moon", "samconfig.toml has no stage moon"),
    ],
)
def test_a_stage_that_cannot_be_reached_is_one_line_of_every_tool(
    tool: str, stage: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such profile, no local cloud, no such stage."""
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    monkeypatch.setenv("PORT", "1")
    code = called(tool, "--stage", stage, *TOOLS.get(tool, []), monkeypatch=monkeypatch)
    (line,) = capsys.readouterr().err.splitlines()
    assert (code, said in line) == (2, True), line


@pytest.mark.parametrize("tool", COMMANDS)
def test_every_tool_has_help_with_an_example(
    tool: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first thing that anybody asks."""
    assert called(tool, "--help", monkeypatch=monkeypatch) == 0
    assert f"\n  extending {tool} " in capsys.readouterr().out.replace("TOKEN=eyJ… ", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain"], "Missing argument 'ACCOUNT'"),
        (["explain", "A 1"], "'A 1' is not an account id such as A-100"),
        (["explain", "A-100", "--user", ""], "'' is not a user id such as U-1"),
        (["announce", "yesterday"], "'yesterday' is not an instant such as"),
        (["announce", "2026-11-21T00:00:00"], "add the zone"),
        (["announce", "9000-01-01T00:00:00Z"], "it is in the future"),
        (["logs", "lists"], "'lists' is not one of 'changes', "),
        (["logs", "--since", "soon"], "'soon' is not a time span: 30s, 10m"),
        (["watch", "--every", "0"], "0 is not in the range 1<=x<=3600"),
        (["redrive", "--dry-run", "--drop", "1234abcd"], "give one of them"),
        (["load", "nothing.jsonl"], "'nothing.jsonl' does not exist"),
        (["report"], "name a file to write"),
        (["report", "--rate", "fast"], "'fast' is not a valid float"),
        (["report", "--html", "/nowhere/r.html"], "'/nowhere/r.html' is not a regular file that can be written"),
        (["report", "--xlsx", "/dev/null"], "'/dev/null' is not a regular file that can be written"),
        (["report", "--csv", "."], "'.' is not a regular file that can be written"),
        (["rehearse", "--stage", "prod"], "A rehearsal removes what it plays on"),
        (["forget"], "No such command 'forget'"),
    ],
)
def test_a_wrong_argument_is_one_line_that_names_it(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is read, and with the way to the help."""
    monkeypatch.setenv("PORT", "1")
    assert called(*arguments, monkeypatch=monkeypatch) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert line.endswith(f" See: extending{' ' + arguments[0] if arguments[0] in COMMANDS else ''} --help")


def test_no_variable_of_the_environment_is_an_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell has a USER of its own, and may have a YES of another program."""
    for name in ("ACCOUNT", "USER", "ACCOUNT_ID", "YES", "STAGE", "DROP", "FILE"):
        monkeypatch.setenv(name, "A-100")
        monkeypatch.setenv(f"EXTENDING_{name}", "A-100")
    assert called("explain", monkeypatch=monkeypatch) == 2
    assert "Missing argument 'ACCOUNT'" in capsys.readouterr().err


def test_the_local_cloud_needs_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE is for AWS; one that is not there keeps nobody from `make run`."""
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    found = stage.local_session().client("sqs", endpoint_url="http://127.0.0.1:1")
    assert found.meta.region_name == REGION


def test_a_question_shows_foreign_text_as_it_is(
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
from ops.report import whole

def tool():
    with whole(Path(sys.argv[1])) as file:
        file.write(b"names of clients")
        file.flush()
        print("writing", flush=True)
        time.sleep(60)

for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(ending, signal.SIG_DFL)  # however the tests were started
console.run(tool)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_tool_that_is_ended_leaves_nothing_of_what_it_was_writing(ending: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, kill, a closed terminal, kill -9: half a report holds clients' names, and nobody would look for it."""
    command = [sys.executable, "-c", WRITES, str(tmp_path / "report.html")]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "writing\n"
        assert os.listdir(tmp_path) == []
        process.send_signal(ending)
        expected = (-9, "") if ending is signal.SIGKILL else (130, "✗ Stopped.\n")
        assert (process.wait(10), process.stderr.read()) == expected
    assert os.listdir(tmp_path) == []


def test_without_a_terminal_nothing_is_written_unless_it_was_said_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that hangs at a question, or takes silence for a yes, would be worse."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(Trouble, match="--yes"):
        console.ask("Remove A-100?", yes=False)
    console.ask("Remove A-100?", yes=True)


@pytest.mark.parametrize(("answer", "goes_on"), [("y", True), ("YES", True), ("", False), ("n", False)])
def test_on_a_terminal_only_a_yes_goes_on(answer: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The enter key alone is a no."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    if goes_on:
        console.ask("Remove A-100?", yes=False)
        return
    with pytest.raises(Trouble, match="Nothing was done"):
        console.ask("Remove A-100?", yes=False)


def test_foreign_text_is_no_order_to_the_terminal() -> None:
    """A name may hold markup and escape sequences; both are letters here."""
    assert console.cell("[red]\x1b[2J\n\u202eООО").plain == "[red]�[2J��ООО"


@pytest.mark.parametrize(
    ("login", "named"), [("anna", "anna"), ("Анна К", "??????"), ("", "nobody"), ("a" * 300, "a" * 200)]
)
def test_an_operator_is_named_as_a_token_may_name_one(login: str, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine calls them: the function would refuse another name as a bad token; a container has none."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, login)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 2)
    assert operator() == f"operator:{named}"
    assert USER_ID.fullmatch(operator())
