"""The lives of subscriptions: periods one after the other, and what stands in the way of an extension."""

from typing import TYPE_CHECKING, Any, get_args

import pytest

from devkit.builders import DAY, NOW, SECOND, WEEK, iso, left, limit, subscription_changed, subscription_removed
from devkit.service import Json, Service
from extending.model import Obstacle, OfferId, Terms, from_epoch
from tests.integration.conftest import RoundTrips

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

NEXT = NOW + 30 * DAY
"""The instant at which the running period ends and the next begins."""

RENEWED: Json = {
    "starts_at": iso(NEXT),
    "ends_at": iso(NEXT + 365 * DAY),
    "limits": {"sessions": 5, "databases": 3},
    "tariff": {"id": "pro", "name": "ПРОФ"},
    "changed_at": iso(NOW),
}


def row(service: Service) -> Json:
    """The subscription as the list shows it."""
    (row,) = service.list().json["subscriptions"]
    return dict(row)


def test_an_early_renewal_keeps_what_is_paid_for(service: Service) -> None:
    """The running period stays until the next one begins: no gap, no overlap."""
    running = service.extend().json["extension"]
    assert service.subscription(**RENEWED)
    seen = row(service)
    assert (seen["state"], seen["starts_at"], seen["ends_at"]) == ("active", "2026-01-01T00:00:00Z", iso(NEXT))
    assert seen["next_period"] == {name: RENEWED[name] for name in ("starts_at", "ends_at", "tariff", "limits")}
    assert (seen["extension"], seen["limits"]) == (running, {"sessions": 2, "databases": 1})
    limits = service.at(NOW + WEEK).limits().json["limits"]
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


OBSTACLES: dict[str, list[tuple[str, Json]]] = {
    "not_main": [("SubscriptionChanged", subscription_changed(kind="prolonging"))],
    "not_active_yet": [
        ("SubscriptionRemoved", subscription_removed()),
        ("SubscriptionChanged", subscription_changed(starts_at=iso(NOW + DAY))),
    ],
    "finished": [("SubscriptionChanged", subscription_changed(ends_at=iso(NOW)))],
    "tariff_not_extendable": [
        ("SubscriptionChanged", subscription_changed(limits={"sessions": None, "databases": None}))
    ],
}
"""The reports that bring each of them about."""


def forged(table: "Table", ahead: bool = False) -> str:
    """An offer that says what the stored subscription says."""
    stored: Any = table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1"})["Item"]
    begins = from_epoch(int(stored["nx"]["b"] if ahead else stored["b"]))
    return OfferId("S-1", begins, Terms(2, 8, "P7D", 604_800), int(stored["v"])).token


@pytest.mark.parametrize("obstacle", get_args(Obstacle))
def test_every_obstacle_is_one_for_list_offer_and_the_write(service: Service, table: "Table", obstacle: str) -> None:
    """With an offer in hand too, and with one forged."""
    offer_id = service.offer().json["offer_id"]
    for seconds, (detail_type, detail) in enumerate(OBSTACLES[obstacle]):
        assert service.report(detail_type, detail | {"changed_at": iso(NOW + seconds * SECOND)})
    assert row(service)["extension"] == {"state": "unavailable", "reason": obstacle}
    assert service.offer().code == obstacle
    for token in (offer_id, forged(table)):
        assert service.extend(token).code == obstacle
    assert service.history().json["extensions"] == []


@pytest.mark.parametrize("obstacle", ["not_main", "tariff_not_extendable"])
def test_an_obstacle_of_a_period_reported_ahead_is_one_from_its_start(
    service: Service, table: "Table", obstacle: str
) -> None:
    """The running period had none: the write looks at the one that has begun."""
    ((_, detail),) = OBSTACLES[obstacle]
    changed = {name: detail[name] for name in ("kind", "limits")}
    assert service.subscription(**RENEWED | changed)
    service.at(NEXT)
    assert row(service)["extension"] == {"state": "unavailable", "reason": obstacle}
    assert service.extend(forged(table, ahead=True)).code == obstacle
