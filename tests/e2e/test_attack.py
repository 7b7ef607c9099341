"""Attacks that a reviewer would try by hand, on the running API.

Whatever comes back is checked by `Attacker`: only answers of the contract or of the gateway, nothing of a stranger.
"""

import base64
import hmac
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from local import free_port
from local.identity import AUDIENCE, Identity
from local.routes import serve_api
from tests.build import CONTACT, account_changed, subscription_changed
from tests.conftest import Cloud
from tests.e2e.stack import Stack

STRANGER = "ЧужаяТайна"
"""In every name and contact of the account that the attacker has no role in."""

CONTRACT = {
    400: {"invalid_id", "invalid_json", "invalid_limit", "invalid_next_token"},
    401: {"unauthorized"},
    403: {"view_not_allowed", "owner_required"},
    404: {"account_not_found", "subscription_not_found"},
    409: {"already_used", "not_active_yet", "finished", "not_main", "tariff_not_extendable", "offer_changed"},
    422: {"invalid_body"},
}
GATEWAY = {
    (401, '{"message":"Unauthorized"}'),
    (404, '{"message":"Not Found"}'),
    (400, "Invalid HTTP request received."),  # the local web server, for what is no HTTP
    (431, ""),
}
"""What is answered before a function is asked; on AWS 413 for a body of more than 10 MB comes to it."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def code(self) -> str | None:
        """The problem's code; None for a success and for what the gateway answers."""
        return json.loads(self.text)["code"] if "problem+json" in self.headers.get("content-type", "") else None


class Attacker:
    """Sends exactly the bytes that it is told, as the owner of one account, and checks what comes back."""

    def __init__(self, base: str, token: str, mine: SimpleNamespace, theirs: SimpleNamespace) -> None:
        self._base = urlsplit(base)
        self.token = token
        self.mine = mine
        self.theirs = theirs
        self.list = f"/accounts/{mine.id}/subscriptions"
        self.offer = f"{self.list}/{mine.subscription}/extension-offer"
        self.extend = f"{self.list}/{mine.subscription}/extension"

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request; the target goes out as it is. An empty token stands for the attacker's own, None for none."""
        connection = http.client.HTTPConnection(str(self._base.hostname), self._base.port, timeout=60)
        try:
            connection.putrequest(method, self._base.path + target, skip_accept_encoding=True)
            if token is not None:
                connection.putheader("Authorization", f"Bearer {token or self.token}")
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
                connection.putheader(name, value)
            connection.endheaders(body)
            got = connection.getresponse()
            answer = Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read().decode())
        finally:
            connection.close()
        check(answer)
        return answer

    def untouched(self) -> bool:
        """Whether the attacker's own subscription can still be extended."""
        (row,) = json.loads(self.send("GET", self.list).text)["subscriptions"]
        return bool(row["extension"]["state"] == "available")


def check(answer: Answer) -> None:
    """Only what the contract or the gateway answers, and nothing of the stranger's."""
    everything = f"{answer.headers} {answer.text}"
    assert STRANGER not in everything
    assert json.dumps(STRANGER)[1:-1] not in everything
    if answer.status < 300:
        assert answer.headers["content-type"] == "application/json"
    elif answer.code:
        assert answer.code in CONTRACT[answer.status], answer
    else:
        assert (answer.status, answer.text.replace(": ", ":")) in GATEWAY, answer


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Stack:
    return Stack(cloud)


@pytest.fixture(scope="module")
def attacker(cloud: Cloud) -> Attacker:
    mine = cloud.an_account()
    theirs = cloud.an_account(name=STRANGER, number=STRANGER, tariff={"id": "t", "name": STRANGER})
    contact = dict.fromkeys(CONTACT, STRANGER)
    told = account_changed(account_id=theirs.id, name=STRANGER, servicing_organization=contact, changed_at=later())
    cloud.event("AccountChanged", told)
    cloud.until(lambda: STRANGER in cloud.api(theirs.owner, "GET", f"/accounts/{theirs.id}/subscriptions").text)
    return Attacker(f"{cloud.url}/api", cloud.token(mine.owner), mine, theirs)


