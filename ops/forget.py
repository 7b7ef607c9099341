"""Forget an account, as the event AccountRemoved of this moment does, and show that nothing of it is left."""

from datetime import UTC, datetime
from uuid import uuid4

from devkit.stage import Stack, stack
from extending import answers, items
from extending.inbound import SOURCE
from extending.items import Item
from ops import console, table
from ops.announce import hand_over
from ops.explain import record_of

TRIES = 20
"""Runs of sync that a large account may need: each goes on where the last one ended."""


def forget(target: Stack, account_id: str, now: datetime) -> str | None:
    """Have sync take the removal in; returns why it did not."""
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
    """The records that are there beside the removal."""
    return [record for record in map(record_of, found) if record != "removal"]


def main() -> int:
    parser = console.arguments("forget", __doc__)
    parser.add_argument("--account", type=console.account_id, required=True, help="ACCOUNT=A-100")
    parser.add_argument("--yes", action="store_true", help="YES=1: ask nothing")
    arguments = parser.parse_args()
    account_id = arguments.account
    target = stack(arguments.stage)
    found = table.of_account(target, account_id)
    before = left(found)
    if not before:
        raise console.Trouble(f"Nothing is known of {account_id} in the stage {arguments.stage}.")
    holdings = items.holdings_from(account_id, found)
    name = holdings.account.name or "of no name"
    what = f"{account_id} ({name}): {len(before)} records, {len(holdings.extensions)} extensions among them"
    console.ask(f"Forget {what}, for good?", arguments.yes)
    reason = forget(target, account_id, datetime.now(UTC))
    found = table.of_account(target, account_id)
    after = left(found)
    if arguments.json:
        console.tell_json({"account": account_id, "before": before, "after": after, "reason": reason})
    else:
        show(account_id, found, after, reason)
    return 1 if after or reason else 0


def show(account_id: str, found: list[Item], after: list[str], reason: str | None) -> None:
    out = console.told()
    removal = next((item for item in found if record_of(item) == "removal"), None)
    if removal:
        at, until = (
            answers.instant(items.told_at(removal)),
            answers.instant(items.instant_from(removal[items.FORGET_AT])),
        )
        out.print(console.cell(f"{account_id} is removed as of {at}; that alone is remembered, until about {until}."))
    if after:
        out.print(console.cell(f"Left: {', '.join(after)}. These were told later than the removal: see make explain."))
    else:
        out.print("Nothing else is left.")
    if reason:
        out.print(console.cell(f"sync: {reason}"))


if __name__ == "__main__":
    console.run(main)
