"""Events that the stream no longer has are announced again from the table, word for word."""

from datetime import datetime

import boto3

from devkit.builders import DAY, NOW, SECOND, WEEK
from devkit.service import Service
from devkit.stage import Stack
from ops.announce import announcements
from tests.integration.conftest import Bus, publish

TABLE = Stack("any", {"TableName": "extending-subscription"}, boto3.Session(), None)


def details(bus: Bus) -> list[tuple[str, str]]:
    return [(entry["DetailType"], entry["Detail"]) for entry in bus.accepted]


def announced_again(bus: Bus, since: datetime, until: datetime) -> list[tuple[str, str]]:
    bus.accepted.clear()
    assert publish(list(announcements(TABLE, since, until))) == []
    return details(bus)


def test_the_table_yields_every_event_that_the_stream_did(service: Service, bus: Bus) -> None:
    """The same events with the same ids: consumers that know them see nothing new."""
    service.extend()
    assert publish(bus.records()) == []
    for when in (NOW + WEEK - DAY, NOW + WEEK + SECOND):
        service.at(when).expire()
        assert publish(bus.records()) == []
    granted, ends_soon, expired = announced = details(bus)
    service.at(NOW + WEEK - DAY)  # While it runs: after its end nobody is reminded.
    assert announced_again(bus, NOW, NOW + WEEK + SECOND) == announced
    # Only what was written in the time asked for: an outage of a day does not bring up the extensions of years.
    assert announced_again(bus, NOW, NOW) == [granted]
    assert announced_again(bus, NOW + SECOND, NOW + WEEK) == [ends_soon]
    assert announced_again(bus, NOW + WEEK, NOW + 2 * WEEK) == [expired]
    assert announced_again(bus, NOW + 2 * WEEK, NOW + 3 * WEEK) == []


def test_a_grant_that_was_ended_early_is_announced_as_it_was(service: Service, bus: Bus) -> None:
    """The name of who ended it belongs to the event of the end alone."""
    id_ = service.extend().json["extension"]["id"]
    service.at(NOW + DAY).expire_early(id_)
    assert publish(bus.records()) == []
    announced = details(bus)
    assert announced_again(bus, NOW, NOW + WEEK) == announced
