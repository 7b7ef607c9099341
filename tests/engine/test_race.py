"""Once, under fire: everybody asks at the same time, one grant is made, every owner gets it."""

import random
from collections import Counter

from devkit.service import Answer, Service, extend_event
from extending import accounts
from tests.engine.fleet import Fleet

ROLES = {"first": "owner", "second": "owner", "third": "owner", "administrator": "administrator", "user": "user"}
CALLERS = ["first", "first", "second", "second", "third", "administrator", "user", "stranger"]
REFUSED = {
    "administrator": (403, "owner_required"),
    "user": (403, "owner_required"),
    "stranger": (404, "account_not_found"),
}
PLACES, SUBSCRIPTIONS = 10, 4


def test_of_eight_processes_that_extend_a_subscription_at_once_exactly_one_creates(
    engine: str, table: str, service: Service
) -> None:
    """One request creates; every other owner's gets the same extension; nobody else gets anything; no 5xx."""
    subscriptions = []
    for place in range(PLACES):
        account = f"A-{place}"
        service.account(account_id=account)
        for name, role in ROLES.items():
            service.member(account_id=account, user_id=f"{account}-{name}", role=role)
        for number in range(SUBSCRIPTIONS):
            subscription = f"S-{place}-{number}"
            service.subscription(account_id=account, subscription_id=subscription)
            offer_id = service.offer(f"{account}-first", account, subscription).json["offer_id"]
            subscriptions.append((account, subscription, offer_id))

    shuffle = random.Random(6).sample
    outcomes: Counter[int] = Counter()
    with Fleet(engine, table, len(CALLERS), "extend") as fleet:
        for account, subscription, offer_id in subscriptions:
            callers = shuffle(CALLERS, len(CALLERS))
            for worker, caller in zip(fleet.workers, callers, strict=True):
                worker.ask("extend", extend_event(f"{account}-{caller}", account, subscription, offer_id))
            answers = [
                (caller, Answer.of(worker.answer())) for worker, caller in zip(fleet.workers, callers, strict=True)
            ]
            outcomes.update(answer.status for _, answer in answers)

            (stored,) = (x for x in accounts.holdings(account).extensions.values() if x.subscription_id == subscription)
            for caller, answer in answers:
                if caller in REFUSED:
                    assert (answer.status, answer.code) == REFUSED[caller]
                    assert "extension" not in answer.json
                    continue
                assert (answer.status == 201) is answer.json["created"]
                assert answer.json["extension"]["id"] == stored.id
                assert not answer.json["created"] or stored.granted_by == f"{account}-{caller}"
            assert len({str(answer.json["extension"]) for _, answer in answers if answer.status in (200, 201)}) == 1
    rounds = PLACES * SUBSCRIPTIONS
    assert outcomes == {201: rounds, 200: 4 * rounds, 403: 2 * rounds, 404: rounds}
