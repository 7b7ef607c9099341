"""What is deployed holds what is committed and nothing else, whatever lies beside it."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devkit.project import ROOT
from local import build
from local.cloud import state_folder
from tests.conftest import Cloud
from tests.support.started import wait_for_the_others


def files(folder: Path) -> dict[str, str]:
    """Digests of the files below a folder, by path; the template names the folder itself."""
    return dict(_files(folder))


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.parent != folder:
            yield str(file.relative_to(folder)), hashlib.sha256(file.read_bytes()).hexdigest()


def committed(folder: str) -> set[str]:
    command = ["git", "-c", "safe.directory=*", "ls-files", "--", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {path.removeprefix(f"{folder}/") for path in listed.stdout.splitlines()}


@pytest.fixture(scope="module")
def before(cloud: Cloud) -> Path:
    """The build that was made for the tests, before they ran."""
    return state_folder(int(urlsplit(cloud.url).port or 0)) / "build"


def test_a_function_and_the_layer_are_what_is_committed(before: Path) -> None:
    """Of our own code; bytecode beside it is the layer's build's."""
    for function in committed("functions"):
        if function.endswith("/app.py"):
            folder = before / f"{function.removesuffix('/app.py').capitalize()}Function"
            assert [str(file.relative_to(folder)) for file in folder.rglob("*")] == ["app.py"]
    package = before / "SharedLayer" / "python" / "extending"
    own = {str(file.relative_to(package)) for file in package.rglob("*") if file.is_file()}
    assert {path for path in own if "__pycache__" not in path} == committed("layers/shared/extending")


def test_a_package_built_after_the_tests_is_the_one_built_before(
    request: pytest.FixtureRequest, before: Path, tmp_path: Path
) -> None:
    """What tests, linters and editors leave in the folders ships with neither."""
    expected = files(before)
    wait_for_the_others(request)
    litter = [ROOT / "functions" / "list" / "notes.txt", ROOT / "layers" / "shared" / "extending" / "notes.pyc"]
    try:
        for file in litter:
            file.write_text("left behind")
        build.sam("build", "--config-env", "local", "--build-dir", str(tmp_path / "build"), **build.runtime())
    finally:
        for file in litter:
            file.unlink()
    assert files(tmp_path / "build") == expected
