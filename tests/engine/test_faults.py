"""The database fails in every way it can: nothing is lost, nothing is granted twice, and 503 is the worst answer."""

import random
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from botocore.retries.standard import ExponentialBackoff

from devkit.builders import SECOND, WEEK, account_removed, iso, limit, member_changed
from devkit.service import Answer, Json, Service, extend_event, http_event, sync_event
from devkit.template import template
from extending import accounts, dynamo
from extending.runtime import utc_now
from functions.expire import app as expire_app
from tests.engine import faults as fault
from tests.engine.client import Table
from tests.engine.faults import AFTER, BEFORE, CONTENTION, SLOWEST, Clock, Fault, Faults

WRITE = "TransactWriteItems"
LATER = "2026-11-02T00:00:00Z"
NO_OWNER = {"role": "administrator", "changed_at": LATER}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which the functions wait; no test waits."""
    clock = Clock()
    for module in ("extending.dynamo", "botocore.endpoint", "functions.expire.app"):
        monkeypatch.setattr(f"{module}.time", clock)
    return clock


@pytest.fixture
def faults(clock: Clock, dynamodb: Any, service: Service) -> Iterator[Faults]:
    service.clock = clock.monotonic
    faults = Faults(dynamodb, clock)
    yield faults
    faults.close()


@pytest.fixture
def offer_id(service: Service, faults: Faults) -> str:
    offer_id = str(service.offer().json["offer_id"])
    faults.heal()
    return offer_id


def params(faults: dict[str, Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("planned", [pytest.param(fault, id=name) for name, fault in faults.items()])


def assert_try_again(answer: Answer) -> None:
    assert (answer.status, answer.code) == (503, "try_again")
    assert int(answer.headers["Retry-After"]) > 0


def assert_created(answer: Answer) -> None:
    """By this very call, and nothing else was."""
    assert (answer.status, answer.json["created"]) == (201, True)
    assert granted() == [answer.json["extension"]["id"]]


def granted(account: str = "A-100") -> list[str]:
    return [x.id for x in accounts.holdings(account).extensions.values()]


@params(BEFORE | CONTENTION)
def test_a_grant_survives_a_fault_that_passes_and_after_one_that_lasts_it_can_be_tried_again(
    service: Service, faults: Faults, offer_id: str, planned: Fault
) -> None:
    """503 with Retry-After, in time; nothing is granted then. The caller does not notice a fault that happens twice."""
    faults.plan(operation=WRITE, always=planned)
    assert_try_again(service.extend(offer_id))
    assert service.remaining > 1
    faults.heal()
    assert granted() == []

    faults.plan(planned, planned, operation=WRITE)
    answer = service.extend(offer_id)
    assert faults.sent.count(WRITE) == 3
    assert_created(answer)


@params(AFTER)
def test_a_grant_whose_answer_was_lost_is_granted_once(
    service: Service, faults: Faults, offer_id: str, planned: Fault
) -> None:
    """The SDK's resend, with the same token, is answered as the first would have been. Where no answer ever comes, the
    caller, who is answered 503, and the other owner then get the same extension."""
    service.member(user_id="U-5")
    service.subscription(subscription_id="S-2")
    offer_2 = service.offer(subscription="S-2").json["offer_id"]

    faults.plan(planned, operation=WRITE)
    assert_created(service.extend(offer_id))

    faults.plan(operation=WRITE, always=planned)
    assert_try_again(service.extend(offer_2, subscription="S-2"))
    faults.heal()
    mine, other = (service.extend(offer_2, user, subscription="S-2") for user in ("U-1", "U-5"))
    assert mine.status == other.status == 200
    assert mine.json == other.json
    assert len(granted()) == 2


def test_a_grant_whose_answer_was_lost_is_known_again_after_contention_although_the_role_is_gone(
    service: Service, faults: Faults, offer_id: str
) -> None:
    """Our own retry is a new request to the database, which finds the extension and its mark; it was rightful when it
    was made."""

    def then_no_role(request: Any, faults: Faults) -> Any:
        service.member(role=None, changed_at=LATER)
        return fault.CONFLICT(request, faults)

    faults.plan(AFTER["timed out"], then_no_role, *CONTENTION.values(), operation=WRITE)

    assert_created(service.extend(offer_id))


@pytest.mark.parametrize(
    ("operation", "planned"),
    [(WRITE, CONTENTION["conflict"]), (WRITE, CONTENTION["throttled item"]), ("PutItem", fault.IN_TRANSACTION)],
    ids=["conflict", "throttled item", "a change that meets transactions"],
)
def test_contention_is_met_with_jitter_and_an_end(
    service: Service, faults: Faults, clock: Clock, offer_id: str, operation: str, planned: Fault
) -> None:
    """Waits differ, and are over in two seconds; none follows the last try. The bus would bring a change again a minute
    later, and give it up after two minutes."""
    faults.plan(operation=operation, always=planned)
    if operation == WRITE:
        assert_try_again(service.extend(offer_id))
    else:
        with pytest.raises(dynamo.Busy):
            service.member(**NO_OWNER)
    assert faults.sent == [operation] * dynamo.CONTENTION_TRIES
    assert len(set(clock.slept)) == len(clock.slept) == dynamo.CONTENTION_TRIES - 1
    assert sum(clock.slept) < 2

    faults.plan(*[planned] * (dynamo.CONTENTION_TRIES - 1), operation=operation)
    assert service.member(**NO_OWNER) if operation == "PutItem" else service.extend(offer_id).status == 201


def test_who_asked_in_time_gets_it_though_it_is_written_after_the_end_of_the_subscription(
    service: Service, faults: Faults, offer_id: str
) -> None:
    """One reading of the clock decides, however long contention lasts; and an extension alone gives no access."""
    asked_at = utc_now()
    end = asked_at + SECOND
    with time_machine.travel(asked_at, tick=False) as clock:
        service.subscription(ends_at=iso(end), changed_at=LATER)

        def past_the_end(request: Any, faults: Faults) -> Any:
            clock.move_to(end + SECOND)
            return fault.CONFLICT(request, faults)

        faults.plan(past_the_end, operation=WRITE)
        answer = service.extend(offer_id)

        assert answer.status == 201
        assert answer.json["extension"]["granted_at"] == iso(asked_at)
        assert service.list().json["limits"]["sessions"] == limit(0, 0)


@params(AFTER)
@pytest.mark.parametrize("name", ["list", "offer"])
def test_a_view_survives_a_fault_that_passes_and_can_be_tried_again_after_one_that_lasts(
    service: Service, faults: Faults, planned: Fault, name: str
) -> None:
    """Each of the two reads may fail twice; 503 comes in time, whichever read fails."""
    for operation in ("GetItem", "Query"):
        faults.plan(planned, planned, operation=operation)
        assert getattr(service, name)().status == 200
        faults.plan(operation=operation, always=planned)
        assert_try_again(getattr(service, name)())
        assert service.remaining > 1


@pytest.fixture
def _longest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait, ours and the SDK's, is the longest it may be."""

    def longest(self: Any, context: Any) -> float:
        return float(self._get_base_scale(context) * 2 ** (context.attempt_number - 1))

    monkeypatch.setattr(dynamo, "_jitter", SimpleNamespace(uniform=lambda _, most: most))
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", longest)


