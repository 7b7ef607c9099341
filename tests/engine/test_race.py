"""Once, under fire: everybody asks at the same time, one grant is made, every owner gets it."""

import random
from collections import Counter

from devkit.service import Answer, Service, extend_event
from extending import accounts
from tests.engine.client import Table
from tests.engine.fleet import fleet

ROLES = {"first": "owner", "second": "owner", "third": "owner", "administrator": "administrator", "user": "user"}
CALLERS = ["first", "first", "second", "second", "third", "administrator", "user", "stranger"]
REFUSED = {
    "administrator": (403, "owner_required"),
    "user": (403, "owner_required"),
    "stranger": (404, "account_not_found"),
}
ACCOUNTS = [f"A-{number}" for number in range(20)]


def test_of_eight_processes_that_extend_a_subscription_at_once_exactly_one_creates(
    table: Table, service: Service
) -> None:
    """One request creates; every other owner's gets the same extension; nobody else gets anything; no 5xx."""
    shuffle = random.Random(6).sample
    outcomes: Counter[int] = Counter()
    with fleet(table, len(CALLERS)) as workers:
        for account in ACCOUNTS:
            service.subscription(account_id=account)
            for user, role in ROLES.items():
                service.member(account_id=account, user_id=user, role=role)
            offer_id = service.offer("first", account).json["offer_id"]

            callers = dict(zip(workers, shuffle(CALLERS, len(CALLERS)), strict=True))
            for worker, caller in callers.items():
                worker.ask("extend", extend_event(caller, account, "S-1", offer_id))
            answers = [(caller, Answer.of(worker.answer())) for worker, caller in callers.items()]
            outcomes.update(answer.status for _, answer in answers)

            (stored,) = accounts.holdings(account).extensions.values()
            for caller, answer in answers:
                if caller in REFUSED:
                    assert (answer.status, answer.code) == REFUSED[caller]
                    assert "extension" not in answer.json
                    continue
                assert answer.json["extension"]["id"] == stored.id
                assert answer.json["created"] is (answer.status == 201)
                assert not answer.json["created"] or stored.granted_by == caller
            assert len({str(answer.json["extension"]) for _, answer in answers if answer.status in (200, 201)}) == 1
    rounds = len(ACCOUNTS)
    assert outcomes == {201: rounds, 200: 4 * rounds, 403: 2 * rounds, 404: rounds}
