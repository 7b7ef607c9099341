"""What the operator's tools share: arguments, a question before anything is written, one line for what went wrong."""

import argparse
import json
import re
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

import devkit.project
from extending.model import ID

ArgumentTypeError = argparse.ArgumentTypeError
Trouble = devkit.project.Trouble
WRONG = 2
"""The exit code of what could not be asked or done."""

STOPPED = 130


class Arguments(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        complain(re.sub(r"^argument --([a-z]+)", lambda option: option[1].upper(), message))
        sys.exit(WRONG)


def arguments(name: str, description: str | None) -> Arguments:
    """What every tool takes: a stage, and JSON for machines."""
    parser = Arguments(prog=f"make {name}", description=description)
    parser.add_argument("--stage", default="local", help="STAGE=local, dev, prod")
    parser.add_argument("--json", action="store_true", help="JSON=1: for machines")
    return parser


def account_id(text: str) -> str:
    if not ID.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is not an account id such as A-100")
    return text


def past(text: str) -> datetime:
    """An instant with its zone that is not still to come."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an instant such as 2026-11-21T00:00:00Z") from None
    if when.tzinfo is None:
        raise ArgumentTypeError("name the zone too: 2026-11-21T00:00:00Z")
    if when > datetime.now(UTC):
        raise ArgumentTypeError("that is still to come")
    return when


def told() -> Console:
    """Where results go; wide enough for a table where no terminal tells its width."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def beside() -> Console:
    """Where questions, progress and complaints go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def cell(value: Any, style: str = "") -> Text:
    """What was told by others, as plain text: no markup, and nothing that a terminal takes for an order."""
    text = "" if value is None else str(value)
    return Text("".join(letter if letter.isprintable() else "�" for letter in text), style=style)


def brief(instant: str | None) -> str:
    """An instant of an answer, in UTC, without what it says anyway."""
    return (instant or "").replace("T", " ").removesuffix("Z").removesuffix(" 00:00:00")


def now() -> datetime:
    """The clock as the functions read it."""
    return datetime.now(UTC).replace(microsecond=0)


def complain(text: str) -> None:
    beside().print(Text("✗ ", style="red") + cell(" ".join(text.split())))


def tell_json(what: Any) -> None:
    print(json.dumps(what, ensure_ascii=False, indent=2, default=str))


def ask(question: str, yes: bool) -> None:
    """Go on only if the operator wants to; raises Trouble."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Trouble(f"Nothing was done: there is nobody to ask here. YES=1 answers: {question}")
    beside().print(cell(f"{question} [y/N] "), end="")
    if input().strip().lower() not in ("y", "yes"):
        raise Trouble("Nothing was done.")


def progress() -> Progress:
    """A bar on the terminal, and nothing where there is none."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = beside()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def run(tool: Callable[[], int]) -> NoReturn:
    """Run a tool to its exit code; what is not its fault is one line, and no traceback.

    A kill or a terminal that is closed is as Ctrl-C: what a tool has begun to write is taken away. Only the
    first of them counts, so that nothing interrupts that.
    """
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(*_: object) -> None:
        for ending in endings:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    for ending in endings:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup, or the background of a script
            signal.signal(ending, stop)
    try:
        code = tool()
        sys.stdout.flush()
    except (Trouble, BotoCoreError, ClientError, OSError) as error:
        complain(str(error) or type(error).__name__)
        code = WRONG
    except (KeyboardInterrupt, EOFError):
        complain("Stopped.")
        code = STOPPED
    sys.exit(code)
