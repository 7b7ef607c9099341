"""The one JSON reader for everything that comes in: UTF-8, no duplicate names, no NaN or infinity."""

import json
import re
from typing import Any, NoReturn


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, so that a name given twice is seen."""


class Unreadable(ValueError):
    """Valid JSON that we cannot accept; `field` is its path."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}" if field else why)
        self.field = field
        self.why = why


def parse(raw: bytes | str) -> object:
    """The JSON value in UTF-8, with or without a byte order mark, its objects as Pairs; raises ValueError.

    A number of more digits than any id, amount or instant has is read as a float: it fits nothing either.
    """
    text = raw.decode() if isinstance(raw, bytes) else raw
    try:
        return json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=Pairs,
            parse_int=lambda digits: int(digits) if len(digits) < 20 else float(digits),
            parse_constant=_not_json,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def plain(value: object, path: str = "") -> Any:
    """The same value with its objects as dicts; raises Unreadable for a name given twice, and for half a character."""
    try:
        return _plain(value, path)
    except RecursionError:
        raise Unreadable(path, "nested too deeply") from None


def _plain(value: object, path: str) -> object:
    if isinstance(value, Pairs):
        members: dict[str, object] = {}
        for name, member in value:
            # An unknown name is not repeated in the answer.
            at = f"{path}.{name}" if path else name
            if not _NAME.fullmatch(name):
                at = f"{path}.?" if path else "?"
            if name in members:
                raise Unreadable(at, "given more than once")
            members[name] = _plain(member, at)
        return members
    if isinstance(value, list):
        return [_plain(element, path) for element in value]
    if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
        raise Unreadable(path, "a text of Unicode characters is expected")
    return value


_NAME = re.compile("[a-z_]{1,32}", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
