"""POST …/extension"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from devkit.builders import CONTACT, DAY, NOW, SECOND, TERMS, WEEK, iso
from devkit.service import Answer, Context, Service, sample
from extending import service as use_cases
from extending.model import OfferId, Terms
from extending.tokens import pack, unpack
from tests.integration.conftest import RoundTrips

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

OTHER_TERMS = {"sessions": 3, "databases": 8, "duration": "P7D"}


def test_an_owner_gets_what_was_offered(service: Service) -> None:
    """201 with the stored extension."""
    answer = service.extend()
    assert answer.status == 201
    extension = answer.json["extension"]
    assert extension.pop("id")
    assert answer.json == {
        "created": True,
        "extension": {
            "state": "active",
            "terms": TERMS,
            "granted_at": iso(NOW),
            "granted_by": "U-1",
            "ends_at": "2026-11-29T10:00:00Z",
            "revoked_at": None,
            "counts": True,
        },
    }


def test_while_it_runs_every_owner_gets_the_same_extension(service: Service) -> None:
    """Whoever asks again, whenever: 200, the stored end, and that it was not created now."""
    service.member(user_id="U-5")
    offer_id = service.offer().json["offer_id"]
    first = service.extend(offer_id)
    for now, user in [(NOW, "U-1"), (NOW, "U-5"), (NOW + WEEK - SECOND, "U-5")]:
        again = service.at(now).extend(offer_id, user=user)
        assert (again.status, again.json) == (200, {"created": False, "extension": first.json["extension"]})


def test_after_its_end_it_stays_used(service: Service) -> None:
    """409 with when, by whom, until when; also once it is revoked."""
    offer_id = service.offer().json["offer_id"]
    granted = service.extend(offer_id).json["extension"]
    answer = service.at(NOW + WEEK).extend(offer_id)
    assert (answer.status, answer.code) == (409, "already_used")
    del granted["counts"]
    assert answer.json["extension"] == granted | {"state": "used"}
    assert answer.json["servicing_organization"] == CONTACT
    service.expire()
    assert service.extend(offer_id).json["extension"]["revoked_at"] == iso(NOW + WEEK)


@pytest.mark.parametrize("user", ["U-2", "U-3", "U-4"])
def test_only_an_owner_may_extend(service: Service, table: "Table", user: str) -> None:
    """Administrator, user and operator are told that an owner is required; nothing is written."""
    offer_id = service.offer().json["offer_id"]
    answer = service.extend(offer_id, user=user)
    assert (answer.status, answer.code) == (403, "owner_required")
    assert service.offer().status == 200


@pytest.mark.parametrize("user", ["U-2", "U-3", "U-4"])
def test_the_contact_is_given_to_whoever_has_a_role(service: Service, user: str) -> None:
    """It is the next step, and no more of the account is told."""
    offer_id = service.offer().json["offer_id"]
    answer = service.extend(offer_id, user=user)
    assert answer.json["servicing_organization"] == CONTACT
    assert set(answer.json) == {"type", "title", "status", "detail", "code", "servicing_organization"}


def test_only_an_owner_is_shown_the_running_extension(service: Service) -> None:
    """A replay is for owners."""
    offer_id = service.offer().json["offer_id"]
    service.extend(offer_id)
    assert service.extend(offer_id, user="U-2").code == "owner_required"
    assert service.extend(offer_id, user="U-9").code == "account_not_found"


def test_a_stranger_gets_the_answer_of_an_account_that_does_not_exist(service: Service) -> None:
    """Byte for byte."""
    offer_id = service.offer().json["offer_id"]
    foreign, missing = service.extend(offer_id, user="U-9"), service.extend(offer_id, user="U-9", account="A-999")
    assert foreign.json == missing.json
    assert (foreign.status, foreign.code) == (404, "account_not_found")


def test_a_role_taken_away_between_offer_and_acceptance_counts(service: Service) -> None:
    """The write checks the role, not an earlier read."""
    offer_id = service.offer().json["offer_id"]
    service.member(user_id="U-1", role="administrator", changed_at=iso(NOW))
    assert service.extend(offer_id).code == "owner_required"
    service.member(user_id="U-1", role=None, changed_at=iso(NOW + SECOND))
    assert service.extend(offer_id).code == "account_not_found"


def test_terms_changed_meanwhile_are_offered_anew_and_not_granted(service: Service, table: "Table") -> None:
    """What was offered is what is granted, or nothing is."""
    offer_id = service.offer().json["offer_id"]
    service.subscription(extension_terms=OTHER_TERMS, changed_at=iso(NOW))
    answer = service.extend(offer_id)
    assert (answer.status, answer.code) == (409, "offer_changed")
    assert answer.json["offer"] == service.offer().json
    assert answer.json["offer"]["terms"] == OTHER_TERMS
    assert answer.json["servicing_organization"] == CONTACT
    assert service.extend(answer.json["offer"]["offer_id"]).status == 201


def test_terms_edited_while_an_extension_runs_do_not_touch_it(service: Service) -> None:
    """They were copied when it was granted; and the old offer still finds it."""
    offer_id = service.offer().json["offer_id"]
    granted = service.extend(offer_id).json["extension"]
    service.subscription(extension_terms=OTHER_TERMS, changed_at=iso(NOW))
    assert service.extend(offer_id).json["extension"] == granted
    service.subscription(extension_terms=None, changed_at=iso(NOW + SECOND))
    again = service.extend(offer_id)
    assert (again.status, again.json["extension"]) == (200, granted)
    assert service.list().json["subscriptions"][0]["extension"] == granted


def test_a_renewal_on_the_same_record_gives_exactly_one_new_right(service: Service) -> None:
    """An offer of the old period is not one of the new."""
    old = service.offer().json["offer_id"]
    first = service.extend(old).json["extension"]
    service.subscription(starts_at=iso(NOW + DAY), changed_at=iso(NOW))
    service.at(NOW + DAY)
    stale = service.extend(old)
    assert (stale.status, stale.code) == (409, "offer_changed")
    second = service.extend(stale.json["offer"]["offer_id"])
    assert second.json["created"] is True
    assert second.json["extension"]["id"] != first["id"]
    assert service.extend(stale.json["offer"]["offer_id"]).json["created"] is False
    assert service.list().json["limits"]["sessions"]["extra"] == 4


def test_a_renewal_as_a_new_record_gives_exactly_one_new_right(service: Service) -> None:
    """The old record's extension says nothing of the new one."""
    service.extend()
    service.subscription(ends_at=iso(NOW + DAY), changed_at=iso(NOW))
    service.subscription(subscription_id="S-2", starts_at=iso(NOW + DAY))
    service.at(NOW + DAY)
    offer_id = service.offer(subscription="S-2").json["offer_id"]
    assert service.extend(offer_id, subscription="S-2").status == 201
    assert service.extend(offer_id, subscription="S-2").status == 200


