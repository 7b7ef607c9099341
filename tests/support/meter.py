"""What an item is billed for."""

import math
from typing import Any


def size(item: dict[str, Any]) -> int:
    """Bytes of an item as they are billed: names and texts in UTF-8, a number a byte for two digits and one more."""
    total = 0
    for name, value in item.items():
        ((kind, content),) = value.items()
        total += len(name.encode())
        total += len(content.encode()) if kind == "S" else math.ceil(len(content.strip("-0")) / 2) + 1
    return total


def started_kb(item: dict[str, Any]) -> int:
    """How many KB an item has begun; what is not there counts as a small one."""
    return max(1, math.ceil(size(item) / 1024))
