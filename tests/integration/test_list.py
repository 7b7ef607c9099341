"""GET /accounts/{account_id}/subscriptions"""

import json
import logging
import subprocess
from collections.abc import Callable
from functools import partial
from io import StringIO
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from devkit.builders import CONTACT, DAY, NOW, SECOND, TERMS, WEEK, iso, left, limit, usage_changed
from devkit.service import MACHINE, Answer, Context, Service, http_event, sample
from extending.runtime import logger, pseudonym
from tests.integration.conftest import RoundTrips

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table


def rows(answer: Any) -> dict[str, Any]:
    return {row["id"]: row["extension"] for row in answer.json["subscriptions"]}


def test_an_owner_sees_the_account_its_limits_and_what_can_be_extended(service: Service) -> None:
    """The whole answer, field by field."""
    assert service.list().json == {
        "account": {
            "id": "A-100",
            "name": "ООО «Ромашка»",
            "time_zone": "Europe/Moscow",
            "servicing_organization": CONTACT,
        },
        "role": "owner",
        "limits": {
            "sessions": limit(2, 0),
            "databases": limit(1, 0),
            "used_at": None,
            "next_change_at": "2036-01-01T00:00:00Z",
            "after_change": left(0, 0),
        },
        "subscriptions": [
            {
                "id": "S-1",
                "number": "000000123",
                "kind": "main",
                "tariff": {"id": "basic", "name": "Базовый"},
                "starts_at": "2026-01-01T00:00:00Z",
                "ends_at": "2036-01-01T00:00:00Z",
                "state": "active",
                "limits": {"sessions": 2, "databases": 1},
                "next_period": None,
                "extension": {"state": "available", "terms": TERMS},
            }
        ],
        "next_token": None,
    }


def test_a_granted_extension_is_in_its_row_and_in_the_limits(service: Service) -> None:
    """What owners have just done is what they see."""
    granted = service.extend().json["extension"]
    answer = service.list()
    assert rows(answer)["S-1"] == granted
    assert answer.json["limits"] == {
        "sessions": limit(2, 2),
        "databases": limit(1, 8),
        "used_at": None,
        "next_change_at": "2026-11-29T10:00:00Z",
        "after_change": left(2, 1),
    }


def test_an_extension_is_active_until_its_end_then_used_and_later_revoked(service: Service) -> None:
    """The row tells by the clock; the schedule only adds when it took notice."""
    service.extend()
    assert rows(service.at(NOW + WEEK - SECOND).list())["S-1"]["state"] == "active"
    ended = rows(service.at(NOW + WEEK).list())["S-1"]
    assert (ended["state"], ended["revoked_at"]) == ("used", None)
    assert service.list().json["limits"]["sessions"]["total"] == 2
    service.at(NOW + WEEK + SECOND).expire()
    assert rows(service.list())["S-1"]["revoked_at"] == iso(NOW + WEEK + SECOND)


def test_each_row_says_why_it_cannot_be_extended(service: Service) -> None:
    """The reasons of the contract."""
    service.subscription(subscription_id="S-future", starts_at=iso(NOW + SECOND))
    service.subscription(subscription_id="S-over", ends_at=iso(NOW))
    service.subscription(subscription_id="S-add-on", kind="add_on", parent_id="S-1")
    service.subscription(subscription_id="S-fixed", extension_terms=None)
    found = rows(service.list())
    assert {name: row.get("reason") for name, row in found.items()} == {
        "S-1": None,
        "S-future": "not_active_yet",
        "S-over": "finished",
        "S-add-on": "not_main",
        "S-fixed": "tariff_not_extendable",
    }


def test_an_administrator_sees_that_an_owner_is_required(service: Service) -> None:
    """Only where an owner could do it; elsewhere the reason is the subscription's."""
    service.subscription(subscription_id="S-over", ends_at=iso(NOW))
    answer = service.list(user="U-2")
    assert answer.json["role"] == "administrator"
    assert rows(answer)["S-1"] == {"state": "unavailable", "reason": "owner_required"}
    assert rows(answer)["S-over"] == {"state": "unavailable", "reason": "finished"}


