"""From the table's stream onto the bus."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from devkit.builders import DAY, NOW, SECOND, WEEK, account_removed, iso, left, usage_changed
from devkit.service import Context, Service, sample
from extending import accounts, dynamo, failures, items
from generate.schemas import FOLDER
from tests.integration.conftest import Bus, publish, sqs


def granted(*subscriptions: str) -> list[dict[str, Any]]:
    """A record of the stream for each subscription that was extended."""
    records = []
    for number, subscription in enumerate(subscriptions):
        (record,) = sample("publish")["Records"]
        record["dynamodb"]["NewImage"]["sk"]["S"] = f"S#{subscription}#E#1767225600"
        record["dynamodb"]["SequenceNumber"] = str(number)
        records.append(record)
    return records


BAD = {"dynamodb": {"NewImage": {"t": {"S": "account"}}, "SequenceNumber": "7"}}


def test_the_sample_event_is_a_record_as_the_table_writes_it_and_is_announced(service: Service, bus: Bus) -> None:
    """Names, types and values of the item; only the request's own token differs."""
    service.extend()
    (record,) = bus.records()
    (shown,) = sample("publish")["Records"]
    token = {"q": shown["dynamodb"]["NewImage"]["q"]}
    assert record["dynamodb"]["NewImage"] | token == shown["dynamodb"]["NewImage"]
    assert publish([shown]) == []
    assert bus.announced() == [("ExtensionGranted", "S-1")]


def test_a_grant_a_reminder_and_a_revocation_are_each_announced_once_with_all_that_is_known(
    service: Service, bus: Bus
) -> None:
    """The three events of the contract, with the id of the request that came through API Gateway, table and stream."""
    extension = service.extend().json["extension"]
    service.at(NOW + 6 * DAY).expire()
    assert publish(bus.records()) == []
    service.at(NOW + WEEK + SECOND).expire()
    assert publish(bus.records()) == []
    details = [json.loads(entry["Detail"]) for entry in bus.accepted]
    for entry, detail in zip(bus.accepted, details, strict=True):
        Draft202012Validator(json.loads((FOLDER / f"{entry['DetailType']}.json").read_text())).validate(detail)
    kinds = [entry["DetailType"] for entry in bus.accepted]
    assert kinds == ["ExtensionGranted", "ExtensionEndsSoon", "ExtensionExpired"]
    assert {entry["Source"] for entry in bus.accepted} == {"extending-subscription"}
    correlation_id = sample("extend")["requestContext"]["requestId"]
    assert [entry["Resources"] for entry in bus.accepted] == [[f"correlation-id:{correlation_id}"]] * 3
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
    assert bus.calls == [1, 1, 1]  # Never two of one extension in a call: the first might be refused alone.


def test_a_reminder_says_what_is_left_of_what_is_in_use(service: Service, bus: Bus) -> None:
    """By the usage of that moment, and by the subscriptions that there will be."""
    service.extend()
    service.report("UsageChanged", usage_changed(sessions=2, databases=5))
    later = NOW + WEEK - SECOND
    service.subscription(subscription_id="S-2", starts_at=iso(later), limits={"sessions": None, "databases": 1})
    service.at(NOW + 6 * DAY).expire()
    publish(bus.records())
    reminder = json.loads(bus.accepted[1]["Detail"])
    assert reminder["after_end"] == left(None, 2, (2, 5))
    assert reminder["after_end"]["databases"] == {"total": 2, "over": 3}


