"""The database fails in every way it can: nothing is lost, nothing is granted twice, and 503 is the worst answer."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from botocore.retries.standard import ExponentialBackoff
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devkit.builders import WEEK, iso, limit, member_changed
from devkit.service import Answer, Json, Service, extend_event, http_event, sync_event
from devkit.template import template
from extending import accounts, dynamo, grants
from extending.runtime import CONFIG, utc_now
from functions.expire import app as expire_app
from tests.engine import faults as fault
from tests.engine.client import connect
from tests.engine.faults import AFTER, BEFORE, CONTENTION, Clock, Fault, Faults
from tests.engine.test_sweep import grants as many_grants

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

FOREVER = BEFORE | CONTENTION
WRITE = "TransactWriteItems"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which the functions wait; no test waits."""
    clock = Clock()
    for module in ("extending.dynamo", "botocore.endpoint"):
        monkeypatch.setattr(f"{module}.time", clock)
    monkeypatch.setattr(expire_app, "time", clock)
    return clock


@pytest.fixture
def faults(clock: Clock, dynamodb: "DynamoDBClient", service: Service) -> Iterator[Faults]:
    service.clock = clock.latest
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


def granted(account: str = "A-100") -> list[str]:
    return [x.id for x in accounts.holdings(account).extensions.values()]


def test_the_clients_wait_no_longer_than_the_faults_here_say() -> None:
    """What a time-out costs is the configuration's."""
    given: Any = CONFIG
    assert (given.connect_timeout, given.read_timeout) == (fault.CONNECT_TIMEOUT, fault.READ_TIMEOUT)


@params(BEFORE | CONTENTION)
@pytest.mark.parametrize("times", [1, 2])
def test_a_grant_survives_a_fault_that_passes(
    service: Service, faults: Faults, offer_id: str, planned: Fault, times: int
) -> None:
    """What is over after a moment the caller never hears of."""
    faults.plan(*[planned] * times, operation=WRITE)

    answer = service.extend(offer_id)

    assert (answer.status, answer.json["created"]) == (201, True)
    assert faults.sent == [WRITE] * (times + 1)
    assert granted() == [answer.json["extension"]["id"]]


@params(FOREVER)
def test_a_grant_that_a_fault_outlasts_is_to_be_tried_again(
    service: Service, faults: Faults, offer_id: str, planned: Fault
) -> None:
    """503 with Retry-After, while there is time to say so; nothing is granted; the repeat is as good as new."""
    faults.plan_always(planned, operation=WRITE)

    assert_try_again(service.extend(offer_id))
    assert service.remaining > 1
    faults.heal()
    assert granted() == []
    again = service.extend(offer_id)

    assert (again.status, again.json["created"]) == (201, True)
    assert granted() == [again.json["extension"]["id"]]


@params(AFTER)
def test_a_grant_whose_answer_was_lost_is_told_all_the_same(
    service: Service, faults: Faults, offer_id: str, planned: Fault
) -> None:
    """The SDK's resend, with the same token, is answered as the first would have been."""
    faults.plan(planned, operation=WRITE)

    answer = service.extend(offer_id)

    assert (answer.status, answer.json["created"]) == (201, True)
    assert granted() == [answer.json["extension"]["id"]]


@params(AFTER)
def test_whoever_repeats_a_grant_whose_answer_never_came_gets_the_same_extension(
    service: Service, faults: Faults, offer_id: str, planned: Fault
) -> None:
    """Granted once; the caller, who saw 503, and the other owner see the same."""
    service.member(user_id="U-5")
    faults.plan_always(planned, operation=WRITE)

    assert_try_again(service.extend(offer_id))
    faults.heal()
    mine, other = service.extend(offer_id), service.extend(offer_id, user="U-5")

    assert mine.status == other.status == 200
    assert mine.json["created"] is other.json["created"] is False
    assert mine.json["extension"] == other.json["extension"]
    assert granted() == [mine.json["extension"]["id"]]


