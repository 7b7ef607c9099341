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


class Function(NamedTuple):
    """A function, its alias as it was read, and when each of its versions was published, the oldest first."""

    name: str
    alias: dict[str, Any]
    versions: dict[int, datetime]

    @property
    def now(self) -> int:
        return int(self.alias["FunctionVersion"])


class Move(NamedTuple):
    """A function and the version that it goes to, whose state is Inactive where SnapStart has dropped its snapshot."""

    function: Function
    then: int
    state: str


def functions(target: Stack) -> list[Function]:
    """All functions; raises Trouble while CodeDeploy moves one."""
    client, found = target.client("lambda"), []
    for name in FUNCTIONS:
        physical = target.resource(f"{name.capitalize()}Function")
        alias = client.get_alias(FunctionName=physical, Name=ALIAS) | {"FunctionName": physical}
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=physical)
        published = {
            int(version["Version"]): datetime.fromisoformat(version["LastModified"])
            for page in pages
            for version in page["Versions"]
            if version["Version"] != "$LATEST"
        }
        found.append(Function(name, alias, dict(sorted(published.items()))))
    moving = [each.name for each in found if each.alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")]
    if moving:
        raise Trouble(
            f"CodeDeploy is moving {', '.join(moving)}. Stop it instead: "
            "aws deploy stop-deployment --deployment-id d-… --auto-rollback-enabled"
        )
    return found


def moves_back(target: Stack) -> list[Move]:
    """Moves of what the last deployment published to the versions before; the other functions stay."""
    found = functions(target)
    last = max(each.versions[each.now] for each in found)
    moves = []
    for each in found:
        before = [version for version in each.versions if version < each.now]
        if before and last - each.versions[each.now] <= DEPLOYMENT:
            moves.append(move(target, each, before[-1]))
    return moves


def moves_forward(target: Stack) -> list[Move]:
    """Moves that undo `back`, where nothing has moved the alias since: its description says so."""
    moves = []
    for each in functions(target):
        was = re.fullmatch(r"back from (\d+) to (\d+)", each.alias.get("Description", ""))
        if was and int(was[2]) == each.now and int(was[1]) in each.versions:
            moves.append(move(target, each, int(was[1])))
    return moves


def move(target: Stack, function: Function, then: int) -> Move:
    answer = target.client("lambda").get_function_configuration(
        FunctionName=function.alias["FunctionName"], Qualifier=str(then)
    )
    return Move(function, then, answer.get("State", "Active"))


def carry_out(target: Stack, moves: list[Move], description: str) -> None:
    """Move the aliases, each only where it is still as it was read; raises Trouble."""
    client = target.client("lambda")
    for number, (function, then, _) in enumerate(moves):
        try:
            client.update_alias(
                FunctionName=function.alias["FunctionName"],
                Name=ALIAS,
                FunctionVersion=str(then),
                Description=description.format(now=function.now, then=then),
                RevisionId=function.alias["RevisionId"],
            )
        except client.exceptions.PreconditionFailedException:
            raise Trouble(
                f"Another has moved {function.name} meanwhile; {number} of {len(moves)} were moved before. Look again."
            ) from None


def shown(moves: list[Move]) -> Table:
    rows = []
    for function, then, state in moves:
        of = {number: f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for number, at in function.versions.items()}
        now = {"function": function.name, "version": function.now, "published (UTC)": of[function.now]}
        rows.append(now | {"goes to": then, "published before": of[then], "state": state})
    return console.grid("", rows)


AFTERWARDS = """Now deploy the older revision. CodeDeploy refuses it while the aliases are elsewhere than the
stack left them: deploy once with GradualDeployment=false, or `extending forward` first. Probes call the newest version
all the while, so that its alarms stay on until then."""


@click.command()
@console.STAGE
@console.YES
def command(stage: str, yes: bool) -> None:
    """Move what the last deployment changed to the versions before.

    \b
    extending back --stage prod
    """
    run(stack(stage), moves_back, "back from {now} to {then}", yes, AFTERWARDS)


@click.command()
@console.STAGE
@console.YES
def forward(stage: str, yes: bool) -> None:
    """Undo `extending back`.

    \b
    extending forward --stage prod
    """
    run(stack(stage), moves_forward, "", yes, "The aliases are where the stack left them.")


def run(target: Stack, find: Callable[[Stack], list[Move]], description: str, yes: bool, afterwards: str) -> None:
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
