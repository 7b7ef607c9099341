"""Figures of the report, its reading at a rate, and the files that it writes."""

import csv
import io
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.builders import CONTACT, DAY, NOW, SECOND, WEEK
from extending import items
from extending.model import Account, Holdings, Kind, OfferId, Subscription, TariffLimits, Terms, Usage
from ops import report
from ops.report import page
from ops.report.facts import BEFORE_END, LAG, Call, Facts, range_of

PARTNER: dict[str, str | None] = dict(CONTACT)
TERMS = Terms(2, 8, "P7D", 604_800)
BASIC = Subscription(
    "S-1", "000000123", Kind.MAIN, "basic", "Базовый", NOW - 20 * DAY, NOW + 10 * DAY, TariffLimits(2, 1), TERMS
)


def holdings(at: datetime = NOW, usage: Usage | None = None, **extension: Any) -> Holdings:
    """An account that extended at an instant."""
    taken = OfferId.of(BASIC).accepted("A-100", "U-1", at)._replace(**extension)
    return Holdings(Account("A-100"), {"S-1": BASIC}, {("S-1", taken.period): taken}, usage)


def counted(held: Holdings, at: datetime = NOW) -> tuple[Facts, list[Call]]:
    facts = Facts(at)
    return facts, list(facts.count(held))


def test_an_extension_counts_by_its_day_its_tariff_and_the_rest_of_its_period() -> None:
    """And once in all."""
    facts, (call,) = counted(holdings())
    assert facts.by_day == {NOW.date(): 1}
    assert facts.extensions == facts.running == facts.accounts_extended == 1
    assert facts.by_tariff == {"Базовый": 1}
    assert facts.before_end == {"1 to 2 weeks": 1}
    assert (call.state, call.sessions_limit, call.granted_by) == ("active", 4, "U-1")


@pytest.mark.parametrize(
    ("age", "lately"), [(timedelta(0), True), (30 * DAY - SECOND, True), (30 * DAY, False), (90 * DAY, False)]
)
def test_who_extended_in_the_last_thirty_days_is_to_be_called(age: timedelta, lately: bool) -> None:
    """Nobody else is on the list."""
    facts, calls = counted(holdings(NOW - age))
    assert (len(calls), facts.calls, facts.accounts_extended_lately) == (lately, lately, lately)


def test_the_period_of_an_extension_may_be_known_no_more() -> None:
    """Renewed since, removed, or ended before."""
    renewed = holdings(period_starts_at=NOW - 400 * DAY)
    removed = holdings()._replace(subscriptions={})
    cut = holdings()._replace(subscriptions={"S-1": BASIC._replace(ends_at=NOW - DAY)})
    for each in (renewed, removed, cut):
        assert counted(each)[0].end_unknown == 1
    assert counted(removed)[0].by_tariff == {"(subscription removed)": 1}


def test_lag_is_counted_where_revoked_and_what_waits_is_named() -> None:
    """An extension that has ended and is not revoked has no lag yet."""
    facts, _ = counted(holdings(NOW - WEEK, revoked_at=NOW + 90 * SECOND), NOW + DAY)
    assert (facts.lag, facts.longest_lag, facts.not_revoked) == ({"1 to 2 minutes": 1}, 90 * SECOND, 0)
    facts, _ = counted(holdings(NOW - WEEK), NOW)
    assert (facts.lag.total(), facts.not_revoked, facts.running) == (0, 1, 0)
    facts, _ = counted(holdings(NOW - WEEK, revoked_at=NOW - DAY), NOW)
    assert (facts.lag.total(), facts.not_revoked, facts.ended_early) == (0, 0, 1)


@pytest.mark.parametrize(
    ("usage", "reported", "over"),
    [
        (None, 0, (0, 0, 0)),
        (Usage(9, 9, NOW + WEEK - SECOND), 0, (0, 0, 0)),
        (Usage(2, 1, NOW + WEEK), 1, (0, 0, 0)),
        (Usage(3, 5, NOW + WEEK), 1, (1, 1, 4)),
    ],
)
def test_use_above_the_limits_counts_when_it_was_reported_after_the_end(
    usage: Usage | None, reported: int, over: tuple[int, int, int]
) -> None:
    """While the extension ran, its extras were there."""
    facts, _ = counted(holdings(usage=usage), NOW + 8 * DAY)
    assert facts.reported_after_end == reported
    assert (facts.accounts_over, facts.sessions_over, facts.databases_over) == over


