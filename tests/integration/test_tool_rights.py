"""The rights that docs/operations.md names for a tool are the calls that it makes, no more and no less."""

import re
from typing import Any

import pytest

from local import ROOT
from ops import explain, forget, repair
from ops.report import __main__ as report
from tests.integration.conftest import Service
from tests.support.operated import Operated, run


def named(tool: str) -> set[str]:
    """The rights in the tool's row, but those that finding the stack, calling a function and an export take."""
    (row,) = re.findall(rf"^\| \[`make {tool}`\].*$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    return set(re.findall(r"`(dynamodb:\w+)`", row))


@pytest.mark.parametrize(
    ("tool", "name", "arguments"),
    [
        (explain, "explain", ["--account", "A-100"]),
        (repair, "repair", ["--account", "A-100", "--record", "account", "--yes"]),
        (forget, "forget", ["--account", "A-100", "--yes"]),
        (report, "report", ["--json"]),
    ],
)
def test_a_tool_asks_for_what_is_listed(
    service: Service, monkeypatch: pytest.MonkeyPatch, tool: Any, name: str, arguments: list[str]
) -> None:
    """Least rights: a call more is a right that an operator lacks at night."""
    service.extend()
    target = Operated()
    assert run(tool, target, monkeypatch, *arguments) == 0
    assert target.calls == named(name)
