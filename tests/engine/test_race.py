"""Once, under fire: everybody asks at the same time, one grant is made, every owner gets it."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from devkit.service import Answer, Service, extend_event
from extending import accounts
from extending import service as use_cases
from extending.model import Extension, OfferId, Refused
from extending.runtime import utc_now
from tests.engine.fleet import Fleet

ROLES = {
    "first": "owner",
    "second": "owner",
    "third": "owner",
    "administrator": "administrator",
    "user": "user",
    "operator": "operator",
}
CALLERS = ["first", "first", "second", "second", "third", "administrator", "user", "stranger"]
REFUSED = {
    "administrator": (403, "owner_required"),
    "user": (403, "owner_required"),
    "stranger": (404, "account_not_found"),
}


def test_of_eight_processes_that_extend_a_subscription_at_once_exactly_one_creates(
    engine: str, table: str, service: Service
) -> None:
    """One request creates; every other owner's gets the same extension; nobody else gets anything; no 5xx."""
    subscriptions = []
    for place in range(25):
        account = f"A-{place}"
        service.account(account_id=account)
        for name, role in ROLES.items():
            service.member(account_id=account, user_id=f"{account}-{name}", role=role)
        for number in range(8):
            subscription = f"S-{place}-{number}"
            service.subscription(account_id=account, subscription_id=subscription)
            offer_id = service.offer(f"{account}-first", account, subscription).json["offer_id"]
            subscriptions.append((account, subscription, offer_id))

    shuffle = random.Random(6).sample
    outcomes: Counter[str] = Counter()
    with Fleet(engine, table, len(CALLERS), "extend") as fleet:
        for account, subscription, offer_id in subscriptions:
            callers = shuffle(CALLERS, len(CALLERS))
            for worker, caller in zip(fleet.workers, callers, strict=True):
                worker.ask("extend", extend_event(f"{account}-{caller}", account, subscription, offer_id))
            answers = [(caller, worker.reply().http) for worker, caller in zip(fleet.workers, callers, strict=True)]
            outcomes.update(str(answer.status) for _, answer in answers)

            creator, extension = _one_creator(answers)
            assert extension["granted_by"] == f"{account}-{creator}"
            stored = accounts.holdings(account).extensions
            assert [x.id for x in stored.values() if x.subscription_id == subscription] == [extension["id"]]
    assert outcomes == {"201": 200, "200": 800, "403": 400, "404": 200}


def _one_creator(answers: list[tuple[str, Answer]]) -> tuple[str, dict[str, object]]:
    """The only one who created, and what; all other owners got the same, the others their refusal."""
    granted = [(caller, answer) for caller, answer in answers if answer.status in (200, 201)]
    ((creator, extension),) = [(c, a.json["extension"]) for c, a in granted if a.json["created"]]
    for caller, answer in answers:
        if caller in REFUSED:
            assert (answer.status, answer.code) == REFUSED[caller]
            assert "extension" not in answer.json
        else:
            assert (answer.status == 201) is answer.json["created"]
            assert answer.json["extension"] == extension
    return creator, extension


def test_of_a_thousand_calls_from_thirty_two_threads_exactly_one_creates(service: Service) -> None:
    """One subscription, one period, one extension, whoever asks how often."""
    for user in ("U-5", "U-6", "U-7"):
        service.member(user_id=user, role="owner")
    offer = OfferId.from_token(service.offer().json["offer_id"])
    users = random.Random(6).choices(["U-1", "U-2", "U-3", "U-4", "U-5", "U-6", "U-7", "stranger"], k=1000)
    start = Barrier(32)

    def ask(users: list[str]) -> list[tuple[str, Extension | None, str]]:
        start.wait()
        answers: list[tuple[str, Extension | None, str]] = []
        for user in users:
            try:
                accepted = use_cases.Acceptance("A-100", "S-1", user, offer, utc_now(), "race")
                seen, created = use_cases.extend(accepted, timedelta(days=1), lambda: 25)
            except Refused as refusal:
                answers.append((user, None, refusal.code))
            else:
                answers.append((user, seen.extension, "created" if created else "replayed"))
        return answers

    with ThreadPoolExecutor(32) as pool:
        answers = [answer for part in pool.map(ask, [users[n::32] for n in range(32)]) for answer in part]

    assert len(answers) == 1000
    (stored,) = accounts.holdings("A-100").extensions.values()
    ((creator, extension, _),) = [answer for answer in answers if answer[2] == "created"]
    assert extension == stored
    assert stored.granted_by == creator
    for user, extension, what in answers:
        if user in ("U-2", "U-3", "U-4"):
            assert what == "owner_required"
        elif user == "stranger":
            assert what == "account_not_found"
        else:
            assert extension == stored
            assert what in ("created", "replayed")


@pytest.mark.parametrize("calls", [2, 16])
def test_one_owner_who_clicks_several_times_gets_one_extension(service: Service, calls: int) -> None:
    """The natural key decides, not what the client remembers of its earlier attempts."""
    offer = OfferId.from_token(service.offer().json["offer_id"])
    start = Barrier(calls)

    def click(_: int) -> use_cases.Extended:
        start.wait()
        accepted = use_cases.Acceptance("A-100", "S-1", "U-1", offer, utc_now(), "click")
        return use_cases.extend(accepted, timedelta(days=1), lambda: 25)

    with ThreadPoolExecutor(calls) as pool:
        answers = list(pool.map(click, range(calls)))

    assert [created for _, created in answers].count(True) == 1
    assert len({answer.extension for answer, _ in answers}) == 1
