"""Shared by all tools: arguments, a question before a write, foreign text made safe to print, one line for an error."""

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn
from unicodedata import category

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from devkit.project import ENDINGS, Trouble
from extending.model import ID

WRONG = 2
"""The exit code of what could not be asked or done."""

STOPPED = 130


def matching(pattern: re.Pattern[str], otherwise: str) -> Callable[[str], str]:
    """The type of an argument that fits a pattern as a whole."""

    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise click.BadParameter(f"{text!r} is not {otherwise}")
        return text

    return read


def past(text: str) -> datetime:
    """The type of an argument that is an instant with its zone, not in the future."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an instant such as 2026-11-21T00:00:00Z") from None
    if when.tzinfo is None:
        raise click.BadParameter("add the zone: 2026-11-21T00:00:00Z")
    if when > datetime.now(UTC):
        raise click.BadParameter("it is in the future")
    return when


ACCOUNT = click.argument("account_id", metavar="ACCOUNT", type=matching(ID, "an account id such as A-100"))
STAGE = click.option("--stage", default="local", show_default=True, help="local, or a block of samconfig.toml.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
YES = click.option("--yes", is_flag=True, help="Ask nothing.")


def results() -> Console:
    """Standard output; wide enough for a table where it is no terminal."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 120)


def notes() -> Console:
    """Standard error: questions, progress, complaints."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def safe(value: Any) -> str:
    """Text of others without what a terminal obeys or hides: control characters, escapes, changes of direction."""
    text = "" if value is None else str(value)
    return "".join(each if each.isprintable() or category(each) == "Zs" else "�" for each in text)


def cell(value: Any, style: str = "") -> Text:
    """Safe text as rich shows it, without markup; numbers stand to the right."""
    return Text(safe(value), style=style, justify="right" if isinstance(value, int) else None)


def grid(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table of safe text below its title; the names of the first row, which are ours, are its heads."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in rows[0] if rows else ():
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(cell, row.values()))
    return table


def print_json(what: Any) -> None:
    """JSON in ASCII alone: safe on every terminal."""
    print(json.dumps(what, indent=2, default=str))


def brief(instant: str | None) -> str:
    """An instant of an answer in UTC, shortened."""
    return (instant or "").replace("T", " ").removesuffix("Z").removesuffix(" 00:00:00")


def now() -> datetime:
    """The clock as the functions read it."""
    return datetime.now(UTC).replace(microsecond=0)


def complain(text: str) -> None:
    notes().print(Text("✗ ", style="red") + cell(" ".join(text.split())))


def ask(question: str, yes: bool) -> None:
    """Go on only if the operator agrees; raises Trouble."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Trouble(f"Nothing was done: this is not interactive. Add --yes to answer: {question}")
    notes().print(safe(f"{question} [y/N] "), end="")
    if input().strip().lower() not in ("y", "yes"):
        raise Trouble("Nothing was done.")


def private(path: str, flags: int) -> int:
    """Opens a file for the operator's eyes alone: it holds clients' data."""
    return os.open(path, flags, 0o600)


def progress() -> Progress:
    """A progress bar on a terminal; nothing elsewhere."""
    console = notes()
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def run(tool: Callable[[], Any]) -> NoReturn:
    """Run a tool to its exit code; an expected error is one line without a traceback.

    A kill or a closed terminal counts as Ctrl-C, so that the tool deletes what it has begun. Only the first of them
    counts: nothing interrupts that.
    """

    def stop(*_: object) -> None:
        for ending in ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        raise KeyboardInterrupt

    for ending in ENDINGS:
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup, or the background of a script
            signal.signal(ending, stop)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # Names have letters that some terminals lack.
    try:
        code = tool() or 0
        sys.stdout.flush()
    except click.ClickException as error:
        see = f" See: {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        complain(error.format_message() + see)
        code = WRONG
    except (Trouble, BotoCoreError, ClientError, OSError) as error:
        complain(str(error) or type(error).__name__)
        code = WRONG
    except (KeyboardInterrupt, EOFError, click.Abort):
        complain("Stopped.")
        code = STOPPED
    sys.exit(code)
