"""What `extending logs` shows of a function's log."""

from datetime import UTC, datetime

import pytest

from ops.logs import Entry, shown

ID = "8f5d1f0a-0000-4000-8000-000000000000"


def line(text: str) -> str | None:
    written = shown(Entry(datetime(2026, 11, 29, tzinfo=UTC), "extend", text))
    return None if written is None else written.plain


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
    shown_line = line(text)
    assert shown_line
    assert "ERROR" in shown_line
    assert text.rsplit("\t", maxsplit=1)[-1] in shown_line


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
def test_what_is_usual_is_left_out(text: str) -> None:
    """Metrics, and Lambda's own lines of calls that went well."""
    assert line(text) is None
