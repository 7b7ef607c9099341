"""Report how extensions are used and whom to call: a page, a workbook and a list, by one scan of the table.

| module   | does                                                     |
|----------|----------------------------------------------------------|
| facts.py | counts, by the product's own rules; picks whom to call   |
| page.py  | writes the page, the workbook and the list               |
"""

import heapq
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import click

from devkit.stage import stack
from extending import items
from ops import console, table
from ops.report import page
from ops.report.facts import Facts

MOST_UNASKED = 100_000
"""Read units that cost no question: some 800 MB, a cent."""

MOST_CALLS = 20_000
"""Clients of the page and the workbook, which people read; the CSV has all of them."""

PAGE_UNITS = 128
"""Read units of a page of 1 MB, for a cloud that does not say what one has consumed."""

KINDS = {f":{kind}": {"S": kind} for kind in ("account", "subscription", "extension", "usage")}
WANTED = {
    "FilterExpression": f"{items.TYPE} IN ({', '.join(KINDS)})",
    "ExpressionAttributeValues": KINDS,
    "ReturnConsumedCapacity": "TOTAL",
}
"""The items that are read; members are not."""


class Pace:
    """Holds reading to a rate of units a second."""

    def __init__(
        self, rate: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._paid_until = clock()

    def spend(self, units: float) -> None:
        """Wait until what was read is within the rate."""
        self._paid_until = max(self._paid_until, self._clock()) + units / self._rate
        self._sleep(max(0.0, self._paid_until - self._clock()))


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that is written once all of its content is there.

    The content waits in a file without a name: it holds clients' data, and a kill leaves nothing of it.
    """
    with TemporaryFile() as content:
        yield content
        content.seek(0)
        with open(path, "wb", opener=console.private) as file:
            shutil.copyfileobj(content, file)


def writable(text: str) -> Path:
    """The type of an argument that is a file to write: new, or a regular one, which a link may lead to."""
    path = Path(text)
    if not os.access(path.parent, os.W_OK) or (path.exists() and not path.is_file()):
        raise click.BadParameter(f"{text!r} is not a regular file that can be written")
    return path


@click.command()
@click.option("--html", type=writable, metavar="FILE", help="Write the page.")
@click.option("--xlsx", type=writable, metavar="FILE", help="Write whom to call as a workbook for people.")
@click.option("--csv", type=writable, metavar="FILE", help="Write whom to call as CSV for programs.")
@click.option("--rate", type=click.FloatRange(1), default=1000, show_default=True, help="Read units a second at most.")
@console.STAGE
@console.JSON
@console.YES
def command(
    html: Path | None, xlsx: Path | None, csv: Path | None, rate: float, stage: str, as_json: bool, yes: bool
) -> None:
    """Report usage, and which clients to call.

    \b
    extending report --html report.html --xlsx calls.xlsx --stage prod
    """
    if not (html or xlsx or csv or as_json):
        raise click.UsageError("name a file to write: --html report.html --xlsx calls.xlsx")
    target = stack(stage)
    size = table.size(target)
    minutes = round(size.units / rate / 60)
    costs = f"{size}{f', some {minutes} minutes at {rate:g} a second' if minutes else ''}"
    if size.units > MOST_UNASKED:
        console.ask(f"Read {target.name}'s table ({costs})?", yes)
    else:
        console.notes().print(f"Reading {target.name}'s table ({costs}).")
    facts, pace = Facts(console.now()), Pace(rate)  # The default is a twelfth of what a new table on demand gives.

    def seen(answer: dict[str, Any]) -> None:
        pace.spend(answer.get("ConsumedCapacity", {}).get("CapacityUnits", PAGE_UNITS))

    with ExitStack() as files:
        calls = facts.read(table.scan(target, seen, **WANTED))
        if csv:
            lines = TextIOWrapper(files.enter_context(whole(csv)), encoding="utf-8", errors="replace", newline="")
            files.callback(lines.detach)
            calls = page.listed(lines, calls)
        latest = page.by_organization(heapq.nlargest(MOST_CALLS, calls, key=lambda call: call.granted_at))
        if html:
            page.write_page(files.enter_context(whole(html)), facts, latest)
        if xlsx:
            page.write_workbook(files.enter_context(whole(xlsx)), latest)
    if as_json:
        console.print_json(facts.summary())
    else:
        written = ", ".join(str(each) for each in (html, xlsx, csv) if each)
        counts = f"{facts.accounts:,} accounts, {facts.extensions:,} extensions, {facts.calls:,} to call"
        console.results().print(console.safe(f"{counts}: {written}"))
