"""Sentences that an operator may say to the client, about the client's own account alone."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone, tzinfo
from typing import assert_never
from zoneinfo import ZoneInfo

from extending import model, paging
from extending.errors import Code
from extending.model import FOREVER, ExtensionAt, Holdings, Kind, Obstacle, Refused, Role, State, Subscription
from ops import table

MOST_SAID = 3
"""Subscriptions that are mentioned."""


def sentence(holdings: Holdings, role: Role | None, now: datetime) -> str:
    """All sentences, by the role of the user in question."""
    if role is None:
        return "You have no role in this account: please ask one of its owners to add you."
    if not role.may_extend:
        return "Only an owner of the account can extend a subscription: please ask one of its owners."
    listed = paging.page(holdings, now, table.ALL_ROWS, None).subscriptions
    mains = [each for each in listed if each.kind is Kind.MAIN]
    active = [each for each in mains if each.state(now) is State.ACTIVE]
    sentences = [said_of(holdings, each, now) for each in active[:MOST_SAID] or mains[:1]]
    if not sentences:
        sentences = [f"You have no tariff subscription that we know of{turn_to(holdings)}."]
    return " ".join([*sentences, *said_of_use(holdings, now)])


def said_of(holdings: Holdings, subscription: Subscription, now: datetime) -> str:
    """The sentence about a main subscription: it can be extended, or the reason why not."""
    name, more = f"Your subscription {subscription.number} ({subscription.tariff_name})", turn_to(holdings)
    try:
        offer = model.make_offer(holdings, subscription.id, now)
    except Refused as refusal:
        seen = refusal.extension
        if seen and (seen.runs or subscription.state(now) is not State.FINISHED):
            return said_of_extension(holdings, name, seen)
        obstacle = subscription.obstacle(now)
        assert obstacle  # or there was an extension
        return f"{name} {said_of_obstacle(holdings, obstacle, subscription)}{more}."
    gain = added(offer.id.terms)
    return f"{name} can be extended now: {gain}, by the link “Extend” in the list of tariff subscriptions."


def said_of_obstacle(holdings: Holdings, obstacle: Obstacle, subscription: Subscription) -> str:
    match obstacle:
        case Code.NOT_ACTIVE_YET:
            return f"begins {spoken(subscription.starts_at, holdings)}; from then on it can be extended"
        case Code.FINISHED:
            renewal = subscription.next
            again = f"from {spoken(renewal.starts_at, holdings)}" if renewal else "once it is renewed"
            return f"ended {spoken(subscription.ends_at, holdings)} and can be extended again {again}"
        case Code.TARIFF_NOT_EXTENDABLE:
            return "has a tariff without extensions, or all that one would add is unlimited already"
        case Code.NOT_MAIN:
            return "cannot be extended: only a main subscription can"
        case _:
            assert_never(obstacle)


def said_of_extension(holdings: Holdings, name: str, seen: ExtensionAt) -> str:
    extension = seen.extension
    end = spoken(extension.ends_at, holdings)
    if seen.runs and not seen.counts:
        return f"{name} is extended until {end}, but that adds nothing while no main subscription is active."
    if seen.runs:
        return f"{name} is extended until {end}: {added(extension.terms)}."
    if extension.ended_early and extension.revoked_at:
        end = f"{spoken(extension.revoked_at, holdings)}, when it was ended early"
    more = f"only once per period{turn_to(holdings)}"
    return f"{name} was already extended in this period, until {end}; {more}."


def said_of_use(holdings: Holdings, now: datetime) -> Iterator[str]:
    """Use above the limits, now or from their next change on."""
    limits = holdings.limits(now)
    after, use = limits.after_change, f"you use {counted(limits.sessions.used, limits.databases.used)}"
    if limits.sessions.over or limits.databases.over:
        total = counted(limits.sessions.total, limits.databases.total)
        yield f"You may use {total} now and {use}: sessions and databases above the limit cannot be opened."
    elif after and limits.next_change_at and (after.sessions.over or after.databases.over):
        total = counted(after.sessions.total, after.databases.total)
        yield f"From {spoken(limits.next_change_at, holdings)} you may use {total}; now {use}."


def counted(sessions: int | None, databases: int | None) -> str:
    """2 sessions and 1 database; None is unlimited."""
    return f"{amount(sessions, 'session')} and {amount(databases, 'database')}"


def amount(number: int | None, what: str) -> str:
    return f"{'any number of' if number is None else number} {what}{'s' * (number != 1)}"


def added(terms: model.Terms) -> str:
    """2 more sessions and 8 more databases for 7 days"""
    both = ((terms.sessions, "more session"), (terms.databases, "more database"))
    return f"{' and '.join(amount(number, what) for number, what in both if number)} for {length(terms.seconds)}"


def length(seconds: int) -> str:
    """A number of seconds in the largest unit without a remainder."""
    units = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
    return next(amount(seconds // size, unit) for unit, size in units.items() if seconds % size == 0)


def spoken(when: datetime, holdings: Holdings) -> str:
    """An instant in the account's time zone where it is known, else in UTC."""
    if when == FOREVER:
        return "never"
    name = holdings.account.time_zone
    try:
        local = when.astimezone(clock(name)) if name else when
    except (ValueError, OSError, KeyError):  # not a zone of this machine
        local, name = when, None
    return f"{local.day} {local:%B %Y at %H:%M} ({name or 'UTC'})"


def clock(zone: str) -> tzinfo:
    """A time zone by the name under which it is stored; raises for one that this machine does not know."""
    if not (fixed := re.fullmatch(r"UTC([+-])(\d+):?(\d*)", zone)):
        return ZoneInfo(zone)
    offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3] or 0))
    return timezone(offset if fixed[1] == "+" else -offset)


def turn_to(holdings: Holdings) -> str:
    """The servicing organisation, which the cabinet shows too."""
    contact = holdings.account.servicing_organization or {}
    if name := contact.get("name"):
        return f"; for more, turn to {', '.join(filter(None, [name, contact.get('phone')]))}"
    return ""
