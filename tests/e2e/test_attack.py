"""Attacks over HTTP on every route of the template: other people's ids, odd bodies, queries and headers.

`Attacker` checks every answer: only those of the contract or of the gateway, nothing of the stranger's account.
Tests of the functions try every shape of an id, a body, an offer and a page; here is one of each kind.
"""

import json
import re
from urllib.parse import quote

import pytest

from devkit.builders import CONTACT
from devkit.template import Route, routes
from tests.conftest import Cloud
from tests.e2e.attacker import STRANGER, Attacker


@pytest.fixture(scope="module")
def attacker(cloud: Cloud) -> Attacker:
    mine = cloud.an_account()
    named = {"number": STRANGER, "tariff": {"id": "t", "name": STRANGER}}
    theirs = cloud.an_account(name=STRANGER, contact=dict.fromkeys(CONTACT, STRANGER), **named)
    return Attacker(f"{cloud.url}/api", cloud.token(mine.owner), cloud.machine_token(), mine, theirs)


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic VS0xOng="])
def test_without_a_token_nothing_opens(authorization: str | None, attacker: Attacker) -> None:
    """Nor do claims that callers add themselves."""
    headers = {} if authorization is None else {"Authorization": authorization}
    headers |= {"x-user-id": attacker.mine.owner, "x-amzn-request-context": '{"authorizer":{"jwt":{}}}'}
    for route in routes():
        assert attacker.send(route.method, attacker.target(route), b"{}", token=None, headers=headers).status == 401


@pytest.mark.parametrize("scope", sorted(route.scope for route in routes() if route.scope))
def test_a_machine_s_token_opens_what_its_scope_opens(scope: str, attacker: Attacker, cloud: Cloud) -> None:
    """Nothing of the users': that is another audience."""
    token = cloud.machine_token(scope)
    for route in routes():
        answer = attacker.send(route.method, attacker.target(route), b"{}", token=token)
        refusal = None if route.scope == scope else 403 if route.scope else 401
        assert answer.status == refusal if refusal else answer.status not in (401, 403), route


NO_IDS = ["A-100%00", "A-100%0d%0aX-Evil:%201", "%ff%fe", "{account_id}", "%zz"]
NO_ROUTES = ["..", "%2e%2e%2fA-100", "A%2F100"]


@pytest.mark.parametrize("id_", [*NO_IDS, *NO_ROUTES])
def test_what_is_no_id_is_refused_in_each_place_of_each_route(id_: str, attacker: Attacker) -> None:
    """By the function before it builds a key; a path that is another one is no route to the gateway."""
    for route in routes():
        for place in re.findall(r"\{(\w+)\}", route.path):
            target = attacker.target(route, **{place: id_})
            answer = attacker.send(route.method, target, b"{}", token=attacker.token_for(route))
            expected = (404, None) if id_ in NO_ROUTES else (400, "invalid_id")
            assert (answer.status, answer.code) == expected, (route, place)


def test_a_stranger_s_account_looks_like_one_that_does_not_exist(attacker: Attacker, cloud: Cloud) -> None:
    """Byte for byte, on every route that names an account, even with a genuine offer of it."""
    theirs = attacker.theirs
    path = f"/accounts/{theirs.id}/subscriptions"
    stolen = cloud.api(theirs.owner, "GET", f"{path}/{theirs.subscription}/extension-offer").json()["offer_id"]
    body = json.dumps({"offer_id": stolen}).encode()
    for route in (route for route in routes() if "{account_id}" in route.path):
        there, nowhere = (
            attacker.send(
                route.method, attacker.target(route, account_id=account, subscription_id=theirs.subscription), body
            )
            for account in (theirs.id, "A-nowhere")
        )
        assert (there.status, there.code) == ((401, None) if route.scope else (404, "account_not_found")), route
        assert there.text == nowhere.text
        own = dict.fromkeys(("date", "apigw-requestid"), "each answer's own")
        assert there.headers | own == nowhere.headers | own
    assert cloud.api(theirs.owner, "GET", path).json()["subscriptions"][0]["extension"]["state"] == "available"


@pytest.mark.parametrize("collection", ["subscriptions", "extensions"])
def test_a_query_that_no_page_gave_is_refused(collection: str, attacker: Attacker) -> None:
    """As text of a URL: twice, empty, with what only an escape can hold."""
    path = f"/accounts/{attacker.mine.id}/{collection}"
    for token in ("", "%00", "A%0d%0a", quote("страница"), "%ed%a0%bd", "A" * 8_192, "WzFd&next_token=WzFd"):
        assert attacker.send("GET", f"{path}?next_token={token}").code == "invalid_next_token", token
    for limit in ("", "1%00", "1&limit=2", "%201"):
        assert attacker.send("GET", f"{path}?limit={limit}").code == "invalid_limit", limit


BODIES = {
    b"x" * 2**21: "body_too_large",
    b"[" * 4_000: "invalid_json",
    b"": "invalid_json",
    b"\x00": "invalid_json",
    b'{"offer_id":"\xff\xfe"}': "invalid_json",
    '{"offer_id":"Ромашка"}'.encode("utf-16"): "invalid_json",
    b"offer_id=WyJTLTEiXQ": "invalid_json",
    b'{"changes":[],"offer_id":"\\ud83e"}': "invalid_body",
    b'{"offer_id":"x","offer_id":"x","changes":[],"changes":[]}': "invalid_body",
}


@pytest.mark.parametrize("route", [route for route in routes() if route.method == "POST"], ids=lambda route: route.path)
def test_a_body_that_is_not_what_is_asked_for_is_refused(route: Route, attacker: Attacker) -> None:
    """413 for what is too long, 400 for what is no JSON, 422 for other JSON; nothing is extended."""
    for body, code in BODIES.items():
        answer = attacker.send(route.method, attacker.target(route), body, token=attacker.token_for(route))
        assert answer.code == code, (body[:50], answer)
        assert len(answer.text) < 2_000
    assert attacker.untouched()
