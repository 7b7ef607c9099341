"""The report out of a table: the scan, the files, and what keeps them from being written."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.builders import NOW, iso, usage_changed
from devkit.project import Trouble
from devkit.service import Service
from extending.items import Item
from ops import report, table
from tests.support.operated import Operated, run


@pytest.fixture
def target(service: Service) -> Operated:
    """Three accounts; the first has extended, the last has a subscription and no name."""
    service.extend()
    service.report("UsageChanged", usage_changed(sessions=3, databases=1, changed_at=iso(NOW)))
    service.account(account_id="A-200", name="Ещё одна")
    service.subscription(account_id="A-300")
    return Operated()


def test_files_are_written_and_the_costs_are_shown_first(
    target: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Members are not read."""
    out, rows = tmp_path / "report.html", tmp_path / "calls.csv"
    assert run(report, target, monkeypatch, "--html", str(out), "--csv", str(rows)) == 0
    printed = capsys.readouterr()
    assert "read units" in printed.err
    assert "3 accounts, 1 extensions, 1 to call" in printed.out
    assert "ООО «Ромашка»" in out.read_text()
    (call,) = csv.DictReader(rows.read_text().splitlines())
    assert call["organization_name"] == "ООО «Учёт и Сервис»"
    assert (call["account_id"], call["account_name"]) == ("A-100", "ООО «Ромашка»")
    assert (call["sessions_used"], call["sessions_limit"], call["granted_at"]) == ("3", "4", iso(NOW))
    assert run(report, target, monkeypatch, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["accounts"], facts["accounts_extended"], facts["extensions"], facts["calls"]) == (3, 1, 1, 1)


def test_a_large_table_is_read_only_after_a_yes(
    target: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The units and dollars are in the question."""
    monkeypatch.setattr(report, "MOST_UNASKED", -1)
    out = tmp_path / "report.html"
    with pytest.raises(Trouble, match=r"--yes to answer: Read any's table \(.* items, .* read units"):
        run(report, target, monkeypatch, "--html", str(out))
    assert not out.exists()
    capsys.readouterr()
    assert run(report, target, monkeypatch, "--json", "--yes") == 0
    assert json.loads(capsys.readouterr().out)["calls"] == 1


def test_interrupted_in_the_middle_of_a_scan_nothing_is_written(
    target: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of last time stays as it was."""
    out = tmp_path / "report.html"
    out.write_text("before")

    def throttled(*_: object, **__: object) -> Iterator[Item]:
        yield from table.of_account(target, "A-100")
        raise Trouble("throttled")

    monkeypatch.setattr(table, "scan", throttled)
    with pytest.raises(Trouble, match="throttled"):
        run(report, target, monkeypatch, "--html", str(out))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "before")]
