"""The page, one file of HTML that loads nothing; the workbook for people; the list as CSV for programs."""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import IO, Any, TextIO
from unicodedata import category

import xlsxwriter
from jinja2 import Environment, PackageLoader, StrictUndefined

from extending.model import ServicingOrganization
from ops.console import safe
from ops.report.facts import BEFORE_END, LAG, LATELY, Call, Facts

DAYS = 90
"""Days of the page, today among them."""

MOST_TARIFFS = 12
"""Tariffs of the page; the others are one row."""

CONTACT = ("name", "city", "phone", "email", "site")


def write_page(file: IO[bytes], facts: Facts, calls: list[Call]) -> None:
    environment = Environment(
        loader=PackageLoader("ops.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["amount"] = amount
    today = facts.as_of.date()
    days = [today - timedelta(days=n) for n in range(DAYS)]
    tariffs = facts.by_tariff.most_common(MOST_TARIFFS)
    if others := facts.by_tariff.total() - sum(count for _, count in tariffs):
        tariffs.append((f"{len(facts.by_tariff) - MOST_TARIFFS} others", others))
    organizations = [
        (contact(each), list(theirs)) for each, theirs in groupby(calls, key=lambda call: call.organization)
    ]
    html = environment.get_template("page.html").render(
        facts=facts,
        days=[(day.isoformat(), facts.by_day[day]) for day in days],
        tariffs=tariffs,
        before_end=[(name, facts.before_end[name]) for name in BEFORE_END],
        lag=[(name, facts.lag[name]) for name in LAG],
        lately=LATELY.days,
        organizations=sorted(organizations, key=lambda each: len(each[1]), reverse=True),
        cut=facts.calls > len(calls),
    )
    file.write(html.encode(errors="replace"))


def contact(organization: ServicingOrganization | None) -> dict[str, str | None]:
    return dict.fromkeys(CONTACT) | {**(organization or {})}


def by_organization(calls: Iterable[Call]) -> list[Call]:
    """Calls by servicing organisation, the latest extension first."""
    latest_first = sorted(calls, key=lambda call: (call.granted_at, call.account_id), reverse=True)
    return sorted(latest_first, key=lambda call: str(call.organization))


def amount(number: int | None, otherwise: str = "") -> str:
    return otherwise if number is None else f"{number:,}"


def row(call: Call) -> dict[str, Any]:
    """A call as a flat row."""
    values = call._asdict()
    organization = contact(values.pop("organization"))
    return {f"organization_{name}": value for name, value in organization.items()} | values


def write_workbook(file: IO[bytes], calls: list[Call]) -> None:
    """Write the calls for people: text stays text, nothing is a formula or a link."""
    with xlsxwriter.Workbook(file, {"in_memory": True, "remove_timezone": True}) as workbook:
        sheet = workbook.add_worksheet("To call")
        time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for number, call in enumerate(calls, 1):
            for column, value in enumerate(row(call).values()):
                match value:
                    case datetime():
                        sheet.write_datetime(number, column, value, time)
                    case int():
                        sheet.write_number(number, column, value)
                    case str():
                        sheet.write_string(number, column, safe(value))
        heads = [name.replace("_", " ") + " (UTC)" * name.endswith("_at") for name in (row(calls[0]) if calls else ())]
        for column, head in enumerate(heads):
            sheet.write_string(0, column, head, workbook.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        if heads:
            sheet.autofilter(0, 0, len(calls), len(heads) - 1)
            sheet.autofit()


def listed(file: TextIO, calls: Iterable[Call]) -> Iterator[Call]:
    """Write the calls for programs as they pass: RFC 4180, every field quoted."""
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    for number, call in enumerate(calls):
        values = row(call)
        if not number:
            writer.writerow(values)
        writer.writerow([_field(value) for value in values.values()])
        yield call


def _field(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return harmless(value) if isinstance(value, str) else value


FORMULA = re.compile(r'(^|[,;])["\s]*(?=[=+\-@＝＋－＠])')
BLANK = re.compile(r"(^|[,;])\s+")


def harmless(text: str) -> str:
    """A field no part of which a spreadsheet takes for a formula, whether it separates by comma, semicolon or tab."""
    plain = "".join(" " if category(letter)[0] == "C" else letter for letter in text)
    return BLANK.sub(r"\1", FORMULA.sub(r"\1'", plain))