def test_a_reminder_goes_out_without_what_cannot_be_read(
    service: Service, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is asked once for the whole batch, and nothing waits for it."""
    service.subscription(subscription_id="S-2")
    for subscription in ("S-1", "S-2"):
        service.extend(subscription=subscription)
    service.at(NOW + 6 * DAY).expire()
    reads: list[str] = []

    def fail(account_id: str) -> None:
        reads.append(account_id)
        raise dynamo.Busy("throttled")

    monkeypatch.setattr(accounts, "holdings", fail)
    publish(bus.records())
    reminders = [entry["Detail"] for entry in bus.accepted if entry["DetailType"] == "ExtensionEndsSoon"]
    assert len(reminders) == 2
    assert "after_end" not in "".join(reminders)
    assert reads == ["A-100"]


def test_nobody_is_reminded_after_the_end_or_in_an_account_that_was_removed_meanwhile(
    service: Service, bus: Bus
) -> None:
    """However long the bus was away; a second life has nothing of the first to be reminded of."""
    service.extend()
    service.at(NOW + 6 * DAY).expire()
    records = bus.records()
    for now, is_reminded in ((NOW + WEEK - SECOND, True), (NOW + WEEK, False)):
        bus.accepted.clear()
        service.at(now)
        publish(records)
        kinds = [kind for kind, _ in bus.announced()]
        assert kinds == ["ExtensionGranted", *(["ExtensionEndsSoon"] if is_reminded else [])]
    service.at(NOW + 6 * DAY).report("AccountRemoved", account_removed(changed_at=iso(NOW + 6 * DAY)))
    bus.accepted.clear()
    publish(records)
    assert [kind for kind, _ in bus.announced()] == ["ExtensionGranted"]


def test_events_go_out_ten_at_a_time(bus: Bus) -> None:
    """The most that one call may have."""
    records = granted(*(f"S-{number}" for number in range(23)))
    assert publish(records) == []
    assert bus.calls == [10, 10, 3]
    bus.refuse = [[], [4]]
    assert publish(records) == ["14"], "the third call would go on behind what the second has lost"


def test_two_events_of_an_extension_keep_their_order_where_the_first_is_refused(bus: Bus) -> None:
    """They are never in one call, and the second does not go out before the first."""
    first, second = granted("S-2", "S-2")
    bus.refuse = [[0]]
    assert publish([first, second]) == ["0"]
    assert bus.announced() == []


def test_an_event_that_the_bus_refuses_is_brought_again_with_all_that_follow(bus: Bus) -> None:
    """A refusal within a call ends the batch there, and so does a call that fails."""
    records = granted("S-2", "S-3", "S-4")
    bus.refuse = [[1], RuntimeError("ThrottlingException"), []]
    assert publish(records) == ["1"]
    assert publish(records[1:]) == ["1"]
    assert publish(records[1:]) == []
    # What was accepted behind the refused one comes twice: consumers know it by its id.
    assert [subscription for _, subscription in bus.announced()] == ["S-2", "S-4", "S-3", "S-4"]


def test_a_record_that_is_no_extension_is_set_aside_once_and_the_others_go_out(service: Service, bus: Bus) -> None:
    """The queue keeps it with the reason, only when everything before it is out."""
    first, second = granted("S-2", "S-3")
    (bad,) = granted("S-4")
    del bad["dynamodb"]["NewImage"]["e"]
    bus.refuse = [RuntimeError("down")] * 2
    for again in (["0"], ["0"], []):
        assert publish([first, bad, second]) == again
    assert [subscription for _, subscription in bus.announced()] == ["S-2", "S-3"]
    (message,) = sqs().receive_message(QueueUrl=bus.queue_url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(message["Body"]) == {
        "function": Context.invoked_function_arn,
        "error": "KeyError: 'e'",
        "payload": {"Records": [bad]},
    }


def test_without_a_failure_queue_a_bad_record_is_reported_to_lambda(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "FAILURE_QUEUE_URL", None)
    first, second = granted("S-2", "S-3")
    assert publish([first, BAD, second]) == ["7"]
    assert [subscription for _, subscription in bus.announced()] == ["S-2", "S-3"]


def test_other_changes_of_an_extension_announce_nothing(bus: Bus) -> None:
    """A hand-made correction in the table is no news; nor is a removal."""
    (record,) = granted("S-1")
    image = record["dynamodb"]["NewImage"]
    assert items.event_between(image, image) is None
    removal = {"dynamodb": {"OldImage": image, "SequenceNumber": "8"}, "eventName": "REMOVE"}
    assert publish([removal]) == []
    assert bus.accepted == []
