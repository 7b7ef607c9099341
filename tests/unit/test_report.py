"""Figures of the report, its sources, and the files that it writes."""

import gzip
import io
import json
import random
import re
import shutil
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.export import AT, write
from devkit.builders import CONTACT, DAY, NOW, SECOND, WEEK, iso
from devkit.project import Trouble
from extending.model import Account, Holdings, Usage
from ops import report
from ops.report import page, sources
from ops.report.facts import BEFORE_END, LAG, Facts, range_of
from ops.report.spool import Client, Spool
from tests.unit.builders import a_subscription, an_extension, holding

PARTNER: dict[str, str | None] = dict(CONTACT)
BASIC = a_subscription(starts_at=NOW - 20 * DAY, ends_at=NOW + 10 * DAY)


def extended(at: datetime = NOW, usage: Usage | None = None, **extension: Any) -> Holdings:
    """An account that extended at an instant."""
    return holding(BASIC, an_extension(BASIC, at, **extension))._replace(usage=usage)


def counted(holdings: Holdings, at: datetime = NOW) -> tuple[Facts, list[Client]]:
    facts = Facts(at)
    return facts, list(facts.count(holdings))


def test_an_extension_counts_by_its_day_its_tariff_and_the_rest_of_its_period() -> None:
    facts, (client,) = counted(extended())
    assert facts.days()[-1] == (NOW.date(), 1)
    assert sum(count for _, count in facts.days()) == facts.extensions == facts.running == facts.extended == 1
    assert facts.by_tariff == {"Базовый": 1}
    assert facts.before_end == {"1 to 2 weeks": 1}
    assert (client.row["state"], client.row["sessions_limit"], client.row["granted_by"]) == ("active", 4, "U-1")


@pytest.mark.parametrize(
    ("age", "lately"), [(timedelta(0), True), (30 * DAY - SECOND, True), (30 * DAY, False), (90 * DAY, False)]
)
def test_who_extended_in_the_last_thirty_days_is_to_be_called(age: timedelta, lately: bool) -> None:
    facts, clients = counted(extended(NOW - age))
    assert (bool(clients), facts.extended_lately) == (lately, int(lately))


def test_the_period_of_an_extension_may_be_known_no_more() -> None:
    """Renewed since, removed, or ended before."""
    renewed = extended(period_starts_at=NOW - 400 * DAY)
    removed = extended()._replace(subscriptions={})
    cut = extended()._replace(subscriptions={"S-1": BASIC._replace(ends_at=NOW - DAY)})
    for each in (renewed, removed, cut):
        assert counted(each)[0].end_unknown == 1
    assert counted(removed)[0].by_tariff == {"(subscription removed)": 1}


def test_lag_is_counted_where_revoked_and_what_waits_is_named() -> None:
    """An extension that has ended and is not revoked has no lag yet."""
    facts, _ = counted(extended(NOW - WEEK, revoked_at=NOW + 90 * SECOND), NOW + DAY)
    assert (facts.lag, facts.longest_lag, facts.waiting) == ({"1 to 2 minutes": 1}, 90 * SECOND, 0)
    facts, _ = counted(extended(NOW - WEEK))
    assert (facts.lag.total(), facts.waiting, facts.running) == (0, 1, 0)
    facts, _ = counted(extended(NOW - WEEK, revoked_at=NOW - DAY))
    assert (facts.lag.total(), facts.waiting, facts.ended_early) == (0, 0, 1)


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
    facts, _ = counted(extended(usage=usage), NOW + 8 * DAY)
    assert facts.reported_after_end == reported
    assert (facts.over, facts.sessions_over, facts.databases_over) == over


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

    pace = sources.Pace(100, lambda: clock[0], sleep)
    for units in (50, 50, 0, 400):
        pace.spend(units)
    clock[0] += 60
    pace.spend(100)
    assert slept == pytest.approx([0.5, 0.5, 0, 4, 1])


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write(folder, 100)
    return folder


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def summary(source: sources.Source) -> dict[str, Any]:
    with Spool() as spool:
        return report.gather(source, spool).summary()


