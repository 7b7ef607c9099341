"""Attacks on who is calling: forged, borrowed and broken tokens.

Whatever comes back is checked by `Attacker`: only answers of the contract or of the gateway, nothing of a stranger.
"""

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from devkit.stage import Stack
from devkit.template import routes
from local.identity import AUDIENCE, MACHINES, Identity
from local.routes import serve_api
from tests.conftest import SCOPES
from tests.support.attacker import Attacker, pack


class Issuer:
    """An identity provider whose key the attacker holds, and the API with an authorizer that trusts it.

    The authorizer is the template's own, made by the same code as that of the local API; only the issuer differs.
    """

    def __init__(self, url: str, stack: Stack) -> None:
        self.identity = Identity(url)
        self.key: RSAKey = self.identity._key
        gateway = stack.client("apigatewayv2")
        api_id = gateway.create_api(Name="attack", ProtocolType="HTTP")["ApiId"]
        gateway.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
        parameters = {"JwtIssuer": url, "JwtAudience": AUDIENCE, "MachineAudience": MACHINES}
        assert stack.endpoint
        serve_api(stack.session, stack.endpoint, stack.name, api_id, parameters)
        self.base = f"{stack.endpoint}/_aws/execute-api/{api_id}/$default"
        credentials = stack.session.get_credentials()
        assert credentials
        self.key_of_guard = credentials.token

    def forger(self, attacker: Attacker) -> Attacker:
        """The attacker at this API."""
        return Attacker(self.base, "", attacker.mine, attacker.theirs, key=self.key_of_guard)

    def claims(self, user: str, **other: Any) -> dict[str, Any]:
        """Those of a token that any route takes, but for its scopes."""
        now = int(time.time())
        usual: dict[str, Any] = {"iss": self.identity.issuer, "aud": [AUDIENCE, MACHINES], "sub": user}
        usual |= {"iat": now, "nbf": now, "exp": now + 600}
        return {name: value for name, value in (usual | other).items() if value is not None}

    def sign(self, claims: dict[str, Any], key: Any = None, **header: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid} | header, claims, key or self.key)


@pytest.fixture(scope="module")
def issuer(stack: Stack) -> Iterator[Issuer]:
    documents: dict[str, Any] = {}

    class Documents(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Documents) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}", stack)
        documents["/.well-known/openid-configuration"] = issuer.identity.discovery()
        documents["/.well-known/jwks.json"] = issuer.identity.jwks()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield issuer
        server.shutdown()


def without_signature(issuer: Issuer, user: str, algorithm: str) -> str:
    return f"{pack({'alg': algorithm, 'typ': 'JWT'})}.{pack(issuer.claims(user, scope=SCOPES))}."


def another_payload(issuer: Issuer, user: str) -> str:
    head, _, signature = issuer.sign(issuer.claims("U-9")).split(".")
    return f"{head}.{pack(issuer.claims(user, scope=SCOPES))}.{signature}"


