"""The shell in which somebody calls make or the operator's program."""

from devkit.project import environment

OURS = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PORT", "ORIGINS", "WEBHOOK", "KEY", "ARGS"}
"""Variables of the make that runs the tests, and those that ours reads."""


def shell() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name not in OURS}
