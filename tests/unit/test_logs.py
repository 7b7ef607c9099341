"""Lines of a function's log that `extending logs` shows."""

import pytest

from devkit.builders import NOW
from ops.logs import Entry, shown

ID = "8f5d1f0a-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'extending'", True),
        (f"2026-11-29T00:00:28.031Z {ID} Task timed out after 28.03 seconds", True),
        (f"RequestId: {ID} Error: Runtime exited with error: signal: killed", True),
        (f"REPORT RequestId: {ID}\tDuration: 9.0 ms\tStatus: error\tError Type: Runtime.OutOfMemory", True),
        (f"REPORT RequestId: {ID}\tDuration: 9.0 ms\tBilled Duration: 10 ms", False),
        (f"START RequestId: {ID} Version: 41", False),
        (f"END RequestId: {ID}", False),
        ('{"_aws": {"CloudWatchMetrics": []}, "service": "any"}', False),
        ("", False),
    ],
)
def test_of_what_is_no_record_only_a_crash_is_shown(text: str, is_shown: bool) -> None:
    """Lambda writes it as text, where everything else is JSON; metrics and calls that went well are left out."""
    line = shown(Entry(NOW, "extend", text))
    assert (line is not None) is is_shown
    assert line is None or line.plain.endswith(f"ERROR   {text}".replace("\t", " "))
