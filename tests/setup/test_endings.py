"""A tool that is ended in the middle of its work, and the disk."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devkit.project import ROOT

WRITES = """
import signal, sys, time
from pathlib import Path
from ops import console
from ops.report import whole

def tool():
    with whole(Path(sys.argv[1])) as file:
        file.write(b"names of clients")
        file.flush()
        print("writing", flush=True)
        time.sleep(60)

for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(ending, signal.SIG_DFL)  # however the tests were started
console.run(tool)
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_tool_that_is_ended_leaves_nothing_of_what_it_was_writing(ending: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, kill, a closed terminal, kill -9: half a report holds clients' names, and nobody would look for it."""
    command = [sys.executable, "-c", WRITES, str(tmp_path / "report.html")]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "writing\n"
        assert os.listdir(tmp_path) == []
        process.send_signal(ending)
        expected = (-9, "") if ending is signal.SIGKILL else (130, "✗ Stopped.\n")
        assert (process.wait(10), process.stderr.read()) == expected
    assert os.listdir(tmp_path) == []