def public_key_as_secret(issuer: Issuer, user: str) -> str:
    # By hand: no library lets a public key be a secret.
    signed = f"{pack({'alg': 'HS256', 'typ': 'JWT', 'kid': issuer.key.kid})}.{pack(issuer.claims(user, scope=SCOPES))}"
    mac = hmac.digest(issuer.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def tokens(issuer: Issuer, user: str) -> dict[str, str]:
    """Everything that opens nothing, by what is wrong with it; scopes are not what is missing."""
    now = int(time.time())
    sign = issuer.sign
    claims = partial(issuer.claims, scope=SCOPES)
    others = RSAKey.generate_key(2048)
    return {
        "garbage": "garbage",
        "three dots": "...",
        "alg none": without_signature(issuer, user, "none"),
        "alg None": without_signature(issuer, user, "None"),
        "HS256 with the public key": public_key_as_secret(issuer, user),
        "another key under the same kid": sign(claims(user), others),
        "a key that the token brings": sign(claims(user), others, kid="own", jwk=others.as_dict(private=False)),
        "a key from elsewhere": sign(claims(user), others, kid="../../dev/null", jku="https://attacker.example/jwks"),
        "another payload": another_payload(issuer, user),
        "another issuer": sign(claims(user, iss="https://attacker.example")),
        "no issuer": sign(claims(user, iss=None)),
        "another audience": sign(claims(user, aud="other")),
        "no audience": sign(claims(user, aud=None)),
        "expired": sign(claims(user, exp=now - 600)),
        "not yet valid": sign(claims(user, nbf=now + 600)),
        "16 KiB of garbage": "e" * 16_384,
        "an ID token": sign(claims(user, token_use="id")),
        "a refresh token": sign(claims(user, typ="Refresh")),
    }


FOR_SOMETHING_ELSE = ["an ID token", "a refresh token"]
"""They verify, and have the scopes; the function looks at what they are for."""

BAD_TOKENS = """
    garbage, three dots, alg none, alg None, HS256 with the public key, another key under the same kid,
    a key that the token brings, a key from elsewhere, another payload, another issuer, no issuer, another audience,
    no audience, expired, not yet valid, 16 KiB of garbage, an ID token, a refresh token
"""


@pytest.mark.parametrize("name", [" ".join(name.split()) for name in BAD_TOKENS.split(",")])
def test_a_bad_token_opens_nothing(name: str, attacker: Attacker, issuer: Issuer) -> None:
    """Every route of the template refuses it: API Gateway what does not verify, the function the others."""
    forger = issuer.forger(attacker)
    token = tokens(issuer, attacker.mine.owner)[name]
    for route in routes():
        answer = forger.send(route.method, forger.target(route), b"{}", token=token)
        assert answer.status == 401, route
        assert answer.code == ("unauthorized" if name in FOR_SOMETHING_ELSE else None), route


@pytest.mark.parametrize("sub", [None, "", "{}\n", "{}" * 1024], ids=["no", "an empty", "with a line break", "long"])
def test_a_token_that_names_no_user_opens_nothing(sub: str | None, attacker: Attacker, issuer: Issuer) -> None:
    """The function refuses it where users are asked for; elsewhere API Gateway does, for what it lacks is the scope."""
    forger = issuer.forger(attacker)
    user = None if sub is None else sub.replace("{}", attacker.mine.owner)
    token = issuer.sign(issuer.claims(attacker.mine.owner, sub=user))
    for route in routes():
        answer = forger.send(route.method, forger.target(route), b"{}", token=token)
        assert (answer.status, answer.code) == ((403, None) if route.scope else (401, "unauthorized")), route


def test_the_forger_s_own_good_token_is_accepted(attacker: Attacker, issuer: Issuer) -> None:
    """Or the refusals above would prove nothing, on any route; one padded to 16 KiB is as good."""
    forger = issuer.forger(attacker)
    for more in ({}, {"padding": "x" * 12_000}):
        token = issuer.sign(issuer.claims(attacker.mine.owner, scope=SCOPES, **more))
        for route in routes():
            answer = forger.send(route.method, forger.target(route), b"{}", token=token)
            assert answer.status == {"GET": 200, "POST": 422, "DELETE": 404}[route.method], route


def test_a_user_s_token_opens_no_machine_s_route(attacker: Attacker, issuer: Issuer) -> None:
    """Whatever its scopes: some providers give every client of theirs any scope that it asks for."""
    forger = issuer.forger(attacker)
    token = issuer.sign(issuer.claims(attacker.mine.owner, aud=AUDIENCE, scope=SCOPES))
    statuses = {route: forger.send(route.method, forger.target(route), b"{}", token=token).status for route in routes()}
    assert {route for route, status in statuses.items() if status == 401} == {r for r in routes() if r.scope}


@pytest.mark.parametrize("audience", [MACHINES, [AUDIENCE, MACHINES]], ids=["a machine's", "a careless provider's"])
def test_a_machine_s_token_opens_no_user_s_route(attacker: Attacker, issuer: Issuer, audience: str | list[str]) -> None:
    """Though its subject is called like an owner; one that names both audiences is known by its own client's name."""
    forger = issuer.forger(attacker)
    owner = attacker.mine.owner
    token = issuer.sign(issuer.claims(owner, aud=audience, client_id=owner, scope=SCOPES))
    statuses = {route: forger.send(route.method, forger.target(route), b"{}", token=token).status for route in routes()}
    assert {route for route, status in statuses.items() if status == 401} == {r for r in routes() if not r.scope}


def test_a_sub_that_is_a_list_is_nobody(attacker: Attacker, issuer: Issuer) -> None:
    """The gateway hands it on as text, in brackets: the id of no user."""
    forger = issuer.forger(attacker)
    token = issuer.sign(issuer.claims(attacker.mine.owner, sub=[attacker.mine.owner]))
    assert forger.send("GET", forger.list, token=token).code == "account_not_found"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic VS0xOng=", "bearer null"])
def test_no_token_opens_nothing(authorization: str | None, attacker: Attacker) -> None:
    """Nor does a header that only looks like one, nor claims that callers add themselves."""
    headers = {} if authorization is None else {"Authorization": authorization}
    headers |= {"x-user-id": attacker.mine.owner, "x-amzn-request-context": '{"authorizer":{"jwt":{}}}'}
    for route in routes():
        assert attacker.send(route.method, attacker.target(route), b"{}", token=None, headers=headers).status == 401
