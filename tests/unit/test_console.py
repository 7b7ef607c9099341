"""The operator's tools have in common: one line for what is wrong, and no write without a yes."""

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext

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

Run = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture(autouse=True)
def endings() -> Iterator[None]:
    """A tool has a process of its own; here its handlers are taken away again."""
    before = {ending: signal.getsignal(ending) for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for ending, handler in before.items():
        signal.signal(ending, handler)


@pytest.fixture
def extending(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program as a shell calls it where there is neither profile nor local cloud: exit code, output, complaints."""
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    monkeypatch.setenv("PORT", "1")

    def run(*arguments: str) -> tuple[int, str, list[str]]:
        monkeypatch.setattr("sys.argv", ["extending", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err.splitlines()

    return run


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (NoStack("no stage moon"), "no stage moon", 2),
        (NoCredentialsError(), "Unable to locate credentials", 2),
        (THROTTLED, "(ThrottlingException) when calling the Scan operation: Rate exceeded", 2),
        (PermissionError(13, "Permission denied", "report.html"), "Permission denied", 2),
        (KeyboardInterrupt(), "Stopped", 130),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    error: BaseException, line: str, code: int, extending: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback: the operator reads what it is, a script its code."""

    def tool(**_: object) -> int:
        raise error

    monkeypatch.setattr(cli.program, "main", tool)
    found, _, (complaint,) = extending()
    assert (found, line in complaint) == (code, True)


@pytest.mark.parametrize("tool", COMMANDS)
def test_every_tool_has_help_with_an_example_and_one_line_for_a_stage_that_cannot_be_reached(
    tool: str, extending: Run
) -> None:
    """No such profile, no local cloud, no such stage."""
    code, out, _ = extending(tool, "--help")
    assert (code, f"\n  extending {tool} " in out.replace("TOKEN=eyJ… ", "")) == (0, True)
    if tool == "rehearse":  # It refuses most stages before it looks for them.
        return
    for name, why in {
        "prod": "The config profile (nobodys) could not be found",
        "local": "make run PORT=1",
        "moon": "samconfig.toml has no stage moon",
    }.items():
        code, _, (line,) = extending(tool, "--stage", name, *TOOLS.get(tool, []))
        assert (code, why in line) == (2, True), line


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["explain", "A 1"], "'A 1' is not an account id such as A-100"),
        (["explain", "A-100", "--user", ""], "'' is not a user id such as U-1"),
        (["announce", "yesterday"], "'yesterday' is not an instant such as"),
        (["announce", "2026-11-21T00:00:00"], "add the zone"),
        (["announce", "9000-01-01T00:00:00Z"], "it is in the future"),
        (["logs", "--since", "soon"], "'soon' is not a time span: 30s, 10m"),
        (["redrive", "--dry-run", "--drop", "1234abcd"], "give one of them"),
        (["report"], "name a file to write"),
        (["report", "--xlsx", "/dev/null"], "'/dev/null' is not a regular file that can be written"),
        (["report", "--html", "/nowhere/r.html"], "'/nowhere/r.html' is not a regular file that can be written"),
        (["rehearse", "--stage", "prod"], "A rehearsal removes what it plays on"),
        (["undo"], "No such command 'undo'"),
    ],
)
def test_a_wrong_argument_is_one_line_that_names_it(arguments: list[str], why: str, extending: Run) -> None:
    """Before anything is read, and with the way to the help."""
    code, _, (line,) = extending(*arguments)
    assert (code, why in line) == (2, True), line
    assert line.endswith(f" See: extending{' ' + arguments[0] if arguments[0] in COMMANDS else ''} --help")


def test_no_variable_of_the_environment_is_an_argument(extending: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell has a USER of its own, and may have a YES of another program."""
    for name in ("ACCOUNT", "USER", "ACCOUNT_ID", "YES", "STAGE", "DROP", "FILE"):
        monkeypatch.setenv(name, "A-100")
        monkeypatch.setenv(f"EXTENDING_{name}", "A-100")
    code, _, (line,) = extending("explain")
    assert (code, "Missing argument 'ACCOUNT'" in line) == (2, True), line


def test_the_local_cloud_needs_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_PROFILE is for AWS; one that is not there keeps nobody from `make run`."""
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    found = stage.local_session().client("sqs", endpoint_url="http://127.0.0.1:1")
    assert found.meta.region_name == REGION


@pytest.mark.parametrize(
    ("is_terminal", "answer", "goes_on"),
    [(True, "y", True), (True, "YES", True), (True, "", False), (True, "n", False), (False, "y", False)],
)
def test_only_a_yes_goes_on_on_a_terminal_or_beforehand(
    is_terminal: bool, answer: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that hangs at a question, or takes silence for a yes, would be worse."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: is_terminal)
    console.ask("Remove A-100?", yes=True)
    with nullcontext() if goes_on else pytest.raises(Trouble, match="Nothing was done"):
        console.ask("Remove [/x] [type=missing]?", yes=False)


def test_text_of_others_is_no_order_to_the_terminal() -> None:
    """A name may hold markup and escape sequences; both are letters here."""
    assert console.cell("[red]\x1b[2J\n\u202eООО").plain == "[red]�[2J��ООО"


@pytest.mark.parametrize(
    ("login", "name"), [("anna", "anna"), ("Анна К", "??????"), ("", "nobody"), ("a" * 300, "a" * 200)]
)
def test_an_operator_is_named_as_a_token_may_name_one(login: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function would refuse another name as a bad token, and a container has none at all."""
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, login)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 2)
    assert operator() == f"operator:{name}"
    assert USER_ID.fullmatch(operator())
