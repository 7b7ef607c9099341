"""Attacks over HTTP on every route of the template: other people's tokens and ids, odd bodies, queries and headers.

`Attacker` checks every answer: only those of the contract or of the gateway, nothing of the stranger's account.
Tests of the functions try every shape of an id, a body, an offer and a page; here is one of each kind.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from devkit.builders import CONTACT, account_changed
from devkit.stage import Stack
from devkit.template import Route, routes
from local.identity import AUDIENCE, MACHINES, Identity
from tests.conftest import SCOPES, Cloud
from tests.e2e.conftest import front_door
from tests.support.attacker import STRANGER, Attacker, pack


@pytest.fixture(scope="module")
def attacker(cloud: Cloud) -> Attacker:
    mine = cloud.an_account()
    theirs = cloud.an_account(name=STRANGER, number=STRANGER, tariff={"id": "t", "name": STRANGER})
    contact = dict.fromkeys(CONTACT, STRANGER)
    renamed = account_changed(
        account_id=theirs.id, name=STRANGER, servicing_organization=contact, changed_at="2026-11-02T00:00:00Z"
    )
    cloud.event("AccountChanged", renamed)
    cloud.until(lambda: STRANGER in cloud.api(theirs.owner, "GET", f"/accounts/{theirs.id}/subscriptions").text)
    return Attacker(f"{cloud.url}/api", cloud.token(mine.owner), mine, theirs, cloud.machine_token())


class Forger:
    """Holds the key of an identity provider that a second API trusts; its authorizers are those of the template."""

    def __init__(self, url: str, stack: Stack, attacker: Attacker) -> None:
        self.identity = Identity(url)
        self.key: RSAKey = self.identity._key
        base, guards_key = front_door(stack, url)
        self._at_this_api = Attacker(base, "", attacker.mine, attacker.theirs, key=guards_key)
        self.owner = attacker.mine.owner

    def claims(self, **other: Any) -> dict[str, Any]:
        """Those of a token that every route accepts."""
        now = int(time.time())
        usual: dict[str, Any] = {"iss": self.identity.issuer, "aud": [AUDIENCE, MACHINES], "sub": self.owner}
        usual |= {"iat": now, "nbf": now, "exp": now + 600, "scope": SCOPES}
        return {name: value for name, value in (usual | other).items() if value is not None}

    def sign(self, key: RSAKey | None = None, **claims: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, self.claims(**claims), key or self.key)

    def answers(self, token: str) -> dict[Route, tuple[int, str | None]]:
        """Status and code, by route."""
        api = self._at_this_api
        got = {route: api.send(route.method, api.target(route), b"{}", token=token) for route in routes()}
        return {route: (answer.status, answer.code) for route, answer in got.items()}

    def opened(self, **claims: Any) -> set[Route]:
        """The routes whose functions look at the request itself."""
        met = {"GET": (200, None), "POST": (422, "invalid_body"), "DELETE": (404, "extension_not_found")}
        return {route for route, answer in self.answers(self.sign(**claims)).items() if answer == met[route.method]}


@pytest.fixture(scope="module")
def forger(stack: Stack, attacker: Attacker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forger]:
    site = tmp_path_factory.mktemp("issuer")
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        forger = Forger(f"http://127.0.0.1:{server.server_port}", stack, attacker)
        (site / ".well-known").mkdir()
        (site / ".well-known" / "openid-configuration").write_text(json.dumps(forger.identity.discovery()))
        (site / ".well-known" / "jwks.json").write_text(json.dumps(forger.identity.jwks()))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield forger
        server.shutdown()


def test_a_token_opens_the_routes_of_its_audience_and_its_scopes_alone(forger: Forger) -> None:
    """Some providers give any client any scope, or both audiences; such a token is known by its own client's name."""
    machines = {route for route in routes() if route.scope}
    users = set(routes()) - machines
    assert forger.opened(client_id="another") == users | machines
    assert forger.opened(aud=AUDIENCE) == users
    assert forger.opened(aud=MACHINES) == machines
    assert forger.opened(client_id=forger.owner) == machines
    assert forger.opened(aud=MACHINES, scope="limits:write changes") == set()
    for route in machines:
        assert forger.opened(aud=MACHINES, scope=route.scope) == {route}


