"""The world changes while owners ask: at one instant, and every answer is right on its side of it."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from devkit.builders import iso, subscription_changed
from devkit.service import Answer, Json, Service, extend_event, http_event, sync_event
from extending import accounts
from tests.engine.fleet import Fleet, Reply

ROUNDS = 12
CALLERS = 5
CALLS = 3  # of each caller, one right after the other
HEAD_STARTS = [(0, 0), (1, 0), (2, 0), (0, 1), (0, 1), (0, 2)]
"""Calls that the service manager and the callers make first, so that now these, now that one is earlier."""

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
RENEWED = STARTED + timedelta(days=90)
LATER = "2026-11-02T00:00:00Z"
OTHER_TERMS = {"sessions": 5, "databases": 1, "duration": "P3D"}


class Change(NamedTuple):
    """What the service manager tells in the middle, and what it means for who asks after it."""

    event: Callable[[str], tuple[str, Json]]  # of an account id
    refusal: tuple[int, str]
    hides: bool  # an extension of the time before is not what the caller gets afterwards


def _subscription(account: str, **fields: object) -> tuple[str, Json]:
    detail = subscription_changed(account_id=account, changed_at=LATER, **fields)
    return "SubscriptionChanged", {"starts_at": iso(STARTED)} | detail


def _member(account: str, role: str | None) -> tuple[str, Json]:
    return "MemberChanged", {"account_id": account, "user_id": "U-1", "role": role, "changed_at": LATER}


CHANGES = {
    "renewal": Change(lambda a: _subscription(a, starts_at=iso(RENEWED)), (409, "offer_changed"), hides=True),
    "terms": Change(lambda a: _subscription(a, extension_terms=OTHER_TERMS), (409, "offer_changed"), hides=False),
    "no terms": Change(lambda a: _subscription(a, extension_terms=None), (409, "tariff_not_extendable"), hides=False),
    "finish": Change(lambda a: _subscription(a, ends_at=iso(RENEWED)), (409, "finished"), hides=False),
    "other role": Change(lambda a: _member(a, "administrator"), (403, "owner_required"), hides=True),
    "no role": Change(lambda a: _member(a, None), (404, "account_not_found"), hides=True),
}


def test_whoever_asks_while_the_world_changes_is_answered_as_before_or_as_after(
    engine: str, table: str, service: Service
) -> None:
    """Renewal, other terms, end, loss of a role: nobody gets what was no longer on offer, nobody gets it twice.

    The change arrives a little earlier or later in every round, while the owner asks from several processes.
    """
    met = dict.fromkeys(CHANGES, 0)
    granted = Counter[bool]()
    with Fleet(engine, table, CALLERS + 1, "list", "extend", "sync") as fleet:
        for round_ in range(ROUNDS):
            for name, change in CHANGES.items():
                account = f"A-{name.replace(' ', '-')}-{round_}"
                service.account(account_id=account)
                service.subscription(account_id=account)
                service.member(account_id=account)
                offer_id = service.offer(account=account).json["offer_id"]
                told, replies = _race(fleet, change, account, offer_id, HEAD_STARTS[round_ % len(HEAD_STARTS)])
                met[name] += any(reply.started < told.ended and reply.ended > told.started for reply in replies)
                granted[_judge(change, account, told, replies)] += 1
                _judge_afterwards(name, service, account, offer_id)
    assert all(met.values()), met  # Where the calls never met the change, nothing is shown.
    assert granted[True], "the change was always first"
    assert granted[False], "a grant was always first"


def _race(
    fleet: Fleet, change: Change, account: str, offer_id: str, head_starts: tuple[int, int]
) -> tuple[Reply, list[Reply]]:
    """What the service manager and the callers were answered."""
    manager, *callers = fleet.workers
    managers_start, callers_start = head_starts
    for worker, first in [(manager, managers_start), *[(caller, callers_start) for caller in callers]]:
        for _ in range(first):
            worker.ask("list", http_event("list", "U-1", {"account_id": account}))
    manager.ask("sync", sync_event(*change.event(account)))
    for worker in callers:
        for _ in range(CALLS):
            worker.ask("extend", extend_event("U-1", account, "S-1", offer_id))
    told = [manager.reply() for _ in range(managers_start + 1)][-1]
    assert told.answer == {"stored": True}
    replies = [[worker.reply() for _ in range(callers_start + CALLS)][callers_start:] for worker in callers]
    return told, [reply for of_one in replies for reply in of_one]


def _judge(change: Change, account: str, told: Reply, replies: list[Reply]) -> bool:
    """Whether anything was granted."""
    answers = [(reply, reply.http) for reply in replies]
    creators = [reply for reply, answer in answers if answer.status == 201]
    stored = {x.id: x for x in accounts.holdings(account).extensions.values()}
    assert len(creators) == len(stored) <= 1
    for reply in creators:
        assert reply.started < told.ended, "granted what was no longer on offer"
    for reply, answer in answers:
        if answer.status in (200, 201):
            assert answer.json["extension"]["id"] in stored
            assert answer.json["extension"]["terms"] == {"sessions": 2, "databases": 8, "duration": "P7D"}
            assert answer.json["created"] is (answer.status == 201)
            assert not (change.hides and reply.started > told.ended), "answered as before the change"
        else:
            assert (answer.status, answer.code) == change.refusal
            assert reply.ended > told.started, "answered as after the change"
            # The one grant came before the change, and who asks after both gets it where it still is theirs.
            assert change.hides or not creators
    return bool(creators)


def _judge_afterwards(name: str, service: Service, account: str, offer_id: str) -> None:
    """What holds however the race went."""
    granted = bool(accounts.holdings(account).extensions)
    answer = service.extend(offer_id, account=account)
    match name:
        case "renewal":  # A new right, once, beside what may still run from the period before.
            assert answer.code == "offer_changed"
            fresh = service.extend(answer.json["offer"]["offer_id"], account=account)
            assert fresh.status == 201
            assert _extra(service, account) == (4 if granted else 2)
        case "terms":
            assert _is_replay(answer) if granted else answer.json["offer"]["terms"] == OTHER_TERMS
        case "no terms" | "finish":
            assert _is_replay(answer) if granted else (answer.status, answer.code) == CHANGES[name].refusal
        case _:
            assert (answer.status, answer.code) == CHANGES[name].refusal


def _is_replay(answer: Answer) -> bool:
    return answer.status == 200 and answer.json["created"] is False


def _extra(service: Service, account: str) -> int:
    return int(service.list(account=account).json["limits"]["sessions"]["extra"])
