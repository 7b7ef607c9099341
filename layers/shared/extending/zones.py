"""Time zones that a cabinet can show: IANA names as they are spelt there, and fixed offsets as UTC+3."""

import re
from functools import cache
from importlib import resources

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII | re.IGNORECASE)

MOST_HOURS = 14
"""The largest offset from UTC in use."""


def normalized(zone: object) -> str | None:
    """The zone as it is stored and shown; None for a zone that no browser can show."""
    if not isinstance(zone, str):
        return None
    zone = zone.strip()
    if name := _names().get(zone.lower()):
        return name
    if not (offset := _OFFSET.fullmatch(zone)):
        return None
    sign, hours, minutes = offset[1], int(offset[2]), int(offset[3] or 0)
    if hours * 60 + minutes > MOST_HOURS * 60:
        return None
    if not hours and not minutes:
        return "UTC"
    return f"UTC{sign}{hours}:{minutes:02}" if minutes else f"UTC{sign}{hours}"


@cache
def _names() -> dict[str, str]:
    """IANA names by their lower case, from the package `tzdata`; "Factory" stands for no zone."""
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    return {name.lower(): name for name in names if name != "Factory"}
