"""The lives of accounts and subscriptions: reports that come early, late, twice, in any order, by any clock."""

import json
from datetime import datetime, timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any, get_args

import pytest

from devkit.builders import (
    CONTACT,
    DAY,
    NOW,
    SECOND,
    WEEK,
    account_changed,
    account_removed,
    iso,
    left,
    limit,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.service import Service
from extending.inbound import AheadOfClock
from extending.model import Obstacle
from extending.tokens import pack, unpack
from tests.integration.conftest import Bus, RoundTrips, publish

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

NEXT = NOW + 30 * DAY
"""The instant at which the running period ends and the next begins."""

RENEWED: dict[str, Any] = {
    "starts_at": iso(NEXT),
    "ends_at": iso(NEXT + 365 * DAY),
    "limits": {"sessions": 5, "databases": 3},
    "tariff": {"id": "pro", "name": "ПРОФ"},
    "changed_at": iso(NOW),
}


def row(service: Service, subscription: str = "S-1") -> dict[str, Any]:
    rows: list[dict[str, Any]] = service.list().json["subscriptions"]
    return next(each for each in rows if each["id"] == subscription)


# Periods


def test_an_early_renewal_keeps_what_is_paid_for(service: Service) -> None:
    """The running period stays until the next one begins: no gap, no overlap."""
    running = service.extend().json["extension"]
    assert service.subscription(**RENEWED)
    seen = row(service)
    assert (seen["state"], seen["starts_at"], seen["ends_at"]) == ("active", "2026-01-01T00:00:00Z", iso(NEXT))
    assert seen["next_period"] == {name: RENEWED[name] for name in ("starts_at", "ends_at", "tariff", "limits")}
    assert (seen["extension"], seen["limits"]) == (running, {"sessions": 2, "databases": 1})
    assert service.limits().json["limits"]["sessions"] == limit(2, 2)
    service.at(NOW + WEEK)
    limits = service.limits().json["limits"]
    assert (limits["next_change_at"], limits["after_change"]) == (iso(NEXT), left(5, 3))
    for now, state, total in [(NEXT - SECOND, "used", 2), (NEXT, "available", 5), (NEXT + 365 * DAY, "unavailable", 0)]:
        service.at(now)
        assert service.limits().json["limits"]["sessions"]["total"] == total
        assert row(service)["extension"]["state"] == state
    assert row(service.at(NEXT))["tariff"]["id"] == "pro"
    assert row(service)["next_period"] is None
    assert service.extend().status == 201


def test_an_offer_shows_what_the_period_reported_ahead_leaves(service: Service) -> None:
    """A week over the change: the extras run on in the next period."""
    service.subscription(**RENEWED | {"starts_at": iso(NOW + DAY)})
    after = service.offer().json["limits_after"]
    assert (after["next_change_at"], after["after_change"]) == (iso(NOW + DAY), left(7, 11))
    offer_id = service.offer().json["offer_id"]
    assert service.at(NOW + DAY - SECOND).extend(offer_id).status == 201
    assert service.at(NOW + DAY).extend(offer_id).code == "offer_changed"
    assert service.extend().status == 201


def test_an_offer_of_before_is_granted_after_a_renewal_was_reported(service: Service, round_trips: RoundTrips) -> None:
    """One transaction, no read: for the running period, and for the next one."""
    offer_id = service.offer().json["offer_id"]
    round_trips()
    service.subscription(**RENEWED)
    assert round_trips() == ["GetItem", "PutItem", "GetItem"]
    assert service.extend(offer_id).status == 201
    assert round_trips() == ["TransactWriteItems"]
    next_offer = service.at(NEXT).offer().json["offer_id"]
    round_trips()
    assert service.extend(next_offer).status == 201
    assert round_trips() == ["TransactWriteItems"]
    service.limits()
    assert round_trips() == ["Query"]


def test_a_subscription_without_an_end_is_one(service: Service) -> None:
    """Null in the answers, and no change to come."""
    service.subscription(ends_at=None, changed_at=iso(NOW))
    assert row(service)["ends_at"] is None
    assert service.limits().json["limits"]["next_change_at"] is None
    assert service.extend().status == 201


def test_an_extension_that_does_not_count_says_so(service: Service) -> None:
    """Everywhere it is shown: the main subscription ended under it."""
    offer_id = service.offer().json["offer_id"]
    assert service.extend(offer_id).json["extension"]["counts"] is True
    service.subscription(ends_at=iso(NOW), changed_at=iso(NOW))
    shown = [
        row(service)["extension"],
        service.offer().json["extension"],
        service.extend(offer_id).json["extension"],
        service.history().json["extensions"][0],
    ]
    assert [(each["state"], each["counts"]) for each in shown] == [("active", False)] * 4
    assert service.limits().json["limits"]["sessions"] == limit(0, 0)
    service.subscription(subscription_id="S-2")
    assert service.extend(offer_id).json["extension"]["counts"] is True


def test_an_id_that_is_only_reported_ahead_is_not_the_first(service: Service) -> None:
    """The sender begins to name periods with the next one, names that anew, and only then the one that runs."""
    offer_id = service.offer().json["offer_id"]
    running = service.extend(offer_id).json["extension"]
    for second, period_id in enumerate(["2027", "2027-a"], start=2):
        service.subscription(**RENEWED | {"period_id": period_id, "changed_at": iso(NOW + second * SECOND)})
    assert service.subscription(period_id="2026", changed_at=iso(NOW + SECOND))
    assert row(service)["extension"] == running
    assert service.extend(offer_id).json == {"created": False, "extension": running}
    service.at(NOW + WEEK)
    assert service.offer().code == "already_used"


OBSTACLES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "not_main": [("SubscriptionChanged", {"kind": "prolonging"})],
    "not_active_yet": [
        ("SubscriptionRemoved", {}),
        ("SubscriptionChanged", {"starts_at": iso(NOW + DAY), "changed_at": iso(NOW + SECOND)}),
    ],
    "finished": [("SubscriptionChanged", {"ends_at": iso(NOW)})],
    "tariff_not_extendable": [("SubscriptionChanged", {"limits": {"sessions": None, "databases": None}})],
}


