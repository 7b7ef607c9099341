"""Events that the stream no longer has are announced again from the table, word for word."""

from datetime import datetime
from typing import Any

import boto3
import pytest

from devkit.builders import DAY, NOW, SECOND, WEEK
from devkit.service import Service
from devkit.stage import Stack
from ops.announce import announcements
from tests.integration.conftest import Bus, publish

TABLE = Stack("any", {"TableName": "extending-subscription"}, boto3.Session(), None)


@pytest.fixture
def announced(service: Service, bus: Bus) -> list[tuple[str, str]]:
    """The events of an extension that was granted, reminded of and revoked, as the stream has had them announced."""
    service.extend()
    assert publish(bus.records()) == []
    for when in (NOW + WEEK - DAY, NOW + WEEK + SECOND):
        service.at(when).expire()
        assert publish(bus.records()) == []
    assert [entry["DetailType"] for entry in bus.accepted] == [
        "ExtensionGranted",
        "ExtensionEndsSoon",
        "ExtensionExpired",
    ]
    return details(bus)


def details(bus: Bus) -> list[tuple[str, str]]:
    return [(entry["DetailType"], entry["Detail"]) for entry in bus.accepted]


def test_the_table_yields_every_event_that_the_stream_did(
    announced: list[tuple[str, str]], bus: Bus, service: Service
) -> None:
    """The same events with the same ids: consumers that know them see nothing new."""
    bus.accepted.clear()
    service.at(NOW + WEEK - DAY)  # While it runs: after its end nobody is reminded.
    records = list(announcements(TABLE, NOW, NOW + WEEK + SECOND))
    assert publish(records) == []
    assert details(bus) == announced


def test_a_grant_that_was_ended_early_is_announced_as_it_was(service: Service, bus: Bus) -> None:
    """Who ended it belongs to the event of the end alone."""
    id_ = service.extend().json["extension"]["id"]
    service.at(NOW + DAY).expire_early(id_)
    assert publish(bus.records()) == []
    before = details(bus)
    bus.accepted.clear()
    assert publish(list(announcements(TABLE, NOW, NOW + WEEK))) == []
    assert details(bus) == before


@pytest.mark.parametrize(
    ("since", "until", "news"),
    [
        (NOW, NOW, ["ExtensionGranted"]),
        (NOW + SECOND, NOW + WEEK, ["ExtensionEndsSoon"]),
        (NOW + WEEK, NOW + 2 * WEEK, ["ExtensionExpired"]),
    ],
)
def test_only_what_was_written_in_the_time_asked_for(
    announced: list[Any], bus: Bus, service: Service, since: datetime, until: datetime, news: list[str]
) -> None:
    """An outage of a day does not bring up the extensions of years."""
    bus.accepted.clear()
    service.at(NOW + WEEK - DAY)
    assert publish(list(announcements(TABLE, since, until))) == []
    assert [entry["DetailType"] for entry in bus.accepted] == news
    assert not list(announcements(TABLE, NOW + 2 * WEEK, NOW + 3 * WEEK))
