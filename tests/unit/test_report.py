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
from ops.report.facts import Call, Facts, range_of
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
        # Over: not revoked yet, revoked, ended early.
        (extended(NOW - WEEK), NOW, {"not_revoked": 1, "running": 0, "ended_early": 0}),
        (extended(NOW - WEEK, revoked_at=NOW + SECOND), NOW + DAY, {"not_revoked": 0, "ended_early": 0}),
        (extended(NOW - WEEK, revoked_at=NOW - DAY), NOW, {"not_revoked": 0, "ended_early": 1}),
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
    assert range_of(timedelta(0)) == range_of(DAY) == "within a day"
    assert range_of(DAY + SECOND) == "1 to 3 days"
    assert range_of(10_000 * DAY) == "more than 3 months"


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


def written(
    name: str = "ООО «Ромашка»", contact: dict[str, str | None] | None = PARTNER
) -> tuple[str, str, dict[str, str]]:
    """Page, list and texts of the workbook for one client, whose tariff has the same name."""
    html, lines, book = io.BytesIO(), io.StringIO(), io.BytesIO()
    subscriptions = {"S-1": BASIC._replace(tariff_name=name)}
    account = Account("A-100", name, None, contact)
    facts, found = counted(extended()._replace(account=account, subscriptions=subscriptions))
    calls = list(page.listed(lines, found))
    assert calls == found
    page.write_page(html, facts, calls)
    page.write_workbook(book, calls)
    with zipfile.ZipFile(book) as parts:
        texts = {Path(part).name: parts.read(part).decode() for part in parts.namelist()}
    return html.getvalue().decode(), lines.getvalue(), texts


def test_the_page_loads_nothing_and_shows_foreign_text_as_text() -> None:
    """No script, no foreign host but in links."""
    html, _, _ = written(HOSTILE, PARTNER | {"city": HOSTILE, "site": "javascript:alert(1)"})
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert not re.findall(r"(?:src|srcset|action|data)\s*=|url\(|@import|<link|<iframe|<object|<use", html)
    assert not re.findall(r"https?://", html)
    assert html.count("&lt;script&gt;") >= 4


def test_every_figure_is_a_table_with_bars_and_a_client_stands_under_the_servicing_organisation() -> None:
    """For those who cannot see bars, and for those who copy the numbers."""
    html, _, _ = written()
    assert html.count("<figure") == html.count('<th scope="col" class="n">Extensions</th>') == 3
    assert '<tr><th scope="row">2026-11-22</th><td class="n">1</td><td class="bar"><span style="width: 100.0%">' in html
    assert "ООО «Учёт и Сервис»" in html
    assert "No servicing organisation" in written(contact=None)[0]


def test_the_workbook_holds_text_as_text() -> None:
    """A number keeps its zeros, nothing is a formula or a link; head and filter stand."""
    _, _, parts = written("=1+1", PARTNER | {"city": "Мск;=1+1"})
    sheet, strings = parts["sheet1.xml"], parts["sharedStrings.xml"]
    assert not re.findall(r"<f>|hyperlink", sheet)
    for text in ("=1+1", "Мск;=1+1", "000000123", "https://uchet.example", "+7 495 123-45-67"):
        assert f">{text}</t>" in strings
    for part in ('state="frozen"', "<autoFilter ref=", "<cols>"):
        assert part in sheet


def test_the_list_has_every_field_quoted_and_the_servicing_organisation_if_there_is_one() -> None:
    """RFC 4180: programs read what was written."""
    _, lines, _ = written('ООО "Р"')
    head, row, end = lines.split("\r\n")
    assert (head[0], end) == ('"', "")
    assert row.startswith('"ООО «Учёт и Сервис»","Москва","\'+7 495 123-45-67",')
    assert ',"A-100","ООО ""Р""","000000123","ООО ""Р""",' in row
    _, lines, _ = written(contact=None)
    assert lines.split("\r\n")[1].startswith('"","","","","","A-100",')


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


def test_a_file_is_there_as_a_whole_or_as_it_was(tmp_path: Path) -> None:
    """Interrupted, the one of last time stays. A link stays a link and a device a device: root may replace both."""
    path, link = tmp_path / "report.html", tmp_path / "link"
    path.write_text("before")
    link.symlink_to(path)

    def interrupted() -> None:
        with report.whole(link) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    path.unlink()
    with report.whole(link) as file:
        file.write(b"all")
    assert (link.is_symlink(), path.read_text(), path.stat().st_mode & 0o777) == (True, "all", 0o600)
    assert sorted(tmp_path.iterdir()) == [link, path]
    with report.whole(Path("/dev/null")) as file:
        file.write(b"all")
    assert not Path("/dev/null").is_file()


def test_calls_stand_by_servicing_organisation_the_latest_first() -> None:
    """The organisation with the most calls begins. A page that does not show all of them says so."""
    (call,) = counted(extended())[1]
    one, another = (PARTNER | {"name": name} for name in ("One", "Another"))
    calls = page.by_organization(
        call._replace(organization=organization, account_id=f"A-{n}", granted_at=NOW + n * SECOND)
        for n, organization in enumerate((one, another, one))
    )
    assert [(call.organization, call.account_id) for call in calls] == [(another, "A-1"), (one, "A-2"), (one, "A-0")]
    facts, html = Facts(NOW), io.BytesIO()
    facts.calls = 4
    page.write_page(html, facts, calls)
    assert re.findall(r'<h3 id="o\d">(.*)</h3>', html.getvalue().decode()) == ["One (2)", "Another (1)"]
    assert "Only the latest are on this page; the CSV has all." in html.getvalue().decode()
