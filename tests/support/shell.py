"""The environment of a shell in which somebody calls make."""

from devkit.project import environment

OURS = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "STAGE", "YES", "JSON", "SINCE", "DRY", "ONCE", "PORT", "ID"}
"""What the make that runs the tests hands on, and what a shell's own would say to our tools."""


def shell() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name not in OURS}
