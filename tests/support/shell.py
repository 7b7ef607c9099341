"""The shell in which somebody calls make or the operator's program."""

import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from devkit.project import ROOT, environment

if TYPE_CHECKING:
    from tests.conftest import Cloud

OURS = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PORT", "ORIGINS", "WEBHOOK", "KEY", "ARGS"}
"""Variables of the make that runs the tests, and those that ours reads."""


def shell() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name not in OURS}


def call(cloud: "Cloud", *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a script of the operator's does, for the running local cloud: nobody answers questions."""
    environment = shell() | {"USER": "root", "PORT": str(urlsplit(cloud.url).port)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def extending(cloud: "Cloud", *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the operator's program."""
    return call(cloud, f"{ROOT}/.venv/bin/extending", *arguments)
