"""A package ships what is committed and nothing else, whatever lies beside it."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from devkit.project import ROOT
from local import build
from local.cloud import state_folder
from tests.conftest import Cloud


def files(folder: Path) -> dict[str, str]:
    """Digests of the files below a folder, by path; the template in it names the folder itself."""
    found = (file for file in folder.rglob("*") if file.is_file() and file.parent != folder)
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in found}


def test_a_package_is_made_of_what_is_committed(cloud: Cloud, tmp_path: Path) -> None:
    """A build of the committed files alone is the one of this working folder, which the local cloud runs."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "functions", "layers", "*.lock", "*.toml", "template.yaml"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for path in listed:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    for left_behind in ("functions/list/notes.txt", "layers/shared/extending/notes.pyc"):
        (tmp_path / left_behind).write_text("left behind by an editor")
    arguments = ["-t", str(tmp_path / "template.yaml"), "--build-dir", str(tmp_path / "build")]
    build.sam("build", "--config-env", "local", *arguments, **build.runtime())
    running = state_folder(int(urlsplit(cloud.url).port or 0)) / "build"
    assert files(tmp_path / "build") == files(running)
