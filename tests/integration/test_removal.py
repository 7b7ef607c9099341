"""AccountRemoved: nothing is left of an account, older changes bring nothing back, newer ones begin a new life."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING, cast

import pytest

from devkit.builders import (
    CONTACT,
    NOW,
    SECOND,
    WEEK,
    account_changed,
    account_removed,
    iso,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.service import Json, Service
from tests.integration.conftest import Bus, publish

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

BEFORE, AFTER = iso(NOW - SECOND), iso(NOW + SECOND)


@pytest.fixture
def removed(service: Service) -> Service:
    """An account of which everything was reported, that was extended, and that was removed."""
    service.report("UsageChanged", usage_changed())
    service.subscription(subscription_id="S-2")
    service.report("SubscriptionRemoved", subscription_removed(subscription_id="S-2", changed_at=BEFORE))
    service.extend()
    assert service.report("AccountRemoved", account_removed())
    return service


def test_nothing_is_left_but_the_removal_itself(removed: Service, table: "Table") -> None:
    """It holds no personal data, and goes by itself when nothing older can come: a month after the archive."""
    (item,) = table.scan()["Items"]
    assert set(item) == {"pk", "sk", "t", "v", "f"}
    assert (item["pk"], item["sk"], item["t"]) == ("A#A-100", "R", "removed")
    assert datetime.fromtimestamp(int(cast(Decimal, item["f"])), NOW.tzinfo) == NOW + timedelta(days=120)
    for show in (removed.list, removed.offer, removed.history):
        assert show("U-1").code == "account_not_found"
    assert removed.limits().code == "account_not_found"
    assert removed.at(NOW + 2 * WEEK).expire()["due"] == 0


LATE = [
    ("AccountChanged", account_changed()),
    ("MemberChanged", member_changed()),
    ("MemberChanged", member_changed(role=None)),
    ("SubscriptionChanged", subscription_changed(subscription_id="S-9")),
    ("SubscriptionRemoved", subscription_removed(subscription_id="S-9")),
    ("UsageChanged", usage_changed()),
    ("AccountRemoved", account_removed()),
]


def test_an_older_change_brings_nothing_back(removed: Service, table: "Table") -> None:
    """Nor does one of the same instant; nothing of it is left in the table."""
    known = table.scan()["Items"]
    for (detail_type, detail), changed_at in product(LATE, ["2026-11-01T00:00:00Z", BEFORE, iso(NOW)]):
        change = (detail_type, detail | {"changed_at": changed_at})
        assert removed.changes(change).json["results"] == [{"result": "stale"}]
        assert table.scan()["Items"] == known


def test_an_account_that_nobody_knew_of_can_be_removed(service: Service) -> None:
    """Older changes that are still on their way are stale."""
    assert service.report("AccountRemoved", account_removed(account_id="A-9"))
    assert not service.account(account_id="A-9")


def test_another_account_is_not_touched(removed: Service) -> None:
    """Nor is one whose id begins with the same letters."""
    accounts = ("A-1000", "A-10")
    for account in accounts:
        removed.account(account_id=account)
        removed.member(account_id=account)
    removed.report("AccountRemoved", account_removed(changed_at=AFTER))
    for account in accounts:
        assert removed.list(account=account).json["account"]["servicing_organization"] == CONTACT


def begin_anew(service: Service) -> None:
    service.account(changed_at=AFTER)
    service.member(changed_at=AFTER)
    service.subscription(changed_at=AFTER)


def test_a_new_life_has_a_right_and_ids_of_its_own(removed: Service, bus: Bus) -> None:
    """Whoever drops repeated events drops none of the second life; a repeat within one has its old id."""
    begin_anew(removed)
    assert removed.history().json["extensions"] == []
    assert removed.limits().json["limits"]["used_at"] is None
    assert removed.extend().status == 201
    records = bus.records()
    publish(records)
    publish(records)
    first, second, *again = [json.loads(entry["Detail"]) for entry in bus.accepted]
    assert again == [first, second]
    for id_ in ("event_id", "extension_id"):
        assert first[id_] != second[id_]
    assert removed.expire_early(first["extension_id"]).code == "extension_not_found"


@pytest.mark.parametrize("late", [False, True])
def test_the_first_id_of_the_dead_account_is_none_of_the_new_one(service: Service, late: bool) -> None:
    """An extension of the time before ids counts for the first id of its own life, whenever the removal comes."""
    service.subscription(period_id="P-1", changed_at=BEFORE)
    if not late:
        service.report("AccountRemoved", account_removed())
    begin_anew(service)
    assert service.extend().status == 201
    if late:
        service.report("AccountRemoved", account_removed())
    service.subscription(period_id="P-9", changed_at=iso(NOW + 2 * SECOND))
    assert service.offer().code == "already_used"


def test_the_first_instant_is_one_like_any_other(service: Service) -> None:
    """Zero is no "never": neither for a change, nor for a removal."""
    first: Json = {"account_id": "A-7", "changed_at": "1970-01-01T00:00:00Z"}
    assert service.subscription(**first)
    assert service.member(**first)
    assert service.extend(account="A-7").status == 201
    assert service.report("AccountRemoved", first)
    assert service.list(account="A-7").status == 404
    assert not service.account(**first)