def test_a_forged_or_foreign_token_opens_nothing(forger: Forger) -> None:
    """API Gateway refuses what does not verify, the function what is no access token or names nobody."""
    now = int(time.time())
    _, payload, signature = forger.sign().split(".")
    unverified = {
        "garbage": "garbage",
        "no signature": f"{pack({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "another payload": ".".join([forger.sign().split(".")[0], pack(forger.claims(sub="U-1")), signature]),
        "another key": forger.sign(RSAKey.generate_key(2048)),
        "another issuer": forger.sign(iss="https://attacker.example"),
        "another audience": forger.sign(aud="other"),
        "no audience": forger.sign(aud=None),
        "expired": forger.sign(exp=now - 600),
        "not yet valid": forger.sign(nbf=now + 600),
    }
    verified = {
        "an ID token": forger.sign(token_use="id"),
        "a refresh token": forger.sign(typ="Refresh"),
        "nobody": forger.sign(sub=None),
    }
    for name, token in (unverified | verified).items():
        refusal = (401, "unauthorized" if name in verified else None)
        assert forger.answers(token) == dict.fromkeys(routes(), refusal), name


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic VS0xOng="])
def test_without_a_token_nothing_opens(authorization: str | None, attacker: Attacker) -> None:
    """Nor do claims that callers add themselves."""
    headers = {} if authorization is None else {"Authorization": authorization}
    headers |= {"x-user-id": attacker.mine.owner, "x-amzn-request-context": '{"authorizer":{"jwt":{}}}'}
    for route in routes():
        assert attacker.send(route.method, attacker.target(route), b"{}", token=None, headers=headers).status == 401


NO_IDS = ["A%23100", "A-100%00", "A-100%0d%0aX-Evil:%201", quote("Ａ-100"), "%ff%fe", "A" * 65, "{account_id}", "%zz"]
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


def test_a_plain_user_gets_the_contact_and_nothing_else_of_the_account(attacker: Attacker, cloud: Cloud) -> None:
    for collection in ("subscriptions", "extensions"):
        answer = cloud.api(attacker.theirs.user, "GET", f"/accounts/{attacker.theirs.id}/{collection}")
        assert answer.status_code == 403
        assert set(answer.json()) == {"type", "title", "status", "detail", "code", "servicing_organization"}


@pytest.mark.parametrize("collection", ["subscriptions", "extensions"])
def test_a_query_that_no_page_gave_is_refused(collection: str, attacker: Attacker) -> None:
    """As text of a URL: twice, empty, with what only an escape can hold; and what the history never gives."""
    path = f"/accounts/{attacker.mine.id}/{collection}"
    made_up = [pack([attacker.mine.id, instant, "S-1"]) for instant in (1, True, -0.5, "0", -(10**18))]
    for token in (*made_up, "", "%00", "A%0d%0a", quote("страница"), "%ed%a0%bd", "A" * 8_192, "WzFd&next_token=WzFd"):
        assert attacker.send("GET", f"{path}?next_token={token}").code == "invalid_next_token", token
    for limit in ("", "1%00", "1&limit=2", "+1", "%201", quote("١"), "9" * 5_000):
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


@pytest.mark.parametrize("type_", ["text/plain", "application/json; charset=utf-16", "multipart/form-data; boundary=x"])
def test_headers_change_nothing(type_: str, attacker: Attacker) -> None:
    """Neither what is read nor what is answered depends on a header but the token."""
    odd = {
        "Content-Type": type_,
        "Content-Encoding": "gzip",
        "X-HTTP-Method-Override": "GET",
        "X-Original-URL": "/",
        "Accept": "text/html",
        "Range": "bytes=0-0",
        "If-None-Match": "*",
        "X-Correlation-Id": "forged",
        "apigw-requestid": "forged",
    }
    usual, answer = (attacker.send("POST", attacker.extend, b"{}", headers=headers) for headers in (None, odd))
    assert (answer.status, answer.text) == (usual.status, usual.text)
    assert "forged" not in str(answer.headers)
