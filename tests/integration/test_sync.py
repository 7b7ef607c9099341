"""The service manager's events, stored."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from devkit.builders import DAY, NOW, SECOND, TERMS, WEEK, iso, subscription_changed
from devkit.service import Context, Json, Service, sample, sync_event
from extending import failures
from extending.inbound import NotAnEvent
from extending.runtime import Metric, pseudonym
from tests.integration.conftest import sqs

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

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


def test_a_repeated_change_changes_nothing(service: Service, reported: Callable[[], tuple[Json, list[Json]]]) -> None:
    """It is counted as stale, as an older one is."""
    service.account(name="первое", changed_at=iso(NOW))
    reported()
    assert not service.account(name="первое", changed_at=iso(NOW))
    assert not service.account(name="иное", changed_at=iso(NOW - SECOND))
    assert reported() == ({"ChangesStale": 2}, [])
    assert name(service) == "первое"


@pytest.fixture
def reported(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], tuple[Json, list[Json]]]:
    """What was counted, and which records were named for their ties, since the last time it was asked."""

    def since() -> tuple[Json, list[Json]]:
        counted = Counter[str]()
        for line in capsys.readouterr().out.splitlines():
            told = json.loads(line)
            counted.update({name: int(told[name][0]) for name in told.keys() & set(Metric)})
        ties = [vars(record) for record in caplog.records if record.message == "same changed_at, other content"]
        caplog.clear()
        return dict(counted), [{name: tie[name] for name in NAMES if name in tie} for tie in ties]

    return since


NAMES = ("account_id", "user", "subscription_id")

ROLES = ["owner", "administrator", "user", "operator", None]


@pytest.mark.parametrize("first", ROLES)
@pytest.mark.parametrize("second", ROLES)
def test_of_two_roles_told_for_one_instant_the_lesser_is_true(
    service: Service,
    table: "Table",
    first: str | None,
    second: str | None,
    reported: Callable[[], tuple[Json, list[Json]]],
) -> None:
    """A sender of whole seconds may say owner and removed within one; whichever arrives first, no owner is left."""
    service.member(user_id="U-5", role=first, changed_at=iso(NOW))
    reported()
    stored = service.member(user_id="U-5", role=second, changed_at=iso(NOW))
    item = table.get_item(Key={"pk": "A#A-100", "sk": "~U-5"})["Item"]
    assert item.get("r") == max(first, second, key=ROLES.index)
    assert stored is (ROLES.index(second) > ROLES.index(first))
    counted, ties = reported()
    if first == second:
        assert (counted, ties) == ({"ChangesStale": 1}, [])
    else:
        assert counted == ({"ChangesTied": 1, "ChangesStored": 1} if stored else {"ChangesTied": 1})
        assert ties == [{"account_id": "A-100", "user": pseudonym("U-5")}]


USUAL: Json = {"ends_at": iso(NOW + WEEK), "extension_terms": TERMS}


@pytest.mark.parametrize(
    ("other", "safer"),
    [
        ({"ends_at": iso(NOW)}, True),
        ({"ends_at": iso(NOW), "extension_terms": None}, True),
        ({"extension_terms": None}, True),
        ({"number": "7"}, None),
        ({"limits": {"sessions": 9, "databases": 9}}, None),
        ({"ends_at": iso(NOW + 2 * WEEK), "extension_terms": None}, False),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_subscriptions_told_for_one_instant_the_one_that_ends_earlier_or_has_no_terms_is_true(
    service: Service,
    table: "Table",
    other: Json,
    safer: bool | None,
    is_first: bool,
    reported: Callable[[], tuple[Json, list[Json]]],
) -> None:
    """Where neither takes anything away the first stays; the sender is told of it in either case."""
    told = [USUAL | other, USUAL] if is_first else [USUAL, USUAL | other]
    service.subscription(subscription_id="S-2", **told[0], changed_at=iso(NOW))
    first = table.get_item(Key={"pk": "A#A-100", "sk": "S#S-2"})["Item"]
    reported()
    answer = service.call(
        "sync",
        sync_event("SubscriptionChanged", subscription_changed(subscription_id="S-2", **told[1], changed_at=iso(NOW))),
    )
    second_wins = safer is not None and safer is not is_first
    assert answer == (
        {"stored": True} if second_wins else {"stored": False, "reason": "same changed_at, other content"}
    )
    assert (table.get_item(Key={"pk": "A#A-100", "sk": "S#S-2"})["Item"] != first) is second_wins
    counted, ties = reported()
    assert counted == ({"ChangesTied": 1, "ChangesStored": 1} if second_wins else {"ChangesTied": 1})
    assert ties == [{"account_id": "A-100", "subscription_id": "S-2"}]


def test_a_removed_member_does_not_come_back_with_an_older_event(service: Service) -> None:
    """A removal is remembered."""
    service.member(user_id="U-5", role=None, changed_at=iso(NOW))
    service.member(user_id="U-5", role="owner", changed_at=iso(NOW - SECOND))
    assert service.list(user="U-5").status == 404
    service.member(user_id="U-5", role="owner", changed_at=iso(NOW + SECOND))
    assert service.list(user="U-5").status == 200


def test_a_record_that_is_frozen_by_an_instant_of_the_future_is_mended_as_the_handbook_says(
    service: Service, table: "Table"
) -> None:
    """Its version is taken back, and the next event is stored."""
    key = {"pk": "A#A-100", "sk": "~U-1"}
    set_version: dict[str, Any] = {
        "Key": key,
        "UpdateExpression": "SET v = :v",
        "ConditionExpression": "attribute_exists(pk)",
    }
    table.update_item(
        **set_version, ExpressionAttributeValues={":v": int((NOW + 36_500 * DAY).timestamp()) * 1_000_000}
    )
    assert not service.member(role=None, changed_at=iso(NOW))
    table.update_item(**set_version, ExpressionAttributeValues={":v": 0})
    assert service.member(role=None, changed_at=iso(NOW))
    assert service.list().status == 404


def test_no_event_touches_an_extension(service: Service, table: "Table") -> None:
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
def test_without_a_failure_queue_a_poison_event_raises(
    service: Service, table: "Table", type_: str, detail: Any
) -> None:
    """Nothing is stored, and Lambda's failure destination keeps it with this error."""
    before = table.scan()["Items"]
    with pytest.raises(NotAnEvent):
        service.tell(type_, detail)
    assert table.scan()["Items"] == before


