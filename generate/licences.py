"""The licences of what ships in the layer: docs/licences.md.

The packages are those that `uv.lock` names for the group `layer`; the licences are what their own metadata says.
"""

import subprocess
from importlib.metadata import distribution

from devkit.project import ROOT

FILE = ROOT / "docs" / "licences.md"
HEAD = """\
# Licences of what ships

Made by `make generate` from the metadata of the locked packages; do not edit. Only these go into the layer, each with
its licence files beside it. What tests and tools use ships nowhere.

| package | version | licence |
|---|---|---|
"""
ALLOWED = {"Apache-2.0", "BSD-3-Clause OR Apache-2.0", "MIT", "MIT-0", "PSF-2.0"}
"""Licences that ask for no more than to be shipped along."""

WORDED_OTHERWISE = {"Apache License 2.0": "Apache-2.0", "Dual License": "BSD-3-Clause OR Apache-2.0"}
"""Older metadata has no SPDX expression; `Dual License` is python-dateutil's, explained in its LICENSE."""


def shipped() -> dict[str, str]:
    """Versions of the layer's packages as `uv.lock` has them."""
    command = [str(ROOT / ".venvs" / "uv" / "bin" / "uv"), "export", "--frozen", "--quiet", "--only-group", "layer"]
    options = ["--no-hashes", "--no-annotate", "--no-header"]
    exported = subprocess.check_output([*command, *options], cwd=ROOT, text=True)
    return dict(line.partition(" ;")[0].split("==") for line in exported.splitlines())


def licence(package: str) -> str:
    """The licence of an installed package as an SPDX expression."""
    metadata = distribution(package).metadata
    # A field that is not there makes whoever patches `importlib.metadata` warn of it.
    named = next(metadata[field] for field in ("License-Expression", "License") if field in metadata)
    return WORDED_OTHERWISE.get(named, named)


def text() -> str:
    """docs/licences.md as it should be."""
    rows = [f"| {name} | {version} | {licence(name)} |\n" for name, version in sorted(shipped().items())]
    return HEAD + "".join(rows)