@pytest.mark.parametrize("obstacle", get_args(Obstacle))
def test_every_obstacle_is_one_for_list_offer_and_the_write(service: Service, table: "Table", obstacle: str) -> None:
    """With an offer in hand too, and with one forged to say what the stored subscription says."""
    offer_id = service.offer().json["offer_id"]
    for detail_type, fields in OBSTACLES[obstacle]:
        detail = subscription_changed() if detail_type == "SubscriptionChanged" else subscription_removed()
        service.report(detail_type, detail | {"changed_at": iso(NOW)} | fields)
    assert row(service)["extension"] == {"state": "unavailable", "reason": obstacle}
    assert service.offer().code == obstacle
    stored: Any = table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1"})["Item"]
    id_, _, *terms = unpack(offer_id)[:6]
    forged = pack([id_, int(stored["b"]), *terms, int(stored["v"]), None, None])
    for token in (offer_id, forged):
        assert service.extend(token).code == obstacle
    assert service.history().json["extensions"] == []


@pytest.mark.parametrize("obstacle", ["not_main", "tariff_not_extendable"])
def test_an_obstacle_of_a_period_reported_ahead_is_one_from_its_start(
    service: Service, table: "Table", obstacle: str
) -> None:
    """The running period had none: the write looks at the one that has begun."""
    id_, _, *terms = unpack(service.offer().json["offer_id"])[:6]
    ((_, fields),) = OBSTACLES[obstacle]
    assert service.subscription(**RENEWED | fields)
    service.at(NEXT)
    assert row(service)["extension"] == {"state": "unavailable", "reason": obstacle}
    stored: Any = table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1"})["Item"]
    forged = pack([id_, int(stored["nx"]["b"]), *terms, int(stored["v"]), None, None])
    assert service.extend(forged).code == obstacle


