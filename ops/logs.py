"""Follow the functions' logs: of one function, or of one request through all of them."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import click
from rich.text import Text

from devkit.project import FUNCTIONS
from devkit.stage import Stack, stack
from ops import console

INTERVAL = 2
"""Seconds between two looks."""

LATE = 15
"""Seconds after which a line may still appear; a line that is read twice is shown once."""

OWN = ("level", "location", "message", "timestamp", "service", "cold_start", "correlation_id", "xray_trace_id")
"""Fields of every line; the others are shown as name=value."""

STYLES = {"ERROR": "red", "WARNING": "yellow"}

USUAL = re.compile(r"(INIT_START|INIT_REPORT|START|END|REPORT|RESTORE_START|RESTORE_REPORT)\b")
"""Lines that Lambda writes of each call; a `Status` is in it where the call did not go well."""


class Entry(NamedTuple):
    """A line of a log, as it was written at an instant."""

    at: datetime
    function: str
    text: str


def entries(target: Stack, functions: list[str], since: datetime, correlation_id: str) -> Iterator[Entry]:
    """Lines since an instant; the service filters by the correlation id, where it is not empty."""
    pattern = {"filterPattern": json.dumps(correlation_id)} if correlation_id else {}
    pages = target.client("logs").get_paginator("filter_log_events")
    for function in functions:
        group = target.resource(f"{function.capitalize()}Logs")
        for page in pages.paginate(logGroupName=group, startTime=int(since.timestamp() * 1000), **pattern):
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield from (Entry(at, function, line) for line in event["message"].splitlines())


def shown(entry: Entry) -> Text | None:
    """A line as it is read; None for metrics and for what Lambda writes of calls that went well.

    A failed import, a time-out and a killed process are texts of Lambda's, where everything else is JSON.
    """
    try:
        line: Any = json.loads(entry.text)
    except ValueError:
        is_usual = not entry.text.strip() or (USUAL.match(entry.text) and "Status: " not in entry.text)
        line = {} if is_usual else {"level": "ERROR", "message": entry.text.expandtabs(1)}
    if not isinstance(line, dict) or "message" not in line:
        return None
    level = str(line.get("level", ""))
    text = Text.assemble(
        (f"{entry.at:%Y-%m-%d %H:%M:%S} ", "dim"),
        (f"{entry.function:8}", "cyan"),
        (f"{console.safe(level):8}", STYLES.get(level, "")),
        (console.safe(line["message"]), "bold"),
    )
    for name, value in line.items():
        if name not in OWN and not name.startswith("function_"):
            written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            text.append(console.safe(f" {name}={written}"))
    if correlation_id := line.get("correlation_id"):
        text.append(console.safe(f" {correlation_id}"), style="dim")
    return text


def ago(text: str) -> timedelta:
    """A time span such as 30s, 10m, 2h, 1d."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if not (found := re.fullmatch(r"([1-9]\d{0,5})([smhd])", text)):
        raise click.BadParameter(f"{text!r} is not a time span: 30s, 10m, 2h or 1d")
    return timedelta(**{units[found[2]]: int(found[1])})


@click.command()
@click.argument("function", type=click.Choice(FUNCTIONS), required=False)
@click.option("--id", "correlation_id", default="", help="Show one request: apigw-requestid of its answer.")
@click.option("--since", metavar="SPAN", type=ago, default="10m", show_default=True, help="Begin so long ago: 2h, 1d.")
@click.option("--once", is_flag=True, help="Show what there is and end.")
@console.STAGE
def command(function: str | None, correlation_id: str, since: timedelta, once: bool, stage: str) -> None:
    """Follow the log of one FUNCTION, or of all.

    Ctrl-C ends it.

    \b
    extending logs offer --since 1h --once --stage prod
    """
    start = datetime.now(UTC) - since
    target = stack(stage)
    with contextlib.suppress(KeyboardInterrupt):
        follow(target, [function] if function else FUNCTIONS, start, correlation_id, once)


def follow(target: Stack, functions: list[str], since: datetime, correlation_id: str, once: bool) -> None:
    """Show the lines since an instant, then new ones as they come."""
    out = console.results()
    out.soft_wrap = True
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
