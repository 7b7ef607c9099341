"""The operator's program: `extending NAME ARGUMENTS --stage …`; each command is ops/NAME.py."""

from importlib import import_module
from typing import NoReturn

import click

from ops import console

COMMANDS = (
    "announce",
    "back",
    "expire",
    "explain",
    "forward",
    "load",
    "logs",
    "redrive",
    "rehearse",
    "remove-account",
    "repair",
    "report",
    "watch",
)


class Program(click.Group):
    """Imports a command when it is called: some of them import much."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ops.{cmd_name.replace('-', '_')}").command
        return command


@click.command(cls=Program, name="extending", context_settings={"help_option_names": ["-h", "--help"]})
def program() -> None:
    """Operate extending subscriptions.

    \b
    extending explain A-100 --user U-1 --stage prod    why can U-1 not extend?
    extending redrive --dry-run --stage prod           what waits in the failure queues?
    extending load cloud.jsonl                         load events into the local cloud

    Commands that write ask first; --yes answers yes. The documents have the permissions of each.

    \b
    Completion in bash: eval "$(_EXTENDING_COMPLETE=bash_source extending)"
    """


def main() -> NoReturn:
    console.run(lambda: program.main(prog_name="extending", standalone_mode=False))