def later() -> str:
    return "2026-11-02T00:00:00Z"


# Tokens


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
        parameters = {"JwtIssuer": url, "JwtAudience": AUDIENCE}
        serve_api(stack.session, stack.endpoint, stack.name, api_id, parameters)
        self.base = f"{stack.endpoint}/_aws/execute-api/{api_id}/$default"

    def claims(self, user: str, **other: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {"iss": self.identity.issuer, "aud": AUDIENCE, "sub": user, "iat": now, "nbf": now, "exp": now + 600}
        return {name: value for name, value in (usual | other).items() if value is not None}

    def sign(self, claims: dict[str, Any], key: Any = None, **header: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid} | header, claims, key or self.key)


@pytest.fixture(scope="module")
def issuer(stack: Stack) -> Iterator[Issuer]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    issuer = Issuer(url, stack)
    documents = {
        "/.well-known/openid-configuration": issuer.identity.discovery(),
        "/.well-known/jwks.json": issuer.identity.jwks(),
    }

    class Documents(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Documents) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield issuer
        server.shutdown()


def without_signature(issuer: Issuer, user: str, algorithm: str) -> str:
    return f"{pack({'alg': algorithm, 'typ': 'JWT'})}.{pack(issuer.claims(user))}."


def pack(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def another_payload(issuer: Issuer, user: str) -> str:
    head, _, signature = issuer.sign(issuer.claims("U-9")).split(".")
    return f"{head}.{pack(issuer.claims(user))}.{signature}"


def public_key_as_secret(issuer: Issuer, user: str) -> str:
    # By hand: no library lets a public key be a secret.
    signed = f"{pack({'alg': 'HS256', 'typ': 'JWT', 'kid': issuer.key.kid})}.{pack(issuer.claims(user))}"
    mac = hmac.digest(issuer.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def tokens(issuer: Issuer, user: str) -> dict[str, str]:
    """Everything that is no good access token, by what is wrong with it."""
    now = int(time.time())
    claims, sign = issuer.claims, issuer.sign
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
        "no sub": sign(claims(user, sub=None)),
        "an empty sub": sign(claims("")),
        "a sub with a line break": sign(claims(f"{user}\n")),
        "a sub of 16 KiB": sign(claims(user * 1024)),
        "16 KiB of garbage": "e" * 16_384,
    }


BAD_TOKENS = """
    garbage, three dots, alg none, alg None, HS256 with the public key, another key under the same kid,
    a key that the token brings, a key from elsewhere, another payload, another issuer, no issuer, another audience,
    no audience, expired, not yet valid, no sub, an empty sub, a sub with a line break, a sub of 16 KiB,
    16 KiB of garbage
"""


@pytest.mark.parametrize("name", [" ".join(name.split()) for name in BAD_TOKENS.split(",")])
def test_a_bad_token_opens_nothing(name: str, attacker: Attacker, issuer: Issuer) -> None:
    """Every route refuses it: API Gateway what does not verify, the function what verifies and names no user."""
    forger = Attacker(issuer.base, "", attacker.mine, attacker.theirs)
    token = tokens(issuer, attacker.mine.owner)[name]
    for method, target in (("GET", forger.list), ("GET", forger.offer), ("POST", forger.extend)):
        assert forger.send(method, target, b"{}", token=token).status in {401, 431}


def test_the_forger_s_own_good_token_is_accepted(attacker: Attacker, issuer: Issuer) -> None:
    """Or the refusals above would prove nothing; one padded to 16 KiB is as good."""
    forger = Attacker(issuer.base, "", attacker.mine, attacker.theirs)
    for claims in ({}, {"padding": "x" * 12_000}):
        token = issuer.sign(issuer.claims(attacker.mine.owner, **claims))
        assert forger.send("GET", forger.list, token=token).status == 200


def test_a_sub_that_is_a_list_is_nobody(attacker: Attacker, issuer: Issuer) -> None:
    """The gateway hands it on as text, in brackets: the id of no user."""
    forger = Attacker(issuer.base, "", attacker.mine, attacker.theirs)
    token = issuer.sign(issuer.claims(attacker.mine.owner, sub=[attacker.mine.owner]))
    assert forger.send("GET", forger.list, token=token).code in {"account_not_found", "unauthorized"}


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic VS0xOng=", "bearer null"])
def test_no_token_opens_nothing(authorization: str | None, attacker: Attacker) -> None:
    """Nor does a header that only looks like one, nor claims that the caller adds himself."""
    headers = {} if authorization is None else {"Authorization": authorization}
    headers |= {"x-user-id": attacker.mine.owner, "x-amzn-request-context": '{"authorizer":{"jwt":{}}}'}
    for method, target in (("GET", attacker.list), ("GET", attacker.offer), ("POST", attacker.extend)):
        assert attacker.send(method, target, b"{}", token=None, headers=headers).status == 401


# Ids

IDS = {
    "parent": "..",
    "traversal": "../A-100",
    "encoded traversal": "%2e%2e%2fA-100",
    "double encoding": "%252e%252e%252f",
    "a slash": "A%2F100",
    "a key separator": "A%23100",
    "the whole key": "A%23A-100%23S-1",
    "a fragment": "#A-100",
    "a null": "A-100%00",
    "a line break": "A-100%0a",
    "a header": "A-100%0d%0aX-Evil:%201",
    "a tab": "%09",
    "a space": "A%20100",
    "nothing but a space": "%20",
    "Cyrillic А": quote("А-100"),
    "full width": quote("Ａ-100"),
    "a right-to-left mark": quote("A-100\u202e"),
    "a zero-width space": quote("A\u200b-100"),
    "an emoji": quote("🦊"),
    "half an emoji": "%ed%a0%bd",
    "no UTF-8": "%ff%fe",
    "65 characters": "A" * 65,
    "8 KiB": "A" * 8_192,
    "a dash first": "-A",
    "a query": "%3Flimit=1",
    "an expression": "A-100%27%20OR%20%271%27=%271",
    "a template": "{account_id}",
    "a wildcard": "*",
    "percent": "%25",
    "a broken escape": "%zz",
}


@pytest.mark.parametrize("name", IDS)
def test_what_is_no_id_is_refused_before_a_key_is_built_of_it(name: str, attacker: Attacker) -> None:
    """In each place of each route; the gateway may say that there is no such route."""
    account, subscription, bad = attacker.mine.id, attacker.mine.subscription, IDS[name]
    targets = [("GET", f"/accounts/{bad}/subscriptions")]
    for method, what in (("GET", "extension-offer"), ("POST", "extension")):
        targets.append((method, f"/accounts/{bad}/subscriptions/{subscription}/{what}"))
        targets.append((method, f"/accounts/{account}/subscriptions/{bad}/{what}"))
    for method, target in targets:
        answer = attacker.send(method, target, b"{}")
        assert answer.code == "invalid_id" or (answer.status in {400, 404, 431} and not answer.code), answer


def test_a_stranger_s_account_looks_like_one_that_is_not_there(attacker: Attacker, cloud: Cloud) -> None:
    """Byte for byte, on every route and whatever is sent."""
    theirs = attacker.theirs
    path = f"/accounts/{theirs.id}/subscriptions"
    stolen = cloud.api(theirs.owner, "GET", f"{path}/{theirs.subscription}/extension-offer").json()["offer_id"]
    for method, what, body in (
        ("GET", "", None),
        ("GET", f"/{theirs.subscription}/extension-offer", None),
        ("POST", f"/{theirs.subscription}/extension", json.dumps({"offer_id": stolen}).encode()),
    ):
        there = attacker.send(method, f"{path}{what}", body)
        nowhere = attacker.send(method, f"/accounts/A-nowhere/subscriptions{what}", body)
        assert there.status == 404
        assert there.text == nowhere.text
        own = {"date", "apigw-requestid"}
        assert {k: v for k, v in there.headers.items() if k not in own} == {
            k: v for k, v in nowhere.headers.items() if k not in own
        }
    assert cloud.api(theirs.owner, "GET", path).json()["subscriptions"][0]["extension"]["state"] == "available"


def test_another_role_in_another_account_gives_nothing(attacker: Attacker, cloud: Cloud) -> None:
    """Being somebody elsewhere is being nobody here."""
    target = f"/accounts/{attacker.mine.id}/subscriptions"
    assert attacker.send("GET", target, token=cloud.token(attacker.theirs.administrator)).status == 404


def test_a_plain_user_is_told_whom_to_turn_to_and_nothing_else_of_the_account(attacker: Attacker, cloud: Cloud) -> None:
    """He may not view it; the contact travels with every refusal."""
    answer = cloud.api(attacker.theirs.user, "GET", f"/accounts/{attacker.theirs.id}/subscriptions")
    assert answer.status_code == 403
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "servicing_organization"}


