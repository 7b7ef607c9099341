"""When `sam build` is called for what runs locally, and when the last build is good enough."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devkit.project import ROOT, Trouble
from devkit.template import template
from local import build
from local.build import built

SOURCES = ["template.yaml", "samconfig.toml", "uv.lock", "functions/list/app.py", "layers/shared/build_layer.py"]

BUILDS = """#!/bin/sh
for folder; do :; done
mkdir -p "$folder"
echo "$LAYER_PYTHON" > "$folder/template.yaml"
echo "$LAYER_PYTHON" >> calls
"""


class Sam:
    """A SAM CLI that only notes for which Python it is to build."""

    def __init__(self, project: Path) -> None:
        self._calls = project / "calls"
        self._command = project / "sam" / "bin" / "sam"
        self._command.parent.mkdir(parents=True)
        self.does(BUILDS)

    def does(self, script: str) -> None:
        self._command.write_text(script)
        self._command.chmod(0o755)

    def calls(self) -> list[str]:
        return self._calls.read_text().split()


@pytest.fixture
def sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sam:
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(build, "SAM", tmp_path / "sam")
    return Sam(tmp_path)


def test_a_build_is_made_once_for_each_python(sam: Sam, tmp_path: Path) -> None:
    """The local cloud and containers have different ones, by turns."""
    for number, python in enumerate(["3.11", "3.13", "3.11", "3.13"]):
        target = tmp_path / f"target-{number}"
        built(target, python)
        assert (target / "template.yaml").read_text() == f"{python}\n"
    assert sam.calls() == ["3.11", "3.13"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_has_changed_is_built_anew(sam: Sam, tmp_path: Path, name: str) -> None:
    """Bytecode is no source."""
    built(tmp_path / "first", "3.13")
    compiled = tmp_path / "functions" / "list" / "__pycache__" / "app.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(os.urandom(9))
    built(tmp_path / "second", "3.13")
    assert len(sam.calls()) == 1
    (tmp_path / name).write_text("changed")
    built(tmp_path / "third", "3.13")
    assert len(sam.calls()) == 2


def test_a_build_that_fails_is_told_and_tried_again(sam: Sam, tmp_path: Path) -> None:
    """What the SAM CLI said goes to the user."""
    sam.does("#!/bin/sh\necho no uv here; exit 1\n")
    with pytest.raises(Trouble, match="no uv here"):
        built(tmp_path / "target", "3.13")
    sam.does(BUILDS)
    built(tmp_path / "target", "3.13")
    assert sam.calls() == ["3.13"]


def test_starts_at_the_same_time_share_one_build(sam: Sam, tmp_path: Path) -> None:
    """Two terminals, or a run beside a test: neither takes away what the other is making or linking."""
    sam.does(BUILDS.replace("mkdir", "sleep 0.3; mkdir"))
    targets = [tmp_path / "one", tmp_path / "another"]
    with ThreadPoolExecutor(2) as starts:
        list(starts.map(lambda target: built(target, "3.13"), targets))
    assert [(target / "template.yaml").read_text() for target in targets] == ["3.13\n"] * 2
    assert sam.calls() == ["3.13"]


def test_what_an_interrupted_build_left_is_removed(sam: Sam, tmp_path: Path) -> None:
    """Another start's folder lies there only where that start is no more."""
    left = tmp_path / "kept" / "3.13" / "unfinished-1"
    left.mkdir(parents=True)
    built(tmp_path / "target", "3.13")
    assert not left.exists()


def test_containers_have_the_python_of_the_template() -> None:
    """As on Lambda; the layer is built for it by default."""
    python = build.templates_python()
    assert template()["Globals"]["Function"]["Runtime"] == f"python{python}"
    assert f"LAYER_PYTHON ?= {python}\n" in (ROOT / "layers" / "shared" / "Makefile").read_text()
