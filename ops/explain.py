"""Explain an account: its subscriptions, what a user may extend and why not, what is due, when each record changed.

Rows, limits and refusals come from the functions that answer the cabinet. It only reads.
"""

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import click
from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from devkit.project import Trouble
from devkit.stage import stack
from extending import answers, items, model, paging
from extending.errors import Code
from extending.items import Item
from extending.model import Holdings, Refused, Role, Subscription
from ops import console, say, table
from ops.console import brief

Json = dict[str, Any]


class Stored(NamedTuple):
    """All that the table holds of an account."""

    holdings: Holdings
    members: dict[str, Role | None]
    found: list[Item]

    @classmethod
    def of(cls, account_id: str, found: Iterable[Item]) -> "Stored":
        found = list(found)
        members = {
            item[items.SORT]["S"].removeprefix("~"): items.role_from(item)
            for item in found
            if items.type_of(item) == "member"
        }
        return cls(items.holdings_from(account_id, found), members, found)


def explain(stored: Stored, user_id: str | None, now: datetime) -> Json:
    """All that the operator is shown."""
    holdings = stored.holdings
    account = holdings.account
    role = stored.members.get(user_id) if user_id else Role.OWNER
    rows = [row(holdings, each, role, now) for each in paging.page(holdings, now, say.ALL, None).subscriptions]
    limits = answers.limits(holdings.limits(now))
    user = None
    if user_id:
        may_view, may_extend = bool(role and role.may_view), bool(role and role.may_extend)
        user = {"id": user_id, "role": role, "may_view": may_view, "may_extend": may_extend}
    return {
        "as_of": answers.instant(now),
        "account": {
            "id": account.id,
            "name": account.name,
            "time_zone": account.time_zone,
            "servicing_organization": answers.servicing_organization(account.servicing_organization),
        },
        "user": user,
        "members": [{"user_id": member, "role": role} for member, role in stored.members.items()],
        "subscriptions": rows,
        "limits": limits,
        "extensions": answers.history(holdings, paging.history(holdings, say.ALL, None), now)["extensions"],
        "due": list(due(stored.found, now)),
        "records": [record(item, now) for item in stored.found if items.type_of(item) not in ("extension", "probe")],
        "say": say.sentence(holdings, role, now),
    }


def may(holdings: Holdings, subscription_id: str, role: Role | None, now: datetime) -> Json:
    """The API's answer to an extension: by the role first, then by the offer."""
    if role is None:
        return {"extend": False, "code": Code.ACCOUNT_NOT_FOUND}
    if not role.may_extend:
        return {"extend": False, "code": Code.OWNER_REQUIRED}
    try:
        model.make_offer(holdings, subscription_id, now)
    except Refused as refusal:
        return {"extend": False, "code": refusal.code}
    return {"extend": True, "code": None}


def row(holdings: Holdings, of: Subscription, role: Role | None, now: datetime) -> Json:
    seen = answers.subscription(of, holdings, Role.OWNER, now, holdings.has_access(now))
    return {**seen, "may": may(holdings, of.id, role, now)}


def due(found: Iterable[Item], now: datetime) -> Iterator[Json]:
    """The entries of the index `due`, the longest due first."""
    waiting = [item for item in found if items.DUE_AT in item]
    for item in sorted(waiting, key=lambda item: int(item[items.DUE_AT]["N"])):
        extension, at = items.extension_from(item), items.instant_from(item[items.DUE_AT])
        yield {
            "extension_id": extension.id,
            "subscription_id": extension.subscription_id,
            "what": "remind" if at < extension.ends_at else "revoke",
            "due_at": answers.instant(at),
            "late_seconds": max(0, int((now - at).total_seconds())),
        }


def record_of(item: Item) -> str:
    """The name of a record on the command line of `extending repair`."""
    sort = item[items.SORT]["S"]
    match sort[0]:
        case "~":
            return f"member:{sort[1:]}"
        case "S":
            return f"subscription:{sort[2:]}"
    return {"A": "account", "U": "usage", "R": "removal"}.get(sort, str(sort))


def record(item: Item, now: datetime) -> Json:
    version = items.version_of(item) or 0
    known: Json = {
        "record": record_of(item),
        "at": answers.instant(items.reported_at(item)),
        "frozen": (version or 0)
        > items.microseconds(now + timedelta(seconds=1)),  # `now` has lost a part of its second.
    }
    return known | {"removed": True} if item[items.TYPE] == items.REMOVED else known


# Shown


def show(out: Console, explained: Json, stage: str) -> None:
    cell = console.cell
    account, user = explained["account"], explained["user"]
    out.print(cell(f"{account['id']}  {account['name'] or '(no name)'}", style="bold"))
    contact = account["servicing_organization"]
    out.print(cell("served by " + (", ".join(str(v) for v in contact.values() if v) if contact else "nobody known")))
    out.print(
        cell(f"as of {brief(explained['as_of'])}, all in UTC; its time zone: {account['time_zone'] or 'unknown'}")
    )
    if user:
        can = "view and extend" if user["may_extend"] else "view, not extend" if user["may_view"] else "not even view"
        out.print(cell(f"{user['id']} is {user['role'] or 'no member'} and may {can}"))
    who = user["id"] if user else "an owner"
    out.print()
    grid(out, "Members", ["user", "role"], ([m["user_id"], m["role"] or "removed"] for m in explained["members"]))
    heads = ["id", "number", "kind", "tariff", "from", "to", "state", "limits", "extension", f"may {who} extend?"]
    grid(out, "Subscriptions", heads, map(row_shown, explained["subscriptions"]))
    show_limits(out, explained["limits"])
    heads = ["subscription", "granted", "by", "terms", "until", "state", "revoked"]
    grid(out, "Extensions, the newest first", heads, map(extension_shown, explained["extensions"]))
    grid(out, "Still to do", ["subscription", "what", "due", "late"], map(due_shown, explained["due"]))
    rows = (record_shown(each, account["id"], stage) for each in explained["records"])
    grid(out, "Last change", ["record", "at", ""], rows)
    out.print(Panel(cell(explained["say"]), title="You may tell the client", expand=False))


