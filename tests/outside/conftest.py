"""Parts that this project did not write, between the API and the test: they are set up by `make outside`."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devkit.project import ROOT, environment

HERE = Path(__file__).parent
PARTS = HERE / "parts"
NODE_MODULES = HERE / "node_modules"
VENV = ROOT / ".venvs" / "outside"


@pytest.fixture(scope="session", autouse=True)
def parts() -> None:
    """Skip without the parts, which come from PyPI and npm."""
    for done in (VENV / ".done", NODE_MODULES / ".package-lock.json"):
        if not done.exists():
            pytest.skip(f"{done.relative_to(ROOT)} is missing: a registry was out of reach of `make outside`")


def tool(name: str) -> str:
    """A command of the parts."""
    (found,) = (path for path in (VENV / "bin" / name, NODE_MODULES / ".bin" / name) if path.exists())
    return str(found)


def run(command: Sequence[str | Path], given: Any = None, **variables: str) -> str:
    """Run a program to its end, `given` as JSON on its standard input; its output."""
    result = subprocess.run(
        command,
        cwd=HERE,
        env=environment() | {"PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"} | variables,
        input=None if given is None else json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, f"{command}:\n{result.stdout}\n{result.stderr}"
    return result.stdout
