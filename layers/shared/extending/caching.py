"""HTTP caching of an answer that changes at an instant known ahead: its tag, and for how long it may be used."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

MOST_SECONDS = 30
"""Seconds for which an answer may be used, where nothing changes earlier."""


def etag(body: Mapping[str, object]) -> str:
    """A weak tag: answers with the same `body` may differ in the time of reading."""
    return f'W/"{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]}"'


def is_known_by(if_none_match: str, tag: str) -> bool:
    """True if the caller has the answer of this tag; weak comparison, as RFC 9110 has it for this header."""
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return known == ["*"] or tag.removeprefix("W/") in known


def max_age(next_change_at: datetime | None, clock: datetime) -> int:
    """Seconds, never past the next change: the clock here is the exact one, and a part of a second is left out."""
    if next_change_at is None:
        return MOST_SECONDS
    return min(MOST_SECONDS, int((next_change_at - clock).total_seconds()))
