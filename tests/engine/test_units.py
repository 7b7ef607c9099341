"""What each operation costs the database, in capacity units; a number that grows is a decision, not an accident."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from devkit.builders import (
    DAY,
    WEEK,
    account_changed,
    account_removed,
    iso,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.meter import Call, metered, size
from devkit.service import Service
from extending import accounts, items, sweep
from extending.runtime import utc_now
from tests.engine.test_intake import fill
from tests.engine.test_sweep import grants

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

LATER = "2026-11-02T00:00:00Z"
LONG_ID = "A" * 64
LONG_USER = "u" * 255


class Bill(NamedTuple):
    read: float
    write: float
    calls: int


class Meter:
    """Adds up what calls cost."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls

    def bill(self) -> Bill:
        """What was spent since it was last asked."""
        taken, self._calls[:] = self._calls.copy(), []
        return Bill(sum(call.read for call in taken), sum(call.write for call in taken), len(taken))


@pytest.fixture
def meter(service: Service, dynamodb: "DynamoDBClient", raw: "DynamoDBClient") -> Iterator[Meter]:
    """The usual account: three subscriptions, four members."""
    service.subscription(subscription_id="S-2", kind="add_on", parent_id="S-1", limits={"sessions": 5, "databases": 0})
    service.subscription(subscription_id="S-3", ends_at="2026-02-01T00:00:00Z")
    with metered(dynamodb, raw) as calls:
        yield Meter(calls)


def test_a_grant_takes_one_call_and_seven_write_units(service: Service, meter: Meter) -> None:
    """Three items in one transaction, one of them in the index; nothing is read."""
    offer_id = service.offer().json["offer_id"]
    meter.bill()

    assert service.extend(offer_id).status == 201
    assert _within(meter.bill(), Bill(read=0, write=7, calls=1))


def test_a_grant_in_a_period_with_an_id_takes_two_units_more(service: Service, meter: Meter) -> None:
    """It checks that there is none from before the period had its id; still one call."""
    service.subscription(period_id="P-1", changed_at=LATER)
    offer_id = service.offer().json["offer_id"]
    meter.bill()

    assert service.extend(offer_id).status == 201
    assert _within(meter.bill(), Bill(read=0, write=9, calls=1))


def test_the_limits_of_a_usual_account_take_one_call_and_one_read_unit(service: Service, meter: Meter) -> None:
    """The hottest route: the account, its subscription, an extension and its usage are far below 4 KB."""
    service.extend()
    service.tell("UsageChanged", usage_changed())
    meter.bill()

    assert service.limits().status == 200
    assert _within(meter.bill(), Bill(read=1, write=0, calls=1))


def test_a_history_takes_what_a_list_takes(service: Service, meter: Meter) -> None:
    """Role and account."""
    service.extend()
    meter.bill()

    assert service.history().status == 200
    assert _within(meter.bill(), Bill(read=2, write=0, calls=2))


def test_a_repeated_grant_is_answered_from_what_its_refusal_brings(service: Service, meter: Meter) -> None:
    """The double click and the second owner: one call, no read."""
    offer_id = service.offer().json["offer_id"]
    service.extend(offer_id)
    meter.bill()

    assert service.extend(offer_id).status == 200
    assert _within(meter.bill(), Bill(read=0, write=6, calls=1))


def test_a_refusal_reads_the_account_once_to_explain_itself(service: Service, meter: Meter) -> None:
    """A member is told whom to turn to, and that is read; a stranger is told nothing, and nothing is read."""
    offer_id = service.offer().json["offer_id"]
    bills = {}
    meter.bill()

    service.extend(offer_id, user="stranger")
    bills["stranger"] = meter.bill()
    service.extend(offer_id, user="stranger")
    bills["stranger again"] = meter.bill()
    service.restart()
    service.extend(offer_id, user="U-3")
    bills["user"] = meter.bill()
    service.extend(offer_id, user="U-3")
    bills["user again"] = meter.bill()
    service.restart()
    service.extend(offer_id, user="U-2")
    bills["administrator"] = meter.bill()
    service.restart()
    service.extend(offer_id, subscription="S-3")
    bills["offer of another subscription"] = meter.bill()
    service.subscription(extension_terms=None, changed_at=LATER)
    meter.bill()
    service.extend(offer_id)
    bills["other terms"] = meter.bill()

    budget = {
        "stranger": Bill(0, 6, 1),
        "stranger again": Bill(1, 0, 1),
        "user": Bill(1, 6, 2),
        "user again": Bill(2, 0, 2),
        "administrator": Bill(1, 6, 2),
        "offer of another subscription": Bill(2, 0, 2),
        "other terms": Bill(1, 6, 2),
    }
    assert all(_within(bills[who], budget[who]) for who in budget), bills
    assert bills["other terms"].read == 1  # Strongly consistent: what it says is what stood against the grant.


