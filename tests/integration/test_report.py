"""The report out of a table: the scan, its rate, its names, and what keeps it from being written."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from devkit.builders import CONTACT, NOW, iso, usage_changed
from devkit.project import Trouble
from devkit.service import Service
from devkit.stage import PATIENT
from ops import console, report
from ops.report import sources
from ops.report.spool import Spool
from tests.support.operated import Operated, run


@pytest.fixture
def target(service: Service) -> Operated:
    """Three accounts; the first has extended, the last has a subscription and no name."""
    service.extend()
    service.tell("UsageChanged", usage_changed(sessions=3, databases=1, changed_at=iso(NOW)))
    service.account(account_id="A-200", name="Ещё одна")
    service.subscription(account_id="A-300")
    return Operated()


def test_the_table_is_counted_and_names_are_read_only_of_those_to_call(target: Operated) -> None:
    """The scan brings neither names nor contacts."""
    source = sources.TableScan(target, sources.Pace(1e6))
    assert not [
        item for item in source.read(lambda _: None) if "n" in item or "o" in item or item["t"]["S"] == "member"
    ]
    with Spool() as spool:
        facts = report.gather(source, spool)
        assert (facts.accounts, facts.extended, facts.extensions) == (3, 1, 1)
        ((contact, count),) = spool.organizations()
        assert (contact, count) == (CONTACT, 1)
        (call,) = spool.calls(contact)
        assert (call.account_id, call.name) == ("A-100", "ООО «Ромашка»")
        assert (call.row["sessions_used"], call.row["sessions_limit"]) == (3, 4)


def test_page_and_list_are_written_of_a_large_table_only_after_a_yes(
    target: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The units and dollars are in the question, and are printed first where there is none."""
    out, rows = tmp_path / "report.html", tmp_path / "calls.csv"
    assert run(report, target, monkeypatch, "--html", str(out), "--csv", str(rows)) == 0
    printed = capsys.readouterr()
    assert "read units" in printed.err
    assert "3 accounts, 1 extensions, 1 to call" in printed.out
    assert "ООО «Ромашка»" in out.read_text()
    assert "ООО «Ромашка»" in rows.read_text("utf-8-sig")
    monkeypatch.setattr(report, "MOST_UNASKED", -1)
    out.unlink()
    with pytest.raises(Trouble, match=r"--yes to answer: Read any's table \(.* items, .* read units"):
        run(report, target, monkeypatch, "--html", str(out))
    assert not out.exists()
    capsys.readouterr()
    assert run(report, target, monkeypatch, "--json", "--yes") == 0
    assert json.loads(capsys.readouterr().out)["calls"] == 1


class Throttled(Operated):
    """A table that gives one page of each segment and then no more."""

    def client(self, service: str, config: Config = PATIENT) -> Any:
        client = super().client(service, config)
        if service != "dynamodb":
            return client
        pages, real = [0], client.scan

        def scan(**request: Any) -> Any:
            pages[0] += 1
            if pages[0] > sources.SEGMENTS:
                raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "Scan")
            return real(**request) | {"LastEvaluatedKey": {"pk": {"S": "A#A-100"}, "sk": {"S": "A"}}}

        client.scan = scan
        return client


def test_throttled_in_the_middle_of_a_scan_nothing_is_written(
    target: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, and the page of last time as it was."""
    out = tmp_path / "report.html"
    out.write_text("before")
    with pytest.raises(SystemExit) as ended:
        console.run(lambda: run(report, Throttled(), monkeypatch, "--html", str(out), "--rate", "100000"))
    assert ended.value.code == 2
    assert "ThrottlingException" in capsys.readouterr().err.splitlines()[-1]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "before")]