def test_an_old_offer_finds_the_extension_of_the_current_period(service: Service) -> None:
    """While one of the period runs, owners get it whatever the offer says."""
    old = service.offer().json["offer_id"]
    service.subscription(starts_at=iso(NOW), changed_at=iso(NOW))
    running = service.extend().json["extension"]
    again = service.extend(old)
    assert (again.status, again.json["extension"]) == (200, running)


@pytest.mark.parametrize(
    ("now", "status", "code"),
    [(-SECOND, 409, "not_active_yet"), (0 * SECOND, 201, None), (DAY - SECOND, 201, None), (DAY, 409, "finished")],
)
def test_the_write_itself_keeps_to_the_period(service: Service, now: Any, status: int, code: str | None) -> None:
    """From its start until just before its end."""
    service.subscription(subscription_id="S-2", starts_at=iso(NOW), ends_at=iso(NOW + DAY))
    offer_id = service.offer(subscription="S-2").json["offer_id"]
    answer = service.at(NOW + now).extend(offer_id, subscription="S-2")
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("fields", "code"), [({"kind": "add_on"}, "not_main"), ({"extension_terms": None}, "tariff_not_extendable")]
)
def test_what_may_no_longer_be_extended_is_not(service: Service, fields: dict[str, Any], code: str) -> None:
    """The condition of the write, with the reason of the read after it."""
    offer_id = service.offer().json["offer_id"]
    service.subscription(**fields, changed_at=iso(NOW))
    assert service.extend(offer_id).code == code


def test_an_unknown_subscription_is_not_found(service: Service) -> None:
    """An offer can be made up for it; nothing is granted."""
    made_up = OfferId("S-9", NOW, Terms(2, 8, "P7D", 604_800)).token
    assert service.extend(made_up, subscription="S-9").code == "subscription_not_found"


