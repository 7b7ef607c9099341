"""The rehearsal, on the local cloud: what it plays there, and what is left when it is interrupted."""

import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from devkit.project import ROOT
from ops.rehearse import STEPS
from tests.conftest import Cloud
from tests.support.shell import extending, shell


def test_a_rehearsal_that_was_interrupted_is_played_anew_and_leaves_nothing(cloud: Cloud, tmp_path: Path) -> None:
    """The first says what is left, the second removes it, plays every step that the local cloud has, and goes."""
    page = tmp_path / "page.md"
    command = [f"{ROOT}/.venv/bin/extending", "rehearse", "--yes", "--page", str(page)]
    environment = shell() | {"PORT": str(urlsplit(cloud.url).port)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as interrupted:
        assert interrupted.stderr
        assert next(line for line in interrupted.stderr if line.startswith("✓ report"))
        interrupted.send_signal(signal.SIGTERM)  # SIGINT is ignored where a script started the tests in the background.
        assert "removes it: account A-rehearsal" in interrupted.stderr.read()
    assert interrupted.returncode == 130
    assert "| ✓ | report over HTTPS |" in page.read_text()

    done = extending(cloud, "rehearse", "--yes", "--page", str(page))
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ")[:2] for line in page.read_text().splitlines() if line.startswith("| ")][1:-1]
    assert rows == [["| –" if step.needs_aws else "| ✓", step.name] for step in STEPS]
    assert cloud.api("rehearsal-owner", "GET", "/accounts/A-rehearsal/subscriptions").status_code == 404