# Pages


def forged_pages(account: str, genuine: str) -> dict[str, str]:
    values = json.loads(base64.urlsafe_b64decode(genuine + "=" * (-len(genuine) % 4)))
    now = int(time.time())
    forged: dict[str, Any] = {
        "a page of a stranger": ["A-stranger", now, 0, 0, "S-1"],
        "too few": values[:-1],
        "too many": [*values, 0],
        "an object": {"0": account},
        "a negative instant": [account, -1, 0, 0, "S-1"],
        "an instant beyond the calendar": [account, 10**18, 0, 0, "S-1"],
        "a rank that is none": [account, now, 7, 0, "S-1"],
        "a truth for a number": [account, now, True, 0, "S-1"],
        "a fraction": [account, now, 0.5, 0, "S-1"],
        "nothing": [account, None, None, None, None],
        "a list for an id": [account, now, 0, 0, ["S-1"]],
        "a list for an account": [[account], now, 0, 0, "S-1"],
    }
    tokens = {name: pack(value) for name, value in forged.items()}
    plain = {
        "deep": "[" * 300,
        "NaN": f'["{account}",NaN,0,0,"S-1"]',
        "infinity": f'["{account}",1e999,0,0,"S-1"]',
        "a number of 300 digits": f'["{account}",{"9" * 300},0,0,"S-1"]',
        "no JSON": "x",
        "null": "null",
        "not UTF-8": "\udcff\udcfe",
    }
    for name, text in plain.items():
        raw = text.encode("utf-8", "surrogateescape")
        tokens[name] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return tokens | {
        "empty": "",
        "cut": genuine[:-3],
        "513 characters": "A" * 513,
        "8 KiB": "A" * 8_192,
        "no base64": "%3C%3E%22",
        "an encoded break": f"{genuine}%0d%0a",
        "a null": "%00",
        "Cyrillic": quote("страница"),
        "twice": f"{genuine}&next_token={genuine}",
    }