@pytest.mark.parametrize("user", ["U-3", "U-4"])
def test_a_plain_user_and_an_operator_may_not_view(service: Service, user: str) -> None:
    """Owner and administrator may."""
    answer = service.list(user=user)
    assert (answer.status, answer.code) == (403, "view_not_allowed")
    assert answer.json["servicing_organization"] == CONTACT
    assert "account" not in answer.json


def test_a_stranger_gets_the_answer_of_an_account_that_does_not_exist(service: Service) -> None:
    """Byte for byte: the stranger learns nothing."""
    service.account(account_id="A-200", name="Чужая тайна")
    service.subscription(account_id="A-200")
    service.member(account_id="A-200", user_id="U-8")
    foreign, missing = service.list(account="A-200"), service.list(account="A-999")
    assert foreign.status == 404
    assert foreign.json == missing.json
    assert foreign.code == "account_not_found"


def test_a_user_of_two_accounts_has_a_role_in_each(service: Service) -> None:
    """Roles are per user and account."""
    service.account(account_id="A-200")
    service.member(account_id="A-200", user_id="U-1", role="user")
    assert service.list().status == 200
    assert service.list(account="A-200").status == 403


def test_what_has_not_been_told_yet_is_null(service: Service) -> None:
    """A member may be known before their account."""
    service.member(account_id="A-300")
    account = service.list(account="A-300").json["account"]
    assert account == {"id": "A-300", "name": None, "time_zone": None, "servicing_organization": None}


def test_unlimited_is_null_in_base_and_total(service: Service) -> None:
    """A null limit stays null whatever is added."""
    service.subscription(limits={"sessions": 2, "databases": None}, changed_at=iso(NOW))
    service.extend()
    assert service.list().json["limits"]["databases"] == limit(None, 8)


def test_an_extension_of_an_earlier_period_counts_only_in_the_limits(service: Service) -> None:
    """The row is about the current period."""
    service.extend()
    service.subscription(starts_at=iso(NOW + DAY), changed_at=iso(NOW))
    answer = service.at(NOW + DAY).list()
    assert rows(answer)["S-1"]["state"] == "available"
    assert answer.json["limits"]["sessions"]["extra"] == 2


def test_pages_hold_what_was_asked_for_and_lead_on(service: Service) -> None:
    """`next_token` is null on the last page."""
    for number in range(2, 6):
        service.subscription(subscription_id=f"S-{number}")
    seen: list[str] = []
    token = None
    for expected in (2, 2, 1):
        query = {"limit": "2"} | ({"next_token": token} if token else {})
        answer = service.list(**query)
        assert len(answer.json["subscriptions"]) == expected
        seen += rows(answer)
        token = answer.json["next_token"]
    assert token is None
    assert sorted(seen) == ["S-1", "S-2", "S-3", "S-4", "S-5"]


def test_a_page_token_of_another_account_is_refused(service: Service) -> None:
    """A token is good for the account that gave it."""
    service.member(account_id="A-200")
    for account in ("A-100", "A-200"):
        service.subscription(account_id=account, subscription_id="S-2")
        service.subscription(account_id=account, subscription_id="S-3")
    token = service.list(limit="1").json["next_token"]
    answer = service.list(account="A-200", next_token=token)
    assert (answer.status, answer.code) == (400, "invalid_next_token")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "ten", "", "٣", " 5", "5\n", "1,2", "1e1"])
def test_a_limit_is_a_whole_number_from_1_to_100(service: Service, limit: str) -> None:
    """Anything else is refused rather than guessed."""
    answer = service.list(limit=limit)
    assert (answer.status, answer.code) == (400, "invalid_limit")


