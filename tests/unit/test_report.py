"""What the report counts, what it reads it from, and what it writes."""

import csv
import gzip
import io
import json
import random
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.export import AT, write
from devkit.builders import CONTACT, DAY, NOW, SECOND, WEEK
from extending.model import Account, Holdings, Kind, OfferId, Subscription, TariffLimits, Terms, Usage
from ops import console
from ops.report import __main__ as report
from ops.report import page, sources
from ops.report.facts import BEFORE_END, LAG, Facts, range_of
from ops.report.spool import Client, Spool

PARTNER: dict[str, str | None] = dict(CONTACT)
TERMS = Terms(2, 8, "P7D", 604_800)
BASIC = Subscription(
    "S-1", "123", Kind.MAIN, "basic", "Базовый", NOW - 20 * DAY, NOW + 10 * DAY, TariffLimits(2, 1), TERMS
)


def holdings(at: datetime = NOW, usage: Usage | None = None, **extension: Any) -> Holdings:
    """An account that extended at an instant."""
    taken = OfferId.of(BASIC).accepted("A-100", "U-1", at)._replace(**extension)
    return Holdings(Account("A-100"), {"S-1": BASIC}, {("S-1", taken.period): taken}, usage)


def counted(of: Holdings, at: datetime = NOW) -> tuple[Facts, list[Client]]:
    facts = Facts(at)
    return facts, list(facts.count(of))


def test_an_extension_counts_by_its_day_its_tariff_and_the_rest_of_its_period() -> None:
    """And once in all."""
    facts, (client,) = counted(holdings())
    assert facts.days()[-1] == (NOW.date(), 1)
    assert sum(count for _, count in facts.days()) == facts.extensions == facts.running == facts.extended == 1
    assert facts.by_tariff == {"Базовый": 1}
    assert facts.before_end == {"1 to 2 weeks": 1}
    assert (client.row["state"], client.row["sessions_limit"], client.row["granted_by"]) == ("active", 4, "U-1")


@pytest.mark.parametrize(
    ("age", "lately"), [(timedelta(0), True), (30 * DAY - SECOND, True), (30 * DAY, False), (90 * DAY, False)]
)
def test_who_extended_in_the_last_thirty_days_is_to_be_called(age: timedelta, lately: bool) -> None:
    """Nobody else is on the list."""
    facts, clients = counted(holdings(NOW - age))
    assert (bool(clients), facts.extended_lately) == (lately, int(lately))


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
    assert (facts.lag, facts.longest_lag, facts.waiting) == ({"1 to 2 minutes": 1}, 90 * SECOND, 0)
    facts, _ = counted(holdings(NOW - WEEK), NOW)
    assert (facts.lag.total(), facts.waiting, facts.running) == (0, 1, 0)


@pytest.mark.parametrize(
    ("usage", "told", "over"),
    [
        (None, 0, (0, 0, 0)),
        (Usage(9, 9, NOW + WEEK - SECOND), 0, (0, 0, 0)),
        (Usage(2, 1, NOW + WEEK), 1, (0, 0, 0)),
        (Usage(3, 5, NOW + WEEK), 1, (1, 1, 4)),
    ],
)
def test_use_above_the_limits_counts_when_it_was_told_after_the_end(
    usage: Usage | None, told: int, over: tuple[int, int, int]
) -> None:
    """While the extension ran, its extras were there."""
    facts, _ = counted(holdings(usage=usage), NOW + 8 * DAY)
    assert facts.told_after_end == told
    assert (facts.over, facts.sessions_over, facts.databases_over) == over


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

    pace = sources.Pace(100, lambda: clock[0], sleep)
    for units in (50, 50, 0, 400):
        pace.spend(units)
    assert slept == pytest.approx([0.5, 0.5, 0, 4])
    clock[0] += 60  # A pause is no credit.
    pace.spend(100)
    assert slept[-1] == pytest.approx(1)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write(folder, 400)
    return folder


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def summary(export: Path) -> dict[str, Any]:
    with Spool() as spool:
        return report.gather(sources.folder(export), spool).summary()


def test_an_export_is_read_as_of_its_time(export: Path) -> None:
    """Its manifest says when that was."""
    told = summary(export)
    assert told["as_of"] == AT.isoformat().replace("+00:00", "Z")
    assert told["accounts"] == 400
    assert told["extensions"] == sum(told["by_tariff"].values()) > 100
    assert sum(told["lag"].values()) + told["running"] + told["not_revoked"] == told["extensions"]


def test_the_order_of_an_export_does_not_matter(export: Path, tmp_path: Path) -> None:
    """No file of it promises one: the items of an account may be anywhere."""
    shutil.copytree(export, tmp_path, dirs_exist_ok=True)
    (file,) = tmp_path.rglob("*.json.gz")
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    for number, part in enumerate((lines[::2], lines[1::2])):
        (file.parent / f"{number}.json.gz").write_bytes(zipped(b"".join(part)))
    file.unlink()
    assert summary(tmp_path) == summary(export)


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
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    """With the line, and no report of what was read before."""
    (tmp_path / "a.json.gz").write_bytes(content)
    with pytest.raises(console.Trouble, match=re.escape(why)), Spool() as spool:
        report.gather(sources.folder(tmp_path), spool)


def test_an_item_that_is_not_understood_is_not_counted_but_told(export: Path, tmp_path: Path) -> None:
    """The others are."""
    shutil.copytree(export, tmp_path, dirs_exist_ok=True)
    line = {"Item": {"pk": {"S": "A#odd"}, "sk": {"S": "S#S-1#E#x"}, "t": {"S": "extension"}}}
    (next(tmp_path.rglob("data")) / "z.json.gz").write_bytes(zipped(json.dumps(line).encode()))
    assert summary(tmp_path) == summary(export) | {"unreadable": 1}


