"""`sam build` is called for what runs locally only where the last build is not good enough."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devkit.project import ROOT
from devkit.template import template
from local import build

SOURCES = ["template.yaml", "samconfig.toml", "uv.lock", "functions/list/app.py", "layers/shared/build_layer.py"]


class Builds:
    """A project whose `sam build` takes a moment and only notes for which Python it is."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.calls: list[str] = []

    def sam(self, *arguments: str, LAYER_PYTHON: str, **_: str) -> None:  # noqa: N803
        self.calls.append(LAYER_PYTHON)
        time.sleep(0.1)
        folder = Path(arguments[-1])
        folder.mkdir()
        (folder / "template.yaml").write_text(LAYER_PYTHON)

    def build(self, name: str, python: str = "3.13") -> str:
        """The Python of the build that is then in a folder."""
        build.built(self.project / name, python)
        return (self.project / name / "template.yaml").read_text()


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Builds:
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    builds = Builds(tmp_path)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(build, "sam", builds.sam)
    return builds


def test_a_build_is_made_once_for_each_python_and_what_an_interrupted_one_left_is_removed(builds: Builds) -> None:
    """The local cloud and containers have different ones, by turns."""
    left = builds.project / "kept" / "3.13" / "unfinished-1"
    left.mkdir(parents=True)
    pythons = ["3.11", "3.13", "3.11", "3.13"]
    assert [builds.build(f"target-{number}", python) for number, python in enumerate(pythons)] == pythons
    assert builds.calls == ["3.11", "3.13"]
    assert not left.exists()


def test_only_a_source_that_has_changed_is_built_anew(builds: Builds) -> None:
    """Bytecode is no source."""
    builds.build("first")
    for number, name in enumerate(SOURCES, 2):
        (builds.project / name).write_text("changed")
        builds.build(f"changed-{number}")
        assert len(builds.calls) == number
    compiled = builds.project / "functions" / "list" / "__pycache__" / "app.pyc"
    compiled.parent.mkdir()
    compiled.touch()
    builds.build("last")
    assert len(builds.calls) == 1 + len(SOURCES)


def test_starts_at_the_same_time_share_one_build(builds: Builds) -> None:
    """Two terminals, or a run beside a test: neither takes away what the other is making or linking."""
    with ThreadPoolExecutor(2) as starts:
        assert list(starts.map(builds.build, ["one", "another"])) == ["3.13", "3.13"]
    assert builds.calls == ["3.13"]


def test_containers_have_the_python_of_the_template() -> None:
    """As on Lambda; the layer is built for it by default."""
    python = build.templates_python()
    assert template()["Globals"]["Function"]["Runtime"] == f"python{python}"
    assert f"LAYER_PYTHON ?= {python}\n" in (ROOT / "layers" / "shared" / "Makefile").read_text()
