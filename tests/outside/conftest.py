"""Parts that this project did not write, between the API and the test: they are set up by `make outside`."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from devkit.project import ROOT, environment
from tests.conftest import Cloud

HERE = Path(__file__).parent
PARTS = HERE / "parts"
NODE_MODULES = HERE / "node_modules"
VENV = ROOT / ".venvs" / "outside"
DESCRIPTION = str(ROOT / "openapi.yaml")


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


class Clients:
    """The clients that generators make of openapi.yaml, each beside the programs that use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for program in (*PARTS.glob("*.ts"), PARTS / "tsconfig.json"):
            (folder / program.name).write_text(program.read_text())
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "node_modules").symlink_to(NODE_MODULES)

    def openapi_generator(self, language: str, folder: str, options: str) -> None:
        command = [tool("openapi-generator-cli"), "generate", "-i", DESCRIPTION, "-g", language]
        run([*command, "-o", self.folder / folder, f"--additional-properties={options}"])

    def python(self, program: Path, **variables: str) -> str:
        """Run a Python program that uses a client."""
        return run([VENV / "bin" / "python", program], None, PYTHONPATH=str(self.folder), **variables)

    def compile(self) -> None:
        """Compile every TypeScript program here with its client, strictly."""
        run([tool("tsc"), "-p", self.folder])

    def node(self, program: str, **variables: str) -> str:
        """Run a compiled TypeScript program."""
        return run(["node", self.folder / "built" / program], None, **variables)


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    made = Clients(tmp_path_factory.mktemp("clients"))
    made.openapi_generator("python", ".", "packageName=extending_client")
    made.openapi_generator("typescript-fetch", "client", "importFileExtension=.ts")
    return made


def access(cloud: Cloud, account: str = "", url: str = "") -> dict[str, str]:
    """For a program: URL of the API, an account (or one that nobody has reported yet), and tokens."""
    account = account or f"A-{uuid4().hex[:8]}"
    owner, machine = cloud.token(f"U-{account}"), cloud.machine_token()
    return {"URL": url or f"{cloud.url}/api", "ACCOUNT": account, "OWNER": owner, "MACHINE": machine, "TOKEN": machine}
