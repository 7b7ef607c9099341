"""Figures of the report, its reading at a rate, and the files that it writes."""

import io
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.builders import CONTACT, DAY, NOW, SECOND, WEEK
from extending import items
from extending.model import Account, Holdings, Usage
from ops import report
from ops.report import page
from ops.report.facts import BEFORE_END, LAG, Call, Facts, range_of
from tests.unit.builders import a_subscription, an_extension, holding

PARTNER: dict[str, str | None] = dict(CONTACT)
BASIC = a_subscription(starts_at=NOW - 20 * DAY, ends_at=NOW + 10 * DAY)


def extended(at: datetime = NOW, usage: Usage | None = None, **extension: Any) -> Holdings:
    """An account that extended at an instant."""
    return holding(BASIC, an_extension(BASIC, at, **extension))._replace(usage=usage)


def counted(holdings: Holdings, at: datetime = NOW) -> tuple[Facts, list[Call]]:
    facts = Facts(at)
    return facts, list(facts.count(holdings))


REMOVED = extended()._replace(subscriptions={})
CUT = extended()._replace(subscriptions={"S-1": BASIC._replace(ends_at=NOW - DAY)})


@pytest.mark.parametrize(
    ("holdings", "at", "figures"),
    [
        (extended(), NOW, {"extensions": 1, "running": 1, "accounts_extended": 1, "by_day": {NOW.date(): 1}}),
        (extended(), NOW, {"by_tariff": {"Базовый": 1}, "before_end": {"1 to 2 weeks": 1}, "end_unknown": 0}),
        # The period is known no more: renewed since, removed, or ended before.
        (extended(period_starts_at=NOW - 400 * DAY), NOW, {"end_unknown": 1}),
        (REMOVED, NOW, {"end_unknown": 1, "by_tariff": {"(subscription removed)": 1}}),
        (CUT, NOW, {"end_unknown": 1}),
        # One that has ended and is not revoked has no lag yet.
        (extended(NOW - WEEK, revoked_at=NOW + 90 * SECOND), NOW + DAY, {"lag": {"1 to 2 minutes": 1}}),
        (extended(NOW - WEEK, revoked_at=NOW + 90 * SECOND), NOW + DAY, {"longest_lag": 90 * SECOND}),
        (extended(NOW - WEEK), NOW, {"lag": {}, "not_revoked": 1, "running": 0}),
        (extended(NOW - WEEK, revoked_at=NOW - DAY), NOW, {"lag": {}, "not_revoked": 0, "ended_early": 1}),
        # Use above the limits counts when it was reported after the end: until then the extras were there.
        (extended(), NOW + 8 * DAY, {"reported_after_end": 0}),
        (
            extended(usage=Usage(9, 9, NOW + WEEK - SECOND)),
            NOW + 8 * DAY,
            {"reported_after_end": 0, "accounts_over": 0},
        ),
        (extended(usage=Usage(2, 1, NOW + WEEK)), NOW + 8 * DAY, {"reported_after_end": 1, "accounts_over": 0}),
        (
            extended(usage=Usage(3, 5, NOW + WEEK)),
            NOW + 8 * DAY,
            {"accounts_over": 1, "sessions_over": 1, "databases_over": 4},
        ),
    ],
)
def test_an_extension_counts_in_every_figure_that_it_belongs_to(
    holdings: Holdings, at: datetime, figures: dict[str, Any]
) -> None:
    facts, _ = counted(holdings, at)
    assert {name: getattr(facts, name) for name in figures} == figures


@pytest.mark.parametrize(
    ("age", "lately"), [(timedelta(0), True), (30 * DAY - SECOND, True), (30 * DAY, False), (90 * DAY, False)]
)
def test_who_extended_in_the_last_thirty_days_is_to_be_called(age: timedelta, lately: bool) -> None:
    facts, calls = counted(extended(NOW - age))
    assert [(call.state, call.sessions_limit, call.granted_by) for call in calls[:1]] == (
        [("active" if age < WEEK else "used", 4 if age < WEEK else 2, "U-1")] if lately else []
    )
    assert (len(calls), facts.calls, facts.accounts_extended_lately) == (lately, lately, lately)


def test_every_time_is_in_one_range() -> None:
    """The ends of ranges belong to the lower one."""
    assert range_of(timedelta(0), LAG) == range_of(60 * SECOND, LAG) == "within a minute"
    assert range_of(61 * SECOND, LAG) == "1 to 2 minutes"
    assert range_of(10_000 * DAY, BEFORE_END) == "more than 3 months"