def bucket(folder: Path) -> Any:
    """S3 with the files of a folder in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = [{"Key": str(path.relative_to(folder)), "Size": path.stat().st_size} for path in files]
    return SimpleNamespace(
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: [{"Contents": contents}, {}]),
        get_object=lambda **request: {"Body": (folder / request["Key"]).open("rb")},
    )


def test_an_export_is_read_as_of_its_time_from_a_folder_or_where_it_was_written(export: Path) -> None:
    counts = summary(sources.folder(export))
    assert (counts["as_of"], counts["accounts"]) == (iso(AT), 100)
    assert counts["extensions"] == sum(counts["by_tariff"].values()) > 25
    assert sum(counts["lag"].values()) + counts["running"] + counts["not_revoked"] == counts["extensions"]
    assert summary(sources.bucket("s3://exports/2026", bucket(export))) == counts


def test_an_export_may_be_in_any_order_and_an_item_that_is_not_understood_keeps_no_other_from_being_counted(
    export: Path, tmp_path: Path
) -> None:
    """No file of it promises an order: the items of an account may be anywhere."""
    shutil.copytree(export, tmp_path, dirs_exist_ok=True)
    (file,) = tmp_path.rglob("*.json.gz")
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    odd = {"Item": {"pk": {"S": "A#odd"}, "sk": {"S": "S#S-1#E#x"}, "t": {"S": "extension"}}}
    lines.append(json.dumps(odd).encode() + b"\n")
    random.Random(1).shuffle(lines)
    file.write_bytes(zipped(b"".join(lines[::2])))
    file.with_name("more.json.gz").write_bytes(zipped(b"".join(lines[1::2])))
    assert summary(sources.folder(tmp_path)) == summary(sources.folder(export)) | {"unreadable": 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no gzip", "line 0: Not a gzipped file"),
        (zipped(b'{"Item": {"pk"')[:-12], "Compressed file ended"),
        (zipped(b"{}\n"), "line 1: not an item of a full export"),
        (zipped(b'{"NewImage": {"pk": {"S": "A#1"}}}\n'), "line 1: not an item of a full export"),
        (zipped(b"\n\xff\n"), "line 2"),
    ],
    ids=["no gzip", "cut off", "no item", "incremental", "no text"],
)
def test_a_damaged_file_is_named_with_the_line_and_nothing_is_reported(
    tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "a.json.gz").write_bytes(content)
    with pytest.raises(Trouble, match=re.escape(why)):
        summary(sources.folder(tmp_path))


def test_what_is_no_export_or_more_than_one_is_refused(export: Path, tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no folder"):
        sources.folder(tmp_path / "nothing")
    with pytest.raises(Trouble, match=r"no file \*\.json\.gz"):
        sources.folder(tmp_path)
    shutil.copytree(export, tmp_path / "1")
    shutil.copytree(export, tmp_path / "2")
    with pytest.raises(Trouble, match="holds 2 exports"):
        sources.folder(tmp_path)
    next((tmp_path / "1").rglob("manifest-summary.json")).write_text("[]")
    with pytest.raises(Trouble, match="manifest"):
        sources.folder(tmp_path / "1")


HOSTILE = '"><script>alert(1)</script>'


def written(
    name: str = "ООО «Ромашка»", contact: dict[str, str | None] | None = PARTNER
) -> tuple[str, str, dict[str, str]]:
    """Page, list and texts of the workbook for one client, whose tariff has the same name."""
    with Spool() as spool:
        facts = Facts(NOW)
        spool.call(facts.count(extended()._replace(subscriptions={"S-1": BASIC._replace(tariff_name=name)})))
        spool.name([Account("A-100", name, None, contact)])
        html, rows, book = io.StringIO(), io.StringIO(), io.BytesIO()
        page.write_page(html, facts, spool, "a table")
        page.write_list(rows, spool)
        page.write_workbook(book, spool)
    with zipfile.ZipFile(book) as parts:
        texts = {Path(part).name: parts.read(part).decode() for part in parts.namelist()}
    return html.getvalue(), rows.getvalue(), texts


def test_the_page_asks_nobody_for_anything_and_shows_foreign_text_as_text() -> None:
    """No script, no foreign host but in links."""
    html, _, _ = written(HOSTILE, PARTNER | {"city": HOSTILE, "site": "javascript:alert(1)"})
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert not re.findall(r"(?:src|srcset|action|data)\s*=|url\(|@import|<link|<iframe|<object|<use", html)
    assert not re.findall(r"https?://", html)
    assert html.count("&lt;script&gt;") >= 4


def test_every_figure_is_a_table_with_bars_and_a_client_has_the_servicing_organisation_to_turn_to() -> None:
    """For those who cannot see bars, and for those who copy the numbers."""
    html, _, _ = written()
    assert html.count("<figure") == html.count('<th scope="col" class="n">Extensions</th>') == 4
    assert '<tr><th scope="row">2026-11-22</th><td class="n">1</td><td><span class="bar" style="width: 100.0%">' in html
    assert "ООО «Учёт и Сервис»" in html
    assert '<a href="https://uchet.example" rel="noreferrer">' in html
    assert "No servicing organisation" in written(contact=None)[0]


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
    with pytest.raises(OSError, match="is not a regular file"), report.whole(Path("/dev/null")) as file:
        file.write(b"all")
    assert not Path("/dev/null").is_file()


def test_the_page_is_cut_where_a_browser_would_give_up_and_the_list_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_CALLS", 0)
    html, lines, _ = written()
    assert "Not all of them are on this page" in html
    assert "A-100" in lines
