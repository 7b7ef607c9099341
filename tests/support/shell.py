"""The environment of a shell in which somebody calls make."""

import os

OURS = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "STAGE", "YES", "JSON", "SINCE", "DRY", "ONCE", "PORT", "ID"}
"""What the make that runs the tests hands on, and what a shell's own would say to our tools."""


def shell() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in OURS and not name.startswith("AWS_")}
