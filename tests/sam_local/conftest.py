"""Shared by the tests of `sam local`: a Docker engine that answers, and a build of a copy of the project."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devkit.project import ROOT, SAM, environment, free_port
from local import sam_local
from tests.conftest import Cloud

NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent"}


@pytest.fixture(scope="session", autouse=True)
def address() -> str:
    """This machine's address on Docker's bridge."""
    own = sam_local.bridge()
    if not own:
        pytest.skip("no Docker engine answers here that has its bridge on this machine")
    return own


def containers(said: str) -> set[str]:
    """Those that are left, running or not, of the containers that the SAM CLI says it has made."""
    made = set(re.findall(r"SAM_CONTAINER_ID: (\w+)", said))
    command = ["docker", "ps", "--all", "--quiet", "--no-trunc"]
    return made & set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def terminal(temporary: Path) -> dict[str, str]:
    """As in a user's terminal: `sam` and `uv` on PATH, no AWS. The SAM CLI leaves empty files in a temporary folder."""
    kept = environment()
    path = os.pathsep.join([str(SAM / "bin"), str(ROOT / ".venvs" / "uv" / "bin"), kept["PATH"]])
    return kept | {"PATH": path, "SAM_CLI_TELEMETRY": "0", "TMPDIR": str(temporary)}


@dataclass
class Service:
    """A command that serves on a port, in a terminal of its own."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def containers(self) -> set[str]:
        return containers(self.log.read_text())

    def ctrl_c(self) -> None:
        """Interrupt the whole group, as a terminal does, and wait until the command has ended."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=60)


@contextmanager
def serving(command: Callable[[int], str], log: Path, cwd: Path) -> Iterator[Service]:
    """Run a command line that serves on the port that it is given, until the block ends."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            # Not even a run of the tests in the background may keep it from hearing a Ctrl-C.
            ["env", "--default-signal=INT", "sh", "-c", command(port)],
            cwd=cwd,
            env=terminal(log.parent),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    service = Service(f"http://127.0.0.1:{port}", process, log)
    try:
        deadline = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield service
    finally:
        if process.poll() is None:
            service.ctrl_c()


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="session")
def readme() -> tuple[str, str]:
    """The commands in CONTRIBUTING for `sam local start-api` on this platform: how to build, and how to start."""
    said = (ROOT / "CONTRIBUTING.md").read_text()
    line = re.search(r"LAYER_PLATFORM=x86_64\S* sam build && sam local start-api[^`\n]*", said)
    assert line
    build, start = line[0].split(" && ")
    return build, start


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, readme: tuple[str, str]) -> Path:
    """A copy of the project, built once; a build of one's own in the working folder stays as it is."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("functions", "layers"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("template.yaml", "samconfig.toml", "pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / file, copy)
    command = ["sh", "-c", readme[0]]
    built = subprocess.run(command, cwd=copy, env=terminal(copy.parent), capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return copy


def calling(cloud: Cloud, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start `local.invoke` for the running local cloud."""
    return subprocess.Popen(
        [sys.executable, "-m", "local.invoke", *arguments],
        cwd=ROOT,
        env=environment() | {"PORT": str(urlsplit(cloud.url).port)} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def invoke(cloud: Cloud, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same, waited for."""
    with calling(cloud, *arguments, **variables) as process:
        said = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, *said)


@pytest.fixture(scope="session")
def extended(cloud: Cloud) -> None:
    """The subscription of the sample events is extended: from here on each call of a function answers the same."""
    done = invoke(cloud, "extend", **NO_DOCKER)
    assert done.returncode == 0, done.stderr