def test_the_list_of_a_usual_account_takes_two_calls_and_two_read_units(service: Service, meter: Meter) -> None:
    """Three subscriptions, one of them extended, strongly consistent; of a stranger nothing but the role is read."""
    service.extend(service.offer().json["offer_id"])
    meter.bill()

    assert len(service.list().json["subscriptions"]) == 3
    assert meter.bill() == Bill(read=2, write=0, calls=2)  # One that may be out of date would cost half.
    assert service.list(user="stranger").status == 404
    assert _within(meter.bill(), Bill(read=1, write=0, calls=1))


def test_an_offer_takes_two_calls_and_two_read_units(service: Service, meter: Meter) -> None:
    """As the list, whatever it answers."""
    meter.bill()

    assert service.offer().status == 200
    assert meter.bill() == Bill(read=2, write=0, calls=2)  # One that may be out of date would cost half.
    assert service.offer(subscription="S-3").status == 409
    assert _within(meter.bill(), Bill(read=2, write=0, calls=2))


def test_a_change_takes_a_write_unit_and_a_look_at_whether_its_account_was_removed(
    service: Service, meter: Meter
) -> None:
    """An account, a member, a subscription, usage, the removal of a subscription; what is too old takes no look."""
    meter.bill()
    for kind, detail in (
        ("AccountChanged", account_changed(changed_at=LATER)),
        ("MemberChanged", member_changed(changed_at=LATER)),
        ("UsageChanged", usage_changed(changed_at=LATER)),
        ("SubscriptionChanged", subscription_changed(changed_at=LATER)),
        ("SubscriptionRemoved", subscription_removed(subscription_id="S-2", changed_at=LATER)),
    ):
        for _ in range(2):
            service.tell(kind, detail)
            assert _within(meter.bill(), Bill(read=1, write=1, calls=2))
        service.tell(kind, detail | {"changed_at": "2026-01-01T00:00:00Z"})
        assert _within(meter.bill(), Bill(read=0, write=1, calls=1))


def test_changes_over_https_take_each_what_one_over_the_bus_does(service: Service, meter: Meter) -> None:
    """A request of many saves calls of the API, and none of the table; what is invalid costs it nothing."""
    members = [("MemberChanged", member_changed(user_id=f"M-{n}", changed_at=LATER)) for n in range(20)]
    others = [
        ("AccountChanged", account_changed(changed_at=LATER)),
        ("UsageChanged", usage_changed(changed_at=LATER)),
        ("SubscriptionChanged", subscription_changed(changed_at=LATER)),
        ("SubscriptionRemoved", subscription_removed(subscription_id="S-2", changed_at=LATER)),
    ]
    meter.bill()

    answer = service.changes(*members, ("UsageChanged", "no usage"), *others)
    assert Counter(each["result"] for each in answer.json["results"]) == {"stored": 24, "invalid": 1}
    assert _within(meter.bill(), Bill(read=24, write=24, calls=48))


def test_the_removal_of_an_account_takes_a_write_unit_for_each_item(
    table: str, raw: "DynamoDBClient", service: Service, meter: Meter
) -> None:
    """And one for itself, one to take a running extension out of the index; what is there is read once.

    A last look finds nothing left. Told again, it costs what a repeated change does.
    """
    service.extend()
    fill(raw, table, "A-100", 200)
    everything = raw.scan(TableName=table)["Items"]
    kilobytes = sum(map(size, everything)) / 1024
    assert len(everything) == 209  # The account, three subscriptions, one of them extended, four members, and those.
    meter.bill()

    told = ("AccountRemoved", account_removed(changed_at=iso(utc_now())))
    assert service.changes(told).json["results"] == [{"result": "stored"}]
    assert _within(meter.bill(), Bill(read=math.ceil(kilobytes / 4) + 1, write=1 + 209 + 1, calls=1 + 2 + 209))
    assert service.changes(told).json["results"] == [{"result": "stale"}]
    assert _within(meter.bill(), Bill(read=1, write=1, calls=2))