def timeout(function: str = "") -> float:
    """Seconds that the template gives to functions, or to one that has its own."""
    owner: Any = template()["Resources"][function]["Properties"] if function else template()["Globals"]["Function"]
    return float(owner["Timeout"])


@pytest.mark.usefixtures("_longest_waits")
@params(SLOWEST)
@pytest.mark.parametrize("conflicts", [0, 1, 4, 7])
def test_every_answer_comes_before_the_time_is_over_however_slow_the_database_is(
    service: Service, faults: Faults, offer_id: str, planned: Fault, conflicts: int
) -> None:
    """A function that Lambda ends is a 5xx without Retry-After. Here every call nearly fails, as late as it can."""
    slow = [planned, planned, fault.late]

    def call(name: str, event: Json, *meets: Fault) -> Any:
        faults.plan(*meets)
        try:
            return service.call(name, event, seconds=timeout())
        finally:
            assert service.remaining > 0
            faults.heal()

    def extend(*meets: Fault, subscription: str = "S-1") -> tuple[int, str | None]:
        answer = Answer.of(call("extend", extend_event("U-1", "A-100", subscription, offer_id), *meets))
        return answer.status, answer.code

    for name, ids in (("list", {}), ("offer", {"subscription_id": "S-1"})):
        event = http_event(name, "U-1", {"account_id": "A-100", **ids})
        assert Answer.of(call(name, event, *slow, *slow)).status == 200

    assert extend(*slow, *slow, *slow, subscription="S-2") == (404, "subscription_not_found")
    assert extend(*[fault.CONFLICT] * conflicts, *slow, *slow, *slow) == (201, None)

    service.subscription(extension_terms=None, starts_at="2026-02-01T00:00:00Z", changed_at=LATER)
    assert extend(*[fault.CONFLICT] * conflicts, *slow, *slow, *slow) == (409, "tariff_not_extendable")

    change = sync_event("MemberChanged", member_changed(role=None))
    with suppress(dynamo.Busy):
        call("sync", change, *slow[:2], *[fault.IN_TRANSACTION] * conflicts, *slow, *slow)


