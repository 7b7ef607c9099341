"""What the operator's tools share: one line for what is wrong, and no write without a yes."""

import io
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from ops import console
from ops.stage import NoStack

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate\nexceeded"}}, "Scan")


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


@pytest.mark.parametrize("account", ["", "A 1", "A#1", "x" * 65])
def test_a_wrong_argument_is_one_line_that_names_it(account: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the name that it has behind `make`."""
    parser = console.arguments("explain", None)
    parser.add_argument("--account", type=console.account_id)
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--account", account])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"✗ ACCOUNT: {account!r} is no account id")


@pytest.mark.parametrize(
    ("text", "why"),
    [("yesterday", "no instant"), ("2026-11-21T00:00:00", "name the zone"), ("9000-01-01T00:00:00Z", "still to come")],
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