def test_a_sweep_with_nothing_due_takes_a_query_for_each_shard(service: Service, meter: Meter) -> None:
    """What the schedule costs every minute: half a unit for each."""
    service.extend(service.offer().json["offer_id"])
    meter.bill()

    service.expire()

    assert _within(meter.bill(), Bill(read=items.SHARDS / 2, write=0, calls=items.SHARDS))


def test_a_revocation_takes_two_write_units(table: str, raw: "DynamoDBClient", service: Service, meter: Meter) -> None:
    """One for the item, one to take it out of the index."""
    grants(raw, table, 10, utc_now() - WEEK)
    meter.bill()

    assert service.expire()["revoked"] == 10
    assert _within(meter.bill(), Bill(read=items.SHARDS / 2, write=20, calls=items.SHARDS + 10))


def test_a_reminder_takes_three_write_units(table: str, raw: "DynamoDBClient", service: Service, meter: Meter) -> None:
    """One for the item, two to move it within the index."""
    grants(raw, table, 10, utc_now() - 6 * DAY - DAY / 24)
    meter.bill()

    assert service.expire()["due"] == 0
    assert _within(meter.bill(), Bill(read=items.SHARDS / 2, write=30, calls=items.SHARDS + 10))


def _within(bill: Bill, budget: Bill) -> bool:
    assert bill.calls == budget.calls, bill
    assert bill.read <= budget.read, bill
    assert bill.write <= budget.write, bill
    return True


@pytest.mark.parametrize(
    ("account", "subscription", "user", "most"),
    [("A-100", "S-1", "U-1", 256), (LONG_ID, LONG_ID, LONG_USER, 1024)],
    ids=["usual", "the longest ids"],
)
def test_an_extension_stays_within_a_kilobyte_all_its_life(
    table: str, raw: "DynamoDBClient", service: Service, account: str, subscription: str, user: str, most: int
) -> None:
    """More would cost another unit with every write."""
    terms = {"sessions": 1_000_000_000, "databases": 1_000_000_000, "duration": "P00008DT000000H00000000M000000000S"}
    service.subscription(account_id=account, subscription_id=subscription, extension_terms=terms)
    service.member(account_id=account, user_id=user)
    offer_id = service.offer(user, account, subscription).json["offer_id"]
    assert service.extend(offer_id, user, account, subscription).status == 201
    (extension,) = accounts.holdings(account).extensions.values()
    (due,) = (due for shard in range(items.SHARDS) for due in sweep.due(shard, extension.ends_at))
    assert sweep.remind(due, extension.ends_at - DAY)
    assert _size(raw, table, due.key) <= most
    assert sweep.revoke(due, extension.ends_at)
    assert _size(raw, table, due.key) <= most


def _size(raw: "DynamoDBClient", table: str, key: dict[str, Any]) -> int:
    return size(raw.get_item(TableName=table, Key=key)["Item"])


def test_what_is_told_stays_within_a_kilobyte_for_names_of_a_usual_length(
    table: str, raw: "DynamoDBClient", service: Service
) -> None:
    """A grant checks the member and the subscription: a second KB of either would cost two more units."""
    name = "Тариф «Корпоративный расширенный», 50 сеансов, 100 баз, продление на год вперёд"
    service.subscription(
        account_id=LONG_ID,
        subscription_id=LONG_ID,
        parent_id=LONG_ID,
        number="0" * 64,
        tariff={"id": LONG_ID, "name": name},
    )
    service.member(account_id=LONG_ID, user_id=LONG_USER)
    items = raw.scan(TableName=table)["Items"]

    assert max(size(item) for item in items if item["t"]["S"] in ("member", "subscription")) <= 1024
