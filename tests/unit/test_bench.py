"""The benches: what fails makes the run fail, and what the others measured is kept."""

import json
import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.measure import Table
from bench.setup import Setup


def works(setup: Setup) -> list[Table]:
    return [Table("It works", "measured", ("what", "how much"), [("a call", 1)])]


def fails(setup: Setup) -> list[Table]:
    raise RuntimeError("the engine is gone")


def test_a_section_that_fails_stops_no_other_and_fails_the_run_and_a_quick_run_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named at the end, why is above, and nothing of it is kept."""
    results = tmp_path / "results"
    monkeypatch.setattr(bench, "SECTIONS", {"first": works, "broken": fails, "last": works})
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "RESULTS", results)
    monkeypatch.setattr(bench, "machine", lambda _: ["a machine"])
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "")  # It is taken out of the environment, and comes back after the test.

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        return bench.main()

    assert run("--quick", "first", "last") == 0
    assert "FAILED" not in capsys.readouterr().out
    assert not results.exists()
    assert run() == 1
    out = capsys.readouterr().out
    assert "the engine is gone" in out
    assert "FAILED: broken" in out
    assert out.count("It works") == 2
    assert sorted(path.name for path in results.iterdir()) == ["first.json", "first.md", "last.json", "last.md"]
    (table,) = json.loads((results / "last.json").read_text())["tables"]
    assert table["rows"] == [["a call", 1]]
