"""The owner's story in two more browsers: Firefox ESR and WebKitGTK, of Debian's packages."""

import json
import shutil
import subprocess

import pytest

from devkit.project import ROOT
from tests.browser.conftest import node_modules, report_usage
from tests.conftest import Cloud

FOLDER = ROOT / "tests" / "browser" / "three"
NEEDS = {"firefox": ["firefox-esr"], "webkit": ["WebKitWebDriver", "xvfb-run", "xauth"]}


@pytest.mark.parametrize("engine", NEEDS)
def test_an_owner_extends_in_two_more_browsers(cloud: Cloud, engine: str) -> None:
    """Keyboard, refusal, mouse, history, summary, both languages, dark, 360 px; no complaint."""
    missing = [command for command in NEEDS[engine] if not shutil.which(command)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not here: `make test` installs it where it may")
    node_modules(FOLDER)
    account = cloud.an_account()
    report_usage(cloud, account, sessions=1, databases=1)
    node = shutil.which("node")
    assert node
    display = ["xvfb-run", "--auto-servernum"] if engine == "webkit" else []
    given = json.dumps({"url": cloud.url, "account": account.id, "owner": account.owner})
    command = [*display, node, "story.mjs", engine, given]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