def test_what_is_no_export_or_more_than_one_is_refused(export: Path, tmp_path: Path) -> None:
    """One line that says what is expected."""
    with pytest.raises(console.Trouble, match="no folder"):
        sources.folder(tmp_path / "nothing")
    with pytest.raises(console.Trouble, match=r"no file \*\.json\.gz"):
        sources.folder(tmp_path)
    shutil.copytree(export, tmp_path / "1")
    shutil.copytree(export, tmp_path / "2")
    with pytest.raises(console.Trouble, match="holds 2 exports"):
        sources.folder(tmp_path)
    next((tmp_path / "1").rglob("manifest-summary.json")).write_text("[]")
    with pytest.raises(console.Trouble, match="manifest"):
        sources.folder(tmp_path / "1")


class Bucket:
    """S3 with the files of a folder in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, **_: str) -> Iterator[Any]:
        for path in self._folder.rglob("*"):
            if path.is_file():
                yield {"Contents": [{"Key": str(path.relative_to(self._folder)), "Size": path.stat().st_size}]}
        yield {}

    def get_object(self, **request: str) -> Any:
        return {"Body": (self._folder / request["Key"]).open("rb")}


def test_an_export_may_be_read_where_it_was_written(export: Path) -> None:
    """From S3, as it streams."""
    with Spool() as spool:
        assert report.gather(sources.bucket("s3://exports/2026", Bucket(export)), spool).summary() == summary(export)


HOSTILE = '"><script>alert(1)</script>'


def written(name: str, contact: dict[str, str | None] | None) -> tuple[str, list[list[str]]]:
    """Page and list of one client with this name, served by these."""
    with Spool() as spool:
        facts = Facts(NOW)
        spool.call(facts.count(holdings()._replace(subscriptions={"S-1": BASIC._replace(tariff_name=name)})))
        spool.name([Account("A-100", name, None, contact)])
        html, rows = io.StringIO(), io.StringIO()
        page.write_page(html, facts, spool, "a table")
        assert page.write_list(rows, spool) == 1
    return html.getvalue(), list(csv.reader(io.StringIO(rows.getvalue())))


def test_the_page_asks_nobody_for_anything_and_says_what_it_was_told_as_text() -> None:
    """No script, no foreign host but in links; what others have told is letters."""
    html, _ = written(HOSTILE, PARTNER | {"city": HOSTILE, "site": "javascript:alert(1)"})
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert not re.findall(r"(?:src|srcset|action|data)\s*=|url\(|@import|<link|<iframe|<object|<use", html)
    assert set(re.findall(r'https?://[^"<\s]+', html)) == {"http://www.w3.org/2000/svg"}
    assert html.count("&lt;script&gt;") >= 4
    linked, _ = written("ООО «Ромашка»", PARTNER)
    assert '<a href="https://uchet.example" rel="noreferrer">' in linked


def test_every_chart_has_its_numbers_beside_it() -> None:
    """For those who cannot see it, and for those who copy them."""
    html, _ = written("ООО «Ромашка»", PARTNER)
    assert html.count("<svg") == html.count("as a table</summary>") == 4
    assert html.count('role="img"') == 4
    assert '<tr><th scope="row">2026-11-22</th><td class="n">1</td></tr>' in html


def test_a_list_has_its_servicing_organisation_or_says_that_there_is_none() -> None:
    """By the contact that the client has too."""
    html, (_, row) = written("ООО «Ромашка»", PARTNER)
    assert "ООО «Учёт и Сервис»" in html
    assert row[:6] == ["ООО «Учёт и Сервис»", "Москва", "+7 495 123-45-67", *row[3:5], "A-100"]
    html, (_, row) = written("ООО «Ромашка»", None)
    assert "No servicing organisation told" in html
    assert row[:6] == ["", "", "", "", "", "A-100"]


@pytest.mark.parametrize(
    ("told", "harmless"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("+7 (495) 123-45-67", "+7 (495) 123-45-67"),
        ("ООО «Ромашка»", "ООО «Ромашка»"),
        (5, 5),
        (None, None),
    ],
)
def test_a_spreadsheet_takes_nothing_of_the_list_for_a_formula(told: Any, harmless: Any) -> None:
    """A client may call itself what it likes."""
    assert page.harmless(told) == harmless


def test_a_page_is_there_as_a_whole_or_as_it_was(tmp_path: Path) -> None:
    """Interrupted, the one of last time stays."""
    path = tmp_path / "report.html"
    path.write_text("before")

    def interrupted() -> None:
        with report.whole(path) as file:
            file.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    with report.whole(path) as file:
        file.write("all")
    assert path.read_text() == "all"
    assert list(tmp_path.iterdir()) == [path]


def test_the_page_is_cut_where_a_browser_would_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list as CSV is not."""
    monkeypatch.setattr(page, "MOST_CALLS", 0)
    html, rows = written("ООО «Ромашка»", PARTNER)
    assert "Not all of them are on this page" in html
    assert len(rows) == 2


@pytest.mark.parametrize("arguments", [["--rate", "0"], ["--rate", "fast"], ["--out", "/nowhere/r.html"]])
def test_what_cannot_be_is_refused_before_anything_is_read(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the argument's name."""
    monkeypatch.setattr("sys.argv", ["report", *arguments])
    with pytest.raises(SystemExit):
        report.main()
    assert capsys.readouterr().err.startswith(f"✗ {arguments[0][2:].upper()}: ")
