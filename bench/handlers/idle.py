"""A function that has imported a module and does nothing: what the Runtime API adds to the import."""

import os
from importlib import import_module
from typing import Any

import_module(os.environ["MODULE"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {}
