"""From the table's stream onto the bus."""

import json
from typing import Any

import pytest

from devkit.builders import DAY, NOW, SECOND, WEEK, account_removed, iso, left, usage_changed
from devkit.service import Context, Service, sample
from extending import accounts, dynamo, items
from tests.integration.conftest import Bus, publish, sqs


def deliver(records: list[dict[str, Any]]) -> None:
    """Hand records to the function as Lambda does: again from the first that failed."""
    for _ in range(100):
        failed = publish(records)
        if not failed:
            return
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        records = records[min(numbers.index(number) for number in failed) :]
    raise AssertionError("never delivered")


def extended(service: Service, *subscriptions: str) -> None:
    for subscription in subscriptions:
        service.subscription(subscription_id=subscription)
        assert service.extend(subscription=subscription).status == 201


def test_a_grant_a_reminder_and_a_revocation_are_each_told_once_with_all_that_is_known(
    service: Service, bus: Bus
) -> None:
    """The three events of the contract."""
    extension = service.extend().json["extension"]
    service.at(NOW + 6 * DAY).expire()
    assert publish(bus.records()) == []
    service.at(NOW + WEEK + SECOND).expire()
    assert publish(bus.records()) == []
    details = [json.loads(entry["Detail"]) for entry in bus.accepted]
    assert [entry["DetailType"] for entry in bus.accepted] == [
        "ExtensionGranted",
        "ExtensionEndsSoon",
        "ExtensionExpired",
    ]
    assert {entry["Source"] for entry in bus.accepted} == {"extending-subscription"}
    usual = {
        "account_id": "A-100",
        "subscription_id": "S-1",
        "extension_id": extension["id"],
        "period_starts_at": "2026-01-01T00:00:00Z",
        "terms": extension["terms"],
        "granted_at": iso(NOW),
        "granted_by": "U-1",
        "ends_at": iso(NOW + WEEK),
        "revoked_by": None,
    }
    ids = [detail.pop("event_id") for detail in details]
    assert len(set(ids)) == 3
    assert details[1].pop("after_end") == left(2, 1)
    assert details[:2] == [usual | {"revoked_at": None}] * 2
    assert details[2] == usual | {"revoked_at": iso(NOW + WEEK + SECOND)}


def reminded(service: Service, bus: Bus) -> list[dict[str, Any]]:
    """What the reminders say that are due a day before the end."""
    publish(bus.records())
    service.at(NOW + 6 * DAY).expire()
    publish(bus.records())
    return [json.loads(entry["Detail"]) for entry in bus.accepted if entry["DetailType"] == "ExtensionEndsSoon"]


def test_a_reminder_says_what_is_left_of_what_is_in_use(service: Service, bus: Bus) -> None:
    """By the usage of that moment, and by the subscriptions that there will be."""
    service.extend()
    service.tell("UsageChanged", usage_changed(sessions=2, databases=5))
    later = NOW + WEEK - SECOND
    service.subscription(subscription_id="S-2", starts_at=iso(later), limits={"sessions": None, "databases": 1})
    (said,) = reminded(service, bus)
    assert said["after_end"] == left(None, 2, (2, 5))
    assert said["after_end"]["databases"] == {"total": 2, "over": 3}


def test_nobody_is_reminded_in_an_account_that_was_removed_meanwhile(service: Service, bus: Bus) -> None:
    """The bus was away; a second life has nothing of the first to be reminded of."""
    service.extend()
    service.at(NOW + 6 * DAY).expire()
    service.tell("AccountRemoved", account_removed(changed_at=iso(NOW + 6 * DAY)))
    publish(bus.records())
    assert [kind for kind, _ in bus.announced()] == ["ExtensionGranted"]


