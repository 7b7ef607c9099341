"""Set-up names in a line what this machine lacks and cannot be brought along, and heals what was interrupted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devkit.project import ROOT

NEEDED = ("sh", "rm", "mkdir", "touch", "id")
"""Commands of the script itself; any other is a stand-in or is not there."""

OLD = 'case "$2" in *print*) echo 3.10 ;; *) exit 1 ;; esac'
BARE = 'case "$2" in *print*) echo 3.12 ;; *ensurepip*) exit 1 ;; esac'
REAL = f'exec "{sys.executable}" "$@"'
UV = 'echo "$@"; [ ! -d "$UV_PROJECT_ENVIRONMENT" ] || echo kept; mkdir -p "$UV_PROJECT_ENVIRONMENT"'


class Machine:
    """A PATH of stand-ins, and a folder to set up in."""

    def __init__(self, place: Path) -> None:
        self.place, self._path = place, place / "bin"
        self._path.mkdir()
        for name in NEEDED:
            (self._path / name).symlink_to(str(shutil.which(name)))

    def has(self, name: str, script: str) -> None:
        command = self._path / name
        command.unlink(missing_ok=True)
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)

    def setup(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(ROOT / "local" / "setup.sh"), *arguments]
        path = {"PATH": str(self._path)}
        return subprocess.run(command, cwd=self.place, env=path, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("pythons", "line"),
    [
        ({}, "✗ Python 3.11 or newer is needed, and there is no python3. On Debian, as root: apt-get install python3"),
        ({"python3": OLD}, "✗ Python 3.11 or newer is needed, python3 is 3.10. Put a newer one on PATH as python3.13"),
        ({"python3": BARE}, "✗ Python 3.12 is here without venv. On Debian, as root: apt-get install python3-venv"),
        ({"python3": OLD, "python3.12": BARE}, "✗ Python 3.12 is here without venv."),
    ],
)
def test_a_python_that_will_not_do_is_one_line_with_what_to_do(
    machine: Machine, pythons: dict[str, str], line: str
) -> None:
    for name, script in pythons.items():
        machine.has(name, script)
    done = machine.setup("environment", ".venv")
    (found,) = done.stderr.splitlines()
    assert found.startswith(line)
    assert done.returncode == 1
    assert not (machine.place / ".venv").exists()


@pytest.mark.parametrize("newer", ["python3.13", "python3.12", "python3.11"])
def test_an_environment_is_made_with_a_newer_python_beside_an_old_one_and_heals_at_the_next_start(
    machine: Machine, newer: str
) -> None:
    """Debian 11 has 3.10 or older. uv refuses a folder in which no Python is; what is whole is kept."""
    machine.has("python3", OLD)
    machine.has(newer, REAL)
    machine.has("uv", UV)
    environment = machine.place / ".venv"
    (environment / "pycache").mkdir(parents=True)
    done = machine.setup("environment", ".venv")
    assert (done.returncode, done.stdout) == (0, f"sync --quiet --frozen --python {sys.executable}\n"), done.stderr
    assert [path.name for path in environment.iterdir()] == [".done"]
    (environment / "bin").mkdir()
    (environment / "bin" / "python").symlink_to(sys.executable)
    assert machine.setup("environment", ".venv").stdout.endswith("kept\n")


def test_an_environment_that_cannot_be_made_is_not_taken_for_done(machine: Machine) -> None:
    machine.has("python3", REAL)
    machine.has("uv", "exit 1")
    done = machine.setup("environment", ".venv")
    assert "✗ .venv could not be set up; uv says why above." in done.stderr
    assert done.returncode == 1
    assert not (machine.place / ".venv" / ".done").exists()


def test_only_what_is_asked_for_is_needed_of_the_system(machine: Machine) -> None:
    """`make check` has no use for Java and Chromium; who is not root reads what to install."""
    machine.has("id", "echo 1000")
    machine.has("npm", "true")
    assert machine.setup("system", "npm").returncode == 0
    done = machine.setup("system", "java", "npm", "chromium-headless-shell")
    assert done.returncode == 1
    assert done.stderr == (
        "✗ These Debian packages are needed: openjdk-17-jre-headless chromium-headless-shell. "
        "As root: apt-get install --no-install-recommends openjdk-17-jre-headless chromium-headless-shell\n"
    )


def test_what_a_rehearsal_deploys_beside_the_product_is_a_template() -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "ops/rehearse.yaml", "--regions", "eu-central-1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
