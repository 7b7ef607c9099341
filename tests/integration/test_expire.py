"""The sweep that takes extensions back."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from devkit.builders import DAY, NOW, SECOND, WEEK, iso
from devkit.service import Service
from extending import items, sweep

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

NOTHING = {"due": 0, "revoked": 0, "failed": 0, "oldest_lag_seconds": 0}


def test_an_extension_is_revoked_at_its_end_and_not_a_second_before(service: Service) -> None:
    """Due is judged by the clock."""
    service.extend()
    assert service.at(NOW + WEEK - SECOND).expire() == NOTHING
    assert service.at(NOW + WEEK).expire() == NOTHING | {"due": 1, "revoked": 1}
    assert service.list().json["subscriptions"][0]["extension"]["revoked_at"] == iso(NOW + WEEK)


def test_what_is_revoked_is_no_longer_due(service: Service, table: "Table") -> None:
    """It leaves the index; nothing else of it changes."""
    service.extend()
    service.at(NOW + WEEK).expire()
    assert service.at(NOW + WEEK + DAY).expire() == NOTHING
    assert table.scan(IndexName="due")["Items"] == []
    assert service.list().json["subscriptions"][0]["extension"]["revoked_at"] == iso(NOW + WEEK)


def test_after_an_outage_everything_that_is_due_is_caught_up(service: Service) -> None:
    """No window is missed; the lag of the oldest is told."""
    for number in range(2, 20):
        service.subscription(subscription_id=f"S-{number}")
        service.extend(subscription=f"S-{number}")
    later = NOW + WEEK + 30 * DAY
    assert service.at(later).expire() == {
        "due": 18,
        "revoked": 18,
        "failed": 0,
        "oldest_lag_seconds": int((30 * DAY).total_seconds()),
    }


def test_one_that_fails_does_not_stop_the_others_and_is_due_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged by name."""
    for number in range(2, 12):
        service.subscription(subscription_id=f"S-{number}")
        service.extend(subscription=f"S-{number}")
    revoke = sweep.revoke

    def fail_one(due: sweep.Due, now: Any) -> bool:
        if "S#S-5#" in str(due):
            raise RuntimeError("broken")
        return revoke(due, now)

    monkeypatch.setattr(sweep, "revoke", fail_one)
    assert service.at(NOW + WEEK).expire() == NOTHING | {"due": 10, "revoked": 9, "failed": 1}
    monkeypatch.undo()
    assert service.at(NOW + WEEK + SECOND).expire() == {"due": 1, "revoked": 1, "failed": 0, "oldest_lag_seconds": 1}


def test_a_shard_that_cannot_be_read_does_not_stop_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as a failure, and the next minute reads it."""
    for number in range(2, 12):
        service.subscription(subscription_id=f"S-{number}")
        service.extend(subscription=f"S-{number}")
    due = sweep.due

    def fail_one(shard: int, now: Any) -> Any:
        if shard == 0:
            raise RuntimeError("broken")
        return due(shard, now)

    monkeypatch.setattr(sweep, "due", fail_one)
    first = service.at(NOW + WEEK).expire()
    assert first["failed"] == 1
    monkeypatch.undo()
    assert first["revoked"] + service.expire()["revoked"] == 10


def test_a_second_sweep_over_the_same_index_entries_revokes_nothing_twice(service: Service) -> None:
    """The index lags behind the table; the condition of the update decides."""
    service.extend()
    now = NOW + WEEK
    found = [due for shard in range(items.SHARDS) for due in sweep.due(shard, now)]
    assert [sweep.revoke(due, now) for due in found] == [True]
    assert [sweep.revoke(due, now) for due in found] == [False]


def test_a_sweep_stops_in_time_to_answer(service: Service) -> None:
    """What was not reached is due again."""
    service.extend()
    answer = service.at(NOW + WEEK).expire(seconds=0)
    assert answer["revoked"] == 0
    assert service.expire()["revoked"] == 1


def test_a_reminder_is_due_a_day_before_the_end_and_once(service: Service, table: "Table") -> None:
    """First the reminder, then the end, in the same index."""
    service.extend()
    item = {"pk": "A#A-100", "sk": "S#S-1#E#1767225600"}
    assert service.at(NOW + 6 * DAY - SECOND).expire() == NOTHING
    assert "m" not in table.get_item(Key=item)["Item"]
    assert service.at(NOW + 6 * DAY).expire() == NOTHING
    assert table.get_item(Key=item)["Item"]["m"] == int((NOW + 6 * DAY).timestamp())
    service.at(NOW + 6 * DAY + SECOND).expire()
    assert table.get_item(Key=item)["Item"]["m"] == int((NOW + 6 * DAY).timestamp())
    assert service.at(NOW + WEEK).expire()["revoked"] == 1


def test_a_reminder_that_fails_is_no_failed_revocation_and_comes_again(
    service: Service, table: "Table", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is about revocations; the metric counts both."""
    service.extend()
    monkeypatch.setattr(sweep, "remind", lambda *_: 1 / 0)
    assert service.at(NOW + 6 * DAY).expire() == NOTHING
    monkeypatch.undo()
    service.expire()
    assert "m" in table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1#E#1767225600"})["Item"]


def test_after_its_end_nobody_is_reminded(service: Service, table: "Table") -> None:
    """An outage over the whole last day ends in a revocation alone."""
    service.extend()
    service.at(NOW + WEEK).expire()
    assert "m" not in table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1#E#1767225600"})["Item"]


def test_an_extension_shorter_than_the_lead_has_no_reminder(service: Service, table: "Table") -> None:
    """Its end is the first thing that is due."""
    day = {"sessions": 2, "databases": 8, "duration": "P1D"}
    service.subscription(extension_terms=day, changed_at=iso(NOW))
    service.extend()
    assert service.at(NOW + DAY - SECOND).expire() == NOTHING
    assert "m" not in table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1#E#1767225600"})["Item"]
    assert service.at(NOW + DAY).expire()["revoked"] == 1


def test_metrics_tell_revoked_failed_and_the_lag_of_the_oldest(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each minute, zeros included: silence is an alarm."""
    service.extend()
    capsys.readouterr()
    service.at(NOW + WEEK + 7 * SECOND).expire()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metrics,) = [line for line in lines if "_aws" in line]
    told = {name: metrics[name] for name in ("ExtensionsRevoked", "SweepFailures", "RevocationLag")}
    assert told == {"ExtensionsRevoked": [1.0], "SweepFailures": [0.0], "RevocationLag": [7.0]}
