"""Rehearse what the documents promise, from the deployment to the removal, and write one page of evidence."""

import os
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from devkit.project import ROOT, Trouble
from devkit.stage import stack
from ops import console
from ops import rehearse_aws as aws
from ops import rehearse_story as story


class Step(NamedTuple):
    """A row of the page; `play` returns what was seen, or raises."""

    name: str
    expected: str
    play: Callable[[Any], str]
    needs_aws: bool = False
    vital: bool = False


STEPS = (
    Step("create identities", "two users, a machine", aws.Aws.provide_identity, needs_aws=True, vital=True),
    Step("deploy", "CREATE_COMPLETE", aws.deploy_first, needs_aws=True, vital=True),
    Step("wait", "no alarm is on within half an hour", aws.be_quiet, needs_aws=True),
    Step("report over HTTPS", "account, owner, two subscriptions stored", story.report, vital=True),
    Step("try the doors", "stranger 404; nobody, machine, owner on machines' route 401", story.try_doors),
    Step("extend", "201, again 200 with the same; limits +2 and +8", story.extend),
    Step("let it end", "limits without extras; revoked by the schedule; announced", story.let_end),
    Step("end one early", "once; limits at once; announced with revoked_by", story.end_early),
    Step("break a canary", "rolled back; the old version answers", aws.break_canary, needs_aws=True),
    Step("add a route, roll back", "UPDATE_ROLLBACK_COMPLETE", aws.roll_back_route, needs_aws=True),
    Step("turn publish off", "PublishSilentAlarm on, and off again", aws.silence_publish, needs_aws=True),
    Step("restore the table", "a deleted extension is copied back", aws.restore_table, needs_aws=True),
    Step("run the tools", "each ends with 0; the removed account is 404", story.run_tools),
    Step("remove everything", "nothing is left", story.remove),
)


class Row(NamedTuple):
    """A step as it went: ✓, ✗, or – where it was not played."""

    step: Step
    mark: str
    seen: str
    seconds: float


def play(place: story.Place, rows: list[Row]) -> None:
    """Play all steps; one that fails keeps from the others only where it is vital, and from the removal never."""
    for step in STEPS:
        began = time.monotonic()
        if step.needs_aws and place.stage == "local":
            mark, seen = "–", "needs AWS"
        elif step is not STEPS[-1] and any(row.mark == "✗" and row.step.vital for row in rows):
            mark, seen = "–", "not played"
        else:
            try:
                mark, seen = "✓", step.play(place)
            except (Trouble, BotoCoreError, ClientError, httpx.HTTPError, LookupError, StopIteration) as error:
                mark, seen = "✗", f"{type(error).__name__}: {error}"
        rows.append(Row(step, mark, seen, time.monotonic() - began))
        console.notes().print(console.safe(f"{mark} {step.name}: {seen}"))


def evidence(place: story.Place, rows: list[Row], began: datetime) -> str:
    """The evidence in Markdown."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    revision = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()

    def line(mark: str, name: str, expected: str, seen: str, seconds: float) -> str:
        said = console.safe(" ".join(seen.split()))[:300].replace("|", "\\|")
        return f"| {mark} | {name} | {expected} | {said} | {seconds:.0f} | {seconds * place.cents_an_hour / 3600:.1f} |"

    return "\n".join(
        [
            f"# Rehearsal of {began:%Y-%m-%d %H:%M} UTC\n",
            f"Stage `{place.stage}`, {place.region}, revision `{revision}`. ✓ as expected, ✗ otherwise, – not played.",
            "Cents are estimated from list prices and time.\n",
            "| | step | expected | seen | seconds | cents |\n|---|---|---|---|---|---|",
            *(line(row.mark, row.step.name, row.step.expected, row.seen, row.seconds) for row in rows),
            line("", "all", "", "", sum(row.seconds for row in rows)) + "\n",
        ]
    )


@click.command()
@console.STAGE
@click.option(
    "--page",
    default="rehearsal.md",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Write the page to this file.",
)
@console.YES
def command(stage: str, page: Path, yes: bool) -> int:
    """Play the whole story on a stack of its own, remove it, and write what was seen.

    \b
    extending rehearse                         on the local cloud, what it can do
    extending rehearse --stage rehearsal       on AWS: two hours, some 15 cents
    """
    if stage not in ("local", aws.STAGE):
        raise click.UsageError(f"A rehearsal removes what it plays on: --stage {aws.STAGE}, or local.")
    if stage == "local":
        stack(stage)  # Says how to start it.
    place: story.Place = story.Local(os.environ.get("PORT", "8080")) if stage == "local" else aws.Aws()
    left = ", ".join(place.left())
    console.ask(place.question + (f" Before that, what an earlier one left is removed: {left}." if left else ""), yes)
    if left:
        story.remove(place)
    began, rows = console.now(), list[Row]()
    try:
        play(place, rows)
    except KeyboardInterrupt:
        console.complain(f"Left, until the next rehearsal removes it: {', '.join(place.left()) or 'nothing'}.")
        raise
    finally:
        page.write_text(evidence(place, rows, began), encoding="utf-8")
        click.echo(f"Written: {page}")
    return 1 if any(row.mark == "✗" for row in rows) else 0
