"""POST /changes: reports of the service manager over HTTPS, each change with a result of its own."""

import json
from datetime import timedelta
from typing import Any

import pytest

from devkit.builders import (
    CONTACT,
    NOW,
    WEEK,
    account_changed,
    iso,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.service import Json, Service
from extending import batch, changes
from extending.dynamo import Busy
from extending.inbound import AheadOfClock, Change

EARLIER = "2026-10-01T00:00:00Z"
STORED: Json = {"result": "stored"}
STALE: Json = {"result": "stale"}
TRY_AGAIN: Json = {"result": "try_again"}


def results(service: Service, *changes: Any) -> list[Json]:
    answer = service.changes(*changes)
    assert answer.status == 200, answer
    found: list[Json] = answer.json["results"]
    return found


def test_every_kind_of_change_is_stored_and_seen(service: Service) -> None:
    """In the order asked, one result each."""
    found = results(
        service,
        ("AccountChanged", account_changed(account_id="A-9", name="Новая")),
        ("MemberChanged", member_changed(account_id="A-9", user_id="U-9")),
        ("SubscriptionChanged", subscription_changed(account_id="A-9")),
        ("UsageChanged", usage_changed(account_id="A-9", sessions=2, databases=0)),
    )
    assert found == [STORED] * 4
    seen = service.list("U-9", "A-9").json
    assert seen["account"]["name"] == "Новая"
    assert seen["limits"]["sessions"]["used"] == 2
    assert [row["id"] for row in seen["subscriptions"]] == ["S-1"]


def test_a_report_that_is_not_newer_changes_nothing(service: Service) -> None:
    """Older, repeated, or another for the same instant; only the last is odd, and says so."""
    assert results(
        service,
        ("MemberChanged", member_changed(role=None, changed_at=EARLIER)),
        ("MemberChanged", member_changed()),
        ("AccountChanged", account_changed(name="Другое")),
    ) == [STALE, STALE, STALE | {"reason": "same changed_at, other content"}]
    assert service.list().json["account"]["name"] == "ООО «Ромашка»"


def test_several_changes_of_one_record_are_stored_in_the_order_asked(service: Service) -> None:
    """One after the other, and the newest stays."""
    usages = [usage_changed(sessions=n, changed_at=f"2026-11-20T00:00:0{n}Z") for n in (1, 2, 4, 3)]
    assert results(service, *(("UsageChanged", each) for each in usages)) == [STORED, STORED, STORED, STALE]
    assert service.limits().json["limits"]["sessions"]["used"] == 4


WRONG: list[tuple[Any, set[str]]] = [
    (5, {""}),
    (None, {""}),
    ([], {""}),
    ({}, {"detail_type"}),
    ({"detail_type": "UnheardOf", "detail": {}}, {"detail_type"}),
    ({"detail_type": ["AccountChanged"], "detail": {}}, {"detail_type"}),
    ({"detail_type": "UsageChanged"}, {"detail"}),
    (("UsageChanged", "тайна"), {"detail"}),
    (("UsageChanged", usage_changed(sessions="тайна", databases=-1)), {"detail.sessions", "detail.databases"}),
    (("UsageChanged", usage_changed(changed_at="2126-01-01T00:00:00Z")), {"detail.changed_at"}),
    (("SubscriptionRemoved", subscription_removed(subscription_id="тайна")), {"detail.subscription_id"}),
    (("MemberChanged", member_changed(user_id="тайна\ud800")), {"detail.user_id"}),
]


def test_a_wrong_entry_is_named_and_the_others_are_stored(service: Service) -> None:
    """By field and reason, never by its value."""
    usual = ("UsageChanged", usage_changed())
    wrong = [change for change, _ in WRONG]
    first, *found, last = results(service, usual, *wrong, ("MemberChanged", member_changed(user_id="U-9")))
    assert (first, last) == (STORED, STORED)
    for result, (_, fields) in zip(found, WRONG, strict=True):
        assert (result["result"], set(result["fields"])) == ("invalid", fields)
    assert "тайна" not in json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize(
    ("detail", "field"),
    [
        ('{"account_id": "A-100", "account_id": "A-200"}', "detail.account_id"),
        ('{"user_id": ' + "9" * 5000 + "}", "detail.user_id"),
        ('{"user_id": 1e400}', "detail.user_id"),
        ('"\\ud800"', "detail"),
    ],
    ids=range(4),
)
def test_odd_json_is_one_entrys_trouble(no_table: Service, detail: str, field: str) -> None:
    """A name given twice, numbers that no number is, half a character."""
    body = f'{{"changes": [{{"detail_type": "MemberChanged", "detail": {detail}}}, 5]}}'
    odd, other = no_table.changes(body=body).json["results"]
    assert odd["result"] == other["result"] == "invalid"
    assert field in odd["fields"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("changes", 400, "invalid_json"),
        ('{"changes": ["' + "я" * 524_288 + '"]}', 413, "body_too_large"),  # Bytes are counted, not characters.
        (" " * 1_048_577, 413, "body_too_large"),
        ("[]", 422, ""),
        ('"changes"', 422, ""),
        ("{}", 422, "changes"),
        ('{"changes": null}', 422, "changes"),
        ('{"changes": {}}', 422, "changes"),
        ('{"changes": []}', 422, "changes"),
        (json.dumps({"changes": [1] * 101}), 422, "changes"),
        ('{"changes": [1], "changes": [1]}', 422, "changes"),
        ('{"changes": [1], "dry_run": true}', 422, "dry_run"),
    ],
    ids=range(12),
)
def test_another_body_is_refused_as_a_whole(no_table: Service, body: str, status: int, code: str) -> None:
    answer = no_table.changes(body=body)
    assert answer.status == status
    if status == 422:
        assert (answer.code, [each["name"] for each in answer.json["fields"]]) == ("invalid_body", [code])
    else:
        assert answer.code == code


