"""A rehearsal goes on where a step fails."""

import pytest

from devkit.project import Trouble
from ops import console, rehearse
from ops.rehearse import Row, Step
from ops.rehearse_story import Local


def fails(_: Local) -> str:
    raise Trouble("502 <b> | \x1b[2J")


def plays(_: Local) -> str:
    return "as expected"


@pytest.mark.parametrize(("vital", "marks"), [(False, "✗✓✓"), (True, "✗–✓")])
def test_what_builds_on_a_step_that_failed_is_not_played_and_the_removal_always_is(
    vital: bool, marks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has a line for each, safe to show."""
    steps = (Step("first", "200", fails, vital=vital), Step("then", "200", plays), Step("removal", "", plays))
    monkeypatch.setattr(rehearse, "STEPS", steps)
    rows: list[Row] = []
    rehearse.play(Local("1"), rows)
    assert "".join(row.mark for row in rows) == marks
    page = rehearse.evidence(Local("1"), rows, console.now())
    assert "| ✗ | first | 200 | Trouble: 502 <b> \\| �[2J | 0 | 0.0 |\n" in page
    assert len(page.splitlines()) == len(steps) + 8