# Removal and a new life


def begin_anew(service: Service, when: datetime) -> None:
    service.account(changed_at=iso(when))
    service.member(changed_at=iso(when))
    service.subscription(changed_at=iso(when))


def test_a_repeat_deletes_nothing_that_the_first_did_not(service: Service) -> None:
    """Though the sender's clock is minutes ahead of ours, and the owner extends before its instant."""
    removal = ("AccountRemoved", account_removed(changed_at=iso(NOW + 200 * SECOND)))
    service.report(*removal)
    begin_anew(service, NOW + 205 * SECOND)
    offer_id = service.offer().json["offer_id"]
    first = service.extend(offer_id)
    assert first.status == 201
    repeats = [
        removal,
        ("AccountRemoved", account_removed(changed_at=iso(NOW))),
        ("AccountChanged", account_changed()),
        ("MemberChanged", member_changed()),
        ("UsageChanged", usage_changed()),
        ("SubscriptionRemoved", subscription_removed(subscription_id="S-9")),
    ]
    for repeat in repeats:
        assert service.changes(repeat).json["results"] == [{"result": "stale"}]
    assert service.limits().json["limits"]["sessions"] == limit(2, 2)
    assert service.extend(offer_id).json == {"created": False, "extension": first.json["extension"]}


REMOVED_LATE = ("AccountRemoved", account_removed(changed_at=iso(NOW)))
ANEW = ("SubscriptionChanged", subscription_changed(changed_at=iso(NOW + 2 * SECOND)))
GONE = ("SubscriptionRemoved", subscription_removed(changed_at=iso(NOW - SECOND)))


@pytest.mark.parametrize("reports", list(permutations([REMOVED_LATE, ANEW, GONE])), ids=range(6))
def test_an_extension_of_the_dead_account_goes_in_every_order(service: Service, reports: Any) -> None:
    """It was granted on a report of before the removal; the new owner has the right, and sees nothing of the old."""
    service.at(NOW + SECOND).extend()
    for report in reports:
        service.changes(report)
    service.member(changed_at=iso(NOW + 2 * SECOND))
    assert service.history().json["extensions"] == []
    assert service.limits().json["limits"]["sessions"] == limit(2, 0)
    assert service.extend().status == 201


def test_the_running_period_of_the_dead_account_goes_though_the_next_one_was_reported_later(service: Service) -> None:
    """Only what was reported after the removal is left of the record."""
    service.subscription(**RENEWED | {"changed_at": iso(NOW + SECOND)})
    service.report("AccountRemoved", account_removed(changed_at=iso(NOW)))
    service.member(changed_at=iso(NOW + SECOND))
    left_over = row(service)
    assert (left_over["state"], left_over["starts_at"], left_over["next_period"]) == ("future", iso(NEXT), None)
    assert not service.subscription(changed_at=iso(NOW))


@pytest.mark.parametrize("late", [False, True])
def test_the_first_id_of_the_dead_account_is_none_of_the_new_one(service: Service, late: bool) -> None:
    """An extension of the time before ids counts for the first id of its own life, whenever the removal comes."""
    removal = ("AccountRemoved", account_removed(changed_at=iso(NOW - 50 * SECOND)))
    service.subscription(period_id="P-1", changed_at=iso(NOW - 100 * SECOND))
    if not late:
        service.report(*removal)
    service.member(changed_at=iso(NOW - 40 * SECOND))
    service.subscription(changed_at=iso(NOW - 40 * SECOND))
    assert service.extend().status == 201
    if late:
        service.report(*removal)
    service.subscription(period_id="P-9", changed_at=iso(NOW - 30 * SECOND))
    assert service.offer().code == "already_used"