def test_a_hundred_changes_are_one_request(no_table: Service) -> None:
    assert len(results(no_table, *[5] * 100)) == 100


@pytest.mark.parametrize("trouble", [Busy("throttled"), RuntimeError("never seen before")])
def test_a_change_that_could_not_be_written_is_to_be_sent_again(
    service: Service, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """It alone, with the time to wait; sending all of it again is safe."""
    store = changes.apply

    def sometimes(change: Change, *arguments: Any) -> changes.Outcome:
        if change.account_id == "A-7":
            raise trouble
        return store(change, *arguments)

    reports = [("UsageChanged", usage_changed(account_id=account)) for account in ("A-6", "A-7", "A-8")]
    with monkeypatch.context() as patch:
        patch.setattr(changes, "apply", sometimes)
        answer = service.changes(*reports)
    assert answer.json["results"] == [STORED, TRY_AGAIN, STORED]
    assert answer.headers["Retry-After"] == "1"
    again = service.changes(*reports)
    assert again.json["results"] == [STALE, STORED, STALE]
    assert "Retry-After" not in again.headers


def test_a_request_that_has_lasted_for_seconds_begins_with_nothing_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write may last for seconds, and the answer is due."""
    monkeypatch.setattr(batch, "BEGIN_WITHIN", -1.0)
    assert results(service, ("UsageChanged", usage_changed()), 5)[0] == TRY_AGAIN


def test_a_change_ahead_of_the_clock_is_to_be_sent_again(service: Service) -> None:
    """A minute later it would pass; what lies more than an hour ahead would keep all others out.

    Over the bus the function fails, so that Lambda brings it again and sets it aside in the end.
    """
    times = [NOW + timedelta(minutes=6), NOW + timedelta(minutes=61)]
    answer = service.changes(*(("AccountChanged", account_changed(changed_at=iso(when))) for when in times))
    first, second = answer.json["results"]
    assert first == {"result": "try_again"}
    assert answer.headers["Retry-After"] == "60"
    assert second == {"result": "invalid", "fields": {"detail.changed_at": "more than an hour ahead of the clock"}}
    with pytest.raises(AheadOfClock):
        service.account(changed_at=iso(times[0]))
    assert service.at(NOW + timedelta(minutes=1)).account(changed_at=iso(times[0]))


def test_a_zone_that_nobody_can_show_costs_nothing_but_the_zone(service: Service) -> None:
    """Said in the result, of a repeat too; the contact is stored."""
    changed = ("AccountChanged", account_changed(time_zone="Moscow time", changed_at=iso(NOW)))
    ignored = {"detail.time_zone": "neither an IANA zone nor an offset as UTC+3; stored as null"}
    assert service.changes(changed).json["results"] == [{"result": "stored", "ignored": ignored}]
    assert service.changes(changed).json["results"] == [{"result": "stale", "ignored": ignored}]
    account = service.list().json["account"]
    assert (account["time_zone"], account["servicing_organization"]) == (None, CONTACT)


def test_a_removed_subscription_leaves_list_offer_and_limits(service: Service) -> None:
    """An older offer grants nothing; what was granted stays in the history, without a number to call it by."""
    offer_id = service.offer().json["offer_id"]
    service.extend(offer_id)
    assert results(service, ("SubscriptionRemoved", subscription_removed())) == [STORED]
    seen = service.list().json
    assert seen["subscriptions"] == []
    assert [seen["limits"][what]["total"] for what in ("sessions", "databases")] == [0, 0]
    assert service.offer().code == service.at(NOW + WEEK).extend(offer_id).code == "subscription_not_found"
    (kept,) = service.history().json["extensions"]
    assert (kept["subscription_id"], kept["subscription_number"], kept["granted_by"]) == ("S-1", None, "U-1")