def test_every_time_is_in_one_range() -> None:
    """The ends of ranges belong to the lower one."""
    assert range_of(timedelta(0), LAG) == "within a minute"
    assert range_of(60 * SECOND, LAG) == "within a minute"
    assert range_of(61 * SECOND, LAG) == "1 to 2 minutes"
    assert range_of(10_000 * DAY, BEFORE_END) == "more than 3 months"


def test_reading_keeps_to_its_rate() -> None:
    """Units a second, whatever a page takes."""
    clock, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    pace = report.Pace(100, lambda: clock[0], sleep)
    for units in (50, 50, 0, 400):
        pace.spend(units)
    assert slept == pytest.approx([0.5, 0.5, 0, 4])
    clock[0] += 60  # A pause is no credit.
    pace.spend(100)
    assert slept[-1] == pytest.approx(1)


def test_an_account_that_cannot_be_read_keeps_no_other_from_being_counted() -> None:
    """It is counted as such."""
    odd = {"pk": {"S": "A#odd"}, "sk": {"S": "S#S-1#E#x"}, "t": {"S": "extension"}}
    facts = Facts(NOW)
    assert list(facts.read([odd, items.account_item(Account("A-100"))])) == []
    assert (facts.accounts, facts.unreadable) == (1, 1)


HOSTILE = '"><script>alert(1)</script>'


def written(name: str, contact: dict[str, str | None] | None) -> tuple[str, list[list[str]], dict[str, str]]:
    """Page, list and parts of the workbook of one client with this name and servicing organisation."""
    html, lines, book = io.BytesIO(), io.StringIO(), io.BytesIO()
    account = Account("A-100", name, None, contact)
    facts, calls = counted(
        holdings()._replace(account=account, subscriptions={"S-1": BASIC._replace(tariff_name=name)})
    )
    calls = list(page.listed(lines, calls))
    page.write_page(html, facts, calls)
    page.write_workbook(book, calls)
    with zipfile.ZipFile(book) as parts:
        workbook = {Path(part).name: parts.read(part).decode() for part in parts.namelist()}
    return html.getvalue().decode(), list(csv.reader(io.StringIO(lines.getvalue()))), workbook


def test_the_page_loads_nothing_and_shows_foreign_text_as_text() -> None:
    """No script, no foreign host but in links; what others have reported is letters."""
    html, *_ = written(HOSTILE, PARTNER | {"city": HOSTILE, "site": "javascript:alert(1)"})
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert not re.findall(r"(?:src|srcset|action|data)\s*=|url\(|@import|<link|<iframe|<object|<use", html)
    assert not re.findall(r"https?://", html)
    assert html.count("&lt;script&gt;") >= 4
    linked, *_ = written("ООО «Ромашка»", PARTNER)
    assert '<a href="https://uchet.example" rel="noreferrer">' in linked


def test_every_figure_is_a_table_with_bars() -> None:
    """For those who cannot see them, and for those who copy the numbers."""
    html, *_ = written("ООО «Ромашка»", PARTNER)
    assert html.count("<figure") == html.count('<th scope="col" class="n">Extensions</th>') == 4
    assert '<tr><th scope="row">2026-11-22</th><td class="n">1</td><td class="bar"><span style="width: 100.0%">' in html


