"""POST …/extension"""

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import DEFAULT, Mock

import pytest
from botocore.exceptions import ClientError

from devkit.builders import CONTACT, DAY, NOW, SECOND, TERMS, WEEK, iso
from devkit.service import Answer, Service, sample
from extending import service as use_cases
from extending.model import OfferId, Terms
from extending.runtime import dynamodb
from extending.tokens import pack, unpack

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

OTHER_TERMS = {"sessions": 3, "databases": 8, "duration": "P7D"}


def test_every_owner_gets_what_was_offered_once(service: Service) -> None:
    """201 for the first, with the stored extension; 200 with the same one for whoever asks until its end."""
    service.member(user_id="U-5")
    offer_id = service.offer().json["offer_id"]
    first = service.extend(offer_id)
    assert (first.status, first.json) == (
        201,
        {
            "created": True,
            "extension": {
                "state": "active",
                "id": first.json["extension"]["id"],
                "terms": TERMS,
                "granted_at": iso(NOW),
                "granted_by": "U-1",
                "ends_at": "2026-11-29T10:00:00Z",
                "revoked_at": None,
                "counts": True,
            },
        },
    )
    for now, user in [(NOW, "U-1"), (NOW, "U-5"), (NOW + WEEK - SECOND, "U-5")]:
        again = service.at(now).extend(offer_id, user=user)
        assert (again.status, again.json) == (200, {"created": False, "extension": first.json["extension"]})
    assert service.extend(offer_id, "U-2").code == "owner_required"


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


def test_a_member_who_is_no_owner_gets_the_contact_and_a_stranger_not_even_that(service: Service) -> None:
    """Nothing else of the account; to a stranger it looks like one that does not exist."""
    offer_id = service.offer().json["offer_id"]
    for user in ("U-2", "U-3", "U-4"):
        answer = service.extend(offer_id, user)
        assert (answer.status, answer.code) == (403, "owner_required")
        assert answer.json["servicing_organization"] == CONTACT
        assert set(answer.json) == {"type", "title", "status", "detail", "code", "servicing_organization"}
    foreign, missing = service.extend(offer_id, "U-9"), service.extend(offer_id, "U-9", account="A-999")
    assert (foreign.status, foreign.code) == (404, "account_not_found")
    assert foreign.json == missing.json
    assert service.offer().status == 200


def test_a_role_taken_away_between_offer_and_acceptance_counts(service: Service) -> None:
    """The write checks the role, not an earlier read."""
    offer_id = service.offer().json["offer_id"]
    service.member(role="administrator", changed_at=iso(NOW))
    assert service.extend(offer_id).code == "owner_required"
    service.member(role=None, changed_at=iso(NOW + SECOND))
    assert service.extend(offer_id).code == "account_not_found"


def test_terms_changed_meanwhile_are_offered_anew_and_not_granted(service: Service) -> None:
    """Nothing is granted that was not offered."""
    offer_id = service.offer().json["offer_id"]
    service.subscription(extension_terms=OTHER_TERMS, changed_at=iso(NOW))
    answer = service.extend(offer_id)
    assert (answer.status, answer.code) == (409, "offer_changed")
    assert answer.json["offer"] == service.offer().json
    assert answer.json["offer"]["terms"] == OTHER_TERMS
    assert answer.json["servicing_organization"] == CONTACT
    assert service.extend(answer.json["offer"]["offer_id"]).status == 201


