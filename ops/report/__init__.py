"""Report how extensions are used and whom to call: a page, a workbook and a list, from the table or an export of it.

| module     | does                                                                                     |
|------------|------------------------------------------------------------------------------------------|
| sources.py | reads: a scan at a bounded rate, or the files of an export; names only of those to call  |
| spool.py   | orders by account what was read, on disk: memory stays small                             |
| facts.py   | counts, by the product's own rules; picks whom to call                                   |
| page.py    | writes the page, the workbook and the list                                               |
"""

import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import click

from devkit.stage import stack
from extending import items
from ops import console
from ops.report import page, sources
from ops.report.facts import Facts
from ops.report.spool import Spool

MOST_UNASKED = 100_000
"""Read units that cost no question: some 800 MB, a cent."""


def gather(source: sources.Source, spool: Spool) -> Facts:
    """Read everything of a source once, then the names of those to call."""
    facts = Facts(source.now)
    with console.progress() as bar:
        reading = bar.add_task("Reading", total=source.total or None)
        spool.add(source.read(lambda seen: bar.advance(reading, seen)))
        facts.accounts = spool.count()
        counting = bar.add_task("Counting", total=None)
        for account_id, found in spool.extended():
            bar.advance(counting)
            try:
                holdings = items.holdings_from(account_id, found)
            except (KeyError, ValueError, AssertionError):  # One account keeps no other from being counted.
                facts.unreadable += 1
            else:
                spool.call(facts.count(holdings))
        wanted = spool.called()
        naming = bar.add_task("Names", total=None)
        spool.name(source.accounts(wanted, lambda seen: bar.advance(naming, seen)) if wanted else [])
    return facts


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A regular file that is written once all of its content is there.

    The content waits in a file without a name: it holds clients' data, and a kill leaves nothing of it.
    """
    with TemporaryFile() as content:
        yield content
        content.seek(0)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o600), "wb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(f"{path} is not a regular file")
            file.truncate()
            shutil.copyfileobj(content, file)


def writable(text: str) -> Path:
    """The path of a file to write: new, or a regular one, which a link may lead to."""
    path = Path(text)
    if not os.access(path.parent, os.W_OK) or (path.exists() and not path.is_file()):
        raise ValueError(f"{text!r} is not a regular file that can be written")
    return path


def source_of(export: str | None, stage: str, rate: float, yes: bool) -> tuple[sources.Source, str]:
    """The source and its name; asks before it costs much."""
    if export:
        found = sources.bucket(export) if export.startswith("s3://") else sources.folder(Path(export))
        console.notes().print(f"Reading {len(found.files)} files of an export, {found.total / 1e6:,.1f} MB.")
        return found, "an export of the table"
    target = stack(stage)
    table = sources.TableScan(target, sources.Pace(rate))
    minutes = round(table.size.units / rate / 60)
    costs = f"{table.size}{f', some {minutes} minutes at {rate:g} a second' if minutes else ''}"
    if table.size.units > MOST_UNASKED:
        console.ask(f"Read {target.name}'s table ({costs})?", yes)
    else:
        console.notes().print(f"Reading {target.name}'s table ({costs}).")
    return table, f"the table of {target.name}"


FILE = console.Parsed("file", writable)


@click.command()
@click.option("--html", type=FILE, metavar="FILE", help="The page.")
@click.option("--xlsx", type=FILE, metavar="FILE", help="Whom to call, as a workbook for people.")
@click.option("--csv", type=FILE, metavar="FILE", help="Whom to call, as CSV for programs.")
@click.option("--export", help="A folder or s3://…: read an export instead of the table.")
@click.option(
    "--rate", type=click.FloatRange(1, 1_000_000), default=1000, show_default=True, help="Read units a second."
)  # The default is a twelfth of what a new table on demand gives.
@console.STAGE
@console.JSON
@console.YES
def command(
    html: Path | None,
    xlsx: Path | None,
    csv: Path | None,
    export: str | None,
    rate: float,
    stage: str,
    as_json: bool,
    yes: bool,
) -> int:
    """Report usage, and which clients to call.

    \b
    extending report --html report.html --xlsx calls.xlsx --stage prod
    """
    if not (html or xlsx or csv or as_json):
        raise click.UsageError("name a file to write: --html report.html --xlsx calls.xlsx")
    source, name = source_of(export, stage, rate, yes)
    with Spool() as spool:
        facts = gather(source, spool)
        if html:
            with whole(html) as file, text(file) as lines:
                page.write_page(lines, facts, spool, name)
        if xlsx:
            with whole(xlsx) as file:
                page.write_workbook(file, spool)
        if csv:
            with whole(csv) as file, text(file) as lines:
                page.write_list(lines, spool)
        calls = sum(count for _, count in spool.organizations())
    if as_json:
        console.print_json(facts.summary() | {"calls": calls})
    else:
        files = ", ".join(str(each) for each in (html, xlsx, csv) if each)
        counts = f"{facts.accounts:,} accounts, {facts.extensions:,} extensions, {calls:,} to call"
        console.results().print(console.safe(f"{counts}: {files}"))
    return 0


@contextmanager
def text(file: IO[bytes]) -> Iterator[io.TextIOWrapper]:
    """UTF-8 into a file of bytes; a lone surrogate, which it cannot hold, becomes a question mark."""
    lines = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    yield lines
    lines.detach()
