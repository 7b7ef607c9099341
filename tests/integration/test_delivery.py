"""Whatever fails and in whatever order: what is announced of an extension is true, in order, and of one id per kind."""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.core.models import MockAWS
from time_machine import travel

import extending.sweep as writes
from devkit.builders import NOW, WEEK
from devkit.service import Service
from extending import bus
from tests.integration.conftest import Bus, make_table, publish

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.integers(0, 1)),
        st.tuples(st.just("wait"), st.integers(1, 60)),
        st.tuples(st.just("sweep"), st.sampled_from(["works", "fails on some", "dies"])),
        st.tuples(st.just("publish"), st.lists(st.sampled_from(["up", "down", "partial"]), max_size=4)),
    ),
    max_size=30,
)


def sweep(service: Service, how: str) -> None:
    """One run of the schedule; it may fail on every second extension, or not run at all."""
    if how == "dies":
        return
    original, seen = (writes.revoke, writes.remind), []

    def failing(done: Any) -> Any:
        def once(due: writes.Due, now: Any) -> bool:
            seen.append(due)
            if how == "fails on some" and len(seen) % 2:
                raise RuntimeError("broken")
            return bool(done(due, now))

        return once

    writes.revoke, writes.remind = map(failing, original)
    try:
        service.expire()
    finally:
        writes.revoke, writes.remind = original


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_events_are_true_ordered_and_of_one_id_per_kind(moto: MockAWS, steps: list[tuple[str, Any]]) -> None:
    """Per extension one event id per kind, no reminder after the end, revoked once, nothing before its write."""
    moto.reset()
    with travel(NOW, tick=False) as clock:
        table = make_table()
        service = Service(clock)
        service.member()
        world = Bus(table)
        original, bus._events = bus._events, world
        try:
            now, waiting = NOW, list[dict[str, Any]]()
            for number in range(2):
                service.subscription(subscription_id=f"S-{number}")
            for step, how in [*steps, ("wait", 300), ("sweep", "works"), ("publish", [])]:
                if step == "grant":
                    if service.offer(subscription=f"S-{how}").status == 200:
                        assert service.extend(subscription=f"S-{how}").status == 201
                elif step == "wait":
                    now += timedelta(hours=how)
                    service.at(now)
                elif step == "sweep":
                    sweep(service, how)
                else:
                    world.refuse = [{"up": [], "down": RuntimeError("down"), "partial": [0]}[state] for state in how]
                    waiting = delivered(waiting + world.records())
            assert waiting == []
            check(world, table)
        finally:
            bus._events = original


def delivered(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hand records to the function once, as Lambda does; returns those that have to come again."""
    failed = publish(records) if records else []
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return records[min(map(numbers.index, failed)) :] if failed else []


def check(world: Bus, table: "Table") -> None:
    stored: dict[Any, Mapping[str, Any]] = {
        item["sk"]: item for item in table.scan()["Items"] if item["t"] == "extension"
    }
    announced: dict[str, list[tuple[str, str, Any]]] = defaultdict(list)
    for entry in world.accepted:
        detail = json.loads(entry["Detail"])
        announced[detail["extension_id"]].append((entry["DetailType"], detail["event_id"], detail))
        if entry["DetailType"] == "ExtensionEndsSoon":
            assert entry["AcceptedAt"] < datetime.fromisoformat(detail["ends_at"])
    assert len(announced) == len(stored)
    for events in announced.values():
        kinds = [kind for kind, _, _ in events]
        assert len({(kind, event_id) for kind, event_id, _ in events}) == len(set(kinds))
        first = list(dict.fromkeys(kinds))
        assert first in (
            ["ExtensionGranted", "ExtensionExpired"],
            ["ExtensionGranted", "ExtensionEndsSoon", "ExtensionExpired"],
        )
    for item in stored.values():
        # The run ends more than a week after the last grant with a sweep that works: all are revoked, none too early.
        assert item["x"] >= item["e"] == item["g"] + int(WEEK.total_seconds())
        assert "d" not in item
        if "m" in item:
            assert item["e"] - 86_400 <= item["m"] < item["e"]