@pytest.mark.parametrize(
    "place_and_value", [(1, 1_767_225_601), (2, 100), (3, 100), (4, "P70D"), (5, 6_048_000), (5, 1)]
)
def test_a_tampered_offer_grants_nothing(service: Service, table: "Table", place_and_value: tuple[int, Any]) -> None:
    """The write compares every part of it with what is stored."""
    place, value = place_and_value
    values: list[Any] = unpack(service.offer().json["offer_id"])
    assert values == ["S-1", 1_767_225_600, 2, 8, "P7D", 604_800, 1_793_491_200_000_000, None, None]
    values[place] = value
    answer = service.extend(pack(values))
    assert (answer.status, answer.code) == (409, "offer_changed")
    assert service.offer().status == 200


def test_the_offer_of_another_subscription_is_no_offer_of_this_one(service: Service) -> None:
    """But an extension that runs is shown to its owner."""
    service.subscription(subscription_id="S-2")
    other = service.offer(subscription="S-2").json["offer_id"]
    assert service.extend(other).code == "offer_changed"
    assert service.extend(other, user="U-2").code == "owner_required"
    assert service.extend(other, user="U-9").code == "account_not_found"
    running = service.extend().json["extension"]
    assert service.extend(other).json == {"created": False, "extension": running}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("{}", {"offer_id": "missing"}),
        ('{"offer_id": null}', {"offer_id": "not a string"}),
        ('{"offer_id": 7}', {"offer_id": "not a string"}),
        ('{"offer_id": ["x"]}', {"offer_id": "not a string"}),
        ('{"offer_id": "?"}', {"offer_id": "not what an offer gave"}),
        ('{"offer_id": ""}', {"offer_id": "not what an offer gave"}),
        ('{"offer_id": "\\ud800"}', {"offer_id": "not what an offer gave"}),
        ('{"offer_id": "a", "offer_id": "b"}', {"offer_id": "given more than once"}),
        ('{"offer_id": "a", "sessions": 100}', {"sessions": "unknown field"}),
        ('{"\\ud800": 1}', {"?": "unknown field", "offer_id": "missing"}),
        ('["offer_id"]', {"": "the body is not an object"}),
        ('"offer_id"', {"": "the body is not an object"}),
        ("7", {"": "the body is not an object"}),
        ("null", {"": "the body is not an object"}),
    ],
)
def test_a_body_is_exactly_one_offer_id(
    service: Service, round_trips: RoundTrips, body: str, fields: dict[str, str]
) -> None:
    """422 names the fields; the database is not asked."""
    answer = service.extend(body=body)
    assert (answer.status, answer.code) == (422, "invalid_body")
    assert {field["name"]: field["problem"] for field in answer.json["fields"]} == fields
    assert round_trips() == []


@pytest.mark.parametrize("body", ["", "{", "{'offer_id': 1}", '{"offer_id": "a"} x', "[" * 4_000, "\x00", "\ud800"])
def test_a_body_that_is_no_json_is_refused(service: Service, body: str) -> None:
    """400."""
    answer = service.extend(body=body)
    assert (answer.status, answer.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"\xff\xfe", 400), ("{}".encode("utf-16"), 400), (b'{"offer_id": "x"}', 422)],
)
def test_a_body_may_come_in_base64(service: Service, raw: bytes, status: int) -> None:
    """API Gateway encodes what it takes for binary."""
    from functions.extend.app import handler

    event = sample("extend") | {"isBase64Encoded": True, "body": base64.b64encode(raw).decode()}
    assert Answer.of(handler(event, Context())).status == status


def test_a_body_of_no_sane_length_is_not_read(service: Service, round_trips: RoundTrips) -> None:
    """A megabyte of blanks before an offer is no offer; bytes are counted, not characters."""
    body = json.dumps({"offer_id": service.offer().json["offer_id"]})
    round_trips()
    answer = service.extend(body=body.rjust(4_097))
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert "4,096 bytes" in answer.json["detail"]
    assert service.extend(body=f'{{"ю": "{"ю" * 2_045}"}}').code == "body_too_large"
    encoded = base64.b64encode(body.rjust(1_000_000).encode()).decode()
    event = sample("extend") | {"isBase64Encoded": True, "body": encoded}
    assert Answer.of(service.call("extend", event)).code == "body_too_large"
    assert round_trips() == []
    assert service.extend(body=body.rjust(4_096)).status == 201


