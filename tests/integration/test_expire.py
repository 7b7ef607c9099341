"""The sweep: extensions are revoked at their end, and reminded of before it."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from devkit.builders import DAY, NOW, SECOND, WEEK, iso
from devkit.service import Service
from extending import items, sweep

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

NOTHING = {"due": 0, "revoked": 0, "failed": 0, "oldest_lag_seconds": 0}
KEY = {"pk": "A#A-100", "sk": "S#S-1#E#1767225600"}


def extended(service: Service, *numbers: int) -> None:
    for number in numbers:
        service.subscription(subscription_id=f"S-{number}")
        service.extend(subscription=f"S-{number}")


def test_an_extension_is_revoked_at_its_end_and_not_a_second_before(service: Service, table: "Table") -> None:
    """Once: it leaves the index, and nothing else of it changes."""
    service.extend()
    assert service.at(NOW + WEEK - SECOND).expire() == NOTHING
    assert service.at(NOW + WEEK).expire() == NOTHING | {"due": 1, "revoked": 1}
    assert service.at(NOW + WEEK + DAY).expire() == NOTHING
    assert table.scan(IndexName="due")["Items"] == []
    assert service.list().json["subscriptions"][0]["extension"]["revoked_at"] == iso(NOW + WEEK)


def test_after_an_outage_everything_that_is_due_is_caught_up_and_counted(
    service: Service, table: "Table", capsys: pytest.CaptureFixture[str]
) -> None:
    """No window is missed, and nobody is reminded after the end; the metrics come each minute, zeros included."""
    extended(service, 1, 2, 3)
    capsys.readouterr()
    swept = {"due": 3, "revoked": 3, "failed": 0, "oldest_lag_seconds": 30 * 86_400}
    assert service.at(NOW + WEEK + 30 * DAY).expire() == swept
    assert "m" not in table.get_item(Key=KEY)["Item"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metrics,) = [line for line in lines if "_aws" in line]
    emitted = {name: metrics[name] for name in ("ExtensionsRevoked", "SweepFailures", "RevocationLag")}
    assert emitted == {"ExtensionsRevoked": [3.0], "SweepFailures": [0.0], "RevocationLag": [30 * 86_400.0]}


def test_an_extension_that_fails_does_not_stop_the_others_and_is_due_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as a failure, and the next minute finds it."""
    extended(service, 1, 2, 3)
    revoke = sweep.revoke

    def fail_one(found: sweep.Due, now: Any) -> bool:
        if "S#S-2#" in str(found):
            raise RuntimeError("broken")
        return revoke(found, now)

    with monkeypatch.context() as patch:
        patch.setattr(sweep, "revoke", fail_one)
        assert service.at(NOW + WEEK).expire() == NOTHING | {"due": 3, "revoked": 2, "failed": 1}
    last = {"due": 1, "revoked": 1, "failed": 0, "oldest_lag_seconds": 1}
    assert service.at(NOW + WEEK + SECOND).expire() == last


def test_a_shard_that_cannot_be_read_does_not_stop_the_others(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.extend()
    due = sweep.due
    (found,) = [shard for shard in range(items.SHARDS) if any(due(shard, NOW + WEEK))]

    def fail_another(shard: int, now: Any) -> Any:
        if shard == (found + 1) % items.SHARDS:
            raise RuntimeError("broken")
        return due(shard, now)

    monkeypatch.setattr(sweep, "due", fail_another)
    assert service.at(NOW + WEEK).expire() == NOTHING | {"due": 1, "revoked": 1, "failed": 1}


def test_a_second_sweep_over_the_same_index_entries_does_nothing_twice(service: Service) -> None:
    """The index lags behind the table; the write decides, of a reminder and of a revocation."""
    service.extend()
    for act, now in ((sweep.remind, NOW + 6 * DAY), (sweep.revoke, NOW + WEEK)):
        due = [each for shard in range(items.SHARDS) for each in sweep.due(shard, now)]
        assert [act(each, now) for each in due + due] == [True, False]


def test_a_sweep_stops_in_time_to_answer(service: Service) -> None:
    service.extend()
    assert service.at(NOW + WEEK).expire(seconds=0)["revoked"] == 0
    assert service.expire()["revoked"] == 1


def test_a_reminder_is_due_a_day_before_the_end_and_once(
    service: Service, table: "Table", monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the reminder, then the end, in the same index; one that fails is no failed revocation and comes again."""
    service.extend()
    assert service.at(NOW + 6 * DAY - SECOND).expire() == NOTHING
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "remind", lambda *_: 1 / 0)
        assert service.at(NOW + 6 * DAY).expire() == NOTHING
    assert "m" not in table.get_item(Key=KEY)["Item"]
    for now in (NOW + 6 * DAY, NOW + 6 * DAY + SECOND):
        assert service.at(now).expire() == NOTHING
        assert table.get_item(Key=KEY)["Item"]["m"] == int((NOW + 6 * DAY).timestamp())
    assert service.at(NOW + WEEK).expire()["revoked"] == 1


def test_an_extension_shorter_than_the_lead_has_no_reminder(service: Service, table: "Table") -> None:
    """Its end is due first."""
    day = {"sessions": 2, "databases": 8, "duration": "P1D"}
    service.subscription(extension_terms=day, changed_at=iso(NOW))
    service.extend()
    assert service.at(NOW + DAY - SECOND).expire() == NOTHING
    assert "m" not in table.get_item(Key=KEY)["Item"]
    assert service.at(NOW + DAY).expire()["revoked"] == 1
