"""Ours, as its handler has it."""

from extending.runtime import dynamodb
from functions.extend.app import handler

__all__ = ["dynamodb", "handler"]
