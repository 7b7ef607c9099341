"""Attacks on ids, roles and pages: what is not the caller's.

Whatever comes back is checked by `Attacker`: only answers of the contract or of the gateway, nothing of a stranger.
"""

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Cloud
from tests.support.attacker import STRANGER, Attacker, pack
from tests.support.builders import subscription_changed

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
    """A plain user may not view it; the contact travels with every refusal."""
    answer = cloud.api(attacker.theirs.user, "GET", f"/accounts/{attacker.theirs.id}/subscriptions")
    assert answer.status_code == 403
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "servicing_organization"}


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