@pytest.mark.parametrize("seed", range(30))
def test_no_sequence_of_faults_loses_a_grant_or_makes_two(
    service: Service, faults: Faults, offer_id: str, seed: int
) -> None:
    """Whatever happens to two owners' calls: 201, 200 or 503; and after the faults everybody has the same extension."""
    chance = random.Random(seed)
    service.member(user_id="U-5")
    answers = []
    for user in ("U-1", "U-5"):
        meets = [None, None, *BEFORE.values(), *AFTER.values(), *CONTENTION.values()]
        faults.plan(*chance.choices(meets, k=chance.randrange(13)))
        answers.append(service.extend(offer_id, user))
        assert service.remaining > 0
    faults.heal()
    answers += [service.extend(offer_id, user) for user in ("U-5", "U-1")]

    first, *later = [answer for answer in answers if answer.status != 503]
    assert (first.status, first.json["created"]) in ((200, False), (201, True))
    for answer in later:
        assert (answer.status, answer.json) == (200, first.json | {"created": False})
    assert granted() == [first.json["extension"]["id"]]
    for answer in answers[:2]:
        if answer.status == 503:
            assert_try_again(answer)
    assert 503 not in (answer.status for answer in answers[2:])


@params(AFTER)
def test_a_revocation_and_a_change_whose_answers_were_lost_stand_as_they_were_made(
    table: Table, service: Service, faults: Faults, planned: Fault
) -> None:
    """The SDK's resend finds it done: no failure, and never a second instant of revocation."""
    table.put_grants(8, utc_now() - WEEK)
    faults.plan(planned, planned, operation="UpdateItem")
    first = service.expire()
    faults.heal()
    assert (first["due"], first["failed"]) == (8, 0)
    assert service.expire()["due"] == 0
    assert all(x.revoked_at for n in range(8) for x in accounts.holdings(f"A-{n}").extensions.values())

    faults.plan(planned)
    service.member(**NO_OWNER)
    assert service.list().json["role"] == "administrator"


@pytest.mark.usefixtures("_longest_waits")
@params(SLOWEST)
def test_a_sweep_leaves_time_for_the_slowest_call_under_way(
    table: Table, service: Service, faults: Faults, clock: Clock, planned: Fault
) -> None:
    """Nobody learns what a sweep did that Lambda ends: the time that it leaves is enough for one call at its worst."""
    table.put_grants(1, utc_now() - WEEK)
    faults.plan(operation="UpdateItem", always=planned)
    started = clock.now

    answer = service.expire(seconds=timeout("ExpireFunction"))

    assert (answer["revoked"], answer["failed"]) == (0, 1)
    assert clock.now - started <= (1 - expire_app.TIME_USED) * timeout("ExpireFunction")


def test_a_change_that_could_not_look_for_the_removal_of_its_account_is_found_to_be_late_when_it_comes_again(
    table: Table, service: Service, faults: Faults
) -> None:
    """It is stored by then; nothing of it stays in the account that was removed."""
    service.report("AccountRemoved", account_removed(changed_at=LATER))
    faults.plan(operation="GetItem", always=BEFORE["throttled"])
    with pytest.raises(dynamo.Busy):
        service.member()
    faults.heal()
    assert not service.member()
    assert [item["sk"]["S"] for item in table.items()] == ["R"]
