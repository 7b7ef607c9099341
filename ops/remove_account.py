"""Remove an account as the event AccountRemoved of this moment does, and show that nothing of it is left."""

from datetime import UTC, datetime
from uuid import uuid4

import click

from devkit.project import Trouble
from devkit.stage import Stack, stack
from extending import answers, items
from extending.inbound import SOURCE
from extending.items import Item
from ops import console, table
from ops.announce import hand_over

TRIES = 20
"""Runs of sync that a large account may need: each goes on where the last one ended."""


def remove(target: Stack, account_id: str, now: datetime) -> str | None:
    """Have sync apply the removal; returns why it failed."""
    event = {
        "id": str(uuid4()),
        "source": SOURCE,
        "detail-type": "AccountRemoved",
        "detail": {"account_id": account_id, "changed_at": answers.instant(now)},
    }
    sync = target.resource("SyncFunctionAliaslive")
    reason = None
    for _ in range(TRIES):
        if not (reason := hand_over(target, sync, event)):
            return None
    return reason


def left(found: list[Item]) -> list[str]:
    """The records beside the removal."""
    return [record for record in map(table.record_of, found) if record != "removal"]


@click.command()
@console.ACCOUNT
@console.STAGE
@console.JSON
@console.YES
def command(account_id: str, stage: str, as_json: bool, yes: bool) -> int:
    """Remove an account with all that it has, for good.

    \b
    extending remove-account A-400 --stage prod
    """
    target = stack(stage)
    found = table.of_account(target, account_id)
    before = left(found)
    if not before:
        raise Trouble(f"The stage {stage} has no account {account_id}.")
    holdings = items.holdings_from(account_id, found)
    name = holdings.account.name or "no name"
    what = f"{account_id} ({name}): {len(before)} records, {len(holdings.extensions)} extensions among them"
    console.ask(f"Remove {what}, for good?", yes)
    reason = remove(target, account_id, datetime.now(UTC))
    found = table.of_account(target, account_id)
    after = left(found)
    if as_json:
        console.print_json({"account": account_id, "before": before, "after": after, "reason": reason})
    else:
        show(account_id, found, after, reason)
    return 1 if after or reason else 0


def show(account_id: str, found: list[Item], after: list[str], reason: str | None) -> None:
    out = console.results()
    for removal in (item for item in found if table.record_of(item) == "removal"):
        at = answers.instant(items.reported_at(removal))
        until = answers.instant(items.instant_from(removal[items.DELETE_AT]))
        out.print(f"{account_id} is removed as of {at}; only this record stays, until about {until}.")
    if after:
        out.print(console.safe(f"Left: {', '.join(after)}. These changed after the removal: see extending explain."))
    else:
        out.print("Nothing else is left.")
    if reason:
        out.print(console.safe(f"sync: {reason}"))
