"""The owner's story in three browsers: Chromium, Firefox ESR and WebKitGTK, of Debian's packages."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from devkit.project import ROOT
from tests.browser.conftest import CHROMIUM, node_modules, report_usage
from tests.conftest import Cloud

FOLDER = ROOT / "tests" / "browser" / "three"
NEEDS = {"chromium": [CHROMIUM], "firefox": ["firefox-esr"], "webkit": ["WebKitWebDriver", "xvfb-run", "xauth"]}


@pytest.mark.parametrize("engine", NEEDS)
def test_an_owner_extends_in_three_browsers(cloud: Cloud, engine: str) -> None:
    """Keyboard, refusal, mouse, history, summary, dark and 360 px in both languages; forced colours; no complaint."""
    missing = [command for command in NEEDS[engine] if not shutil.which(command)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not here: `make test` installs it where it may")
    node_modules(FOLDER)
    accounts: list[dict[str, Any]] = []
    for lang in ("ru", "en"):
        account = cloud.an_account()
        report_usage(cloud, account, sessions=1, databases=1)
        accounts.append({"id": account.id, "owner": account.owner, "lang": lang})
    display = ["xvfb-run", "--auto-servernum"] if engine == "webkit" else []
    command = [*display, "node", "story.mjs", engine, json.dumps({"url": cloud.url, "accounts": accounts})]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