@params(AFTER)
@pytest.mark.parametrize("then", CONTENTION)
def test_a_grant_whose_answer_was_lost_is_known_again_after_contention(
    service: Service, faults: Faults, offer_id: str, planned: Fault, then: str
) -> None:
    """Our own retry is a new request to the database, which finds the extension; that it is its own it tells by `q`."""
    faults.plan(planned, CONTENTION[then], CONTENTION[then], CONTENTION[then], operation=WRITE)

    answer = service.extend(offer_id)

    assert (answer.status, answer.json["created"]) == (201, True)
    assert granted() == [answer.json["extension"]["id"]]


def test_a_grant_whose_answer_was_lost_stands_although_the_role_is_gone_since(
    service: Service, faults: Faults, offer_id: str
) -> None:
    """It was rightful when it was made."""

    def then_no_role(request: Any, faults: Faults) -> Any:
        service.member(role=None, changed_at="2026-11-02T00:00:00Z")
        return fault.CONFLICT(request, faults)

    faults.plan(fault.reset_after, then_no_role, operation=WRITE)

    answer = service.extend(offer_id)

    assert (answer.status, answer.json["created"]) == (201, True)
    assert granted() == [answer.json["extension"]["id"]]


@pytest.mark.parametrize("planned", [CONTENTION["conflict"], CONTENTION["throttled item"]])
def test_contention_is_met_with_jitter_and_an_end(
    service: Service, faults: Faults, clock: Clock, offer_id: str, planned: Fault
) -> None:
    """Waits differ, grow, and are over in two seconds: then the caller is told to try again."""
    faults.plan_always(planned, operation=WRITE)

    assert_try_again(service.extend(offer_id))

    assert faults.sent == [WRITE] * dynamo.CONTENTION_TRIES
    assert len(set(clock.slept)) == len(clock.slept)
    assert sum(clock.slept) < 2


@pytest.mark.parametrize(("seconds_before", "status"), [(1, 201), (0, 409)], ids=["asked in time", "asked at the end"])
def test_who_asked_in_time_gets_it_though_it_is_written_after_the_end_of_the_subscription(
    service: Service, faults: Faults, offer_id: str, seconds_before: int, status: int
) -> None:
    """One reading of the clock decides, however long contention lasts; and an extension alone gives no access."""
    asked_at = utc_now()
    end = asked_at + timedelta(seconds=seconds_before)
    with time_machine.travel(asked_at, tick=False) as clock:
        service.subscription(ends_at=iso(end), changed_at="2026-11-02T00:00:00Z")

        def past_the_end(request: Any, faults: Faults) -> Any:
            clock.move_to(end + timedelta(seconds=1))
            return fault.CONFLICT(request, faults)

        faults.plan(past_the_end, operation=WRITE)
        answer = service.extend(offer_id)

        assert answer.status == status
        if status == 201:
            assert answer.json["extension"]["granted_at"] == iso(asked_at)
            assert utc_now() > end
            assert service.list().json["limits"]["sessions"] == limit(0, 0)
        else:
            assert answer.code == "finished"
            assert granted() == []


def test_nobody_waits_after_the_last_try(service: Service, faults: Faults, clock: Clock, offer_id: str) -> None:
    """A wait that no try follows only keeps the caller."""
    faults.plan_always(fault.CONFLICT, operation=WRITE)

    assert_try_again(service.extend(offer_id))

    assert len(clock.slept) == dynamo.CONTENTION_TRIES - 1


@params(BEFORE)
@pytest.mark.parametrize("name", ["list", "offer"])
def test_a_view_survives_a_fault_that_passes(service: Service, faults: Faults, planned: Fault, name: str) -> None:
    """Each of the two reads may fail twice."""
    for operation in ("GetItem", "Query"):
        faults.plan(planned, planned, operation=operation)
        assert getattr(service, name)().status == 200


@params(BEFORE)
@pytest.mark.parametrize("name", ["list", "offer"])
def test_a_view_that_a_fault_outlasts_is_to_be_tried_again(
    service: Service, faults: Faults, planned: Fault, name: str
) -> None:
    """503 with Retry-After in time, whichever read fails."""
    for operation in ("GetItem", "Query", ""):
        faults.plan_always(planned, operation=operation)
        assert_try_again(getattr(service, name)())
        assert service.remaining > 1