def test_reading_keeps_to_its_rate() -> None:
    """Units a second, whatever a page takes; a pause is no credit."""
    clock, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    pace = report.Pace(100, lambda: clock[0], sleep)
    for units in (50, 50, 0, 400):
        pace.spend(units)
    clock[0] += 60
    pace.spend(100)
    assert slept == pytest.approx([0.5, 0.5, 0, 4, 1])


def test_an_account_that_cannot_be_read_keeps_no_other_from_being_counted() -> None:
    odd = {"pk": {"S": "A#odd"}, "sk": {"S": "S#S-1#E#x"}, "t": {"S": "extension"}}
    facts = Facts(NOW)
    assert list(facts.read([odd, items.account_item(Account("A-100"))])) == []
    assert (facts.accounts, facts.unreadable) == (1, 1)


HOSTILE = '"><script>alert(1)</script>'


def of_a_client(name: str, contact: dict[str, str | None] | None = PARTNER) -> tuple[Facts, list[Call]]:
    """Figures and calls of one client, whose tariff has the same name."""
    subscriptions = {"S-1": BASIC._replace(tariff_name=name)}
    return counted(extended()._replace(account=Account("A-100", name, None, contact), subscriptions=subscriptions))


def test_the_page_loads_nothing_and_shows_foreign_text_as_text() -> None:
    """No script, no foreign host but in links."""
    file = io.BytesIO()
    page.write_page(file, *of_a_client(HOSTILE, PARTNER | {"city": HOSTILE, "site": "javascript:alert(1)"}))
    html = file.getvalue().decode()
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert not re.findall(r"(?:src|srcset|action|data)\s*=|url\(|@import|<link|<iframe|<object|<use", html)
    assert not re.findall(r"https?://", html)
    assert html.count("&lt;script&gt;") >= 4


def test_the_workbook_holds_text_as_text() -> None:
    """A number keeps its zeros, nothing is a formula or a link."""
    file = io.BytesIO()
    page.write_workbook(file, of_a_client("=1+1", PARTNER | {"city": "Мск;=1+1"})[1])
    with zipfile.ZipFile(file) as parts:
        assert not re.findall(r"<f>|hyperlink", parts.read("xl/worksheets/sheet1.xml").decode())
        strings = parts.read("xl/sharedStrings.xml").decode()
    for text in ("=1+1", "Мск;=1+1", "000000123", "https://uchet.example", "+7 495 123-45-67"):
        assert f">{text}</t>" in strings


def test_the_list_has_every_field_quoted_and_harmless() -> None:
    """RFC 4180: programs read what was written."""
    file = io.StringIO()
    calls = [*of_a_client('ООО "Р"')[1], *of_a_client("=1+1", None)[1]]
    assert list(page.listed(file, calls)) == calls
    _, one, another, _ = file.getvalue().split("\r\n")
    assert one.startswith('"ООО «Учёт и Сервис»","Москва","\'+7 495 123-45-67",')
    assert ',"A-100","ООО ""Р""","000000123","ООО ""Р""",' in one
    assert another.startswith('"","","","","","A-100","\'=1+1",')


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("Мск;=1+1", "Мск;'=1+1"),
        ('Мск; "=1+1"', "Мск;'=1+1\""),
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


def test_a_link_to_a_report_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    """Root may replace both; and nobody else may read the file."""
    path, link = tmp_path / "report.html", tmp_path / "link"
    link.symlink_to(path)
    with report.whole(link) as file:
        file.write(b"all")
    assert (link.is_symlink(), path.read_text(), path.stat().st_mode & 0o777) == (True, "all", 0o600)
    with report.whole(Path("/dev/null")) as file:
        file.write(b"all")
    assert not Path("/dev/null").is_file()


def test_calls_stand_by_servicing_organisation_the_latest_first() -> None:
    (call,) = counted(extended())[1]
    one, another = (PARTNER | {"name": name} for name in ("One", "Another"))
    calls = page.by_organization(
        call._replace(organization=organization, account_id=f"A-{n}", granted_at=NOW + n * SECOND)
        for n, organization in enumerate((one, another, one))
    )
    assert [(call.organization, call.account_id) for call in calls] == [(another, "A-1"), (one, "A-2"), (one, "A-0")]
