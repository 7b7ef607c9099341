"""DELETE /accounts/{account_id}/extensions/{extension_id}: an extension is ended early, once."""

import json
from typing import Any

import pytest

from devkit.builders import DAY, NOW, SECOND, WEEK, account_removed, iso, limit
from devkit.service import Service
from extending import accounts, items, sweep
from extending.runtime import dynamodb
from tests.integration.conftest import Bus, RoundTrips, publish


@pytest.fixture
def running(service: Service) -> str:
    """The id of an extension that runs; a day of it is over."""
    id_: str = service.extend().json["extension"]["id"]
    service.at(NOW + DAY)
    return id_


def test_it_is_over_from_the_write_on_and_its_right_stays_used(service: Service) -> None:
    offer_id = service.offer().json["offer_id"]
    running = service.extend(offer_id).json["extension"]["id"]
    answer = service.at(NOW + DAY).expire_early(running)
    assert answer.status == 200
    extension = answer.json["extension"]
    assert answer.json == {
        "expired": True,
        "extension": extension
        | {
            "id": running,
            "subscription_id": "S-1",
            "subscription_number": "000000123",
            "state": "used",
            "granted_by": "U-1",
            "granted_by_name": None,
            "ends_at": iso(NOW + WEEK),
            "revoked_at": iso(NOW + DAY),
            "revoked_by": "service-manager",
        },
    }
    assert service.history().json["extensions"] == [extension]
    limits = service.limits().json["limits"]
    assert (limits["sessions"], limits["databases"]) == (limit(2, 0), limit(1, 0))
    assert limits["next_change_at"] == "2036-01-01T00:00:00Z"
    (row,) = service.list().json["subscriptions"]
    assert (row["extension"]["state"], row["extension"]["revoked_at"]) == ("used", iso(NOW + DAY))
    assert service.offer().json["extension"]["revoked_at"] == iso(NOW + DAY)
    used = service.extend(offer_id)
    assert (used.code, used.json["extension"]["revoked_at"]) == ("already_used", iso(NOW + DAY))


def test_repeating_is_safe(service: Service, running: str) -> None:
    """One `true`, one `revoked_at`, whoever comes later; so it is after the schedule has swept."""
    first = service.expire_early(running)
    for now, by in [(NOW + DAY, "other"), (NOW + 2 * DAY, "service-manager"), (NOW + 2 * WEEK, "other")]:
        again = service.at(now).expire_early(running, by=by)
        assert again.json == {"expired": False, "extension": first.json["extension"]}
    assert service.expire()["due"] == 0


def test_one_that_has_ended_is_over_already(service: Service, running: str) -> None:
    """By the clock, to the second; the schedule only adds when it revoked."""
    late = service.at(NOW + WEEK).expire_early(running)
    assert (late.json["expired"], late.json["extension"]["revoked_at"]) == (False, None)
    service.expire()
    again = service.expire_early(running).json
    assert (again["expired"], again["extension"]["revoked_at"], again["extension"]["revoked_by"]) == (
        False,
        iso(NOW + WEEK),
        None,
    )


def test_one_read_and_one_write(service: Service, running: str, round_trips: RoundTrips) -> None:
    """And no write where it is over."""
    round_trips()
    service.expire_early(running)
    assert round_trips() == ["Query", "UpdateItem"]
    service.expire_early(running)
    assert round_trips() == ["Query"]


@pytest.mark.parametrize("is_reminded", [False, True])
def test_it_is_announced_once_with_the_early_end_and_nobody_is_reminded(
    service: Service, running: str, bus: Bus, is_reminded: bool
) -> None:
    """Nor where the bus was away while the reminder was due."""
    if is_reminded:
        service.at(NOW + 6 * DAY).expire()
    service.expire_early(running)
    for now in (NOW + 6 * DAY, NOW + WEEK):
        assert service.at(now).expire() == {"due": 0, "revoked": 0, "failed": 0, "oldest_lag_seconds": 0}
    publish(bus.records())
    assert [kind for kind, _ in bus.announced()] == ["ExtensionGranted", "ExtensionExpired"]
    ended = json.loads(bus.accepted[1]["Detail"])
    assert (ended["ends_at"], ended["revoked_by"]) == (iso(NOW + WEEK), "service-manager")
    assert ended["revoked_at"] == iso(NOW + (6 * DAY if is_reminded else DAY))


def test_a_sweep_that_still_finds_it_in_the_index_neither_reminds_nor_revokes(service: Service, running: str) -> None:
    """The index is behind by some moments."""
    (due,) = [due for shard in range(items.SHARDS) for due in sweep.due(shard, NOW + WEEK)]
    service.expire_early(running)
    assert not sweep.remind(due, NOW + 6 * DAY)
    assert not sweep.revoke(due, NOW + WEEK)


def test_an_extension_of_another_account_is_as_unknown_as_one_that_is_not_there(service: Service, running: str) -> None:
    service.account(account_id="A-200")
    for account, extension, code in (
        ("A-9", "E-1", "account_not_found"),
        ("A-100", "E-1", "extension_not_found"),
        ("A-200", running, "extension_not_found"),
    ):
        answer = service.expire_early(extension, account)
        assert (answer.status, answer.code) == (404, code)
    assert service.limits().json["limits"]["sessions"] == limit(2, 2)


def test_a_caller_who_comes_between_the_read_and_the_write_is_the_one_who_ended_it(
    service: Service, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The condition decides: the second caller gets what the first wrote, and of what was deleted nothing."""
    as_it_ran = accounts.holdings("A-100", with_names=True)
    first = service.expire_early(running)
    monkeypatch.setattr(accounts, "holdings", lambda *_, **__: as_it_ran)
    again = service.expire_early(running, by="another")
    assert again.json == {"expired": False, "extension": first.json["extension"]}
    service.report("AccountRemoved", account_removed(changed_at=iso(NOW + DAY)))
    assert service.expire_early(running).code == "extension_not_found"


def test_an_end_that_was_asked_for_in_the_life_before_leaves_the_extension_of_this_one(
    service: Service, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have the same key: account, subscription and period."""
    as_it_ran = accounts.holdings("A-100", with_names=True)
    service.report("AccountRemoved", account_removed(changed_at=iso(NOW + DAY)))
    later = {"changed_at": iso(NOW + DAY + SECOND)}
    service.at(NOW + DAY + 60 * SECOND)
    service.member(**later)
    service.subscription(**later)
    assert service.extend().status == 201
    monkeypatch.setattr(accounts, "holdings", lambda *_, **__: as_it_ran)
    assert service.expire_early(running).code == "extension_not_found"
    monkeypatch.undo()
    assert service.limits().json["limits"]["sessions"] == limit(2, 2)


def test_an_answer_that_was_lost_is_distinguished_from_another_callers_success(
    service: Service, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK sends the same write again; its own mark says that it was this call that ended it."""
    update = dynamodb.update_item

    def twice(**request: Any) -> Any:
        update(**request)
        return update(**request)

    monkeypatch.setattr(dynamodb, "update_item", twice)
    assert service.expire_early(running).json["expired"] is True
