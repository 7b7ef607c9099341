"""Move the functions to the versions before the last deployment, and forward again: the first remedy at night."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import click
from rich.table import Table

from devkit.project import FUNCTIONS, Trouble
from devkit.stage import Stack, stack
from ops import console

ALIAS = "live"

DEPLOYMENT = timedelta(minutes=30)
"""Versions of one deployment are published within this; SnapStart takes minutes for each."""


class Version(NamedTuple):
    """A published version of a function."""

    number: int
    published: datetime

    def shown(self) -> tuple[int, str]:
        return self.number, f"{self.published.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


class Move(NamedTuple):
    """A function, its alias as it was read, and the versions that it leaves and goes to."""

    function: str
    alias: dict[str, Any]
    now: Version
    then: Version
    state: str
    """Of the version that it goes to: Active, or Inactive where SnapStart has dropped its snapshot."""


def aliases(target: Stack) -> dict[str, dict[str, Any]]:
    """The alias of each function; raises Trouble while CodeDeploy moves one."""
    found = {}
    for function in FUNCTIONS:
        name = target.resource(f"{function.capitalize()}Function")
        found[function] = target.client("lambda").get_alias(FunctionName=name, Name=ALIAS) | {"FunctionName": name}
    moving = [name for name, alias in found.items() if alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")]
    if moving:
        raise Trouble(
            f"CodeDeploy is moving {', '.join(moving)}. Stop it instead: "
            "aws deploy stop-deployment --deployment-id d-… --auto-rollback-enabled"
        )
    return found


def versions(target: Stack, name: str) -> list[Version]:
    """The published versions of a function, the oldest first."""
    pages = target.client("lambda").get_paginator("list_versions_by_function").paginate(FunctionName=name)
    return sorted(
        Version(int(version["Version"]), datetime.fromisoformat(version["LastModified"]))
        for page in pages
        for version in page["Versions"]
        if version["Version"] != "$LATEST"
    )


def moves_back(target: Stack) -> list[Move]:
    """Moves of what the last deployment published to the versions before; the other functions stay."""
    every = []
    for function, alias in aliases(target).items():
        published = versions(target, alias["FunctionName"])
        *before, now = [version for version in published if version.number <= int(alias["FunctionVersion"])]
        every.append((function, alias, now, before[-1:]))
    last = max(now.published for _, _, now, _ in every)
    return [
        move(target, function, alias, now, then)
        for function, alias, now, before in every
        for then in before
        if last - now.published <= DEPLOYMENT
    ]


def moves_forward(target: Stack) -> list[Move]:
    """Moves that undo `back`, where nothing has moved the alias since: its description says so."""
    moves = []
    for function, alias in aliases(target).items():
        was = re.fullmatch(r"back from (\d+) to (\d+)", alias.get("Description", ""))
        if was and was[2] == alias["FunctionVersion"]:
            published = {str(version.number): version for version in versions(target, alias["FunctionName"])}
            if was[1] in published:
                moves.append(move(target, function, alias, published[was[2]], published[was[1]]))
    return moves


def move(target: Stack, function: str, alias: dict[str, Any], now: Version, then: Version) -> Move:
    answer = target.client("lambda").get_function_configuration(
        FunctionName=alias["FunctionName"], Qualifier=str(then.number)
    )
    return Move(function, alias, now, then, answer.get("State", "Active"))


def carry_out(target: Stack, moves: list[Move], description: str) -> None:
    """Move the aliases, each only where it is still as it was read; raises Trouble."""
    client = target.client("lambda")
    for number, each in enumerate(moves):
        try:
            client.update_alias(
                FunctionName=each.alias["FunctionName"],
                Name=ALIAS,
                FunctionVersion=str(each.then.number),
                Description=description.format(now=each.now.number, then=each.then.number),
                RevisionId=each.alias["RevisionId"],
            )
        except client.exceptions.PreconditionFailedException:
            raise Trouble(
                f"Another has moved {each.function} meanwhile; {number} of {len(moves)} were moved before. Look again."
            ) from None


def shown(moves: list[Move]) -> Table:
    heads = ["function", "version", "published (UTC)", "to", "published (UTC)", "state"]
    return console.grid(
        "", heads, ([each.function, *each.now.shown(), *each.then.shown(), each.state] for each in moves)
    )


AFTERWARDS = """Now deploy the older revision. CodeDeploy refuses it while the aliases are elsewhere than the
stack left them: deploy once with GradualDeployment=false, or `extending forward` first. Probes call the newest version
all the while, so that its alarms stay on until then."""


@click.command()
@console.STAGE
@console.YES
def command(stage: str, yes: bool) -> int:
    """Move what the last deployment changed to the versions before.

    \b
    extending back --stage prod
    """
    return run(stack(stage), moves_back, "back from {now} to {then}", yes, AFTERWARDS)


@click.command()
@console.STAGE
@console.YES
def forward(stage: str, yes: bool) -> int:
    """Undo `extending back`.

    \b
    extending forward --stage prod
    """
    return run(stack(stage), moves_forward, "", yes, "The aliases are where the stack left them.")


def run(target: Stack, find: Callable[[Stack], list[Move]], description: str, yes: bool, afterwards: str) -> int:
    """Show the moves, ask, carry them out, say what follows."""
    moves = find(target)
    if not moves:
        raise Trouble(f"{target.name}: there is nothing to move.")
    console.results().print(shown(moves))
    if any(each.state != "Active" for each in moves):
        click.echo("A version that is not Active fails its first calls for a minute or two.", err=True)
    console.ask(f"Move {len(moves)} functions?", yes)
    carry_out(target, moves, description)
    click.echo(f"{len(moves)} moved. {afterwards}")
    return 0
