"""Building what runs locally: `sam build`, unless nothing that goes into it has changed."""

import fcntl
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from devkit import project
from devkit.project import ROOT, Trouble, aws, environment
from devkit.template import template

KEPT = ROOT / ".local-cloud" / "built"
"""The last build for each Python, in a folder named after what went into it."""

OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The local cloud runs functions on its own interpreter and platform, whatever the template says."""


def sam(*arguments: str, **variables: str) -> None:
    """Run the SAM CLI; raises Trouble with its output where it failed."""
    done = project.sam(*arguments, variables=environment() | {"SAM_CLI_POLL_DELAY": "0.2"} | variables)
    if done.returncode:
        raise Trouble(f"sam {arguments[0]} failed. It said:\n{done.stdout[-6000:]}")


def templates_python() -> str:
    """The version that functions have on Lambda, and in containers."""
    return str(template()["Globals"]["Function"]["Runtime"]).removeprefix("python")


def runtime(python: str = OURS) -> dict[str, str]:
    """Variables by which the layer's Makefile builds for this platform."""
    return {"LAYER_PYTHON": python, "LAYER_PLATFORM": f"{platform.machine()}-unknown-linux-gnu"}


def built(target: Path, python: str = OURS) -> None:
    """Have the build for a Python and this platform in a folder: made now, or the one made of the very same sources."""
    made_for = runtime(python)
    others = KEPT / python
    others.mkdir(parents=True, exist_ok=True)
    # One start at a time: another one would take away what this one makes or links. A killed one holds no lock.
    with (KEPT / f"{python}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = others / _digest(made_for)  # now: sources may have changed while it waited
        if not kept.exists():
            unfinished = others / f"unfinished-{os.getpid()}"
            sam("build", "--config-env", "local", "--build-dir", str(unfinished), **made_for)
            for outdated in others.iterdir():
                if outdated != unfinished:
                    shutil.rmtree(outdated, ignore_errors=True)
            unfinished.rename(kept)
        # Links: a later start may take the kept one away while this one is in use.
        shutil.copytree(kept, target, copy_function=os.link)


def _digest(made_for: Mapping[str, str]) -> str:
    """A digest of the sources, paths and contents, and of the Python and platform."""
    digest = hashlib.sha256(repr(made_for).encode())
    for file in _sources():
        digest.update(repr((str(file.relative_to(ROOT)), file.read_bytes())).encode())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    yield from (ROOT / name for name in ("template.yaml", "samconfig.toml", "uv.lock"))
    for folder in ("functions", "layers"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def deploy(template: Path, endpoint: str, key: str, parameters: Mapping[str, str], *options: str) -> None:
    """`sam deploy` of a built template to a local cloud; raises Trouble."""
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    sam(
        *("deploy", "--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local", "-t", str(template)),
        *(*options, "--parameter-overrides", *overrides),
        **aws(endpoint, key),
    )