def test_a_body_that_is_not_even_base64_is_refused(service: Service) -> None:
    """400, not a fault of ours."""
    from functions.extend.app import handler

    event = sample("extend") | {"isBase64Encoded": True, "body": "%%%"}
    assert Answer.of(handler(event, Context())).code == "invalid_json"


def test_the_sample_event_is_a_request_that_succeeds(service: Service) -> None:
    """What is shown to others works."""
    from functions.extend.app import handler

    assert Answer.of(handler(sample("extend"), Context())).status == 201


# Round trips


def test_success_and_replay_are_one_round_trip(service: Service, round_trips: RoundTrips) -> None:
    """No read before the write, and none after it."""
    offer_id = service.offer().json["offer_id"]
    round_trips()
    assert service.extend(offer_id).status == 201
    assert round_trips() == ["TransactWriteItems"]
    assert service.extend(offer_id).status == 200
    assert round_trips() == ["TransactWriteItems"]
    service.subscription(extension_terms=OTHER_TERMS, changed_at=iso(NOW))
    round_trips()
    assert service.extend(offer_id).status == 200
    assert round_trips() == ["TransactWriteItems"]


def test_a_refusal_is_two_round_trips_at_the_most(service: Service, round_trips: RoundTrips) -> None:
    """The second one reads the contact and the fresh offer."""
    offer_id = service.offer().json["offer_id"]
    service.subscription(subscription_id="S-2")
    other = service.offer(subscription="S-2").json["offer_id"]
    service.extend(offer_id)
    service.at(NOW + WEEK)
    round_trips()
    for refused, most in [
        ({"offer_id": offer_id}, 2),
        ({"offer_id": other}, 2),
        ({"offer_id": offer_id, "user": "U-2"}, 2),
        ({"offer_id": offer_id, "user": "U-3"}, 2),
        ({"offer_id": offer_id, "user": "U-9"}, 1),
        ({"offer_id": other, "user": "U-9"}, 1),
    ]:
        service.restart()
        assert service.extend(**refused).status >= 400
        assert len(round_trips()) <= most


def test_where_someone_who_is_no_owner_has_tried_the_role_is_read_first_for_a_minute(
    service: Service, round_trips: RoundTrips
) -> None:
    """No transaction holds the account's items for those who may not extend; an owner pays one read, and only there."""
    offer_id = service.offer().json["offer_id"]
    service.subscription(account_id="A-200")
    service.member(account_id="A-200")
    other_id = service.offer(account="A-200").json["offer_id"]
    round_trips()
    asked = []
    for user, status in (("U-9", 404), ("U-8", 404), ("U-9", 404), ("U-3", 403)):
        assert service.extend(offer_id, user=user).status == status
        asked.append(round_trips())
    assert asked == [["TransactWriteItems"], ["GetItem"], ["GetItem"], ["GetItem", "Query"]]
    assert service.extend(offer_id).status == 201
    assert round_trips() == ["GetItem", "TransactWriteItems"]
    assert service.extend(other_id, account="A-200").status == 201
    assert round_trips() == ["TransactWriteItems"]
    service.at(NOW + 59 * SECOND).extend(offer_id)
    assert round_trips() == ["GetItem", "TransactWriteItems"]
    service.at(NOW + 60 * SECOND).extend(offer_id)
    assert round_trips() == ["TransactWriteItems"]


def test_an_instance_remembers_no_more_accounts_than_it_has_room_for(service: Service) -> None:
    """Whoever tries account after account makes it forget the oldest, and not grow."""
    remembered = use_cases._RoleFirst()
    for number in range(remembered.MOST + 1):
        remembered.from_now_on(f"A-{number}", NOW)
    assert not remembered.is_due("A-0", NOW)
    assert remembered.is_due("A-1", NOW)
    assert remembered.is_due(f"A-{remembered.MOST}", NOW)


# Contention and faults


@contextmanager
def answering(operation: str, *answers: Any) -> Iterator[list[Any]]:
    """Let the database answer these before it does any work again; an exception is raised instead."""
    from extending.runtime import dynamodb

    left = list(answers)

    def answer(**_: Any) -> Any:
        if not left:
            return None
        given = left.pop(0)
        if isinstance(given, Exception):
            raise given
        return SimpleNamespace(status_code=given["ResponseMetadata"]["HTTPStatusCode"]), given

    name = f"before-call.dynamodb.{operation}"
    dynamodb.meta.events.register(name, answer)
    try:
        yield left
    finally:
        dynamodb.meta.events.unregister(name, answer)