@pytest.mark.parametrize(("type_", "error"), [("AccountChanged", "account_id"), ("UnheardOf", "detail_type")])
def test_a_poison_event_is_set_aside_with_its_error(
    service: Service, table: "Table", monkeypatch: pytest.MonkeyPatch, type_: str, error: str
) -> None:
    """It is not retried, and the queue tells what to hand over again and to whom."""
    queue = sqs().create_queue(QueueName="failures")["QueueUrl"]
    monkeypatch.setattr(failures, "FAILURE_QUEUE_URL", queue)
    before = table.scan()["Items"]
    assert not service.tell(type_, {"account_id": "A#100", "name": "тайна"})
    assert table.scan()["Items"] == before
    (message,) = sqs().receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert body["error"].startswith(f"NotAnEvent: {error}")
    assert "тайна" not in body["error"]
    assert body["function"] == Context.invoked_function_arn
    assert body["payload"]["detail"]["account_id"] == "A#100"


@pytest.mark.parametrize("text", ["\ufffe", "\uffff", "\ud800", "\x00", "\x1b", "\U0001f600", "ю"])
def test_what_a_queue_refuses_is_set_aside_all_the_same(
    service: Service, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """SQS takes the characters of XML and no others; whoever is handed the event again gets it as it came."""
    sent = kept(monkeypatch)
    assert not service.tell("AccountChanged", {"account_id": text})
    (body,) = sent
    assert not re.search(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", body)
    assert json.loads(body)["payload"]["detail"] == {"account_id": text}


def test_what_no_message_has_room_for_is_set_aside_with_its_beginning(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person finds the whole of it in the archive of the bus; nobody retries it for ever."""
    sent = kept(monkeypatch)
    assert not service.tell("AccountChanged", {"account_id": "A#1", "more": "ю" * 100_000})
    (body,) = sent
    assert len(body) <= failures.MOST_BYTES
    told = json.loads(body)
    assert told["error"].startswith("NotAnEvent: account_id")
    assert told["too_large"] > failures.MOST_BYTES
    assert '"detail-type": "AccountChanged"' in told["payload_begins"]


def kept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bodies that a queue is sent."""
    sent: list[str] = []
    queue = SimpleNamespace(send_message=lambda **message: sent.append(message["MessageBody"]))
    monkeypatch.setattr(failures, "_sqs", queue)
    monkeypatch.setattr(failures, "FAILURE_QUEUE_URL", "https://queue.example")
    return sent


def test_an_unknown_kind_of_event_is_not_lost_without_a_word(service: Service) -> None:
    """The rule lets none through; should one come, it raises."""
    with pytest.raises(NotAnEvent, match="detail_type"):
        service.tell("UnheardOf", {})


def test_the_sample_event_is_one_that_is_stored(table: "Table") -> None:
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


def test_a_replay_of_everything_in_any_order_leaves_the_table_as_it_is(service: Service, table: "Table") -> None:
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