def test_a_renewal_on_the_same_record_gives_exactly_one_new_right(service: Service) -> None:
    old = service.offer().json["offer_id"]
    first = service.extend(old).json["extension"]
    service.subscription(starts_at=iso(NOW + DAY), changed_at=iso(NOW))
    stale = service.at(NOW + DAY).extend(old)
    assert (stale.status, stale.code) == (409, "offer_changed")
    second = service.extend(stale.json["offer"]["offer_id"])
    assert second.json["created"] is True
    assert second.json["extension"]["id"] != first["id"]
    assert service.extend(stale.json["offer"]["offer_id"]).json["created"] is False
    again = service.extend(old)  # While one of the period runs, owners get it whatever the offer says.
    assert (again.status, again.json["extension"]) == (200, second.json["extension"])
    assert service.list().json["limits"]["sessions"]["extra"] == 4


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
    "tampered", [{1: 1_767_225_601}, {2: 100}, {3: 100}, {4: "P70D"}, {5: 6_048_000}, {5: 1}, {2: 0, 3: 0}]
)
def test_a_tampered_offer_grants_nothing(service: Service, tampered: dict[int, Any]) -> None:
    """The write compares every part of it with what is stored; one that adds nothing comes to no write."""
    values: list[Any] = unpack(service.offer().json["offer_id"])
    assert values == ["S-1", 1_767_225_600, 2, 8, "P7D", 604_800, 1_793_491_200_000_000, None, None]
    answer = service.extend(pack([tampered.get(place, value) for place, value in enumerate(values)]))
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
    made_up = OfferId("S-9", NOW, Terms(2, 8, "P7D", 604_800)).token
    assert service.extend(made_up, subscription="S-9").code == "subscription_not_found"


# Bodies: the table is not asked


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("{}", {"offer_id": "missing"}),
        ('{"offer_id": null}', {"offer_id": "not a string"}),
        ('{"offer_id": ["x"]}', {"offer_id": "not a string"}),
        ('{"offer_id": "?"}', {"offer_id": "not what an offer gave"}),
        ('{"offer_id": ""}', {"offer_id": "not what an offer gave"}),
        ('{"offer_id": "\\ud800"}', {"offer_id": "not what an offer gave"}),
        ('{"offer_id": "a", "offer_id": "b"}', {"offer_id": "given more than once"}),
        ('{"offer_id": "a", "sessions": 100}', {"sessions": "unknown field"}),
        ('{"\\ud800": 1}', {"?": "unknown field", "offer_id": "missing"}),
        ('["offer_id"]', {"": "the body is not an object"}),
        ("null", {"": "the body is not an object"}),
    ],
)
def test_a_body_is_exactly_one_offer_id(no_table: Service, body: str, fields: dict[str, str]) -> None:
    answer = no_table.extend(body=body)
    assert (answer.status, answer.code) == (422, "invalid_body")
    assert {field["name"]: field["problem"] for field in answer.json["fields"]} == fields


STATUS = {"invalid_json": 400, "body_too_large": 413, "invalid_body": 422}
OFFER = json.dumps({"offer_id": OfferId("S-1", NOW, Terms(2, 8, "P7D", 604_800), 1).token})


@pytest.mark.parametrize(
    ("body", "is_encoded", "code"),
    [
        ("{", False, "invalid_json"),
        ("\ud800", False, "invalid_json"),
        ("%%%", True, "invalid_json"),
        (base64.b64encode(b"\xff\xfe").decode(), True, "invalid_json"),
        (base64.b64encode(b'{"offer_id": "x"}').decode(), True, "invalid_body"),
        (OFFER.rjust(4_097), False, "body_too_large"),
        (f'{{"ю": "{"ю" * 2_045}"}}', False, "body_too_large"),  # Bytes are counted, not characters.
        (base64.b64encode(OFFER.rjust(1_000_000).encode()).decode(), True, "body_too_large"),
    ],
    ids=range(8),
)
def test_a_body_is_json_of_a_sane_length_as_it_is_or_in_base64(
    no_table: Service, body: str, is_encoded: bool, code: str
) -> None:
    answer = Answer.of(no_table.call("extend", sample("extend") | {"isBase64Encoded": is_encoded, "body": body}))
    assert (answer.status, answer.code) == (STATUS[code], code)


def test_the_longest_body_and_the_sample_event_are_granted(service: Service) -> None:
    body = json.dumps({"offer_id": service.offer().json["offer_id"]})
    assert service.extend(body=body.rjust(4_096)).status == 201
    assert Answer.of(service.call("extend", sample("extend"))).status == 200


def test_the_role_is_read_first_for_a_minute_where_someone_who_is_no_owner_has_tried() -> None:
    """In that account alone; the oldest is forgotten where there are many, so that no instance grows."""
    remembered = use_cases._RoleFirst()
    for number in range(remembered.MOST + 1):
        remembered.from_now_on(f"A-{number}", NOW)
    assert [remembered.is_due(f"A-{number}", NOW) for number in (0, 1, remembered.MOST)] == [False, True, True]
    assert [remembered.is_due("A-1", NOW + seconds * SECOND) for seconds in (59, 60)] == [True, False]
    assert not remembered.is_due("A-9999999", NOW)


