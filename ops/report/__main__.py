"""How extensions are used, and whom to call: a page of HTML and a list as CSV, out of the table or an export of it.

It only reads; what it reads costs units, which it says first.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import TextIO

from devkit.stage import stack
from extending import items
from ops import console
from ops.report import page, sources
from ops.report.facts import Facts
from ops.report.spool import Spool

MOST_UNASKED = 100_000
"""Read units that nobody is asked about: some 800 MB, a cent."""

RATE = 1000
"""Read units a second: a twelfth of what a new table on demand gives."""


def gather(source: sources.Source, spool: Spool) -> Facts:
    """Everything of a source once; and the names of those to call."""
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
            except (KeyError, ValueError, AssertionError):  # Whatever is wrong with one, the others are told of.
                facts.unreadable += 1
            else:
                spool.call(facts.count(holdings))
        wanted = spool.called()
        naming = bar.add_task("Names", total=None)
        spool.name(source.accounts(wanted, lambda seen: bar.advance(naming, seen)) if wanted else [])
    return facts


@contextmanager
def whole(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    """A file that is there when all of it is; what stood there before stays until then."""
    number, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for nobody else to read: there are names in it
    try:
        with os.fdopen(number, "w", encoding=encoding, newline="") as file:
            yield file
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def source_of(arguments: argparse.Namespace) -> tuple[sources.Source, str]:
    """What to read, and what it is called; asks before it costs much."""
    if arguments.export:
        is_s3 = arguments.export.startswith("s3://")
        export = sources.bucket(arguments.export) if is_s3 else sources.folder(Path(arguments.export))
        console.beside().print(f"Reading {len(export.files)} files of an export, {export.total / 1e6:,.1f} MB.")
        return export, "an export of the table"
    target = stack(arguments.stage)
    table = sources.TableScan(target, sources.Pace(arguments.rate))
    minutes = round(table.size.units / arguments.rate / 60)
    costs = f"{table.size}{f', some {minutes} minutes at {arguments.rate:g} a second' if minutes else ''}"
    if table.size.units > MOST_UNASKED:
        console.ask(f"Read {target.name}'s table ({costs})?", arguments.yes)
    else:
        console.beside().print(console.cell(f"Reading {target.name}'s table ({costs})."))
    return table, f"the table of {target.name}"


def rate(text: str) -> float:
    try:
        units = float(text)
    except ValueError:
        units = 0
    if not 1 <= units <= 1_000_000:
        raise console.ArgumentTypeError(f"{text!r} is not a rate such as 1000, in read units a second")
    return units


def writable(text: str) -> Path:
    path = Path(text)
    if not os.access(path.parent, os.W_OK) or path.is_dir():
        raise console.ArgumentTypeError(f"{text!r} is not a file that can be written")
    return path


def main() -> int:
    parser = console.arguments("report", __doc__)
    parser.add_argument("--out", type=writable, help="OUT=report.html: the page")
    parser.add_argument("--csv", type=writable, help="CSV=calls.csv: the list of whom to call")
    parser.add_argument("--export", help="EXPORT=folder or s3://…: of an export instead of the table")
    parser.add_argument("--rate", type=rate, default=RATE, help=f"RATE={RATE}: read units a second")
    parser.add_argument("--yes", action="store_true", help="YES=1: ask nothing")
    arguments = parser.parse_args()
    if not (arguments.out or arguments.csv or arguments.json):
        raise console.Trouble("Name what to write: make report OUT=report.html CSV=calls.csv")
    source, name = source_of(arguments)
    with Spool() as spool:
        facts = gather(source, spool)
        if arguments.out:
            with whole(arguments.out) as file:
                page.write_page(file, facts, spool, name)
        if arguments.csv:
            with whole(arguments.csv, "utf-8-sig") as file:  # Spreadsheets take UTF-8 for it only with the mark.
                page.write_list(file, spool)
        calls = sum(count for _, count in spool.organizations())
    if arguments.json:
        console.tell_json(facts.summary() | {"calls": calls})
    else:
        said = f"{facts.accounts:,} accounts, {facts.extensions:,} extensions, {calls:,} to call: "
        console.told().print(console.cell(said + ", ".join(str(f) for f in (arguments.out, arguments.csv) if f)))
    return 0


if __name__ == "__main__":
    console.run(main)
