"""The service manager's events, stored."""

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from extending.inbound import NotAnEvent
from tests.build import NOW, SECOND, WEEK, iso
from tests.integration.conftest import Service
from tests.service import Context, sample

INSTANT = timedelta(microseconds=1)


def name(service: Service) -> str:
    return str(service.list().json["account"]["name"])


def test_a_newer_change_wins_whatever_the_order_of_arrival(service: Service) -> None:
    """`changed_at` orders, to the microsecond."""
    assert service.account(name="второе", changed_at=iso(NOW + INSTANT))
    assert not service.account(name="первое", changed_at=iso(NOW))
    assert name(service) == "второе"
    assert service.account(name="третье", changed_at=iso(NOW + 2 * INSTANT))
    assert name(service) == "третье"


def test_a_repeated_change_changes_nothing(service: Service) -> None:
    """Of two with the same instant the first stays."""
    service.account(name="первое", changed_at=iso(NOW))
    assert not service.account(name="первое", changed_at=iso(NOW))
    assert not service.account(name="иное", changed_at=iso(NOW))
    assert name(service) == "первое"


def test_a_removed_member_does_not_come_back_with_an_older_event(service: Service) -> None:
    """A removal is remembered."""
    service.member(user_id="U-5", role=None, changed_at=iso(NOW))
    service.member(user_id="U-5", role="owner", changed_at=iso(NOW - SECOND))
    assert service.list(user="U-5").status == 404
    service.member(user_id="U-5", role="owner", changed_at=iso(NOW + SECOND))
    assert service.list(user="U-5").status == 200


def test_no_event_touches_an_extension(service: Service, table: Any) -> None:
    """It is ours alone."""
    granted = service.extend().json["extension"]
    key = {"pk": "A#A-100", "sk": "S#S-1#E#1767225600"}
    before = table.get_item(Key=key)["Item"]
    service.subscription(
        extension_terms=None, limits={"sessions": None, "databases": None}, kind="main", changed_at=iso(NOW)
    )
    service.account(name=None, servicing_organization=None, changed_at=iso(NOW))
    service.member(role=None, changed_at=iso(NOW))
    assert table.get_item(Key=key)["Item"] == before
    assert service.list(user="U-2").json["subscriptions"][0]["extension"] == granted


def test_a_limit_that_becomes_unlimited_and_back_again(service: Service) -> None:
    """A change replaces all that was known."""
    service.subscription(limits={"sessions": None, "databases": 1}, changed_at=iso(NOW))
    assert service.list().json["limits"]["sessions"]["total"] is None
    service.subscription(changed_at=iso(NOW + SECOND))
    assert service.list().json["limits"]["sessions"]["total"] == 2


def test_an_account_without_a_contact_shows_none(service: Service) -> None:
    """Nobody has told of one."""
    service.account(servicing_organization=None, changed_at=iso(NOW))
    service.subscription(ends_at=iso(NOW), changed_at=iso(NOW))
    assert service.offer().json["servicing_organization"] is None


@pytest.mark.parametrize(
    ("type_", "detail"),
    [("SubscriptionChanged", {"account_id": "A-100"}), ("AccountChanged", {}), ("AccountChanged", None)],
)
def test_without_a_failure_queue_a_poison_event_raises(service: Service, table: Any, type_: str, detail: Any) -> None:
    """Nothing is stored, and Lambda's failure destination keeps it with this error."""
    before = table.scan()["Items"]
    with pytest.raises(NotAnEvent):
        service.tell(type_, detail)
    assert table.scan()["Items"] == before


@pytest.mark.parametrize(("type_", "error"), [("AccountChanged", "account_id"), ("UnheardOf", "detail type")])
def test_a_poison_event_is_set_aside_with_its_error(
    service: Service, table: Any, monkeypatch: pytest.MonkeyPatch, type_: str, error: str
) -> None:
    """It is not retried, and the queue tells what to hand over again and to whom."""
    from extending import aside

    queue = boto3.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
    monkeypatch.setattr(aside, "FAILURE_QUEUE_URL", queue)
    before = table.scan()["Items"]
    assert not service.tell(type_, {"account_id": "A#100", "name": "тайна"})
    assert table.scan()["Items"] == before
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert body["error"].startswith(f"NotAnEvent: {error}")
    assert "тайна" not in body["error"]
    assert body["function"] == Context.invoked_function_arn
    assert body["payload"]["detail"]["account_id"] == "A#100"


def test_an_unknown_kind_of_event_is_not_lost_without_a_word(service: Service) -> None:
    """The rule lets none through; should one come, it raises."""
    with pytest.raises(NotAnEvent, match="detail type"):
        service.tell("UnheardOf", {})


def test_the_sample_event_is_one_that_is_stored(table: Any) -> None:
    """What is shown to others works."""
    from functions.sync.app import handler

    assert handler(sample("sync"), Context()) == {"stored": True}


def test_a_renewal_while_an_extension_runs_keeps_both(service: Service) -> None:
    """The running one counts, the new period is free."""
    service.extend()
    service.subscription(starts_at=iso(NOW + SECOND), changed_at=iso(NOW + SECOND))
    answer = service.at(NOW + SECOND).list().json
    assert answer["limits"]["next_change_at"] == iso(NOW + WEEK)
    assert answer["subscriptions"][0]["extension"]["state"] == "available"


def test_a_replay_of_everything_in_any_order_leaves_the_table_as_it_is(service: Service, table: Any) -> None:
    """What an operator replays from the archive does no harm, also to extensions granted since."""
    service.account(name="новое имя", changed_at=iso(NOW))
    service.member(user_id="U-2", role=None, changed_at=iso(NOW))
    service.subscription(limits={"sessions": 9, "databases": 9}, changed_at=iso(NOW))
    service.extend()

    def stored() -> list[Any]:
        return sorted(table.scan()["Items"], key=lambda item: (item["pk"], item["sk"]))

    before = stored()
    for when in ("2026-11-01T00:00:00Z", iso(NOW)):
        service.subscription(limits={"sessions": 9, "databases": 9}, changed_at=when)
        service.member(user_id="U-2", role=None, changed_at=when)
        service.account(name="новое имя", changed_at=when)
    assert stored() == before
