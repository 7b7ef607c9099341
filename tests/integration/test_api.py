"""Rules of every route: who is let in, by what token, with what ids; what is logged of a request."""

import json
import logging
import subprocess
from io import StringIO
from itertools import product
from typing import Any

import pytest

from devkit.builders import CONTACT
from devkit.service import EVENTS, Answer, Service, http_event, sample
from extending.runtime import logger, pseudonym

REQUESTS = [path.stem for path in sorted(EVENTS.glob("*.json")) if "requestContext" in sample(path.stem)]
"""A sample event of every route."""


def answer_to(service: Service, event: dict[str, Any], name: str = "list") -> Answer:
    return Answer.of(service.call(name.removesuffix("-early"), event))


@pytest.mark.parametrize("view", ["list", "offer", "history"])
def test_an_account_is_shown_to_its_owners_and_administrators(service: Service, view: str) -> None:
    """To a stranger it looks like one that does not exist; other members get the contact and no more."""
    show = getattr(service, view)
    for user, status, code in (
        ("U-1", 200, None),
        ("U-2", 200, None),
        ("U-3", 403, "view_not_allowed"),
        ("U-4", 403, "view_not_allowed"),
        ("U-9", 404, "account_not_found"),
    ):
        answer = show(user)
        assert (answer.status, answer.code) == (status, code)
        if status == 403:
            assert answer.json["servicing_organization"] == CONTACT
            assert set(answer.json) == {"type", "title", "status", "detail", "code", "servicing_organization"}
    assert show("U-9").json == show("U-9", account="A-999").json


@pytest.mark.parametrize("id_", ["A#1", "A/1", "A 1", "😀", "Ａ-100", "A" * 65, "-A", ".", "..", "A\n", "A%2F1", "%00"])
def test_an_id_of_other_characters_is_refused_before_any_key_is_built(no_table: Service, id_: str) -> None:
    answers = [
        *(show(account=id_) for show in (no_table.list, no_table.offer, no_table.history, no_table.limits)),
        no_table.offer(subscription=id_),
        no_table.extend("any", account=id_),
        no_table.extend("any", subscription=id_),
        no_table.expire_early("any", account=id_),
        no_table.expire_early(id_),
    ]
    assert {(answer.status, answer.code) for answer in answers} == {(400, "invalid_id")}


def test_a_64_character_id_is_an_id(service: Service) -> None:
    assert service.list(account="A" * 64).code == "account_not_found"


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "ten", "", "٣", " 5", "5\n", "1,2", "1e1"])
def test_a_limit_is_a_whole_number_from_1_to_100(no_table: Service, limit: str) -> None:
    for show in (no_table.list, no_table.history):
        answer = show(limit=limit)
        assert (answer.status, answer.code) == (400, "invalid_limit")


def test_the_bounds_of_a_limit_belong_to_it(service: Service) -> None:
    assert [service.list(limit=limit).status for limit in ("1", "100")] == [200, 200]


@pytest.mark.parametrize(
    "authorizer", [None, "x", {}, {"jwt": "x"}, {"jwt": {"claims": "x"}}, {"lambda": {"sub": "U-1"}}]
)
def test_without_claims_that_the_jwt_authorizer_has_verified_nothing_is_answered(
    no_table: Service, authorizer: Any
) -> None:
    """A function without an authorizer before it fails closed."""
    for name in REQUESTS:
        event = sample(name)
        event["requestContext"]["authorizer"] = authorizer
        answer = answer_to(no_table, event, name)
        assert (answer.status, answer.code) == (401, "unauthorized")
        assert (answer.headers["WWW-Authenticate"], answer.headers["Cache-Control"]) == ("Bearer", "no-store")


@pytest.mark.parametrize(
    ("claims", "is_accepted"),
    [
        ({"token_use": "access"}, True),
        ({"token_use": "id"}, False),
        ({"typ": "Bearer"}, True),
        ({"typ": "at+jwt"}, True),
        ({"typ": "ID"}, False),
        ({"typ": "Refresh"}, False),
        ({"typ": "Bearer", "token_use": "id"}, False),
        ({"typ": ["Bearer"]}, False),
        ({"token_use": None}, False),
    ],
)
def test_a_token_of_the_same_issuer_that_is_for_something_else_opens_nothing(
    no_table: Service, claims: dict[str, Any], is_accepted: bool
) -> None:
    """An ID token says to a page who signed in; where the issuer says what a token is for, it is believed."""
    for name in REQUESTS:
        event = sample(name)
        event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims
        assert (answer_to(no_table, event, name).code == "unauthorized") is not is_accepted


@pytest.mark.parametrize(
    "claims",
    [*({"sub": sub} for sub in ("", "U 1", "ю", "U\n1", "x" * 256, "\ud800", 7, None, ["U-1"])), {"client_id": "U-1"}],
    ids=repr,
)
def test_a_sub_that_no_user_id_can_be_is_refused_for_what_it_is(no_table: Service, claims: dict[str, Any]) -> None:
    """Whoever has it is signed in, and would sign in again for nothing: it is for the provider to mend."""
    event = http_event("list", "U-1", {"account_id": "A-100"})
    event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims
    answer = answer_to(no_table, event)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert "1 to 255 visible ASCII characters, without spaces" in answer.json["detail"]
    assert "Sign in" not in answer.json["detail"]


def test_a_refusal_of_the_router_is_a_problem_too(no_table: Service) -> None:
    for method in ("POST", "DELETE", "HEAD", "OPTIONS"):
        event = sample("list")
        event["requestContext"]["http"]["method"] = method
        answer = answer_to(no_table, event)
        assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "GET")
    answer = answer_to(no_table, sample("list") | {"rawPath": "/elsewhere", "pathParameters": None})
    assert (answer.status, answer.code) == (404, "route_not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_every_answer_leaves_a_line_with_its_account_and_a_pseudonym_of_its_user(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals too, so that it can be seen whose requests use up the rate of a route; and no line names the user.

    A machine is a user here, by the subject of its token.
    """
    written = StringIO()
    (handler,) = [h for h in logger.handlers if isinstance(h, logging.StreamHandler)]
    monkeypatch.setattr(handler, "stream", written)
    calls = product(REQUESTS, [("A-100", "U-1"), ("A-100", "U-9"), ("A-100", None), ("A 100", "U-1")])
    for name, (account, user) in calls:
        ids = sample(name).get("pathParameters") or {}  # The path of changes names no account.
        ids |= {"account_id": account} if ids else {}
        written.seek(0)
        written.truncate()
        answer_to(service, http_event(name, user, ids), name)
        lines = [json.loads(line) for line in written.getvalue().splitlines()]
        assert lines
        expected = ("A-100" if ids.get("account_id") == "A-100" else None, pseudonym(user) if user else None)
        assert {(line.get("account_id"), line.get("user")) for line in lines} == {expected}
        assert f'"{user}"' not in written.getvalue()


def test_the_runbooks_command_finds_the_pseudonym_of_a_user() -> None:
    command = "printf %s U-1 | openssl dgst -sha256 -hmac extending-subscription -r | cut -c -16"
    printed = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == pseudonym("U-1")