# Contention and faults: one of each kind; tests/engine has them all


def failed(code: str, *reasons: str) -> ClientError:
    """An error of the database; for a transaction with a reason for each of its items."""
    error: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(error | {"CancellationReasons": [{"Code": each} for each in reasons]}, "TransactWriteItems")


def cancelled(reason: str) -> ClientError:
    return failed("TransactionCanceledException", "None", reason, "None")


@pytest.fixture
def transaction(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The call that grants; its `side_effect` makes it fail."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    transaction = Mock(wraps=dynamodb.transact_write_items)
    monkeypatch.setattr(dynamodb, "transact_write_items", transaction)
    return transaction


@pytest.mark.parametrize("error", [cancelled("TransactionConflict"), failed("TransactionInProgressException")])
def test_contention_is_tried_again_and_if_it_lasts_by_the_caller(
    service: Service, transaction: Mock, error: Exception
) -> None:
    """503 with Retry-After; nothing was granted."""
    offer_id = service.offer().json["offer_id"]
    transaction.side_effect = error
    answer = service.extend(offer_id)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "try_again", "1")
    transaction.side_effect = [error, error, DEFAULT]
    assert service.extend(offer_id).status == 201


def test_a_grant_whose_answer_was_lost_is_still_answered_as_created(service: Service, transaction: Mock) -> None:
    """The next try meets an extension that names the request that wrote it: this one."""
    offer_id = service.offer().json["offer_id"]

    def take_effect_unheard(**request: Any) -> None:
        transaction.side_effect = None
        transaction(**request)
        raise cancelled("TransactionConflict")

    transaction.side_effect = take_effect_unheard
    answer = service.extend(offer_id)
    assert (answer.status, answer.json["created"]) == (201, True)
    assert service.extend(offer_id).json == {"created": False, "extension": answer.json["extension"]}


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_an_unexpected_error_is_answered_without_details(service: Service, transaction: Mock, reason: str) -> None:
    """500 as problem+json, at once; the details are in the log."""
    transaction.side_effect = cancelled(reason)
    answer = service.extend()
    assert (answer.status, answer.code, transaction.call_count) == (500, "internal_error", 1)
    assert reason not in json.dumps(answer.json)


def test_one_metric_each_counts_grants_replays_and_refusals_by_reason(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
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
    """Report S-1 anew, `number` seconds later than the first time."""
    assert service.subscription(changed_at=iso(NOW - 100 * SECOND + number * SECOND), **fields)


def test_a_corrected_start_of_a_period_with_an_id_gives_no_new_right(service: Service, table: "Table") -> None:
    """However often it is corrected; only another id is another period."""
    corrected(service, 1, period_id="P-1")
    offer_id = service.offer().json["offer_id"]
    corrected(service, 2, period_id="P-1", starts_at=iso(NOW - DAY))
    first = service.extend(offer_id)  # Period and terms are still those that were offered.
    assert first.status == 201
    item = table.get_item(Key={"pk": "A#A-100", "sk": "S#S-1#E#P#P-1"})["Item"]
    assert item["b"] == int((NOW - DAY).timestamp())
    for number in (3, 4):
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


def test_an_extension_of_the_time_before_ids_counts_for_the_first_id_and_for_no_later_one(service: Service) -> None:
    """Though the sender's start is that of the contract, the same in every period; and whatever the offer claims."""
    first = service.extend().json["extension"]
    for number, period_id in enumerate(["2026-11", "2026-11", "2026-12", "2026-13"]):
        corrected(service, number + 1, period_id=period_id)
        if period_id == "2026-11":
            assert service.offer().json["extension"] == first
            for start in (None, datetime(2026, 1, 1, tzinfo=UTC), NOW):
                version = int((NOW - 100 * SECOND + (number + 1) * SECOND).timestamp()) * 1_000_000
                forged = OfferId("S-1", datetime(2026, 1, 1, tzinfo=UTC), WEEK_TERMS, version, period_id, start)
                assert service.extend(forged.token).json == {"created": False, "extension": first}
        else:
            assert service.extend().json["created"] is True
    assert service.list().json["limits"]["sessions"]["extra"] == 6
