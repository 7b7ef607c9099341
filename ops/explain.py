"""Explain an account: its subscriptions, what a user may extend and why not, what is due, when each record changed.

Rows, limits and refusals come from the functions that answer the cabinet. It only reads.
"""

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import click
from rich.console import Console
from rich.panel import Panel

from devkit.project import Trouble
from devkit.stage import stack
from extending import answers, items, model, paging
from extending.errors import Code
from extending.items import Item
from extending.model import USER_ID, Holdings, Refused, Role
from ops import console, say, table
from ops.console import brief

Json = dict[str, Any]


def explain(stage: str, account_id: str, found: list[Item], user_id: str | None, now: datetime) -> Json:
    """All that the operator is shown, from the items of an account."""
    holdings = items.holdings_from(account_id, found)
    account = holdings.account
    members = {
        item[items.SORT]["S"].removeprefix("~"): items.role_from(item)
        for item in found
        if items.type_of(item) == "member"
    }
    if not holdings.is_known and not members:
        raise Trouble(unknown(stage, account_id, found))
    role = members.get(user_id) if user_id else Role.OWNER
    has_access = holdings.has_access(now)
    rows = [
        {**answers.subscription(row, holdings, Role.OWNER, now, has_access), "may": may(holdings, row.id, role, now)}
        for row in paging.page(holdings, now, table.ALL_ROWS, None).subscriptions
    ]
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
        "members": [{"user_id": member, "role": role} for member, role in members.items()],
        "subscriptions": rows,
        "limits": answers.limits(holdings.limits(now)),
        "extensions": answers.history(holdings, paging.history(holdings, table.ALL_ROWS, None), now)["extensions"],
        "due": list(due(found, now)),
        "records": [record(item, now) for item in found if items.type_of(item) not in ("extension", "probe")],
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


def record(item: Item, now: datetime) -> Json:
    soon = items.microseconds(now + timedelta(seconds=1))  # `now` has lost a part of its second.
    return {
        "record": table.record_of(item),
        "at": answers.instant(items.reported_at(item)),
        "frozen": (items.version_of(item) or 0) > soon,
        "removed": item[items.TYPE] == items.REMOVED,
    }


# Shown


def show(out: Console, explained: Json, stage: str) -> None:
    cell = console.cell
    account, user, subscriptions = explained["account"], explained["user"], explained["subscriptions"]
    out.print(cell(f"{account['id']}  {account['name'] or '(no name)'}", style="bold"))
    contact = account["servicing_organization"]
    out.print(cell("served by " + (", ".join(str(v) for v in contact.values() if v) if contact else "nobody known")))
    zone = account["time_zone"] or "unknown"
    out.print(cell(f"as of {brief(explained['as_of'])}, all in UTC; its time zone: {zone}"))
    if user:
        can = "view and extend" if user["may_extend"] else "view, not extend" if user["may_view"] else "not even view"
        out.print(cell(f"{user['id']} is {user['role'] or 'no member'} and may {can}"))
    out.print()
    grid(out, "Members", explained["members"], "user_id role")
    grid(out, "Subscriptions", subscriptions, "id number kind tariff starts_at ends_at state limits")
    who = user["id"] if user else "an owner"
    grid(out, f"May {who} extend?", subscriptions, "id may extension next_period")
    for row in subscriptions:
        if (row["ends_at"] or "").endswith(":59Z"):
            out.print(cell(f"{row['id']}: is the last second of its period meant? It is not covered."))
    show_limits(out, explained["limits"])
    by_name = [row | {"granted_by": row["granted_by_name"] or row["granted_by"]} for row in explained["extensions"]]
    names = "subscription_id granted_at granted_by terms ends_at state revoked_at revoked_by"
    grid(out, "Extensions, the newest first", by_name, names)
    grid(out, "Still to do", explained["due"], "subscription_id what due_at late_seconds")
    grid(out, "Last change", explained["records"], "record at removed frozen")
    for record in explained["records"]:
        if record["frozen"] and record["record"] != "removal":
            repair = shlex.join(["extending", "repair", account["id"], record["record"], "--stage", stage])
            out.print(cell(f"{record['record']} is in the future: {repair}"))
    out.print(Panel(cell(explained["say"]), title="You may say to the client", expand=False))


def show_limits(out: Console, limits: Json) -> None:
    after, at, used_at = (limits[name] for name in ("after_change", "next_change_at", "used_at"))
    rows = [{"of": name} | limits[name] for name in ("sessions", "databases")]
    names = "of base extra total used over"
    if after:
        rows = [row | {f"{name}_then": after[row["of"]][name] for name in ("total", "over")} for row in rows]
        names += " total_then over_then"
    usage = f"usage of {brief(used_at)}" if used_at else "usage unknown"
    change = f"next change at {brief(at)}" if at else "no change to come"
    grid(out, f"Limits, {usage}, {change}", rows, names)


def grid(out: Console, title: str, rows: list[Json], names: str) -> None:
    """A table of these values of each row, or one line where there is nothing to show."""
    table = [{name.replace("_", " "): shown(name, row[name]) for name in names.split()} for row in rows]
    out.print(console.grid(title, table) if rows else console.cell(f"{title}: none", style="italic"))
    out.print()


def shown(name: str, value: Any) -> str:  # noqa: PLR0911 - one for each form
    """A value of the explanation, by its name."""
    match name, value:
        case "base" | "total" | "total_then", None:
            return "∞"
        case "ends_at", None:
            return "no end"
        case "role", None:
            return "removed"
        case _, None | False:
            return ""
        case "tariff", {"name": str(tariff)}:
            return tariff
        case "limits", {"sessions": sessions, "databases": databases}:
            return f"{shown('total', sessions)} / {shown('total', databases)}"
        case "terms", {"sessions": sessions, "databases": databases, "duration": duration}:
            return f"+{sessions} / +{databases} {duration}"
        case "may", {"extend": may, "code": code}:
            return "yes" if may else f"no: {code}"
        case "next_period", {"starts_at": start, "ends_at": end, "limits": limits}:
            return f"from {brief(start)} until {shown('ends_at', end)}: {shown('limits', limits)}"
        case "extension", {"state": state, **rest}:
            names = [each for each in ("reason", "terms", "ends_at", "revoked_at") if rest.get(each)]
            text = ", ".join([state, *(f"{each} {shown(each, rest[each])}" for each in names)]).replace("_at", " at")
            return text if rest.get("counts", True) else f"{text}, adds nothing: no main subscription is active"
        case "at" | "starts_at" | "ends_at" | "granted_at" | "revoked_at" | "due_at", str(instant):
            return brief(instant)
    return str(value)


def unknown(stage: str, account_id: str, found: list[Item]) -> str:
    for item in found:
        if table.record_of(item) == "removal":
            return f"{account_id} was removed at {answers.instant(items.reported_at(item))}; nothing of it is kept."
    return f"The stage {stage} has no account {account_id}: no change of it was ever received."


USER = console.matching(USER_ID, "a user id such as U-1")


@click.command()
@console.ACCOUNT
@click.option("--user", "user_id", metavar="USER", type=USER, help="Explain for this user instead of an owner.")
@console.STAGE
@console.JSON
def command(account_id: str, user_id: str | None, stage: str, as_json: bool) -> None:
    """Explain who may extend what, and why not.

    \b
    extending explain A-100 --user U-1 --stage prod
    """
    explained = explain(stage, account_id, table.of_account(stack(stage), account_id), user_id, console.now())
    if as_json:
        console.print_json(explained)
    else:
        show(console.results(), explained, stage)
