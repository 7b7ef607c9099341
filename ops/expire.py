"""End one running extension early: granted by mistake, abused, or replaced by a purchase."""

import json
import re
from getpass import getuser
from typing import Any

import click

from devkit.project import ROOT, Trouble
from devkit.stage import Stack, stack
from extending import answers, items
from extending.model import ID, Holdings
from ops import console, table


def expire(target: Stack, account_id: str, extension_id: str, by: str) -> dict[str, Any]:
    """Call the function as its route does; raises Trouble for any answer but 200."""
    event = json.loads((ROOT / "events" / "expire-early.json").read_text())
    event["pathParameters"] = {"account_id": account_id, "extension_id": extension_id}
    event["rawPath"] = f"/accounts/{account_id}/extensions/{extension_id}"
    event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = by
    event["requestContext"] |= {"requestId": f"operator-{extension_id}"}
    event["requestContext"]["http"] |= {"path": event["rawPath"], "userAgent": "extending"}
    function = target.resource("ExpireFunctionAliaslive")
    answer = target.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    answered = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise Trouble(f"The function failed: {answered.get('errorType', 'unknown')}. Look at: extending logs expire")
    body: dict[str, Any] = json.loads(answered["body"])
    if answered["statusCode"] != 200:
        raise Trouble(f"{body['code']}: {body['detail']}")
    return body


def operator() -> str:
    """The operator's login name, in characters that a token's `sub` may have."""
    try:
        login = getuser()
    except (KeyError, OSError):  # A container may have no name for its user.
        login = "nobody"
    return "operator:" + re.sub(r"[^\x21-\x7e]", "?", login)[:200]


EXTENSION = console.matching(ID, "an extension id: extending explain ACCOUNT --json names them")


@click.command()
@console.ACCOUNT
@click.argument("extension_id", metavar="EXTENSION", type=EXTENSION)
@console.STAGE
@console.JSON
@console.YES
def command(account_id: str, extension_id: str, stage: str, as_json: bool, yes: bool) -> None:
    """End a running EXTENSION of an account now. The right of its period stays used.

    \b
    extending explain A-100 --json --stage prod     names the extensions
    extending expire A-100 6f1b5c1e-… --stage prod
    """
    target = stack(stage)

    def read() -> Holdings:
        return items.holdings_from(account_id, table.of_account(target, account_id))

    before = read()
    found = next((each for each in before.extensions.values() if each.id == extension_id), None)
    if not found:
        raise Trouble(f"The account {account_id} of the stage {stage} has no extension {extension_id}.")
    if found.runs(console.now()):
        terms = f"+{found.terms.sessions} / +{found.terms.databases} until {answers.instant(found.ends_at)}"
        console.ask(f"End the extension of {found.subscription_id} now ({terms}, by {found.granted_by})?", yes)
    answered = expire(target, account_id, extension_id, operator())
    if as_json:
        console.print_json(answered)
    else:
        show(before, read(), answered)


def show(before: Holdings, after: Holdings, answered: dict[str, Any]) -> None:
    out, now = console.results(), console.now()
    ended = answered["extension"]
    said = "Ended now" if answered["expired"] else "It was over already; nothing was done"
    out.print(console.safe(f"{said}: {ended['id']}, revoked at {ended['revoked_at'] or 'the next sweep'}."))
    limits, rows = {"before": before.limits(now), "now": after.limits(now)}, []
    for name in ("sessions", "databases"):
        totals = {when: getattr(each, name).total for when, each in limits.items()}
        rows.append({"of": name} | {when: "unlimited" if total is None else total for when, total in totals.items()})
    out.print(console.grid("Limits", rows))
