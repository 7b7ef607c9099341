"""POST /changes: what the service manager tells over HTTPS, each change with a result of its own."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from devkit.builders import (
    NOW,
    SECOND,
    account_changed,
    iso,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.service import Json, Service
from extending import changes
from extending.dynamo import Busy
from extending.inbound import Change

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

LATER = iso(NOW - SECOND)
EARLIER = "2026-10-01T00:00:00Z"
STORED: Json = {"result": "stored"}
STALE: Json = {"result": "stale"}
TRY_AGAIN: Json = {"result": "try_again"}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, no request runs out of time by chance."""
    from extending import batch

    monkeypatch.setattr(batch, "BEGIN_WITHIN", 600.0)


def results(service: Service, *changes: Any) -> list[Json]:
    answer = service.changes(*changes)
    assert answer.status == 200, answer
    found: list[Json] = answer.json["results"]
    return found


def entry(detail: str) -> str:
    """A body of one member's change, its detail as it is written here."""
    return f'{{"changes": [{{"detail_type": "MemberChanged", "detail": {detail}}}]}}'


def test_every_kind_of_change_is_stored_and_seen(service: Service) -> None:
    """In the order asked, one result each."""
    told = results(
        service,
        ("AccountChanged", account_changed(account_id="A-9", name="Новая")),
        ("MemberChanged", member_changed(account_id="A-9", user_id="U-9")),
        ("SubscriptionChanged", subscription_changed(account_id="A-9")),
        ("UsageChanged", usage_changed(account_id="A-9", sessions=2, databases=0)),
    )
    assert told == [STORED] * 4
    seen = service.list("U-9", "A-9").json
    assert seen["account"]["name"] == "Новая"
    assert seen["limits"]["sessions"]["used"] == 2
    assert [row["id"] for row in seen["subscriptions"]] == ["S-1"]


def test_what_is_as_old_as_what_is_known_changes_nothing(service: Service) -> None:
    """Older, repeated, or told otherwise for the same instant; only the last is odd, and says so."""
    assert results(
        service,
        ("MemberChanged", member_changed(role=None, changed_at=EARLIER)),
        ("MemberChanged", member_changed()),
        ("AccountChanged", account_changed(name="Другое")),
    ) == [STALE, STALE, STALE | {"reason": "same changed_at, other content"}]
    assert service.list().json["account"]["name"] == "ООО «Ромашка»"


def test_of_several_changes_of_one_thing_the_newest_stays(service: Service) -> None:
    """In whichever order they stand; each is told what became of it."""
    newer = member_changed(user_id="U-9", role="administrator", changed_at=LATER)
    older = member_changed(user_id="U-9", role="owner")
    assert results(service, ("MemberChanged", newer), ("MemberChanged", older)) == [STORED, STALE]
    assert service.list("U-9").json["role"] == "administrator"
    twice = [("UsageChanged", usage_changed(sessions=n, changed_at=f"2026-11-20T00:00:0{n}Z")) for n in range(9)]
    assert results(service, *twice) == [STORED] * 9
    assert service.limits().json["limits"]["sessions"]["used"] == 8


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (5, {""}),
        (None, {""}),
        ([], {""}),
        ({}, {"detail_type"}),
        ({"detail_type": "UnheardOf", "detail": {}}, {"detail_type"}),
        ({"detail_type": ["AccountChanged"], "detail": {}}, {"detail_type"}),
        ({"detail_type": "UsageChanged"}, {"detail"}),
        (("UsageChanged", "тайна"), {"detail"}),
        (("UsageChanged", usage_changed(sessions="тайна", databases=-1)), {"detail.sessions", "detail.databases"}),
        (("UsageChanged", usage_changed(sessions=True)), {"detail.sessions"}),
        (("UsageChanged", usage_changed(sessions=1.5)), {"detail.sessions"}),
        (("UsageChanged", usage_changed(changed_at="2126-01-01T00:00:00Z")), {"detail.changed_at"}),
        (("SubscriptionRemoved", subscription_removed(subscription_id="тайна")), {"detail.subscription_id"}),
        (("AccountChanged", account_changed(servicing_organization={"name": "тайна" * 99})), {
            "detail.servicing_organization.name"
        }),
        (("MemberChanged", member_changed(user_id="тайна\ud800")), {"detail.user_id"}),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_named_and_the_others_are_stored(service: Service, change: Any, fields: set[str]) -> None:
    """By field and reason, never by its value."""
    usual = ("UsageChanged", usage_changed())
    first, second, third = results(service, usual, change, ("MemberChanged", member_changed(user_id="U-9")))
    assert (first, third) == (STORED, STORED)
    assert second["result"] == "invalid"
    assert set(second["fields"]) == fields
    assert "тайна" not in json.dumps(second, ensure_ascii=False)


@pytest.mark.parametrize(
    ("detail", "field"),
    [
        ('{"account_id": "A-100", "account_id": "A-200"}', "detail.account_id"),
        ('{"тайна": 1, "тайна": 2}', "detail.?"),
        ('{"changed_at": {"x": [{"y": 1, "y": 2}]}}', "detail.changed_at.x.y"),
        ('{"user_id": ' + "9" * 5000 + "}", "detail.user_id"),
        ('{"user_id": 1e400}', "detail.user_id"),
        ("[" * 200 + "]" * 200, "detail"),
        ('"\\ud800"', "detail"),
    ],
)
def test_odd_json_is_one_entrys_trouble(service: Service, detail: str, field: str) -> None:
    """A name given twice, numbers that no number is, half a character."""
    (told,) = service.changes(body=entry(detail)).json["results"]
    assert told["result"] == "invalid"
    assert field in told["fields"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "changes",
        entry("NaN"),
        '{"changes": [' + "[" * 10_000 + "]" * 10_000 + "]}",
    ],
)
def test_what_is_no_json_is_refused(service: Service, body: str) -> None:
    answer = service.changes(body=body)
    assert (answer.status, answer.code) == (400, "invalid_json")