@params(BEFORE)
def test_a_refusal_that_cannot_be_explained_is_to_be_tried_again(
    service: Service, faults: Faults, offer_id: str, planned: Fault
) -> None:
    """The read that tells what stands against a grant may fail; that is no refusal."""
    service.subscription(extension_terms=None, changed_at="2026-11-02T00:00:00Z")
    faults.plan_always(planned, operation="Query")
    assert_try_again(service.extend(offer_id))
    assert_try_again(service.extend(offer_id, subscription="S-2"))
    faults.plan_always(planned, operation="GetItem")
    assert_try_again(service.extend(offer_id, subscription="S-2"))


SLOW = fault.CONNECT_TIMEOUT + fault.READ_TIMEOUT - 0.1
SLOWEST: dict[str, Fault] = {
    "timed out": fault.timed_out,
    "throttled": fault.error(400, "ProvisionedThroughputExceededException", seconds=SLOW),
    "500": fault.error(500, "InternalServerError", seconds=SLOW),
}


@pytest.fixture
def _longest_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait, ours and the SDK's, is the longest it may be."""

    def longest(self: Any, context: Any) -> float:
        return float(self._get_base_scale(context) * 2 ** (context.attempt_number - 1))

    monkeypatch.setattr(dynamo, "_jitter", fault.no_jitter())
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", longest)


@pytest.mark.usefixtures("_longest_waits")
@params(SLOWEST)
@pytest.mark.parametrize(
    ("situation", "conflicts"),
    [*[(situation, n) for situation in ("granted", "refused") for n in (0, 1, 4, 7)], ("other subscription", 0)],
)
def test_an_answer_comes_before_the_time_is_over_however_slow_the_database_is(
    service: Service, faults: Faults, offer_id: str, planned: Fault, situation: str, conflicts: int
) -> None:
    """A function that Lambda ends is a 5xx without Retry-After. Here every call nearly fails, as late as it can."""
    if situation == "refused":
        service.subscription(extension_terms=None, changed_at="2026-11-02T00:00:00Z")
    slow = [planned, planned, fault.late]
    faults.plan(*[fault.CONFLICT] * conflicts, *slow, *slow, *slow)
    event = extend_event("U-1", "A-100", "S-2" if situation == "other subscription" else "S-1", offer_id)

    answer = Answer.of(service.call("extend", event, seconds=timeout()))

    expected = {
        "granted": (201, None),
        "refused": (409, "tariff_not_extendable"),
        "other subscription": (404, "subscription_not_found"),
    }
    assert (answer.status, answer.code) == expected[situation]
    assert service.remaining > 0


@pytest.mark.usefixtures("_longest_waits")
@params(SLOWEST)
@pytest.mark.parametrize("name", ["list", "offer"])
def test_a_view_comes_before_the_time_is_over_however_slow_the_database_is(
    service: Service, faults: Faults, planned: Fault, name: str
) -> None:
    """Each of its two reads fails twice, as late as it can, and so nearly does the third time."""
    faults.plan(planned, planned, fault.late, planned, planned, fault.late)
    ids = {"account_id": "A-100"} if name == "list" else {"account_id": "A-100", "subscription_id": "S-1"}

    answer = Answer.of(service.call(name, http_event(name, "U-1", ids), seconds=timeout()))

    assert answer.status == 200
    assert faults.sent == ["GetItem"] * 3 + ["Query"] * 3
    assert service.remaining > 1


def timeout(function: str = "") -> float:
    """Seconds that the template gives to functions, or to one that has its own."""
    owner: Any = template()["Resources"][function]["Properties"] if function else template()["Globals"]["Function"]
    return float(owner["Timeout"])


plans = st.lists(st.sampled_from([None, None, *BEFORE.values(), *AFTER.values(), *CONTENTION.values()]), max_size=12)


