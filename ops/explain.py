"""Explain an account: what it has, what a user may extend and why not, what is due, when each record was told.

The rules are the product's own: rows, limits and refusals come of the functions that answer the cabinet. It only reads.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from devkit.stage import stack
from extending import answers, items, model
from extending.errors import Code
from extending.items import Item
from extending.model import USER_ID, Holdings, Refused, Role, Subscription
from ops import console, say, table
from ops.console import brief


class Member(TypedDict):
    user_id: str
    role: Role | None


class User(TypedDict):
    """The user asked about; without a role the API tells nothing of the account."""

    id: str
    role: Role | None
    may_view: bool
    may_extend: bool


class May(TypedDict):
    """Whether the subscription can be extended now by the user asked about, or by an owner; the refusal if not."""

    extend: bool
    code: Code | None


class Row(answers.Subscription):
    """As an owner sees it, and what the user asked about would be answered."""

    may: May


class StillToDo(TypedDict):
    """What the schedule is still to do, and for how long it has been due."""

    extension_id: str
    subscription_id: str
    what: Literal["remind", "revoke"]
    due_at: str
    late_seconds: int


class Told(TypedDict):
    """When the service manager last told of a record; `frozen` where that is ahead of the clock."""

    record: str
    at: str | None
    frozen: bool
    removed: NotRequired[bool]


class Explained(TypedDict):
    as_of: str
    account: answers.Account
    user: User | None
    members: list[Member]
    subscriptions: list[Row]
    limits: answers.Limits
    extensions: list[answers.PastExtension]
    due: list[StillToDo]
    told: list[Told]
    say: str


class Records(NamedTuple):
    """All that the table holds of an account."""

    holdings: Holdings
    members: dict[str, Role | None]
    found: list[Item]

    @classmethod
    def of(cls, account_id: str, found: Iterable[Item]) -> "Records":
        found = list(found)
        members = {
            item[items.SORT]["S"].removeprefix("~"): items.role_from(item)
            for item in found
            if items.type_of(item) == "member"
        }
        return cls(items.holdings_from(account_id, found), members, found)


def explain(records: Records, user_id: str | None, now: datetime) -> Explained:
    """What the operator is shown."""
    holdings = records.holdings
    account = holdings.account
    role = records.members.get(user_id) if user_id else Role.OWNER
    rows = [row(holdings, each, role, now) for each in model.page(holdings, now, say.ALL, None).subscriptions]
    limits = answers.limits(holdings.limits(now))
    user = None
    if user_id:
        may_view, may_extend = bool(role and role.may_view), bool(role and role.may_extend)
        user = User(id=user_id, role=role, may_view=may_view, may_extend=may_extend)
    return {
        "as_of": answers.instant(now),
        "account": {
            "id": account.id,
            "name": account.name,
            "time_zone": account.time_zone,
            "servicing_organization": answers.servicing_organization(account.servicing_organization),
        },
        "user": user,
        "members": [{"user_id": member, "role": role} for member, role in records.members.items()],
        "subscriptions": rows,
        "limits": limits,
        "extensions": answers.history(holdings, model.history(holdings, say.ALL, None), now)["extensions"],
        "due": list(due(records.found, now)),
        "told": [told(item, now) for item in records.found if items.type_of(item) not in ("extension", "probe")],
        "say": say.sentence(holdings, role, now),
    }


def may(holdings: Holdings, subscription_id: str, role: Role | None, now: datetime) -> May:
    """What the API would answer to an extension: by the role first, then by the offer."""
    if role is None:
        return {"extend": False, "code": Code.ACCOUNT_NOT_FOUND}
    if not role.may_extend:
        return {"extend": False, "code": Code.OWNER_REQUIRED}
    try:
        model.make_offer(holdings, subscription_id, now)
    except Refused as refusal:
        return {"extend": False, "code": refusal.code}
    return {"extend": True, "code": None}


def row(holdings: Holdings, of: Subscription, role: Role | None, now: datetime) -> Row:
    seen = answers.subscription(of, holdings.extension_of(of), Role.OWNER, now)
    return {**seen, "may": may(holdings, of.id, role, now)}


def due(found: Iterable[Item], now: datetime) -> Iterator[StillToDo]:
    """What stands in the index `due`, the longest due first."""
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
    """What a record is called on the command line of `make repair`."""
    sort = item[items.SORT]["S"]
    match sort[0]:
        case "~":
            return f"member:{sort[1:]}"
        case "S":
            return f"subscription:{sort[2:]}"
    return {"A": "account", "U": "usage", "R": "removal"}.get(sort, str(sort))


def told(item: Item, now: datetime) -> Told:
    version = items.version_of(item)
    known: Told = {
        "record": record_of(item),
        "at": answers.instant(items.told_at(item)) if version else None,
        "frozen": version > items.microseconds(now + timedelta(seconds=1)),  # `now` has lost a part of its second.
    }
    return known | {"removed": True} if item[items.TYPE] == items.REMOVED else known


# Shown


def show(out: Console, explained: Explained) -> None:
    cell = console.cell
    account, user = explained["account"], explained["user"]
    out.print(cell(f"{account['id']}  {account['name'] or '(name not told)'}", style="bold"))
    contact = account["servicing_organization"]
    out.print(cell("served by " + (", ".join(str(v) for v in contact.values() if v) if contact else "nobody told")))
    out.print(
        cell(f"as of {brief(explained['as_of'])}, all in UTC; its own clock: {account['time_zone'] or 'not told'}")
    )
    if user:
        can = "view and extend" if user["may_extend"] else "view, not extend" if user["may_view"] else "not even view"
        out.print(cell(f"{user['id']} is {user['role'] or 'no member'} and may {can}"))
    who = user["id"] if user else "an owner"
    out.print()
    grid(out, "Members", ["user", "role"], ([m["user_id"], m["role"] or "taken away"] for m in explained["members"]))
    heads = ["id", "number", "kind", "tariff", "from", "to", "state", "limits", "extension", f"may {who} extend?"]
    grid(out, "Subscriptions", heads, map(row_shown, explained["subscriptions"]))
    show_limits(out, explained["limits"])
    heads = ["subscription", "granted", "by", "terms", "until", "state", "revoked"]
    grid(out, "Extensions, the newest first", heads, map(extension_shown, explained["extensions"]))
    grid(out, "Still to do", ["subscription", "what", "due", "late"], map(due_shown, explained["due"]))
    grid(out, "Last told", ["record", "at", ""], (told_shown(each, account["id"]) for each in explained["told"]))
    out.print(Panel(cell(explained["say"]), title="One may say", expand=False))


def grid(out: Console, title: str, heads: list[str], rows: Iterable[list[Any]]) -> None:
    """A table, or one line where there is nothing to show."""
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for head in heads:
        shown.add_column(head, overflow="fold")
    for each in rows:
        shown.add_row(*map(console.cell, each))
    out.print(shown if shown.row_count else f"[italic]{title}[/]: none")
    out.print()


def amount(number: int | None) -> str:
    return "∞" if number is None else str(number)


def row_shown(of: Row) -> list[Any]:
    extension: Any = of["extension"]
    state = extension["state"]
    if "ends_at" in extension:
        state += f" until {brief(extension['ends_at'])}"
    elif "terms" in extension:
        state += f" {terms_shown(extension['terms'])}"
    else:
        state += f": {extension['reason']}"
    may = "yes" if of["may"]["extend"] else f"no: {of['may']['code']}"
    limits = f"{amount(of['limits']['sessions'])} / {amount(of['limits']['databases'])}"
    period = brief(of["starts_at"]), brief(of["ends_at"])
    return [of["id"], of["number"], of["kind"], of["tariff"]["name"], *period, of["state"], limits, state, may]


def terms_shown(terms: answers.Terms) -> str:
    return f"+{terms['sessions']} / +{terms['databases']} {terms['duration']}"


def show_limits(out: Console, limits: answers.Limits) -> None:
    after, at = limits["after_change"], limits["next_change_at"]
    heads = ["", "base", "extra", "total", "used", "over", *([f"from {brief(at)}", "over then"] if at else [])]
    rows = []
    for name in ("sessions", "databases"):
        now: answers.Limit = limits[name]
        then: answers.LimitLeft | None = after[name] if after else None
        left = [amount(then["total"]), then["over"]] if then else []
        rows.append([name, amount(now["base"]), now["extra"], amount(now["total"]), now["used"], now["over"], *left])
    told = f"usage told {brief(limits['used_at'])}" if limits["used_at"] else "usage never told"
    grid(out, f"Limits, {told}" + ("" if at else ", no change to come"), heads, rows)


def extension_shown(of: answers.PastExtension) -> list[Any]:
    subscription = f"{of['subscription_id']} ({of['subscription_number'] or 'removed'})"
    times = brief(of["granted_at"]), brief(of["ends_at"]), brief(of["revoked_at"])
    return [subscription, times[0], of["granted_by"], terms_shown(of["terms"]), times[1], of["state"], times[2]]


def due_shown(of: StillToDo) -> list[Any]:
    late = f"for {timedelta(seconds=of['late_seconds'])}" if of["late_seconds"] else "not yet"
    return [of["subscription_id"], of["what"], brief(of["due_at"]), late]


def told_shown(of: Told, account_id: str) -> list[Any]:
    note = "removed" if of.get("removed") else ""
    if of["frozen"]:
        mend = f": make repair ACCOUNT={account_id} RECORD={of['record']}" if of["record"] != "removal" else ""
        note = f"ahead of the clock{mend}"
    return [of["record"], brief(of["at"]) or "never", note]


def user_id(text: str) -> str:
    if not USER_ID.fullmatch(text):
        raise console.ArgumentTypeError(f"{text!r} is not a user id such as U-1")
    return text


def main() -> int:
    parser = console.arguments("explain", __doc__)
    parser.add_argument("--account", type=console.account_id, required=True, help="ACCOUNT=A-100")
    parser.add_argument("--user", type=user_id, help="USER=U-1: whom the answers are for; an owner without it")
    arguments = parser.parse_args()
    target = stack(arguments.stage)
    records = Records.of(arguments.account, table.of_account(target, arguments.account))
    if not records.holdings.is_known and not records.members:
        raise console.Trouble(unknown(records, arguments.account, arguments.stage))
    explained = explain(records, arguments.user, console.now())
    if arguments.json:
        console.tell_json(explained)
    else:
        show(console.told(), explained)
    return 0


def unknown(records: Records, account_id: str, stage: str) -> str:
    for item in records.found:
        if item[items.SORT] == {"S": "R"}:
            return f"{account_id} was removed at {answers.instant(items.told_at(item))}; nothing of it is kept."
    return f"{account_id} is not known in the stage {stage}: nothing was ever told of it."


if __name__ == "__main__":
    console.run(main)