def test_a_new_life_has_other_ids(service: Service, bus: Bus) -> None:
    """Whoever drops repeated events drops none of the second life; a repeat within one has its old id."""
    first = service.extend().json["extension"]["id"]
    service.report("AccountRemoved", account_removed(changed_at=iso(NOW)))
    begin_anew(service, NOW + SECOND)
    second = service.extend().json["extension"]["id"]
    assert first != second
    records = bus.records()
    publish(records)
    publish(records)
    events = [json.loads(entry["Detail"]) for entry in bus.accepted]
    assert [event["extension_id"] for event in events] == [first, second] * 2
    assert len({event["event_id"] for event in events}) == 2
    assert service.expire_early(first).code == "extension_not_found"


def test_the_first_instant_is_one_like_any_other(service: Service) -> None:
    """Zero is no "never": neither for a change, nor for a removal."""
    first = "1970-01-01T00:00:00Z"
    for detail_type, detail in [
        ("AccountChanged", account_changed(account_id="A-7")),
        ("SubscriptionChanged", subscription_changed(account_id="A-7")),
        ("MemberChanged", member_changed(account_id="A-7")),
    ]:
        assert service.changes((detail_type, detail | {"changed_at": first})).json["results"] == [{"result": "stored"}]
    assert service.extend(account="A-7").status == 201
    assert service.report("AccountRemoved", account_removed(account_id="A-7", changed_at=first))
    assert service.list(account="A-7").status == 404
    assert not service.account(account_id="A-7", changed_at=first)


# Fields


def test_a_change_ahead_of_the_clock_is_to_be_sent_again(service: Service) -> None:
    """A minute later it would pass; what lies more than an hour ahead would keep all others out.

    Over the bus the function fails, so that Lambda brings it again and sets it aside in the end.
    """
    times = [NOW + timedelta(minutes=6), NOW + timedelta(minutes=61)]
    answer = service.changes(*(("AccountChanged", account_changed(changed_at=iso(when))) for when in times))
    first, second = answer.json["results"]
    assert first == {"result": "try_again"}
    assert answer.headers["Retry-After"] == "60"
    assert second == {"result": "invalid", "fields": {"detail.changed_at": "more than an hour ahead of the clock"}}
    with pytest.raises(AheadOfClock):
        service.account(changed_at=iso(times[0]))
    assert service.at(NOW + timedelta(minutes=1)).account(changed_at=iso(times[0]))


def test_a_zone_that_nobody_can_show_costs_nothing_but_the_zone(service: Service) -> None:
    """Said in the result, of a repeat too; the contact is stored."""
    changed = ("AccountChanged", account_changed(time_zone="Moscow time", changed_at=iso(NOW)))
    ignored = {"detail.time_zone": "neither an IANA zone nor an offset as UTC+3; stored as null"}
    assert service.changes(changed).json["results"] == [{"result": "stored", "ignored": ignored}]
    assert service.changes(changed).json["results"] == [{"result": "stale", "ignored": ignored}]
    account = service.list().json["account"]
    assert (account["time_zone"], account["servicing_organization"]) == (None, CONTACT)


def test_a_member_may_have_a_name_and_it_goes_with_the_role(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """The history shows who granted an extension; no log does."""
    service.member(name="Анна Петрова", changed_at=iso(NOW))
    service.extend()
    (past,) = service.history().json["extensions"]
    assert (past["granted_by"], past["granted_by_name"]) == ("U-1", "Анна Петрова")
    service.member(user_id="U-5", changed_at=iso(NOW))
    service.member(role=None, name="Анна Петрова", changed_at=iso(NOW + SECOND))
    assert service.history("U-5").json["extensions"][0]["granted_by_name"] is None
    assert "Анна" not in capsys.readouterr().out


def test_one_limit_that_the_terms_widen_is_enough(service: Service) -> None:
    service.subscription(limits={"sessions": 2, "databases": None}, changed_at=iso(NOW))
    assert service.extend().status == 201
