"""When `sam build` is called for what runs locally, and when the last build is good enough."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devkit.project import ROOT, Trouble
from devkit.template import template
from local import build

SOURCES = ["template.yaml", "samconfig.toml", "uv.lock", "functions/list/app.py", "layers/shared/build_layer.py"]

BUILDS = """#!/bin/sh
for folder; do :; done
sleep 0.1
mkdir -p "$folder"
echo "$LAYER_PYTHON" > "$folder/template.yaml"
echo "$LAYER_PYTHON" >> calls
"""

Built = Callable[..., str]


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Built:
    """Have a build of some sources in a folder; its Python, which a stand-in for the SAM CLI notes in `calls`."""
    for name in SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(build, "SAM", tmp_path / "sam")
    sam_does(tmp_path, BUILDS)

    def built(name: str, python: str = "3.13") -> str:
        build.built(tmp_path / name, python)
        return (tmp_path / name / "template.yaml").read_text().strip()

    return built


def sam_does(project: Path, script: str) -> None:
    command = project / "sam" / "bin" / "sam"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.write_text(script)
    command.chmod(0o755)


def calls(project: Path) -> list[str]:
    return (project / "calls").read_text().split()


def test_a_build_is_made_once_for_each_python_and_what_an_interrupted_one_left_is_removed(
    built: Built, tmp_path: Path
) -> None:
    """The local cloud and containers have different ones, by turns."""
    left = tmp_path / "kept" / "3.13" / "unfinished-1"
    left.mkdir(parents=True)
    pythons = ["3.11", "3.13", "3.11", "3.13"]
    assert [built(f"target-{number}", python) for number, python in enumerate(pythons)] == pythons
    assert calls(tmp_path) == ["3.11", "3.13"]
    assert not left.exists()


def test_a_source_that_has_changed_is_built_anew(built: Built, tmp_path: Path) -> None:
    """Bytecode is no source."""
    built("first")
    compiled = tmp_path / "functions" / "list" / "__pycache__" / "app.pyc"
    compiled.parent.mkdir()
    compiled.touch()
    built("second")
    assert len(calls(tmp_path)) == 1
    for number, name in enumerate(SOURCES, 2):
        (tmp_path / name).write_text("changed")
        built(f"changed-{number}")
        assert len(calls(tmp_path)) == number


def test_a_build_that_fails_is_shown_and_tried_again(built: Built, tmp_path: Path) -> None:
    sam_does(tmp_path, "#!/bin/sh\necho no uv here; exit 1\n")
    with pytest.raises(Trouble, match="no uv here"):
        built("target")
    sam_does(tmp_path, BUILDS)
    assert built("target") == "3.13"


def test_starts_at_the_same_time_share_one_build(built: Built, tmp_path: Path) -> None:
    """Two terminals, or a run beside a test: neither takes away what the other is making or linking."""
    with ThreadPoolExecutor(2) as starts:
        assert list(starts.map(built, ["one", "another"])) == ["3.13", "3.13"]
    assert calls(tmp_path) == ["3.13"]


def test_containers_have_the_python_of_the_template() -> None:
    """As on Lambda; the layer is built for it by default."""
    python = build.templates_python()
    assert template()["Globals"]["Function"]["Runtime"] == f"python{python}"
    assert f"LAYER_PYTHON ?= {python}\n" in (ROOT / "layers" / "shared" / "Makefile").read_text()
