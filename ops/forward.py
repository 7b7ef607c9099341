"""Undo `extending back`."""

from ops.back import forward as command

__all__ = ["command"]
