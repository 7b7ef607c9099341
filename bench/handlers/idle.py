"""A function that has been imported and does nothing: what the Runtime API adds to its import."""
# ruff: noqa: ARG001 - Lambda passes event and context whether or not they are used

from importlib import import_module
from typing import Any

import_module("app")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {}
