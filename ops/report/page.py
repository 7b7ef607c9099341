"""The page and the list: HTML of one file that asks nobody for anything, and CSV."""

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TextIO
from urllib.parse import urlsplit

import pygal
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from extending.model import ServicingOrganization
from ops.console import brief
from ops.report.facts import BEFORE_END, DAYS, LAG, LATELY, Facts
from ops.report.spool import Call, Spool

# pygal hooks into every import for plug-ins that nobody has here, in a way that Python 3.11 warns of.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

MOST_BARS = 12
"""Tariffs of the chart; the others are one bar."""

MOST_CALLS = 20_000
"""Clients of the page: a browser shows no more in good time. The list as CSV has all of them."""

CONTACT = ("name", "city", "phone", "email", "site")


class Figure(NamedTuple):
    """A chart, and its numbers for those who cannot see it."""

    id: str
    title: str
    said: str
    """What it shows, in one sentence."""
    head: str
    rows: list[tuple[str, int]]
    svg: Markup


def figures(facts: Facts) -> Iterator[Figure]:
    """Every chart of the page."""
    days = [(day.isoformat(), count) for day, count in facts.days()]
    said = f"Extensions taken on each of the last {DAYS} days (UTC): {sum(count for _, count in days):,}."
    yield figure(
        "days", "By day", said, "Day", days, labels=[day if n % 14 == 0 else "" for n, (day, _) in enumerate(days)]
    )
    tariffs = facts.by_tariff.most_common(MOST_BARS)
    if others := facts.by_tariff.total() - sum(count for _, count in tariffs):
        tariffs.append((f"{len(facts.by_tariff) - MOST_BARS} others", others))
    said = f"All {facts.extensions:,} extensions by the tariff that their subscription has now."
    yield figure("tariffs", "By tariff", said, "Tariff", tariffs, horizontal=True)
    said = (
        f"How long before the end of the subscription's period an extension was taken. Of {facts.end_unknown:,} "
        "that is not known: they are of a period that was renewed since, or of a subscription that was removed."
    )
    yield figure(
        "before",
        "Before the end of the period",
        said,
        "Before the end",
        of(facts.before_end, BEFORE_END),
        horizontal=True,
    )
    said = (
        f"How long after its end an extension was revoked; at the most {facts.longest_lag}. "
        f"{facts.waiting:,} have ended and are not revoked yet. Limits never wait for it."
    )
    yield figure("lag", "Lag of revocation", said, "After the end", of(facts.lag, LAG), horizontal=True)


def of(counted: Counter[str], names: Iterable[str]) -> list[tuple[str, int]]:
    return [(name, counted[name]) for name in names]


def figure(
    id_: str,
    title: str,
    said: str,
    head: str,
    rows: list[tuple[str, int]],
    *,
    labels: list[str] | None = None,
    horizontal: bool = False,
) -> Figure:
    return Figure(id_, title, said, head, rows, chart(title, rows, labels, horizontal))


def chart(title: str, rows: list[tuple[str, int]], labels: list[str] | None, horizontal: bool) -> Markup:
    """Bars as SVG: its colours are those of the page, and what the library adds for scripts is taken out."""
    drawn = (pygal.HorizontalBar if horizontal else pygal.Bar)(
        css=[],
        js=[],
        width=880,
        height=70 + 30 * len(rows) if horizontal else 300,
        show_legend=False,
        no_prefix=True,
        print_values=horizontal,
        print_values_position="top",
        disable_xml_declaration=True,
        truncate_label=40,
        max_scale=6,
        value_formatter=lambda value: f"{value:,.0f}" if value == int(value) else "",
    )
    rows = rows if not horizontal else list(reversed(rows))  # It draws from the bottom up.
    drawn.x_labels = [name for name, _ in rows] if labels is None else labels
    drawn.add(title, [count for _, count in rows])
    svg = drawn.render_tree()
    for parent in list(svg.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in ("script", "style", "desc", "title"):
                parent.remove(child)
    svg.set("role", "img")
    svg.set("aria-label", f"{title}: the same numbers are in the table below")
    svg.attrib.pop("id", None)
    return Markup(pygal.etree.etree.tostring(svg, encoding="unicode"))  # noqa: S704 - of our own making, and escaped by the library


# The list


def listed(spool: Spool, most: int) -> Iterator[tuple[ServicingOrganization, int, Iterator[Call]]]:
    """The call list by servicing organisation, up to so many clients."""
    for contact, count in spool.organizations():
        if most <= 0:
            return
        yield contact or dict.fromkeys(CONTACT), count, spool.calls(contact)
        most -= count


def write_page(file: TextIO, facts: Facts, spool: Spool, source: str) -> None:
    """The page, piece by piece: the list may be long."""
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
        figures=list(figures(facts)),
        lately=LATELY.days,
        called=called,
        organizations=listed(spool, MOST_CALLS),
        cut=called > MOST_CALLS,
    )
    stream.enable_buffering(100)
    file.writelines(stream)


def web(site: str | None) -> str | None:
    """The address of a site, if it is one that may be followed."""
    try:
        return site if site and urlsplit(site).scheme in ("http", "https") else None
    except ValueError:
        return None


def amount(number: int | None, otherwise: str) -> str:
    return otherwise if number is None else f"{number:,}"


FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s().-]*$)")
"""What a spreadsheet takes for a formula; the number of a telephone is none."""


def write_list(file: TextIO, spool: Spool) -> int:
    """The call list as CSV for spreadsheets; returns how many lines."""
    writer = csv.writer(file)
    lines = 0
    for contact, _, calls in listed(spool, 1 << 60):
        about = [contact.get(name) for name in CONTACT]
        for call in calls:
            if not lines:
                head = [f"organization_{name}" for name in CONTACT]
                writer.writerow([*head, "account_id", "account_name", *call.row])
            writer.writerow(map(harmless, [*about, call.account_id, call.name, *call.row.values()]))
            lines += 1
    return lines


def harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
