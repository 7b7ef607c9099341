"""The page, one file of HTML that loads nothing; the workbook for people; the list as CSV for programs."""

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, NamedTuple, TextIO
from unicodedata import category
from urllib.parse import urlsplit

import xlsxwriter
from jinja2 import Environment, PackageLoader, StrictUndefined

from extending.model import ServicingOrganization
from ops.console import brief, safe
from ops.report.facts import BEFORE_END, DAYS, LAG, LATELY, Facts
from ops.report.spool import Call, Spool

MOST_ROWS = 12
"""Tariffs of the page; the others are one row."""

MOST_CALLS = 20_000
"""Clients of the page and the workbook, which people read; the CSV has all of them."""

CONTACT = ("name", "city", "phone", "email", "site")
TIMES = ("granted_at", "ends_at", "used_at")


class Figure(NamedTuple):
    """Numbers, each with a bar."""

    id: str
    title: str
    said: str
    """The meaning, in one sentence."""
    head: str
    rows: list[tuple[str, int]]

    @property
    def most(self) -> int:
        return max([1, *(count for _, count in self.rows)])


def figures(facts: Facts) -> list[Figure]:
    days = [(day.isoformat(), count) for day, count in reversed(facts.days())]
    tariffs = facts.by_tariff.most_common(MOST_ROWS)
    if others := facts.by_tariff.total() - sum(count for _, count in tariffs):
        tariffs.append((f"{len(facts.by_tariff) - MOST_ROWS} others", others))
    before = [(name, facts.before_end[name]) for name in BEFORE_END]
    lag = [(name, facts.lag[name]) for name in LAG]
    in_days = f"Extensions taken on each of the last {DAYS} days (UTC): {sum(count for _, count in days):,}."
    of_tariffs = f"All {facts.extensions:,} extensions by the tariff that their subscription has now."
    of_ends = (
        f"The time from an extension to the end of the subscription's period. Unknown for {facts.end_unknown:,}: "
        "their period was renewed since or has no end, or their subscription was removed."
    )
    of_lag = (
        f"The time from the end of an extension to its revocation; the longest {facts.longest_lag}. "
        f"{facts.waiting:,} have ended and are not revoked yet; {facts.ended_early:,} were ended early. "
        "Limits never wait for it."
    )
    return [
        Figure("days", "By day", in_days, "Day", days),
        Figure("tariffs", "By tariff", of_tariffs, "Tariff", tariffs),
        Figure("before", "Before the end of the period", of_ends, "Before the end", before),
        Figure("lag", "Lag of revocation", of_lag, "After the end", lag),
    ]


def listed(spool: Spool, most: int) -> Iterator[tuple[ServicingOrganization, int, Iterator[Call]]]:
    """The calls by servicing organisation; no more organisations once there are so many calls."""
    for contact, count in spool.organizations():
        if most <= 0:
            return
        yield contact or dict.fromkeys(CONTACT), count, spool.calls(contact)
        most -= count


def write_page(file: TextIO, facts: Facts, spool: Spool, source: str) -> None:
    """Write the page piece by piece: the list may be long."""
    environment = Environment(
        loader=PackageLoader("ops.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"minute": lambda instant: brief(instant)[:16], "web": web, "amount": amount}
    called = sum(count for _, count in spool.organizations())
    stream = environment.get_template("page.html").stream(
        facts=facts,
        at=brief(facts.summary()["as_of"]),
        source=source,
        share=f"{100 * facts.extended / facts.accounts:.1f} %" if facts.accounts else "0 %",
        figures=figures(facts),
        lately=LATELY.days,
        called=called,
        organizations=listed(spool, MOST_CALLS),
        cut=called > MOST_CALLS,
    )
    stream.enable_buffering(100)
    file.writelines(stream)


def web(site: str | None) -> str | None:
    """The address of a web site, by the rule of the cabinet; None for what may be no plain web site."""
    if not site:
        return None
    address = f"https://{site}" if re.match(r"[\w.-]+\.\w+(/|$)", site, re.ASCII) else site
    if any(letter in "@\\" or letter.isspace() or category(letter)[0] == "C" for letter in address):
        return None
    try:
        parts = urlsplit(address)
        return address if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def amount(number: int | None, otherwise: str) -> str:
    return otherwise if number is None else f"{number:,}"


def rows(spool: Spool, most: int) -> Iterator[dict[str, Any]]:
    """The calls as flat rows."""
    for contact, _, calls in listed(spool, most):
        about = {f"organization_{name}": contact.get(name) for name in CONTACT}
        for call in calls:
            yield about | {"account_id": call.account_id, "account_name": call.name} | call.row


def write_workbook(file: IO[bytes], spool: Spool) -> None:
    """Write the calls for people: text stays text, nothing is a formula or a link."""
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("To call")
        time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        widths: dict[str, int] = {}
        last = 0
        for last, row in enumerate(rows(spool, MOST_CALLS), 1):
            for column, (name, value) in enumerate(row.items()):
                widths[name] = max(widths.get(name, len(name) + 3), min(40, len(str(value or "")) + 1))
                if name in TIMES and value:
                    sheet.write_datetime(last, column, datetime.fromisoformat(value).replace(tzinfo=None), time)
                elif isinstance(value, int):
                    sheet.write_number(last, column, value)
                elif value is not None:
                    sheet.write_string(last, column, safe(value))
        bold = workbook.add_format({"bold": True})
        for column, (name, width) in enumerate(widths.items()):
            utc = " (UTC)" if name in TIMES else ""
            sheet.write_string(0, column, name.replace("_", " ") + utc, bold)
            sheet.set_column(column, column, width + len(utc))
        sheet.freeze_panes(1, 0)
        if widths:
            sheet.autofilter(0, 0, last, len(widths) - 1)


def write_list(file: TextIO, spool: Spool) -> None:
    """Write the calls for programs: RFC 4180, every field quoted."""
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    for number, row in enumerate(rows(spool, 1 << 60)):
        if not number:
            writer.writerow(row)
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row.values()])


FORMULA = re.compile(r'(^|[,;])["\s]*(?=[=+\-@＝＋－＠])')
BLANK = re.compile(r"(^|[,;])\s+")


def harmless(text: str) -> str:
    """A field no part of which a spreadsheet takes for a formula, whether it separates by comma, semicolon or tab."""
    plain = "".join(" " if category(letter)[0] == "C" else letter for letter in text)
    return BLANK.sub(r"\1", FORMULA.sub(r"\1'", plain))
