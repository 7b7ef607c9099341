"""The benches: what fails is shown and makes the run fail, and what the others measured is kept."""

import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import readme
from bench.measure import Table
from bench.setup import Setup


def works(setup: Setup) -> list[Table]:
    return [Table("It works", "measured", [{"record": "a report", "number": 1}])]


def fails(setup: Setup) -> list[Table]:
    raise RuntimeError("the engine is gone")


def test_a_section_that_fails_stops_no_other_and_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named at the end, why is above, and nothing of it is kept."""
    monkeypatch.setattr(bench, "SECTIONS", {"first": works, "broken": fails, "last": works})
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(bench, "machine", lambda _: ["a machine"])
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "")  # `main` removes it; the test brings it back.
    monkeypatch.setattr(sys, "argv", ["bench"])
    assert bench.main() == 1
    said = capsys.readouterr().out
    assert "the engine is gone" in said
    assert "FAILED: broken" in said
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["first.md", "last.md"]
    assert "| a report | 1 |" in (tmp_path / "results" / "last.md").read_text()


def test_what_readme_shows_beside_ours_is_one_screen_and_holds_what_it_promises() -> None:
    """Eight rows at the most; ours grants each subscription once, answers every caller, lets nothing stale through."""
    _, _, ours, *others = readme.peers().strip().splitlines()
    assert 0 < len(others) < 8
    assert [cell.strip() for cell in ours.split("|")][2:6] == ["150", "0", "no", "no"]
