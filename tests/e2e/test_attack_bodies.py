"""Attacks on bodies, headers and offers.

Whatever comes back is checked by `Attacker`: only answers of the contract or of the gateway, nothing of a stranger.
"""

import base64
import json
import socket
from typing import Any

import pytest

from devkit.builders import usage_changed
from devkit.stage import Stack
from devkit.template import Route, routes
from extending.api import MOST_BODY, MOST_CHANGES
from extending.model import OfferId
from tests.conftest import Cloud
from tests.support.attacker import Attacker, Received, check, pack

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


NO_JSON = [
    *("nothing", "a null", "a null inside", "UTF-16", "Windows-1251", "no UTF-8"),
    *("1 MiB of text", "an offer of 1 MiB", "a field of 1 MiB", "100,000 fields"),
    *("deep lists", "deep lists that end", "deep objects", "NaN", "a form", "XML", "two documents", "a comment"),
]
"""What is none."""


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("route", [route for route in routes() if route.method == "POST"], ids=lambda route: route.path)
def test_a_body_that_is_not_exactly_what_is_asked_for_is_refused(route: Route, name: str, attacker: Attacker) -> None:
    """413 for what is too long, 400 for what is no JSON, 422 for what is another JSON; nothing is extended."""
    answer = attacker.send(route.method, attacker.target(route), BODIES[name], token=attacker.token_for(route))
    if len(BODIES[name] or b"") > (MOST_CHANGES if route.scope else MOST_BODY):
        assert (answer.status, answer.code) == (413, "body_too_large"), answer
    else:
        assert answer.code == ("invalid_json" if name in NO_JSON else "invalid_body"), answer
    assert len(answer.text) < 2_000
    assert attacker.untouched()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"changes": ["' + b"x" * 6 * 2**20 + b'"]}', "body_too_large"),
        (b'{"changes": [' + b"[" * 10_000 + b"]" * 10_000 + b"]}", "invalid_json"),
        (b'{"changes": [{}], "changes": [{}]}', "invalid_body"),
        (b'{"changes": 1e400}', "invalid_body"),
        (b'{"changes": "\\ud800"}', "invalid_body"),
        (b'{"\\ud800": []}', "invalid_body"),
    ],
    ids=["6 MiB", "10,000 brackets", "a name twice", "1e400", "half an emoji", "a name that is half an emoji"],
)
def test_changes_that_are_no_list_are_refused_as_a_whole(body: bytes, code: str, attacker: Attacker) -> None:
    assert attacker.send("POST", "/changes", body, token=attacker.machine).code == code


ODD_DETAILS = {
    '{"account_id": "A-1", "account_id": "A-2"}': "detail.account_id",
    '{"account_id": 1e400}': "detail.account_id",
    '{"sessions": 1e400}': "detail.sessions",
    '{"sessions": 1' + "0" * 5_000 + "}": "detail.sessions",
    '{"account_id": "\\ud800"}': "detail.account_id",
    '"\\udfff"': "detail",
    "[" * 300 + "]" * 300: "detail",
    '{"changed_at": "0001-01-01T00:00:00+03:00"}': "detail.changed_at",
}


def test_odd_entries_are_named_and_the_usual_one_among_them_is_stored(attacker: Attacker, cloud: Cloud) -> None:
    """By field and never by value, whatever JSON allows and no change says."""
    usual = json.dumps(usage_changed(account_id=attacker.mine.id))
    details = [*list(ODD_DETAILS)[:4], usual, *list(ODD_DETAILS)[4:]]
    entries = ", ".join(f'{{"detail_type": "UsageChanged", "detail": {detail}}}' for detail in details)
    answer = attacker.send("POST", "/changes", f'{{"changes": [{entries}]}}'.encode(), token=attacker.machine)
    assert answer.status == 200
    results = json.loads(answer.text)["results"]
    assert results.pop(4) == {"result": "stored"}
    for result, field in zip(results, ODD_DETAILS.values(), strict=True):
        assert result["result"] == "invalid"
        assert field in result["fields"]


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


def decodes(offer_id: str) -> bool:
    """Whether it is one that an offer could have given."""
    try:
        OfferId.from_token(offer_id)
    except ValueError:
        return False
    return True


def test_a_tampered_offer_is_refused_whichever_field_was_changed(attacker: Attacker) -> None:
    """The write itself compares every field; the fresh offer comes back, and nothing is extended."""
    offer_id = json.loads(attacker.send("GET", attacker.offer).text)["offer_id"]
    for values in tampered(offer_id):
        body = json.dumps({"offer_id": pack(values)}).encode()
        answer = attacker.send("POST", attacker.extend, body)
        assert answer.code == ("offer_changed" if decodes(pack(values)) else "invalid_body"), (values, answer)
        if answer.code == "offer_changed":
            assert json.loads(answer.text)["offer"]["offer_id"] == offer_id
    for cut in (offer_id[:-1], offer_id[1:], offer_id + "A", offer_id + "=", offer_id.swapcase(), " " + offer_id):
        answer = attacker.send("POST", attacker.extend, json.dumps({"offer_id": cut}).encode())
        assert answer.code == ("offer_changed" if decodes(cut) else "invalid_body"), (cut, answer)
    assert attacker.untouched()


def test_an_offer_of_another_account_grants_nothing_here(attacker: Attacker, cloud: Cloud) -> None:
    """It names another subscription; the answer is the attacker's own offer."""
    theirs = attacker.theirs
    path = f"/accounts/{theirs.id}/subscriptions/{theirs.subscription}/extension-offer"
    stolen = cloud.api(theirs.owner, "GET", path).json()["offer_id"]
    answer = attacker.send("POST", attacker.extend, json.dumps({"offer_id": stolen}).encode())
    assert answer.code == "offer_changed"
    assert attacker.untouched()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (base64.b64encode(b'{"offer_id":1}').decode(), "invalid_body"),
        (base64.b64encode(b"\xff\xfe").decode(), "invalid_json"),
        ("no base64!", "invalid_json"),
        ("AAAA" * 100_000, "body_too_large"),
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
    function = stack.resource("ExtendFunction")
    got = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    answer = json.loads(got["Payload"].read())
    check(Received(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, answer["body"]))
    assert json.loads(answer["body"])["code"] == code