def error(code: str, status: int = 400, **more: Any) -> dict[str, Any]:
    """An error of the database, as the SDK reads it."""
    return {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}} | more


def cancelled(*codes: str) -> dict[str, Any]:
    return error("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


CONFLICT = cancelled("None", "TransactionConflict", "None")
IN_PROGRESS = error("TransactionInProgressException")


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.mark.parametrize("answers", [[CONFLICT] * 3, [IN_PROGRESS], [cancelled("ThrottlingError", "None", "None")]])
def test_contention_is_tried_again_and_then_granted(service: Service, no_waiting: None, answers: list[Any]) -> None:
    """The owner does not notice."""
    offer_id = service.offer().json["offer_id"]
    with answering("TransactWriteItems", *answers) as left:
        assert service.extend(offer_id).status == 201
    assert left == []


def test_contention_that_lasts_asks_to_try_again(service: Service, no_waiting: None) -> None:
    """503 with Retry-After; nothing was granted."""
    offer_id = service.offer().json["offer_id"]
    with answering("TransactWriteItems", *[CONFLICT] * 100) as left:
        answer = service.extend(offer_id)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "try_again", "1")
    assert len(left) > 80
    assert service.extend(offer_id).status == 201


def test_contention_near_the_end_of_the_functions_time_is_not_tried_again(service: Service) -> None:
    """An answer comes before Lambda's own end."""
    offer_id = service.offer().json["offer_id"]
    with answering("TransactWriteItems", *[CONFLICT] * 9) as left:
        assert service.extend(offer_id, seconds=0.5).status == 503
    assert len(left) == 8


@pytest.mark.parametrize(
    "fault", [error("ThrottlingException"), error("InternalServerError", 500), ReadTimeoutError(endpoint_url="")]
)
def test_a_database_that_does_not_answer_is_no_fault_of_the_caller(
    service: Service, no_waiting: None, fault: Any
) -> None:
    """503 with Retry-After for write and read."""
    offer_id = service.offer().json["offer_id"]
    with answering("*", *[fault] * 30):
        assert service.extend(offer_id).code == "try_again"
        assert service.list().code == "try_again"
    assert service.extend(offer_id).status == 201


def test_a_grant_whose_answer_was_lost_is_still_told_as_created(service: Service) -> None:
    """The SDK sends it again; the extension that stands in the way names the request that wrote it: this one."""
    from extending.runtime import dynamodb

    offer_id = service.offer().json["offer_id"]

    def take_effect_unheard(params: dict[str, Any], **_: Any) -> None:
        boto3.client("dynamodb").transact_write_items(TransactItems=json.loads(params["body"])["TransactItems"])

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", take_effect_unheard)
    try:
        answer = service.extend(offer_id)
    finally:
        dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", take_effect_unheard)
    assert (answer.status, answer.json["created"]) == (201, True)
    assert service.extend(offer_id).json == {"created": False, "extension": answer.json["extension"]}


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_what_nobody_expected_is_an_internal_error_without_details(service: Service, code: str) -> None:
    """500 as problem+json; the details are in the log."""
    offer_id = service.offer().json["offer_id"]
    with answering("TransactWriteItems", cancelled("None", code, "None")):
        answer = service.extend(offer_id)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert code not in json.dumps(answer.json)