@pytest.mark.parametrize("limit", ["1", "50", "100"])
def test_the_bounds_of_a_limit_belong_to_it(service: Service, limit: str) -> None:
    """1 to 100."""
    assert service.list(limit=limit).status == 200


@pytest.mark.parametrize("id_", ["A#1", "A/1", "A 1", "😀", "Ａ-100", "A" * 65, "-A", ".", "..", "A\n", "A%2F1", "%00"])
def test_an_id_of_other_characters_is_refused_before_any_key_is_built(
    service: Service, round_trips: RoundTrips, id_: str
) -> None:
    """Nothing is asked of the database."""
    answer = service.list(account=id_)
    assert (answer.status, answer.code) == (400, "invalid_id")
    assert round_trips() == []


def test_a_64_character_id_is_an_id(service: Service) -> None:
    """The longest that the contract allows."""
    assert service.list(account="A" * 64).code == "account_not_found"


def test_a_request_without_verified_claims_is_refused(service: Service) -> None:
    """Where no authorizer stands before the function, it fails closed."""
    answer = service.list(user=None)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("authorizer", ["x", {}, {"jwt": "x"}, {"jwt": {"claims": "x"}}, {"lambda": {"sub": "U-1"}}])
def test_claims_of_another_shape_are_no_verified_claims(service: Service, authorizer: Any) -> None:
    """Only what the JWT authorizer has verified counts."""
    from functions.list.app import handler

    event = sample("list")
    event["requestContext"]["authorizer"] = authorizer
    assert Answer.of(handler(event, Context())).status == 401


@pytest.mark.parametrize("sub", ["", "U 1", "ю", "U\n1", "x" * 256, "\ud800", 7, None, ["U-1"]])
def test_a_subject_that_is_no_user_id_is_refused(service: Service, sub: Any) -> None:
    """No key is built of it."""
    assert service.list(user=sub).status == 401


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_is_told_which_one_serves(table: "Table", method: str) -> None:
    """problem+json also for what the router itself refuses."""
    from functions.list.app import handler

    event = sample("list")
    event["requestContext"]["http"]["method"] = method
    answer = Answer.of(handler(event, Context()))
    assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "GET")


def test_an_unknown_path_is_a_problem_too(table: "Table") -> None:
    """404 with a code."""
    from functions.list.app import handler

    event = sample("list") | {"rawPath": "/elsewhere", "pathParameters": None}
    answer = Answer.of(handler(event, Context()))
    assert (answer.status, answer.code) == (404, "route_not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nothing_is_kept_in_a_cache(service: Service) -> None:
    """Answers are about persons and money."""
    assert service.list().headers["Cache-Control"] == "no-store"
    assert service.list(account="A-999").headers["Cache-Control"] == "no-store"


def test_a_list_is_two_round_trips(service: Service, round_trips: RoundTrips) -> None:
    """One for the role, one for everything else."""
    service.extend()
    round_trips()
    service.list()
    assert sorted(round_trips()) == ["GetItem", "Query"]


def test_an_account_of_more_than_a_query_page_is_read_to_its_end(service: Service, round_trips: RoundTrips) -> None:
    """A Query answers 1 MB at a time."""
    from extending.runtime import dynamodb

    def small_pages(params: dict[str, Any], **_: Any) -> None:
        body = json.loads(params["body"])
        params["body"] = json.dumps(body | {"Limit": 2}).encode()

    for number in range(2, 6):
        service.subscription(subscription_id=f"S-{number}")
    round_trips()
    dynamodb.meta.events.register("before-call.dynamodb.Query", small_pages)
    try:
        assert len(service.list().json["subscriptions"]) == 5
    finally:
        dynamodb.meta.events.unregister("before-call.dynamodb.Query", small_pages)
    assert round_trips().count("Query") > 2


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 200),
        ({"token_use": "access"}, 200),
        ({"token_use": "id"}, 401),
        ({"typ": "Bearer"}, 200),
        ({"typ": "at+jwt"}, 200),
        ({"typ": "ID"}, 401),
        ({"typ": "Refresh"}, 401),
        ({"typ": "Bearer", "token_use": "id"}, 401),
        ({"typ": ["Bearer"]}, 401),
        ({"token_use": None}, 401),
    ],
)
def test_a_token_of_the_same_issuer_that_is_for_something_else_opens_nothing(
    service: Service, claims: dict[str, Any], status: int
) -> None:
    """An ID token tells a page who signed in; where the issuer says what a token is for, it is believed."""
    event = http_event("list", "U-1", {"account_id": "A-100"})
    event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims
    answer = Answer.of(service.call("list", event))
    assert answer.status == status
    assert answer.code == (None if status == 200 else "unauthorized")


