"""Only locked packages ship, under known licences, by pinned actions."""

import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import botocore
import pytest

import build_layer
from devkit.project import ROOT
from generate import licences


def test_the_build_installs_nothing_whose_hash_is_not_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wheels only, hashes required, and the lock is never changed by a build."""
    commands: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: commands.append(command))
    build_layer.install(tmp_path, "3.13", "aarch64-manylinux_2_28")
    exported, installed = commands
    assert "--frozen" in exported
    assert "--no-hashes" not in exported
    assert "--require-hashes" in installed
    assert installed[installed.index("--only-binary") + 1] == ":all:"


def test_the_licences_of_what_ships_are_listed_and_ask_for_nothing() -> None:
    """`make generate` writes the list; a licence that is new to it is a decision, not a surprise."""
    assert (ROOT / "docs" / "licences.md").read_text() == licences.text()
    for package, locked in licences.shipped().items():
        assert version(package) == locked, f"{package} of the environment is not the locked one"
        assert licences.licence(package) in licences.ALLOWED, package


def test_the_pipeline_runs_no_action_that_its_author_could_exchange() -> None:
    """A tag can be moved to other code; a digest cannot. No secret is stored: AWS trusts GitHub's own tokens."""
    workflows = [path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    used = [action for text in workflows for action in re.findall(r"uses: (\S+)", text)]
    assert used
    for action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
    assert not any("secrets." in text for text in workflows)


def test_no_licence_is_lost_in_the_build(tmp_path: Path) -> None:
    """Trimming the layer to the calls that are made leaves every licence and notice where it was."""
    installed, trimmed = Path(botocore.__file__).parent, tmp_path / "botocore"
    for name in build_layer.CALLED:
        shutil.copytree(installed / "data" / name, trimmed / "data" / name)
    for file in ("data/endpoints.json", "cacert.pem"):
        shutil.copy(installed / file, trimmed / file)
    kept = [tmp_path / place / "LICENSE" for place in ("botocore-1.dist-info/licenses", "boto3-1.dist-info", "six")]
    for path in kept:
        path.parent.mkdir(parents=True)
        path.touch()
    build_layer.trim(tmp_path)
    assert all(path.exists() for path in kept)
