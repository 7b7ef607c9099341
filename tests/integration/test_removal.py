"""AccountRemoved: nothing is left of an account, older changes bring nothing back, newer ones begin it anew."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

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
from devkit.service import Service

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

BEFORE, AFTER = iso(NOW - SECOND), iso(NOW + SECOND)


@pytest.fixture
def removed(service: Service) -> Service:
    """An account in which everything there is was told and extended, and that was removed."""
    service.tell("UsageChanged", usage_changed())
    service.subscription(subscription_id="S-2")
    service.tell("SubscriptionRemoved", subscription_removed(subscription_id="S-2", changed_at=BEFORE))
    service.extend()
    assert service.tell("AccountRemoved", account_removed())
    return service


def test_nothing_is_left_but_the_removal_itself(removed: Service, table: "Table") -> None:
    """It holds no personal data, and goes by itself when nothing older can come: a month after the archive."""
    (item,) = table.scan()["Items"]
    assert set(item) == {"pk", "sk", "t", "v", "f"}
    assert (item["pk"], item["sk"], item["t"]) == ("A#A-100", "R", "removed")
    assert datetime.fromtimestamp(int(cast(Decimal, item["f"])), NOW.tzinfo) == NOW + timedelta(days=120)


def test_nothing_of_it_can_be_read(removed: Service) -> None:
    """Neither by those who were members nor by machines; to extend is refused like that of a stranger."""
    for user in ("U-1", "U-2", "U-3"):
        for answer in (removed.list(user), removed.offer(user), removed.history(user)):
            assert (answer.status, answer.code) == (404, "account_not_found")
    assert removed.limits().code == "account_not_found"
    assert removed.expire() == {"due": 0, "revoked": 0, "failed": 0, "oldest_lag_seconds": 0}
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


@pytest.mark.parametrize(("detail_type", "detail"), LATE)
@pytest.mark.parametrize("changed_at", ["2026-11-01T00:00:00Z", BEFORE, iso(NOW)])
def test_an_older_change_brings_nothing_back(
    removed: Service, table: "Table", detail_type: str, detail: dict[str, Any], changed_at: str
) -> None:
    """Nor does one of the same instant; nothing of it is left in the table, not even for a moment that a test sees."""
    known = table.scan()["Items"]
    assert removed.changes((detail_type, detail | {"changed_at": changed_at})).json["results"] == [{"result": "stale"}]
    assert table.scan()["Items"] == known


def test_newer_changes_begin_it_anew_with_a_new_right(removed: Service) -> None:
    removed.at(NOW + SECOND)
    removed.account(changed_at=AFTER)
    removed.member(changed_at=AFTER)
    removed.subscription(changed_at=AFTER)
    assert removed.history().json["extensions"] == []
    assert removed.limits().json["limits"]["used_at"] is None
    assert removed.extend().status == 201


def test_what_was_told_later_outlives_a_removal_that_comes_late(service: Service) -> None:
    """The account was removed and begun anew, and the removal comes last; what is new in it stays, an extension too."""
    service.at(NOW + SECOND)
    service.subscription(changed_at=AFTER)
    service.member(changed_at=AFTER)
    assert service.extend().status == 201
    assert service.tell("AccountRemoved", account_removed())
    seen = service.list().json
    assert seen["account"]["name"] is None  # That was told before.
    assert seen["subscriptions"][0]["extension"]["state"] == "active"
    assert service.list("U-2").status == 404


def test_who_extended_while_the_removal_was_on_its_way_did_so_in_an_account_that_was_no_more(service: Service) -> None:
    """Neither the extension nor what is due of it is left."""
    service.at(NOW + SECOND).extend()
    assert service.tell("AccountRemoved", account_removed())
    assert service.at(NOW + 2 * WEEK).expire()["due"] == 0


def test_an_account_that_nobody_knew_of_can_be_removed(service: Service) -> None:
    """What is older and still on its way finds that out."""
    assert service.tell("AccountRemoved", account_removed(account_id="A-9"))
    assert not service.account(account_id="A-9")
    assert service.limits("A-9").status == 404


def test_another_account_is_not_touched(removed: Service) -> None:
    """Nor is one whose id begins with the same letters."""
    for account in ("A-1000", "A-10"):
        removed.account(account_id=account)
        removed.member(account_id=account)
    removed.tell("AccountRemoved", account_removed(changed_at=AFTER))
    for account in ("A-1000", "A-10"):
        assert removed.list(account=account).json["account"]["servicing_organization"] == CONTACT