@pytest.mark.parametrize(
    "claims",
    [{"sub": "first last"}, {"sub": "u" * 256}, {"sub": ""}, {"sub": "имя"}, {"sub": "U-1", "client_id": "U-1"}],
    ids=["a space", "256 characters", "empty", "Cyrillic", "a client's own"],
)
def test_a_sub_that_no_user_id_can_be_is_told_as_what_is_wrong(service: Service, claims: dict[str, Any]) -> None:
    """Whoever has it is signed in, and would sign in again for nothing: it is for the provider to mend."""
    event = http_event("list", "U-1", {"account_id": "A-100"})
    event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims
    answer = Answer.of(service.call("list", event))
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert "1 to 255 visible ASCII characters, without spaces" in answer.json["detail"]
    assert "Sign in" not in answer.json["detail"]


def test_every_answer_leaves_a_line_with_its_account_and_a_pseudonym_of_its_user(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals too, so that it can be seen whose requests take up the rate of a route; and no line names the user.

    A machine is a user here, by the subject of its token.
    """
    written = StringIO()
    (handler,) = [h for h in logger.handlers if isinstance(h, logging.StreamHandler)]
    monkeypatch.setattr(handler, "stream", written)
    extend = partial(service.extend, service.offer().json["offer_id"])
    views: list[Callable[..., Answer]] = [service.list, service.offer, extend, service.history]
    everybody = [("A-100", "U-1"), ("A-100", "U-3"), ("A-100", "U-9"), ("A-100", None), ("A 100", "U-1")]
    calls: list[tuple[Callable[[], Answer], str | None, str | None]] = [
        (partial(view, user=user, account=account), account if " " not in account else None, user)
        for view, (account, user) in product(views, everybody)
    ]
    usage = ("UsageChanged", usage_changed())
    calls += [
        (service.limits, "A-100", MACHINE),
        (partial(service.limits, known="*"), "A-100", MACHINE),
        (partial(service.limits, "A-9"), "A-9", MACHINE),
        (partial(service.limits, "A 100"), None, MACHINE),
        (partial(service.limits, use="id"), "A-100", None),
        # Its path names no account, for a request may be of many.
        (partial(service.changes, usage), None, MACHINE),
        (partial(service.changes, 5), None, MACHINE),
        (partial(service.changes, body="changes"), None, MACHINE),
        (partial(service.changes, usage, use="id"), None, None),
    ]
    statuses = set()
    for call, account, user in calls:
        written.seek(0)
        written.truncate()
        statuses.add(call().status)
        lines = [json.loads(line) for line in written.getvalue().splitlines()]
        assert lines
        expected = (account, pseudonym(user) if user else None)
        assert {(line.get("account_id"), line.get("user")) for line in lines} == {expected}
        assert user is None or f'"{user}"' not in written.getvalue()
    assert statuses == {200, 201, 304, 400, 401, 403, 404}


def test_a_pseudonym_is_one_of_a_stack() -> None:
    """What is in the operator's handbook finds the same one."""
    command = "printf %s U-1 | openssl dgst -sha256 -hmac extending-subscription -r | cut -c -16"
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == pseudonym("U-1")