def test_a_reminder_goes_out_without_what_cannot_be_read(
    service: Service, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is asked once for the whole batch, and nothing waits for it."""
    extended(service, "S-1", "S-2", "S-3")
    asked: list[str] = []

    def fail(account_id: str) -> None:
        asked.append(account_id)
        raise dynamo.Busy("throttled")

    monkeypatch.setattr(accounts, "holdings", fail)
    said = reminded(service, bus)
    assert len(said) == 3
    assert not any("after_end" in detail for detail in said)
    assert asked == ["A-100"]


def test_a_repeat_has_the_same_event_id(service: Service, bus: Bus) -> None:
    """At least once, and a consumer can tell."""
    service.extend()
    records = bus.records()
    publish(records)
    publish(records)
    first, second = bus.accepted
    assert first == second


def test_the_correlation_id_of_the_request_goes_with_the_event(service: Service, bus: Bus) -> None:
    """From API Gateway through the table and its stream."""
    service.extend()
    service.at(NOW + WEEK).expire()
    publish(bus.records())
    request_id = sample("extend")["requestContext"]["requestId"]
    assert [entry["Resources"] for entry in bus.accepted] == [[f"correlation-id:{request_id}"]] * 2


def test_events_go_out_ten_at_a_time(service: Service, bus: Bus) -> None:
    """The most that one call takes."""
    for number in range(23):
        account = f"A-{number}"
        service.account(account_id=account)
        service.member(account_id=account)
        service.subscription(account_id=account)
        assert service.extend(account=account).status == 201
    assert publish(bus.records()) == []
    assert bus.calls == [10, 10, 3]


def test_two_events_of_one_extension_never_share_a_call(service: Service, bus: Bus) -> None:
    """The first might be refused and the second taken."""
    service.extend()
    service.at(NOW + WEEK).expire()
    publish(bus.records())
    assert bus.calls == [1, 1]


def test_what_the_bus_did_not_take_is_brought_again_and_order_is_kept(service: Service, bus: Bus) -> None:
    """A refusal within a call ends the batch there."""
    extended(service, "S-2", "S-3", "S-4")
    service.at(NOW + WEEK).expire()
    records = bus.records()
    bus.refuse = [[1], [], [0, 1], []]
    assert publish(records) == [records[1]["dynamodb"]["SequenceNumber"]]
    deliver(records[1:])
    for subscription in ("S-2", "S-3", "S-4"):
        kinds = [kind for kind, of in bus.announced() if of == subscription]
        assert set(kinds) == {"ExtensionGranted", "ExtensionExpired"}
        assert kinds.index("ExtensionExpired") > max(n for n, kind in enumerate(kinds) if kind == "ExtensionGranted")


@pytest.mark.parametrize("outage", [1, 5, 40])
def test_after_an_outage_of_the_bus_everything_is_caught_up_in_order(service: Service, bus: Bus, outage: int) -> None:
    """However often it was down or throttled."""
    extended(service, "S-2", "S-3")
    service.at(NOW + WEEK).expire()
    bus.refuse = [RuntimeError("ThrottlingException")] * outage
    deliver(bus.records())
    assert sorted(set(bus.announced())) == sorted(bus.announced())
    assert [kind for kind, of in bus.announced() if of == "S-2"] == ["ExtensionGranted", "ExtensionExpired"]


def test_a_record_that_is_no_extension_is_set_aside_and_the_others_go_out(service: Service, bus: Bus) -> None:
    """One bad record costs only itself; the queue keeps it with the reason."""
    extended(service, "S-2", "S-3")
    good = bus.records()
    bad = json.loads(json.dumps(good[0]))
    del bad["dynamodb"]["NewImage"]["e"]
    assert publish([good[0], bad, good[1]]) == []
    assert [of for _, of in bus.announced()] == ["S-2", "S-3"]
    (message,) = sqs().receive_message(QueueUrl=bus.queue_url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {
        "function": Context.invoked_function_arn,
        "error": "KeyError: 'e'",
        "payload": {"Records": [bad]},
    }


def test_a_bad_record_is_set_aside_once_however_often_the_bus_refuses(service: Service, bus: Bus) -> None:
    """Only when everything before it is out."""
    extended(service, "S-2", "S-3")
    good = bus.records()
    bad = {"dynamodb": {"NewImage": {"t": {"S": "account"}}, "SequenceNumber": "7"}}
    bus.refuse = [RuntimeError("down")] * 5
    deliver([good[0], bad, good[1]])
    assert [of for _, of in bus.announced()] == ["S-2", "S-3"]
    attributes = sqs().get_queue_attributes(QueueUrl=bus.queue_url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "1"


def test_a_reminder_that_the_bus_could_not_take_before_the_end_is_not_sent_after_it(service: Service, bus: Bus) -> None:
    """After the end nobody is told that it is near."""
    service.extend()
    service.at(NOW + 6 * DAY).expire()
    records = bus.records()
    service.at(NOW + WEEK - SECOND)
    publish(records)
    assert [kind for kind, _ in bus.announced()] == ["ExtensionGranted", "ExtensionEndsSoon"]
    service.at(NOW + WEEK)
    publish(records)
    assert [kind for kind, _ in bus.announced()][2:] == ["ExtensionGranted"]


def test_without_a_failure_queue_a_bad_record_is_reported_to_lambda(
    service: Service, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And still costs only itself."""
    from extending import failures

    monkeypatch.setattr(failures, "FAILURE_QUEUE_URL", None)
    extended(service, "S-2", "S-3")
    good = bus.records()
    bad = {"dynamodb": {"NewImage": {"t": {"S": "account"}}, "SequenceNumber": "7"}}
    assert publish([good[0], bad, good[1]]) == ["7"]
    assert [of for _, of in bus.announced()] == ["S-2", "S-3"]


def test_other_changes_of_an_extension_tell_nothing(service: Service, bus: Bus) -> None:
    """A hand-made correction in the table is no news; nor is a removal."""
    service.extend()
    (record,) = bus.records()
    image = record["dynamodb"]["NewImage"]
    assert items.event_between(image, image) is None
    removal = {"dynamodb": {"OldImage": image, "SequenceNumber": "8"}, "eventName": "REMOVE"}
    assert publish([removal]) == []
    assert bus.accepted == []


def test_the_sample_event_is_told(bus: Bus) -> None:
    """What is shown to others works, and is what the table really writes."""
    from functions.publish.app import handler

    assert handler(sample("publish"), Context()) == {"batchItemFailures": []}
    assert bus.announced() == [("ExtensionGranted", "S-1")]


def test_the_sample_event_is_a_record_as_the_table_writes_it(service: Service, bus: Bus) -> None:
    """Names, types and values of the item; only the request's own token differs."""
    service.extend()
    (record,) = bus.records()
    (shown,) = sample("publish")["Records"]
    image = record["dynamodb"]["NewImage"]
    assert image | {"q": shown["dynamodb"]["NewImage"]["q"]} == shown["dynamodb"]["NewImage"]
