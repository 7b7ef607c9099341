"""Follow what the functions write: by the name of one of them, or by the id of one request through all."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from devkit.project import FUNCTIONS
from devkit.stage import Stack, stack
from ops import console

INTERVAL = 2
"""Seconds between two looks."""

LATE = 15
"""Seconds that a line may take to show up after its own time; what is seen twice is told once."""

OWN = ("level", "location", "message", "timestamp", "service", "cold_start", "correlation_id", "xray_trace_id")
"""What every line has, and what is shown otherwise."""

STYLES = {"ERROR": "red", "WARNING": "yellow"}


class Entry(NamedTuple):
    """A line of a log, as it was written at an instant."""

    at: datetime
    function: str
    text: str


def entries(target: Stack, functions: list[str], since: datetime, correlation_id: str) -> Iterator[Entry]:
    """What has been written since an instant; the correlation id is looked for by the service, empty for all."""
    pattern = {"filterPattern": json.dumps(correlation_id)} if correlation_id else {}
    pages = target.client("logs").get_paginator("filter_log_events")
    for function in functions:
        group = target.resource(f"{function.capitalize()}Logs")
        for page in pages.paginate(logGroupName=group, startTime=int(since.timestamp() * 1000), **pattern):
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield from (Entry(at, function, line) for line in event["message"].splitlines())


def shown(entry: Entry) -> Text | None:
    """A line as it is read; None for metrics and for what Lambda itself writes."""
    try:
        told: Any = json.loads(entry.text)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "message" not in told:
        return None
    level = str(told.get("level", ""))
    text = Text(f"{entry.at:%Y-%m-%d %H:%M:%S} ", style="dim")
    text.append(f"{entry.function:8}", style="cyan")
    text.append(f"{level:8}", style=STYLES.get(level, ""))
    text.append(str(told["message"]), style="bold")
    for name, value in told.items():
        if name not in OWN and not name.startswith("function_"):
            text.append(f" {name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    if correlation_id := told.get("correlation_id"):
        text.append(f" {correlation_id}", style="dim")
    return text


def ago(text: str) -> timedelta:
    """A time span such as 30s, 10m, 2h, 1d."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if not (found := re.fullmatch(r"([1-9]\d{0,5})([smhd])", text)):
        raise console.ArgumentTypeError(f"{text!r} is not a time span: SINCE=30s, 10m, 2h or 1d")
    return timedelta(**{units[found[2]]: int(found[1])})


def main() -> int:
    parser = console.Arguments(prog="make logs", description=__doc__)
    parser.add_argument("--stage", default="local", help="STAGE=local, dev, prod")
    parser.add_argument("--function", default="", help=f"fn={'|'.join(FUNCTIONS)}; all without it")
    parser.add_argument("--id", default="", help="ID=… of one request, as the answer's apigw-requestid has it")
    parser.add_argument("--since", type=ago, default=ago("10m"), help="SINCE=10m: how far to look back")
    parser.add_argument("--once", action="store_true", help="ONCE=1: what there is, and no following")
    arguments = parser.parse_args()
    if arguments.function and arguments.function not in FUNCTIONS:
        raise console.Trouble(f"Name a function: fn={'|'.join(FUNCTIONS)}")
    functions = [arguments.function] if arguments.function else FUNCTIONS
    since = datetime.now(UTC) - arguments.since
    target = stack(arguments.stage)
    with contextlib.suppress(KeyboardInterrupt):  # That is how following ends.
        follow(target, functions, since, arguments.id, arguments.once)
    return 0


def follow(target: Stack, functions: list[str], since: datetime, correlation_id: str, once: bool) -> None:
    """Show what has been written since an instant, and what is written from now on."""
    out = Console(highlight=False, soft_wrap=True)
    seen: set[Entry] = set()
    while True:
        looked_at = datetime.now(UTC)
        found = [entry for entry in entries(target, functions, since, correlation_id) if entry not in seen]
        for entry in sorted(found, key=lambda entry: entry.at):
            if text := shown(entry):
                out.print(text)
        if once:
            return
        since = max(since, looked_at - timedelta(seconds=LATE))
        seen = {entry for entry in seen.union(found) if entry.at >= since}
        time.sleep(INTERVAL)


if __name__ == "__main__":
    console.run(main)