def grid(out: Console, title: str, heads: list[str], rows: Iterable[list[Any]]) -> None:
    """A table, or one line where there is nothing to show."""
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for head in heads:
        shown.add_column(head, overflow="fold")
    for each in rows:
        shown.add_row(*map(console.cell, each))
    out.print(shown if shown.row_count else console.cell(f"{title}: none", "italic"))
    out.print()


def amount(number: int | None) -> str:
    return "∞" if number is None else str(number)


def row_shown(of: Json) -> list[Any]:
    extension, state = of["extension"], of["extension"]["state"]
    if ended_early(extension):
        state += f", ended early at {brief(extension['revoked_at'])}"
    elif "ends_at" in extension:
        state += f" until {brief(extension['ends_at'])}"
        state += "" if extension.get("counts", True) else ", adds nothing: no main subscription is active"
    elif "terms" in extension:
        state += f" {terms_shown(extension['terms'])}"
    else:
        state += f": {extension['reason']}"
    may = "yes" if of["may"]["extend"] else f"no: {of['may']['code']}"
    limits = f"{amount(of['limits']['sessions'])} / {amount(of['limits']['databases'])}"
    period = brief(of["starts_at"]), brief(of["ends_at"]) or "no end"
    if of["ends_at"] and of["ends_at"].endswith(":59Z"):
        period = period[0], f"{period[1]} (is the last second meant? it is not covered)"
    if following := of["next_period"]:
        then = f"{amount(following['limits']['sessions'])} / {amount(following['limits']['databases'])}"
        limits += f"; from {brief(following['starts_at'])} {then}, until {brief(following['ends_at']) or 'no end'}"
    return [of["id"], of["number"], of["kind"], of["tariff"]["name"], *period, of["state"], limits, state, may]


def ended_early(extension: Json) -> bool:
    return bool(extension.get("revoked_at")) and extension["revoked_at"] < extension["ends_at"]


def terms_shown(terms: Json) -> str:
    return f"+{terms['sessions']} / +{terms['databases']} {terms['duration']}"


def show_limits(out: Console, limits: Json) -> None:
    after, at = limits["after_change"], limits["next_change_at"]
    heads = ["", "base", "extra", "total", "used", "over", *([f"from {brief(at)}", "over then"] if at else [])]
    rows = []
    for name in ("sessions", "databases"):
        now, then = limits[name], after[name] if after else None
        left = [amount(then["total"]), then["over"]] if then else []
        rows.append([name, amount(now["base"]), now["extra"], amount(now["total"]), now["used"], now["over"], *left])
    usage = f"usage of {brief(limits['used_at'])}" if limits["used_at"] else "usage unknown"
    grid(out, f"Limits, {usage}" + ("" if at else ", no change to come"), heads, rows)


def extension_shown(of: Json) -> list[Any]:
    subscription = f"{of['subscription_id']} ({of['subscription_number'] or 'removed'})"
    times = brief(of["granted_at"]), brief(of["ends_at"]), brief(of["revoked_at"])
    revoked = f"ended early by {of['revoked_by']} at {times[2]}" if ended_early(of) else times[2]
    by = of["granted_by_name"] or of["granted_by"]
    return [subscription, times[0], by, terms_shown(of["terms"]), times[1], of["state"], revoked]


def due_shown(of: Json) -> list[Any]:
    late = f"for {timedelta(seconds=of['late_seconds'])}" if of["late_seconds"] else "not yet"
    return [of["subscription_id"], of["what"], brief(of["due_at"]), late]


def record_shown(of: Json, account_id: str, stage: str) -> list[Any]:
    note = "removed" if of.get("removed") else ""
    if of["frozen"]:
        repair = shlex.join(["extending", "repair", account_id, of["record"], "--stage", stage])
        note = "in the future" + (f": {repair}" if of["record"] != "removal" else "")
    return [of["record"], brief(of["at"]) or "never", note]


@click.command()
@console.ACCOUNT
@click.option("--user", "user_id", type=console.Parsed("user", console.user), help="Instead of an owner.")
@console.STAGE
@console.JSON
def command(account_id: str, user_id: str | None, stage: str, as_json: bool) -> int:
    """Explain who may extend what, and why not.

    \b
    extending explain A-100 --user U-1 --stage prod
    """
    stored = Stored.of(account_id, table.of_account(stack(stage), account_id))
    if not stored.holdings.is_known and not stored.members:
        raise Trouble(unknown(stored, account_id, stage))
    explained = explain(stored, user_id, console.now())
    if as_json:
        console.print_json(explained)
    else:
        show(console.results(), explained, stage)
    return 0


def unknown(stored: Stored, account_id: str, stage: str) -> str:
    for item in stored.found:
        if item[items.SORT] == {"S": "R"}:
            return f"{account_id} was removed at {answers.instant(items.reported_at(item))}; nothing of it is kept."
    return f"The stage {stage} has no account {account_id}: no change of it was ever received."
