"""Watch a stage, for the first hour after a deployment: alarms, queues, metrics; Ctrl-C ends it.

It only reads. A source that is out of reach says so in its place; the others are shown.
"""

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.live import Live

from devkit.project import FUNCTIONS
from devkit.stage import Stack, stack
from extending.metric import NAMESPACE, Metric
from ops import console
from ops.logs import entries
from ops.redrive import QUEUES

QUICK = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
"""A source that does not answer soon is out of reach until the next look."""

SPANS = {"5 minutes": timedelta(minutes=5), "1 hour": timedelta(hours=1)}
"""Times that are counted over; CloudWatch counts by the minute and is a minute or two late."""

MOST_NAMED = 100
"""Names in one call of DescribeAlarms: more than the stack has."""

Rows = list[dict[str, Any]]
Point = tuple[datetime, float]


def looks(target: Stack, now: datetime) -> dict[str, Rows | str]:
    """The rows of each source, or why there are none: one that fails hides no other."""
    sources: dict[str, Callable[[], Rows]] = {
        "alarms": lambda: alarms(target),
        "queues": lambda: queues(target),
        "metrics": lambda: metrics(target, now),
    }
    found: dict[str, Rows | str] = {}
    for name, read in sources.items():
        try:
            found[name] = read()
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            found[name] = " ".join(f"{type(error).__name__}: {error}".split())
    return found


def metrics(target: Stack, now: datetime) -> Rows:
    """The functions' own metrics by name; those of refusals by their reason too."""
    found = defaultdict[str, list[Point]](list)
    since = now - max(SPANS.values())
    for label, point in logged(target, since) if target.endpoint else measured(target, since, now):
        found[label].append(point)
    return [
        {"metric": label} | {f"in {name}": summed(label, points, now - span) for name, span in SPANS.items()}
        for label, points in sorted(found.items())
    ]


def measured(target: Stack, since: datetime, now: datetime) -> Iterator[tuple[str, Point]]:
    """Points of CloudWatch, by the minute."""
    service = f'service="{target.name}"'
    name, reason = "${PROP('MetricName')}", "${PROP('Dim.reason')}"
    searches = [
        (name, f'{{{NAMESPACE},service}} {service} NOT MetricName="{Metric.LAG}"', "Sum"),
        (name, f'{{{NAMESPACE},service}} {service} MetricName="{Metric.LAG}"', "Maximum"),
        (f"{name}: {reason}", f"{{{NAMESPACE},reason,service}} {service}", "Sum"),
    ]
    queries = [
        {"Id": f"m{number}", "Label": label, "Expression": f"SEARCH('{search}', '{statistic}', 60)"}
        for number, (label, search, statistic) in enumerate(searches)
    ]
    pages = target.client("cloudwatch", QUICK).get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, StartTime=since, EndTime=now + timedelta(minutes=1)):
        for result in page["MetricDataResults"]:
            for point in zip(result["Timestamps"], result["Values"], strict=True):
                yield result["Label"], point


def logged(target: Stack, since: datetime) -> Iterator[tuple[str, Point]]:
    """Points from the log lines that CloudWatch makes metrics of; the local cloud makes none."""
    for entry in entries(target, FUNCTIONS, since, ""):
        if '"_aws"' not in entry.text:
            continue
        line = json.loads(entry.text)
        for metric in (each["Name"] for group in line["_aws"]["CloudWatchMetrics"] for each in group["Metrics"]):
            label = f"{metric}: {line['reason']}" if "reason" in line else metric
            values = line[metric] if isinstance(line[metric], list) else [line[metric]]
            yield from ((label, (entry.at, value)) for value in values)


def queues(target: Stack) -> Rows:
    """The failure queues: nothing should wait there."""
    names = {"waiting": "ApproximateNumberOfMessages", "under way": "ApproximateNumberOfMessagesNotVisible"}
    rows = []
    for queue, output in QUEUES.items():
        asked = {"QueueUrl": target.outputs[output], "AttributeNames": list(names.values())}
        attributes = target.client("sqs", QUICK).get_queue_attributes(**asked)["Attributes"]
        rows.append({"queue": queue} | {name: int(attributes[each]) for name, each in names.items()})
    return rows


def alarms(target: Stack) -> Rows:
    """The stack's alarms that are on; where none is, their number. Another stack's name may begin alike."""
    pages = target.client("cloudformation", QUICK).get_paginator("list_stack_resources").paginate(StackName=target.name)
    names = [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::CloudWatch::Alarm" and "PhysicalResourceId" in resource
    ]
    found = target.client("cloudwatch", QUICK).describe_alarms(AlarmNames=names, MaxRecords=MOST_NAMED)["MetricAlarms"]
    rows = [
        {
            "alarm": each["AlarmName"],
            "since": f"{each['StateUpdatedTimestamp']:%H:%M:%S}",
            "why": each.get("StateReason"),
        }
        for each in found
        if each["StateValue"] == "ALARM"
    ]
    return rows or [{"alarm": f"none of {len(found)} is on", "since": "", "why": ""}]


def summed(label: str, points: list[Point], since: datetime) -> int | None:
    """The sum since an instant, or the maximum of a lag; None where there is no point."""
    values = [value for at, value in points if at >= since]
    if not values:
        return None
    return round(max(values) if label == Metric.LAG else sum(values))


def shown(target: Stack, now: datetime) -> RenderableType:
    parts: list[RenderableType] = [console.cell(f"{target.name} at {now:%Y-%m-%d %H:%M:%S} UTC", style="bold"), ""]
    for name, found in looks(target, now).items():
        if isinstance(found, str):
            parts += [console.cell(f"{name.title()}: out of reach: {found}", style="red"), ""]
        else:
            parts += [console.grid(name.title(), found), ""]
    return Group(*parts)


@click.command()
@click.option("--every", type=click.IntRange(1, 3600), default=10, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once and end.")
@console.STAGE
@console.JSON
def command(every: int, once: bool, stage: str, as_json: bool) -> None:
    """Watch a stage: metrics, queues, alarms.

    Ctrl-C ends it.

    \b
    extending watch --stage prod
    """
    target, out, now = stack(stage), console.results(), console.now()
    if as_json:
        found = looks(target, now).items()
        plain = {name: {"out_of_reach": rows} if isinstance(rows, str) else rows for name, rows in found}
        console.print_json({"at": now.isoformat()} | plain)
    elif once or not out.is_terminal:
        out.print(shown(target, now))
    else:
        follow(target, every)


def follow(target: Stack, every: int) -> None:
    """Look again and again, until Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt), Live(console=console.results(), auto_refresh=False) as live:
        while True:
            live.update(shown(target, console.now()), refresh=True)
            time.sleep(every)
