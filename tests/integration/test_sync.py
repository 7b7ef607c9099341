"""The service manager's events, stored."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from devkit.builders import NOW, WEEK, iso, subscription_changed
from devkit.service import Context, Json, Service, sample, sync_event
from extending import failures
from extending.inbound import NotAnEvent
from extending.metric import Metric
from extending.runtime import pseudonym

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

INSTANT = timedelta(microseconds=1)


def name(service: Service) -> str:
    return str(service.list().json["account"]["name"])


@pytest.fixture
def counted(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], tuple[Json, list[Json]]]:
    """Returns the metrics, and the records that were logged for their ties, since it was last called."""

    def since() -> tuple[Json, list[Json]]:
        metrics = Counter[str]()
        for line in map(json.loads, capsys.readouterr().out.splitlines()):
            metrics.update({metric: int(line[metric][0]) for metric in line.keys() & set(Metric)})
        ties = [vars(record) for record in caplog.records if record.message == "same changed_at, other content"]
        caplog.clear()
        names = ("account_id", "user", "subscription_id")
        return dict(metrics), [{name: tie[name] for name in names if name in tie} for tie in ties]

    return since


Counted = Callable[[], tuple[Json, list[Json]]]


def test_a_newer_change_wins_whatever_the_order_of_arrival(service: Service, counted: Counted) -> None:
    """`changed_at` orders, to the microsecond; what changes nothing is counted as stale."""
    assert service.account(name="второе", changed_at=iso(NOW + INSTANT))
    assert not service.account(name="первое", changed_at=iso(NOW))
    assert service.account(name="третье", changed_at=iso(NOW + 2 * INSTANT))
    counted()
    assert not service.account(name="третье", changed_at=iso(NOW + 2 * INSTANT))
    assert not service.account(name="иное", changed_at=iso(NOW))
    assert counted() == ({"ChangesStale": 2}, [])
    assert name(service) == "третье"


ROLES = ["owner", "administrator", "user", "operator", None]


def test_of_two_roles_reported_for_one_instant_the_lesser_is_true(
    service: Service, table: "Table", counted: Counted
) -> None:
    """A sender of whole seconds may say owner and removed within one; whichever arrives first, no owner is left."""
    for first, second in product(ROLES, ROLES):
        user = f"{first}-{second}"
        service.member(user_id=user, role=first, changed_at=iso(NOW))
        counted()
        stored = service.member(user_id=user, role=second, changed_at=iso(NOW))
        item = table.get_item(Key={"pk": "A#A-100", "sk": f"~{user}"})["Item"]
        assert item.get("r") == max(first, second, key=ROLES.index)
        assert stored is (ROLES.index(second) > ROLES.index(first))
        if first == second:
            assert counted() == ({"ChangesStale": 1}, [])
        else:
            metrics = {"ChangesTied": 1, "ChangesStored": 1} if stored else {"ChangesTied": 1}
            assert counted() == (metrics, [{"account_id": "A-100", "user": pseudonym(user)}])


@pytest.mark.parametrize(("other", "is_safer"), [({"ends_at": iso(NOW)}, True), ({"number": "7"}, False)])
def test_of_two_subscriptions_reported_for_one_instant_the_safer_is_true(
    service: Service, other: Json, is_safer: bool, counted: Counted
) -> None:
    """If neither is safer the first stays; the sender reads of the tie in either case."""
    usual = subscription_changed(ends_at=iso(NOW + WEEK), changed_at=iso(NOW))
    service.subscription(**usual)
    counted()
    answer = service.call("sync", sync_event("SubscriptionChanged", usual | other))
    lost = {"stored": False, "reason": "same changed_at, other content"}
    assert answer == ({"stored": True} if is_safer else lost)
    metrics = {"ChangesTied": 1, "ChangesStored": 1} if is_safer else {"ChangesTied": 1}
    assert counted() == (metrics, [{"account_id": "A-100", "subscription_id": "S-1"}])


def test_no_event_touches_an_extension(service: Service, table: "Table") -> None:
    granted = service.extend().json["extension"]
    key = {"pk": "A#A-100", "sk": "S#S-1#E#1767225600"}
    before = table.get_item(Key=key)["Item"]
    service.subscription(
        extension_terms=None, limits={"sessions": None, "databases": None}, kind="main", changed_at=iso(NOW)
    )
    service.account(name=None, servicing_organization=None, changed_at=iso(NOW))
    service.member(role=None, changed_at=iso(NOW))
    assert table.get_item(Key=key)["Item"] == before
    seen = service.list(user="U-2").json
    assert seen["subscriptions"][0]["extension"] == granted
    assert (seen["account"]["servicing_organization"], seen["limits"]["sessions"]["total"]) == (None, None)


@pytest.mark.parametrize(("type_", "detail"), [("AccountChanged", None), ("UnheardOf", {})])
def test_without_a_failure_queue_a_poison_event_raises(no_table: Service, type_: str, detail: Any) -> None:
    """Lambda's failure destination keeps it with this error."""
    with pytest.raises(NotAnEvent):
        no_table.report(type_, detail)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bodies that a queue is sent."""
    sent: list[str] = []
    queue = SimpleNamespace(send_message=lambda **message: sent.append(message["MessageBody"]))
    monkeypatch.setattr(failures, "_sqs", queue)
    monkeypatch.setattr(failures, "FAILURE_QUEUE_URL", "https://queue.example")
    return sent


@pytest.mark.parametrize(("type_", "error"), [("AccountChanged", "account_id"), ("UnheardOf", "detail_type")])
def test_a_poison_event_is_set_aside_with_its_error(no_table: Service, kept: list[str], type_: str, error: str) -> None:
    """It is not retried, and the queue says what to hand over again and to which function."""
    assert not no_table.report(type_, {"account_id": "A#100", "name": "тайна"})
    (body,) = map(json.loads, kept)
    assert body["error"].startswith(f"NotAnEvent: {error}")
    assert "тайна" not in body["error"]
    assert body["function"] == Context.invoked_function_arn
    assert body["payload"]["detail"]["account_id"] == "A#100"


@pytest.mark.parametrize("text", ["\ufffe", "\uffff", "\ud800", "\x00", "\x1b", "\U0001f600", "ю"])
def test_an_event_that_a_queue_would_refuse_is_set_aside_all_the_same(
    no_table: Service, kept: list[str], text: str
) -> None:
    """SQS accepts the characters of XML and no others; whoever is handed the event again gets it as it came."""
    assert not no_table.report("AccountChanged", {"account_id": text})
    (body,) = kept
    assert not re.search(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", body)
    assert json.loads(body)["payload"]["detail"] == {"account_id": text}


def test_an_event_that_no_message_has_room_for_is_set_aside_with_its_beginning(
    no_table: Service, kept: list[str]
) -> None:
    """A person finds the whole of it in the archive of the bus; nobody retries it for ever."""
    assert not no_table.report("AccountChanged", {"account_id": "A#1", "more": "ю" * 100_000})
    (body,) = kept
    assert len(body) <= failures.MOST_BYTES
    message = json.loads(body)
    assert message["error"].startswith("NotAnEvent: account_id")
    assert message["too_large"] > failures.MOST_BYTES
    assert '"detail-type": "AccountChanged"' in message["payload_begins"]


def test_the_sample_event_is_stored(table: "Table", no_table: Service) -> None:
    assert no_table.call("sync", sample("sync")) == {"stored": True}
