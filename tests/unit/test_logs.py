"""Lines of a function's log that `extending logs` shows."""

import pytest

from devkit.builders import NOW
from ops.logs import Entry, shown

ID = "8f5d1f0a-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "text",
    [
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'extending'",
        f"2026-11-29T00:00:28.031Z {ID} Task timed out after 28.03 seconds",
        f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
        f"REPORT RequestId: {ID}\tDuration: 9.0 ms\tStatus: error\tError Type: Runtime.OutOfMemory",
    ],
)
def test_a_crash_is_shown(text: str) -> None:
    """Lambda writes it as text, where everything else is JSON."""
    line = shown(Entry(NOW, "extend", text))
    assert line
    assert line.plain.endswith(f"ERROR   {text}".replace("\t", " "))


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"START RequestId: {ID} Version: 41",
        f"END RequestId: {ID}",
        f"REPORT RequestId: {ID}\tDuration: 9.0 ms\tBilled Duration: 10 ms",
        '{"_aws": {"CloudWatchMetrics": []}, "service": "any"}',
    ],
)
def test_metrics_and_lambdas_own_lines_of_calls_that_went_well_are_left_out(text: str) -> None:
    assert shown(Entry(NOW, "extend", text)) is None
