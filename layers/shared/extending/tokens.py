"""Opaque tokens: values that travel to a client and come back."""

import base64
import binascii
import json
from collections.abc import Sequence


def pack(values: Sequence[object]) -> str:
    """Encode values as a token that is safe in a URL."""
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(token: str) -> list[object]:
    """Decode what `pack` encoded; raises ValueError for anything else."""
    if not 0 < len(token) <= 512:
        raise ValueError("wrong length")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw)
    except (binascii.Error, UnicodeError, RecursionError) as error:
        raise ValueError("not a token") from error
    # One spelling only: a token with padding or other characters is not ours.
    if not isinstance(values, list) or pack(values) != token:
        raise ValueError("not a token")
    return values


def is_int(value: object, least: int, most: int) -> bool:
    """True for a whole number within bounds; a boolean is an int in Python, but no number here."""
    return type(value) is int and least <= value <= most