def test_a_page_that_was_not_given_for_this_account_is_refused(attacker: Attacker, cloud: Cloud) -> None:
    """Forged, cut, of a stranger: 400, and never an error of ours."""
    theirs = attacker.theirs
    more = subscription_changed(account_id=theirs.id, subscription_id=f"{theirs.subscription}.2", number=STRANGER)
    cloud.event("SubscriptionChanged", more)
    path = f"/accounts/{theirs.id}/subscriptions?limit=1"
    stolen = str(cloud.until(lambda: cloud.api(theirs.owner, "GET", path).json()["next_token"]))
    pages = forged_pages(attacker.mine.id, stolen) | {"of another account": stolen}
    for name, token in pages.items():
        answer = attacker.send("GET", f"{attacker.list}?next_token={token}")
        assert (answer.status, answer.code) in {(400, "invalid_next_token"), (431, None)}, (name, answer)


@pytest.mark.parametrize(
    "limit", ["", "0", "-1", "101", "1e1", "01", "+1", "1.0", "١", "９", "1%00", "1&limit=2", "9" * 5000]
)
def test_a_limit_is_a_plain_number_from_1_to_100(limit: str, attacker: Attacker) -> None:
    """Other spellings of numbers are none, Arabic and full-width digits among them."""
    target = f"{attacker.list}?limit={quote(limit, safe='&=%')}"
    assert attacker.send("GET", target).code == "invalid_limit"


# Bodies