@pytest.mark.parametrize("body", ['{"changes": ["' + "я" * 524_288 + '"]}', " " * 1_048_577])
def test_a_body_that_is_too_long_says_so(service: Service, body: str) -> None:
    """Bytes are counted."""
    answer = service.changes(body=body)
    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("[]", ""),
        ('"changes"', ""),
        ("{}", "changes"),
        ('{"changes": null}', "changes"),
        ('{"changes": {}}', "changes"),
        ('{"changes": []}', "changes"),
        (json.dumps({"changes": [1] * 101}), "changes"),
        ('{"changes": [1], "changes": [1]}', "changes"),
        ('{"changes": [1], "dry_run": true}', "dry_run"),
    ],
)
def test_another_shape_is_refused_as_a_whole(service: Service, body: str, field: str) -> None:
    answer = service.changes(body=body)
    assert (answer.status, answer.code) == (422, "invalid_body")
    assert [each["name"] for each in answer.json["fields"]] == [field]


def test_a_hundred_changes_are_one_request(service: Service) -> None:
    """The most there may be."""
    told = [("MemberChanged", member_changed(user_id=f"M-{n}", role="user")) for n in range(100)]
    assert results(service, *told) == [STORED] * 100


@pytest.mark.parametrize("trouble", [Busy("throttled"), RuntimeError("never seen before")])
def test_what_could_not_be_written_is_to_be_sent_again(
    service: Service, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """It alone, with the time to wait; sending all of it again is safe."""
    take = changes.apply

    def sometimes(change: Change, *arguments: Any) -> changes.Outcome:
        if change.account_id == "A-7":
            raise trouble
        return take(change, *arguments)

    told = [("UsageChanged", usage_changed(account_id=account)) for account in ("A-6", "A-7", "A-8")]
    with monkeypatch.context() as patch:
        patch.setattr(changes, "apply", sometimes)
        answer = service.changes(*told)
    assert answer.json["results"] == [STORED, TRY_AGAIN, STORED]
    assert answer.headers["Retry-After"] == "1"
    again = service.changes(*told)
    assert again.json["results"] == [STALE, STORED, STALE]
    assert "Retry-After" not in again.headers


def test_a_request_that_has_lasted_for_seconds_begins_with_nothing_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write may take seconds of its own, and the answer is due."""
    from extending import batch

    monkeypatch.setattr(batch, "BEGIN_WITHIN", -1.0)
    assert results(service, ("UsageChanged", usage_changed()), 5)[0] == TRY_AGAIN


def test_without_a_verified_token_nothing_is_taken(service: Service) -> None:
    """A token for something else is none."""
    answer = service.changes(("MemberChanged", member_changed(user_id="U-9")), use="id")
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert service.list("U-9").status == 404


# Removals


def test_a_removed_subscription_leaves_list_offer_and_limits(service: Service) -> None:
    """What was granted on it stays in the history, without a number to call it by."""
    service.extend()
    assert results(service, ("SubscriptionRemoved", subscription_removed())) == [STORED]
    seen = service.list().json
    assert seen["subscriptions"] == []
    assert [seen["limits"][what]["total"] for what in ("sessions", "databases")] == [0, 0]
    assert service.offer().code == "subscription_not_found"
    (kept,) = service.history().json["extensions"]
    assert (kept["subscription_id"], kept["subscription_number"], kept["granted_by"]) == ("S-1", None, "U-1")


def test_a_removed_subscription_cannot_be_extended_with_an_older_offer(service: Service) -> None:
    offer_id = service.offer().json["offer_id"]
    service.tell("SubscriptionRemoved", subscription_removed())
    assert service.extend(offer_id).code == "subscription_not_found"


def test_a_subscription_comes_back_only_with_a_newer_change_and_gives_no_second_right(service: Service) -> None:
    """It was removed by mistake; its extension is still that of its period."""
    service.extend()
    service.tell("SubscriptionRemoved", subscription_removed(changed_at=LATER))
    assert results(
        service,
        ("SubscriptionChanged", subscription_changed(changed_at="2026-11-22T09:59:58Z")),
        ("SubscriptionChanged", subscription_changed(changed_at=LATER)),
    ) == [STALE, STALE | {"reason": changes.TIE}]
    assert service.list().json["subscriptions"] == []
    assert service.subscription(changed_at=iso(NOW))
    assert service.list().json["subscriptions"][0]["extension"]["state"] == "active"
    assert service.offer().code == "already_used"


def test_of_a_change_and_a_removal_of_the_same_instant_the_removal_stays(service: Service, table: "Table") -> None:
    """In whichever order; a repeated one finds itself."""
    at = {"changed_at": LATER}
    service.subscription(**at)
    assert results(service, *[("SubscriptionRemoved", subscription_removed(**at))] * 2) == [STORED, STALE]
    assert "b" not in table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1"})["Item"]