def test_no_sequence_of_faults_loses_a_grant_or_makes_two(
    engine: str, table: str, service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens to two owners' calls: 201, 200 or 503; and after the faults everybody has the same extension."""
    service.clock = clock.latest
    number = iter(range(10_000))

    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(plans=st.tuples(plans, plans))
    def try_(plans: tuple[list[Fault | None], list[Fault | None]]) -> None:
        account = f"A-{next(number)}"
        service.subscription(account_id=account)
        for user in ("U-1", "U-2"):
            service.member(account_id=account, user_id=user)
        offer_id = service.offer(account=account).json["offer_id"]
        client = connect(engine)  # Each example has the SDK's whole retry quota.
        faults = Faults(client, clock)
        with monkeypatch.context() as patch:
            for module in (dynamo, grants):
                patch.setattr(module, "dynamodb", client)
            answers = []
            for user, planned in zip(("U-1", "U-2"), plans, strict=True):
                faults.plan(*planned)
                answers.append(service.extend(offer_id, user=user, account=account))
                assert service.remaining > 0
            faults.heal()
            answers += [service.extend(offer_id, user=user, account=account) for user in ("U-2", "U-1")]
        faults.close()
        client.close()

        for answer in answers:
            if answer.status == 503:
                assert_try_again(answer)
        told = [answer for answer in answers if answer.status != 503]
        assert {answer.status for answer in told} <= {200, 201}
        assert [answer.json["created"] for answer in told].count(True) <= 1
        assert all(answer.json["created"] is (answer.status == 201) for answer in told)
        assert not any(answer.status == 201 for answer in told[1:]), "created after it was there"
        assert [answer.status for answer in answers[2:]] in ([200, 200], [201, 200])
        assert len({answer.json["extension"]["id"] for answer in told}) == 1
        assert granted(account) == [told[0].json["extension"]["id"]]

    try_()


# The sweep


def sweeps(service: Service, faults: Faults) -> tuple[Json, Json]:
    """What a sweep under the planned faults answers, and the next one without them."""
    first = service.expire()
    faults.heal()
    return first, service.expire()


@params(BEFORE)
def test_one_extension_that_cannot_be_revoked_does_not_stop_the_others(
    table: str, raw: "DynamoDBClient", service: Service, faults: Faults, planned: Fault
) -> None:
    """It is counted as failed and is due again a minute later."""
    many_grants(raw, table, 20, utc_now() - WEEK)
    faults.plan_always(planned, operation="UpdateItem", body='"A#A-7"')

    first, second = sweeps(service, faults)

    assert (first["due"], first["revoked"], first["failed"]) == (20, 19, 1)
    assert (second["due"], second["revoked"], second["failed"]) == (1, 1, 0)


@params(BEFORE)
def test_one_shard_that_cannot_be_read_does_not_stop_the_others(
    table: str, raw: "DynamoDBClient", service: Service, faults: Faults, planned: Fault
) -> None:
    """What is in it is due again a minute later."""
    many_grants(raw, table, 40, utc_now() - WEEK)
    faults.plan_always(planned, operation="Query", body='"D#3"')

    first, second = sweeps(service, faults)

    assert first["failed"] == 1
    assert 0 < first["revoked"] < 40
    assert first["revoked"] + second["revoked"] == 40


@params(AFTER)
def test_a_revocation_whose_answer_was_lost_stands_as_it_was_made(
    table: str, raw: "DynamoDBClient", service: Service, faults: Faults, planned: Fault
) -> None:
    """The SDK's resend finds it done: no failure, and never a second instant of revocation."""
    many_grants(raw, table, 8, utc_now() - WEEK)
    faults.plan(planned, planned, operation="UpdateItem")

    first, second = sweeps(service, faults)

    assert (first["due"], first["failed"]) == (8, 0)
    assert second["due"] == 0
    assert all(x.revoked_at for n in range(8) for x in accounts.holdings(f"A-{n}").extensions.values())


@pytest.mark.usefixtures("_longest_waits")
@params(SLOWEST)
def test_a_sweep_leaves_time_for_the_slowest_call_under_way(
    table: str, raw: "DynamoDBClient", service: Service, faults: Faults, clock: Clock, planned: Fault
) -> None:
    """A sweep that Lambda ends tells nobody what it did: what it does not use is enough for one call at its worst."""
    many_grants(raw, table, 1, utc_now() - WEEK)
    faults.plan_always(planned, operation="UpdateItem")
    started = clock.latest()

    answer = service.expire(seconds=timeout("ExpireFunction"))

    assert (answer["revoked"], answer["failed"]) == (0, 1)
    assert clock.latest() - started <= (1 - expire_app.TIME_USED) * timeout("ExpireFunction")


# What the service manager tells


@params(BEFORE)
def test_a_change_that_cannot_be_stored_is_brought_again_by_the_bus(
    service: Service, faults: Faults, planned: Fault
) -> None:
    """The function fails, Lambda repeats the event, nothing is lost."""
    later = {"role": "administrator", "changed_at": "2026-11-02T00:00:00Z"}
    faults.plan_always(planned)
    with pytest.raises(dynamo.Busy):
        service.member(**later)
    faults.heal()
    assert service.list().json["role"] == "owner"
    assert service.member(**later)

    assert service.list().json["role"] == "administrator"


@pytest.mark.parametrize("times", [1, 3, dynamo.CONTENTION_TRIES - 1])
def test_a_change_that_meets_transactions_is_tried_again(
    service: Service, faults: Faults, clock: Clock, times: int
) -> None:
    """As a grant is: the bus would bring it again a minute later, and give it up after two minutes."""
    faults.plan(*[fault.IN_TRANSACTION] * times, operation="PutItem")

    assert service.member(role="administrator", changed_at="2026-11-02T00:00:00Z")

    assert service.list().json["role"] == "administrator"
    assert len(set(clock.slept)) == times
    assert sum(clock.slept) < 2


def test_a_change_that_meets_transactions_for_ever_is_brought_again_by_the_bus(
    service: Service, faults: Faults, clock: Clock
) -> None:
    """The tries have an end, and no wait after the last."""
    faults.plan_always(fault.IN_TRANSACTION, operation="PutItem")

    with pytest.raises(dynamo.Busy):
        service.member(role="administrator", changed_at="2026-11-02T00:00:00Z")

    assert faults.sent == ["PutItem"] * dynamo.CONTENTION_TRIES
    assert len(clock.slept) == dynamo.CONTENTION_TRIES - 1


@pytest.mark.usefixtures("_longest_waits")
@params(SLOWEST)
@pytest.mark.parametrize("conflicts", [1, 4, 7])
def test_a_change_is_stored_or_given_up_before_the_time_is_over(
    service: Service, faults: Faults, planned: Fault, conflicts: int
) -> None:
    """However slow the database is, after however many transactions."""
    slow = [planned, planned, fault.late]
    faults.plan(*slow[:2], *[fault.IN_TRANSACTION] * conflicts, *slow, *slow)

    with suppress(dynamo.Busy):
        service.call("sync", sync_event("MemberChanged", member_changed(role=None)), seconds=timeout())

    assert service.remaining > 0


def test_a_flood_of_strangers_does_not_keep_the_service_manager_from_changing_an_account(
    service: Service, faults: Faults, clock: Clock, offer_id: str
) -> None:
    """A transaction holds what it checks, whoever asks for it. Here strangers ask between any two tries of a change.

    At the worst the first of them is in the way once; from then on none of them comes as far as a transaction.
    """
    strangers = count()

    def meanwhile(request: Any, faults: Faults) -> Any:
        before = faults.sent.count(WRITE)
        for _ in range(20):
            assert service.extend(offer_id, user=f"stranger-{next(strangers)}").status == 404
        in_the_way = faults.sent.count(WRITE) > before
        return fault.IN_TRANSACTION(request, faults) if in_the_way else faults.really_send(request)

    faults.plan_always(meanwhile, operation="UpdateItem")
    changes = 10
    for day in range(2, 2 + changes):
        assert service.subscription(extension_terms=None, changed_at=f"2026-11-{day:02}T00:00:00Z")

    assert faults.sent.count(WRITE) == 1
    assert faults.sent.count("UpdateItem") == changes + 1
    assert sum(clock.slept) < 0.1
    assert next(strangers) >= 20 * changes


@params(AFTER)
def test_a_change_whose_answer_was_lost_is_stored_once(service: Service, faults: Faults, planned: Fault) -> None:
    """The resend finds something as new: it changes nothing."""
    faults.plan(planned)

    service.member(role="administrator", changed_at="2026-11-02T00:00:00Z")

    assert service.list().json["role"] == "administrator"


def test_what_no_retry_heals_is_an_error_of_ours(service: Service, faults: Faults, offer_id: str) -> None:
    """A missing right is not told as "try again": nobody would learn of it."""
    denied = fault.error(400, "AccessDeniedException")
    faults.plan(denied, operation=WRITE)

    answer = service.extend(offer_id)

    assert (answer.status, answer.code) == (500, "internal_error")
