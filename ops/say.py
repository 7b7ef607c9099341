"""What an operator may say to the client on the telephone: plain words, and nothing but what is the account's own."""

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from extending import model, paging
from extending.model import Extension, Holdings, Kind, Refused, Role, State, Subscription

MOST_SAID = 3
"""Subscriptions that the client is told of."""

ALL = 1_000_000
"""Rows of one page that nobody turns."""


def sentence(holdings: Holdings, role: Role | None, now: datetime) -> str:
    """In plain words, and nothing that is not the account's own."""
    if role is None:
        return "You have no role in this account: please ask one of its owners to add you."
    if not role.may_extend:
        return "Only an owner of the account can extend a subscription: please ask one of its owners."
    listed = paging.page(holdings, now, ALL, None).subscriptions
    mains = [each for each in listed if each.kind is Kind.MAIN]
    active = [each for each in mains if each.state(now) is State.ACTIVE]
    sentences = [said_of(holdings, each, now) for each in active[:MOST_SAID] or mains[:1]]
    if not sentences:
        sentences = [f"We know of no tariff subscription of yours yet{turn_to(holdings)}."]
    return " ".join([*sentences, *said_of_use(holdings, now)])


def said_of(holdings: Holdings, of: Subscription, now: datetime) -> str:
    """Whether a main subscription can be extended, or why not."""
    name, more = f"Your subscription {of.number} ({of.tariff_name})", turn_to(holdings)
    try:
        offer = model.make_offer(holdings, of.id, now)
    except Refused as refusal:
        state = of.state(now)
        if refusal.extension and (state is not State.FINISHED or refusal.extension.runs):
            return said_of_extension(holdings, name, refusal.extension.extension, now)
        if state is State.FUTURE:
            return f"{name} begins {spoken(of.starts_at, holdings)}; from then on it can be extended."
        if state is State.FINISHED:
            ended = spoken(of.ends_at, holdings)
            return f"{name} ended {ended} and can be extended again once it is renewed{more}."
        return f"{name} has a tariff without extensions{more}."
    gain = added(offer.id.terms)
    return f"{name} can be extended now: {gain}, by the link “Extend” in the list of tariff subscriptions."


def said_of_extension(holdings: Holdings, name: str, extension: Extension, now: datetime) -> str:
    end = spoken(extension.ends_at, holdings)
    if extension.runs(now):
        return f"{name} is extended until {end}: {added(extension.terms)}."
    return (
        f"{name} was already extended in this period, until {end}; once in a period is all there is{turn_to(holdings)}."
    )


def said_of_use(holdings: Holdings, now: datetime) -> Iterator[str]:
    """What is in use above the limits, now or from their next change on."""
    limits = holdings.limits(now)
    after, use = limits.after_change, f"you use {counted(limits.sessions.used, limits.databases.used)}"
    if limits.sessions.over or limits.databases.over:
        total = counted(limits.sessions.total, limits.databases.total)
        yield f"You may use {total} now and {use}: what is above cannot be opened anew."
    elif after and limits.next_change_at and (after.sessions.over or after.databases.over):
        total = counted(after.sessions.total, after.databases.total)
        yield f"From {spoken(limits.next_change_at, holdings)} you may use {total}; now {use}."


def counted(sessions: int | None, databases: int | None) -> str:
    """2 sessions and 1 database; None is unlimited."""
    both = ((sessions, "session"), (databases, "database"))
    return " and ".join(f"{'any number of' if n is None else n} {what}{'s' * (n != 1)}" for n, what in both)


def added(terms: model.Terms) -> str:
    """2 more sessions and 8 more databases for 7 days"""
    both = ((terms.sessions, "session"), (terms.databases, "database"))
    more = " and ".join(f"{n} more {what}{'s' * (n != 1)}" for n, what in both if n)
    return f"{more} for {length(terms.seconds)}"


def length(seconds: int) -> str:
    """A number of seconds in the largest unit that tells it exactly."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}{'s' * (seconds != size)}"
    return f"{seconds} second{'s' * (seconds != 1)}"


def spoken(when: datetime, holdings: Holdings) -> str:
    """By the account's own clock where that is known."""
    name = holdings.account.time_zone
    try:
        local = when.astimezone(ZoneInfo(name)) if name else when
    except (ValueError, OSError, KeyError):  # not a zone of this machine
        local, name = when, None
    return f"{local.day} {local:%B %Y at %H:%M} ({name or 'UTC'})"


def turn_to(holdings: Holdings) -> str:
    """Whom the client turns to, as the cabinet tells it too."""
    contact = holdings.account.servicing_organization or {}
    if name := contact.get("name"):
        return f"; for more, turn to {', '.join(filter(None, [name, contact.get('phone')]))}"
    return ""