@pytest.mark.parametrize(
    ("site", "link"),
    [
        ("https://uchet.example", "https://uchet.example"),
        ("uchet.example/help", "https://uchet.example/help"),
        ("https://good.example@evil.example", None),
        ("https://good.example\\@evil.example", None),
        ("https://go od.example", None),
        ("https://\u202egood.example", None),
        ("javascript:alert(1)", None),
        ("https://", None),
        ("https://[", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_plain_web_site_is_a_link(site: str | None, link: str | None) -> None:
    """The rule of the cabinet: what looks like one host and leads to another is text."""
    assert page.web(site) == link


def test_the_workbook_holds_text_as_text() -> None:
    """A number keeps its zeros, nothing is a formula or a link; head and filter stand."""
    _, _, parts = written("=1+1", PARTNER | {"site": "https://uchet.example", "city": "Мск;=1+1"})
    sheet, strings = parts["sheet1.xml"], parts["sharedStrings.xml"]
    assert not re.findall(r"<f>|hyperlink", sheet)
    for text in ("=1+1", "Мск;=1+1", "000000123", "https://uchet.example", "+7 495 123-45-67"):
        assert f">{text}</t>" in strings
    for part in ('state="frozen"', "<autoFilter ref=", "<cols>"):
        assert part in sheet


def test_a_list_has_its_servicing_organisation_or_says_that_there_is_none() -> None:
    """By the contact that the client has too."""
    html, (_, row), _ = written("ООО «Ромашка»", PARTNER)
    assert "ООО «Учёт и Сервис»" in html
    assert row[:6] == ["ООО «Учёт и Сервис»", "Москва", "'+7 495 123-45-67", *row[3:5], "A-100"]
    html, (_, row), _ = written("ООО «Ромашка»", None)
    assert "No servicing organisation" in html
    assert row[:6] == ["", "", "", "", "", "A-100"]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("Мск;=1+1", "Мск;'=1+1"),
        ('Мск; "=1+1"', "Мск;'=1+1\""),
        ("a\t=1", "a =1"),
        ("a,\n=1", "a,'=1"),
        ("a\x00\r\n\u202eb", "a    b"),
        (" ООО, Москва", "ООО,Москва"),
        ("＝1", "'＝1"),
        ("+7 (495) 123-45-67", "'+7 (495) 123-45-67"),
        ("ООО «Ромашка-2»", "ООО «Ромашка-2»"),
    ],
)
def test_a_spreadsheet_takes_no_part_of_a_field_for_a_formula(text: str, harmless: str) -> None:
    """A client may call itself what it likes, and a Russian Excel separates by semicolons."""
    assert page.harmless(text) == harmless
    for part in re.split(r"[,;\t]", page.harmless(text)):
        assert not re.match(r"[=+\-@\s]", part)


def test_every_field_of_the_list_is_quoted() -> None:
    """RFC 4180: programs read what was written."""
    lines = io.StringIO()
    _, calls = counted(holdings()._replace(account=Account("A-100", 'ООО "Р"', None, PARTNER)))
    assert list(page.listed(lines, calls)) == calls
    head, row, end = lines.getvalue().split("\r\n")
    assert (head[0], row[0], end) == ('"', '"', "")
    assert '"ООО ""Р""","000000123","Базовый"' in row


def test_a_page_is_there_as_a_whole_or_as_it_was(tmp_path: Path) -> None:
    """Interrupted, the one of last time stays."""
    path = tmp_path / "report.html"
    path.write_text("before")

    def interrupted() -> None:
        with report.whole(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    with report.whole(path) as file:
        file.write(b"all")
    assert path.read_text() == "all"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    """Root may replace both, and would not notice."""
    path, link = tmp_path / "report.html", tmp_path / "link"
    link.symlink_to(path)
    with report.whole(link) as file:
        file.write(b"all")
    assert (link.is_symlink(), path.read_text(), path.stat().st_mode & 0o777) == (True, "all", 0o600)
    with pytest.raises(OSError, match="is not a regular file"), report.whole(Path("/dev/null")) as file:
        file.write(b"all")
    assert not Path("/dev/null").is_file()


def test_the_page_says_where_it_does_not_show_all() -> None:
    """The list as CSV does."""
    html = io.BytesIO()
    page.write_page(html, counted(holdings())[0], [])
    assert "Only the latest are on this page; the CSV has all." in html.getvalue().decode()


def test_calls_stand_by_servicing_organisation_the_latest_first() -> None:
    """The organisation with the most calls begins."""
    (call,) = counted(holdings())[1]
    one, another = (PARTNER | {"name": name} for name in ("One", "Another"))
    calls = page.by_organization(
        call._replace(organization=organization, account_id=f"A-{n}", granted_at=NOW + n * SECOND)
        for n, organization in enumerate((one, another, one))
    )
    assert [(call.organization, call.account_id) for call in calls] == [(another, "A-1"), (one, "A-2"), (one, "A-0")]
    html = io.BytesIO()
    page.write_page(html, Facts(NOW), calls)
    assert re.findall(r'<h3 id="o\d">(.*)</h3>', html.getvalue().decode()) == ["One (2)", "Another (1)"]