OFFER = "WyJTLTEiLDE3NjcyMjU2MDAsMiw4LCJQN0QiLDYwNDgwMF0"
BODIES = {
    "nothing": b"",
    "1 MiB of text": b"x" * 2**20,
    "an offer of 1 MiB": b'{"offer_id":"' + b"A" * 2**20 + b'"}',
    "a field of 1 MiB": b'{"' + b"A" * 2**20 + b'":1}',
    "100,000 fields": json.dumps({str(n): n for n in range(100_000)}).encode(),
    "deep lists": b"[" * 100_000,
    "deep lists that end": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"offer_id":' * 20_000 + b"1" + b"}" * 20_000,
    "a null": b"\x00",
    "a null inside": b'{"offer_id":"\x00"}',
    "an escaped null": b'{"offer_id":"\\u0000"}',
    "half an emoji": b'{"offer_id":"\\ud83e"}',
    "a name that is half an emoji": b'{"\\ud83e":1}',
    "UTF-16": json.dumps({"offer_id": OFFER}).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps({"offer_id": OFFER}).encode(),
    "Windows-1251": '{"offer_id":"Ромашка"}'.encode("cp1251"),
    "no UTF-8": b'{"offer_id":"\xff\xfe"}',
    "a key given twice": f'{{"offer_id":"{OFFER}","offer_id":"{OFFER}"}}'.encode(),
    "an unknown field": json.dumps({"offer_id": OFFER, "sessions": 1_000}).encode(),
    "a prototype": b'{"__proto__":{"offer_id":"x"},"constructor":1}',
    "an array": json.dumps([{"offer_id": OFFER}]).encode(),
    "a number": b"1",
    "a number of 5,000 digits": b"1" * 5_000,
    "NaN": b"NaN",
    "an infinite offer": b'{"offer_id":1e999}',
    "text": b'"offer_id"',
    "null": b"null",
    "true": b"true",
    "a number for an offer": b'{"offer_id":1}',
    "a list for an offer": json.dumps({"offer_id": [OFFER]}).encode(),
    "a form": f"offer_id={OFFER}".encode(),
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "two documents": b'{"offer_id":"x"}{"offer_id":"y"}',
    "a comment": b'{/**/"offer_id":"x"}',
    "a log line": b'{"offer_id":"x\\n{\\"level\\":\\"ERROR\\",\\"message\\":\\"forged\\"}"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_not_exactly_an_offer_is_refused(name: str, attacker: Attacker) -> None:
    """400 for what is no JSON, 422 for what is another JSON; nothing is extended."""
    answer = attacker.send("POST", attacker.extend, BODIES[name])
    assert answer.code in {"invalid_json", "invalid_body"}, answer
    assert len(answer.text) < 2_000
    assert attacker.untouched()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Encoding": "gzip"},
        {"X-HTTP-Method-Override": "GET"},
        {"X-Forwarded-For": "127.0.0.1", "X-Original-URL": "/", "Forwarded": "for=127.0.0.1"},
        {"Accept": "text/html"},
        {"Range": "bytes=0-0", "If-None-Match": "*"},
        {"X-Amzn-Trace-Id": "Root=1-forged", "X-Correlation-Id": "forged", "apigw-requestid": "forged"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_headers_change_nothing(headers: dict[str, str], attacker: Attacker) -> None:
    """Neither what is read nor what is answered depends on a header but the token."""
    usual = attacker.send("POST", attacker.extend, b"{}")
    answer = attacker.send("POST", attacker.extend, b"{}", headers=headers)
    assert (answer.status, answer.text) == (usual.status, usual.text)
    assert "forged" not in str(answer.headers)


def test_a_line_break_in_a_header_ends_up_nowhere(attacker: Attacker) -> None:
    """As raw bytes, since no client would send it: the rest is another header, or the request is refused."""
    base = attacker._base
    lines = [
        f"GET {base.path}{attacker.list} HTTP/1.1",
        f"Host: {base.netloc}",
        f"Authorization: Bearer {attacker.token}",
        "X-First: 1\r\nX-Injected: evil\r\n folded",
        "Connection: close",
    ]
    with socket.create_connection((str(base.hostname), base.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    assert answer.split()[1] in {b"200", b"400"}
    assert b"njected" not in answer
    assert b"evil" not in answer


# The offer


def tampered(offer_id: str) -> list[list[Any]]:
    """An offer's fields, each replaced by others."""
    genuine = json.loads(base64.urlsafe_b64decode(offer_id + "=" * (-len(offer_id) % 4)))
    others: list[list[Any]] = [
        ["S-1", "", "s-1", genuine[0] + " ", None],  # subscription
        [0, genuine[1] - 1, genuine[1] + 1, genuine[1] + 86_400, 10**15, str(genuine[1]), float(genuine[1])],  # period
        [0, 1, 3, 1_000_000_000, 1_000_000_001, -2, "2", 2.5, True, None],  # sessions
        [0, 7, 9, 1_000_000_000, -8, "8", False],  # databases
        ["P8D", "P1W", "PT168H", "P9999W", "", "P", "p7d", 7, None],  # duration
        [604_801, 604_799, 1, 0, 316_224_000, 316_224_001, -1, "604800", True],  # seconds
    ]
    changed = [[*genuine[:n], value, *genuine[n + 1 :]] for n, values in enumerate(others) for value in values]
    return [*changed, genuine[:-1], [*genuine, 0], genuine[::-1], [genuine], []]


def test_a_tampered_offer_is_refused_whichever_field_was_changed(attacker: Attacker) -> None:
    """The write itself compares every field; the fresh offer comes back, and nothing is extended."""
    offer_id = json.loads(attacker.send("GET", attacker.offer).text)["offer_id"]
    for values in tampered(offer_id):
        body = json.dumps({"offer_id": pack(values)}).encode()
        answer = attacker.send("POST", attacker.extend, body)
        assert answer.code in {"offer_changed", "invalid_body"}, (values, answer)
        if answer.code == "offer_changed":
            assert json.loads(answer.text)["offer"]["offer_id"] == offer_id
    for cut in (offer_id[:-1], offer_id[1:], offer_id + "A", offer_id + "=", offer_id.swapcase(), " " + offer_id):
        answer = attacker.send("POST", attacker.extend, json.dumps({"offer_id": cut}).encode())
        assert answer.code in {"offer_changed", "invalid_body"}, (cut, answer)
    assert attacker.untouched()


def test_an_offer_of_another_account_grants_nothing_here(attacker: Attacker, cloud: Cloud) -> None:
    """It names another subscription; the answer is the attacker's own offer."""
    theirs = attacker.theirs
    path = f"/accounts/{theirs.id}/subscriptions/{theirs.subscription}/extension-offer"
    stolen = cloud.api(theirs.owner, "GET", path).json()["offer_id"]
    answer = attacker.send("POST", attacker.extend, json.dumps({"offer_id": stolen}).encode())
    assert answer.code == "offer_changed"
    assert attacker.untouched()


# Past the gateway


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (base64.b64encode(b'{"offer_id":1}').decode(), "invalid_body"),
        (base64.b64encode(b"\xff\xfe").decode(), "invalid_json"),
        ("no base64!", "invalid_json"),
        ("AAAA" * 100_000, "invalid_json"),
        ("", "invalid_json"),
        (None, "invalid_json"),
    ],
)
def test_a_base64_body_is_decoded_and_then_read_as_any(
    body: str | None, code: str, attacker: Attacker, stack: Stack
) -> None:
    """API Gateway encodes a body whose content type is not text; the function is invoked as it does that."""
    event = {
        "version": "2.0",
        "rawPath": attacker.extend,
        "headers": {"content-type": "application/octet-stream"},
        "requestContext": {
            "authorizer": {"jwt": {"claims": {"sub": attacker.mine.owner}}},
            "http": {"method": "POST", "path": attacker.extend},
            "requestId": "attack",
            "stage": "$default",
        },
        "pathParameters": {"account_id": attacker.mine.id, "subscription_id": attacker.mine.subscription},
        "isBase64Encoded": True,
        "body": body,
    }
    function = stack.physical["ExtendFunction"]
    got = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    answer = json.loads(got["Payload"].read())
    check(Answer(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, answer["body"]))
    assert json.loads(answer["body"])["code"] == code
