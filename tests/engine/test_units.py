"""Capacity units of each operation; a number that grows is a decision, not an accident."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

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
from devkit.meter import metered, size
from devkit.service import Answer, Service
from extending import accounts, items, sweep
from extending.runtime import utc_now
from tests.engine.client import Table

LATER = "2026-11-02T00:00:00Z"
LONG_ID = "A" * 64
LONG_USER = "u" * 255


class Bill(NamedTuple):
    read: float
    write: float
    calls: int


Meter = Callable[..., Bill]
"""Makes a call, which may have to be answered with a status, and returns what it takes."""


@pytest.fixture
def meter(service: Service, dynamodb: Any, table: Table) -> Iterator[Meter]:
    """The usual account: three subscriptions, four members."""
    service.subscription(subscription_id="S-2", kind="add_on", parent_id="S-1", limits={"sessions": 5, "databases": 0})
    service.subscription(subscription_id="S-3", ends_at="2026-02-01T00:00:00Z")
    with metered(dynamodb, table.client) as calls:

        def take(call: Callable[[], Any], status: int | None = None) -> Bill:
            calls.clear()
            answer = call()
            assert status is None or answer.status == status
            return Bill(sum(each.read for each in calls), sum(each.write for each in calls), len(calls))

        yield take


def test_a_grant_takes_one_call_and_seven_write_units(service: Service, meter: Meter) -> None:
    """Three items in one transaction, one of them in the index; nothing is read. A double click, or the second owner,
    is answered from the items that its refusal brings. In the first period with an id it takes two more: it checks that
    none was granted before."""
    offer_id = service.offer().json["offer_id"]
    assert meter(lambda: service.extend(offer_id), 201) == Bill(read=0, write=7, calls=1)
    assert meter(lambda: service.extend(offer_id), 200) == Bill(read=0, write=6, calls=1)
    service.subscription(subscription_id="S-4", period_id="P-1")
    offer_id = service.offer(subscription="S-4").json["offer_id"]
    assert meter(lambda: service.extend(offer_id, subscription="S-4"), 201) == Bill(read=0, write=9, calls=1)


def test_a_refusal_reads_the_account_once_to_explain_itself(service: Service, meter: Meter) -> None:
    """For a member, whose answer has the servicing organisation; for a stranger nothing is read. Where someone who is
    no owner has tried, the role is read first. All reads are strongly consistent."""
    offer_id = service.offer().json["offer_id"]

    def extend(user: str = "U-1", subscription: str = "S-1") -> Bill:
        return meter(lambda: service.extend(offer_id, user, subscription=subscription))

    assert extend("stranger") == Bill(read=0, write=6, calls=1)
    assert extend("stranger") == Bill(read=1, write=0, calls=1)
    for user in ("U-2", "U-3"):
        service.restart()
        assert extend(user) == Bill(read=1, write=6, calls=2)
        assert extend(user) == Bill(read=2, write=0, calls=2)
    service.restart()
    assert extend(subscription="S-3") == Bill(read=2, write=0, calls=2)
    service.subscription(extension_terms=None, changed_at=LATER)
    assert extend() == Bill(read=1, write=6, calls=2)


def test_a_view_of_a_usual_account_takes_two_calls_and_two_read_units(service: Service, meter: Meter) -> None:
    """Role and account, strongly consistent: reads that may be out of date would cost half. The hottest route, limits,
    takes one; of a stranger nothing but the role is read."""
    assert meter(service.offer, 200) == Bill(read=2, write=0, calls=2)
    assert meter(lambda: service.offer(subscription="S-3"), 409) == Bill(read=2, write=0, calls=2)
    service.extend()
    service.report("UsageChanged", usage_changed())
    assert meter(service.list, 200) == Bill(read=2, write=0, calls=2)
    assert meter(service.history, 200) == Bill(read=2, write=0, calls=2)
    assert meter(service.limits, 200) == Bill(read=1, write=0, calls=1)
    assert meter(lambda: service.list("stranger"), 404) == Bill(read=1, write=0, calls=1)


CHANGES = [
    ("AccountChanged", account_changed(changed_at=LATER)),
    ("MemberChanged", member_changed(changed_at=LATER)),
    ("UsageChanged", usage_changed(changed_at=LATER)),
    ("SubscriptionChanged", subscription_changed(changed_at=LATER)),
    ("SubscriptionRemoved", subscription_removed(subscription_id="S-2", changed_at=LATER)),
]


@pytest.mark.parametrize(("kind", "detail"), CHANGES)
def test_a_change_takes_a_write_unit_and_a_look_at_whether_its_account_was_removed(
    service: Service, meter: Meter, kind: str, detail: dict[str, Any]
) -> None:
    """So does its repeat; one that is too old takes no look."""
    for _ in range(2):
        assert meter(lambda: service.report(kind, detail)) == Bill(read=1, write=1, calls=2)
    old = detail | {"changed_at": "2026-01-01T00:00:00Z"}
    assert meter(lambda: service.report(kind, old)) == Bill(read=0, write=1, calls=1)


def test_changes_over_https_take_each_what_one_over_the_bus_does(service: Service, meter: Meter) -> None:
    """A request of many saves calls of the API, and none of the table; what is invalid costs it nothing."""
    members = [("MemberChanged", member_changed(user_id=f"M-{n}", changed_at=LATER)) for n in range(20)]
    answers: list[Answer] = []
    changes = [*members, ("UsageChanged", "no usage"), *CHANGES]
    assert meter(lambda: answers.append(service.changes(*changes))) == Bill(read=25, write=25, calls=50)
    assert Counter(each["result"] for each in answers[0].json["results"]) == {"stored": 25, "invalid": 1}


def test_the_removal_of_an_account_takes_a_write_unit_for_each_item(
    table: Table, service: Service, meter: Meter
) -> None:
    """And one for itself, one to take a running extension out of the index; what is there is read once.

    A last look finds nothing left. Sent again, it costs what a repeated change does.
    """
    service.extend()
    table.put_members(200)
    everything = table.items()
    kilobytes = sum(map(size, everything)) / 1024
    assert len(everything) == 209  # The account, three subscriptions, one of them extended, four members, and those.

    removed = ("AccountRemoved", account_removed(changed_at=iso(utc_now())))
    bill = meter(lambda: service.changes(removed), 200)
    assert bill.read <= math.ceil(kilobytes / 4) + 1
    assert bill[1:] == (1 + 209 + 1, 1 + 2 + 209)
    assert meter(lambda: service.changes(removed), 200) == Bill(read=1, write=1, calls=2)


@pytest.mark.parametrize(
    ("ago", "each"), [(timedelta(0), 0), (WEEK, 2), (6 * DAY + DAY / 24, 3)], ids=["nothing due", "revoked", "reminded"]
)
def test_a_sweep_takes_a_query_for_each_shard_two_write_units_to_revoke_and_three_to_remind(
    table: Table, service: Service, meter: Meter, ago: timedelta, each: int
) -> None:
    """One for the item, one to take it out of the index, or two to move it there. The queries are what the schedule
    costs every minute: half a unit for each."""
    table.put_grants(10, utc_now() - ago)

    assert meter(service.expire) == Bill(items.SHARDS / 2, 10 * each, items.SHARDS + (10 if each else 0))


@pytest.mark.parametrize(
    ("account", "subscription", "user", "most"),
    [("A-100", "S-1", "U-1", 256), (LONG_ID, LONG_ID, LONG_USER, 1024)],
    ids=["usual", "the longest ids"],
)
def test_what_a_grant_checks_and_writes_stays_within_a_kilobyte(
    table: Table, service: Service, account: str, subscription: str, user: str, most: int
) -> None:
    """More would cost another unit with every write of an extension, and two with every check; names of a usual length
    have room."""
    name = "Тариф «Корпоративный расширенный», 50 сеансов, 100 баз, продление на год вперёд"
    service.subscription(
        account_id=account,
        subscription_id=subscription,
        parent_id=subscription,
        number="0" * 64,
        tariff={"id": LONG_ID, "name": name},
        extension_terms={
            "sessions": 2**31 - 1,
            "databases": 2**31 - 1,
            "duration": "P00008DT000000H00000000M000000000S",
        },
    )
    service.member(account_id=account, user_id=user)
    assert service.extend(None, user, account, subscription).status == 201
    (extension,) = accounts.holdings(account).extensions.values()
    (due,) = (due for shard in range(items.SHARDS) for due in sweep.due(shard, extension.ends_at))
    for write, now in ((sweep.remind, extension.ends_at - DAY), (sweep.revoke, extension.ends_at)):
        assert write(due, now)
        assert size(table.client.get_item(TableName=table.name, Key=due.key)["Item"]) <= most
    found = table.items()
    assert max(size(item) for item in found if item["t"]["S"] in ("member", "subscription")) <= 1024