def test_one_metric_tells_grants_replays_and_refusals_by_reason(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the dashboard shows."""
    offer_id = service.offer().json["offer_id"]
    service.extend(offer_id)
    service.extend(offer_id)
    service.at(NOW + WEEK).extend(offer_id)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    emitted = [line for line in lines if "_aws" in line]
    names = [m["Name"] for line in emitted for m in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert [name for name in names if name.startswith("Extensions")] == [
        "ExtensionsGranted",
        "ExtensionsReplayed",
        "ExtensionsRefused",
    ]
    assert [line["reason"] for line in emitted if "reason" in line] == ["already_used"]


# Periods that the service manager gives an id

WEEK_TERMS = Terms(2, 8, "P7D", 604_800)


def corrected(service: Service, number: int, **fields: Any) -> None:
    """A newer truth about S-1."""
    assert service.subscription(changed_at=iso(NOW - 100 * SECOND + number * SECOND), **fields)


def test_a_corrected_start_of_a_period_with_an_id_gives_no_new_right(service: Service) -> None:
    """However often it is corrected; only another id is another period."""
    corrected(service, 1, period_id="P-1")
    first = service.extend()
    assert first.status == 201
    for number in range(2, 7):
        corrected(service, number, period_id="P-1", starts_at=iso(NOW - number * SECOND))
        refused = service.offer()
        assert (refused.code, refused.json["extension"]) == ("already_used", first.json["extension"])
        assert service.list().json["subscriptions"][0]["extension"] == first.json["extension"]
        again = service.extend(OfferId("S-1", NOW - number * SECOND, WEEK_TERMS, 1, "P-1").token)
        assert (again.status, again.json["extension"]) == (200, first.json["extension"])
    assert service.list().json["limits"]["sessions"]["extra"] == 2
    corrected(service, 7, period_id="P-2", starts_at=iso(NOW))
    assert service.extend().json["created"] is True
    assert service.list().json["limits"]["sessions"]["extra"] == 4


def test_an_offer_outlives_a_correction_of_its_periods_start(service: Service, table: "Table") -> None:
    """Period and terms are still those that were offered; what is told of it is the start as it is now."""
    corrected(service, 1, period_id="P-1")
    offer_id = service.offer().json["offer_id"]
    corrected(service, 2, period_id="P-1", starts_at=iso(NOW - DAY))
    assert service.extend(offer_id).status == 201
    item = table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1#E#P#P-1"})["Item"]
    assert item["b"] == int((NOW - DAY).timestamp())


def test_a_period_that_gets_its_id_later_gives_no_new_right(service: Service) -> None:
    """A sender may begin to name periods at any time: offers and extensions of before are those of the same period."""
    offer_id = service.offer().json["offer_id"]
    service.member(user_id="U-5")
    corrected(service, 1, period_id="P-1")
    assert service.extend(offer_id).status == 201
    assert service.offer().code == "already_used"


def test_an_extension_of_the_time_before_ids_counts_for_the_first_id_and_for_no_later_one(service: Service) -> None:
    """Though the sender's start is that of the contract, the same in every period; and whatever the write says."""
    first = service.extend().json["extension"]
    for number, period_id in enumerate(["2026-11", "2026-11", "2026-12", "2026-13"]):
        corrected(service, number + 1, period_id=period_id)
        if period_id == "2026-11":
            assert service.offer().json["extension"] == first
            for start in (None, datetime(2026, 1, 1, tzinfo=UTC)):
                version = int((NOW - 100 * SECOND + (number + 1) * SECOND).timestamp()) * 1_000_000
                forged = OfferId("S-1", datetime(2026, 1, 1, tzinfo=UTC), WEEK_TERMS, version, period_id, start)
                assert service.extend(forged.token).json == {"created": False, "extension": first}
        else:
            assert service.extend().json["created"] is True
    assert service.list().json["limits"]["sessions"]["extra"] == 6


def test_a_start_corrected_in_the_period_that_got_its_id_later_gives_no_new_right(service: Service) -> None:
    """What was granted under a start alone is known by it: the first id keeps that start."""
    assert service.extend().status == 201
    corrected(service, 1, period_id="P-1")
    for number in range(2, 5):
        corrected(service, number, period_id="P-1", starts_at=iso(NOW - number * DAY))
        assert service.offer().code == "already_used"
        assert service.extend(OfferId("S-1", NOW - number * DAY, WEEK_TERMS, 1, "P-1").token).status == 200


def test_a_period_id_that_looks_like_an_instant_is_not_taken_for_one(service: Service) -> None:
    """The start of the sample period, in seconds, as an id."""
    assert service.extend().status == 201
    corrected(service, 1, period_id="1767225600", starts_at=iso(NOW - DAY))
    assert service.extend().status == 201


def test_terms_that_add_nothing_are_no_terms(service: Service, table: "Table") -> None:
    """Nobody's right is used up for nothing, whatever token says so."""
    corrected(service, 1, extension_terms={"sessions": 0, "databases": 0, "duration": "P7D"})
    row = service.list().json["subscriptions"][0]["extension"]
    assert row == {"state": "unavailable", "reason": "tariff_not_extendable"}
    assert service.offer().code == "tariff_not_extendable"
    forged = OfferId("S-1", datetime(2026, 1, 1, tzinfo=UTC), Terms(0, 0, "P7D", 604_800)).token
    assert service.extend(forged).code == "tariff_not_extendable"
    assert not [item for item in table.scan()["Items"] if item["t"] == "extension"]
