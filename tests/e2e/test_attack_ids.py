"""Attacks on ids, roles and pages: what is not the caller's.

Whatever comes back is checked by `Attacker`: only answers of the contract or of the gateway, nothing of a stranger.
"""

import base64
import json
import re
import time
from typing import Any
from urllib.parse import quote

import pytest

from devkit.builders import subscription_changed
from devkit.template import routes
from tests.conftest import Cloud
from tests.support.attacker import STRANGER, Attacker, pack

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


NO_ROUTE = ["parent", "traversal", "encoded traversal", "a slash", "a fragment"]
"""With these the path is another, and the gateway knows no such route."""


@pytest.mark.parametrize("name", IDS)
def test_what_is_no_id_is_refused_before_a_key_is_built_of_it(name: str, attacker: Attacker) -> None:
    """In each place of each route of the template."""
    for route in routes():
        for place in re.findall(r"\{(\w+)\}", route.path):
            target = attacker.target(route, **{place: IDS[name]})
            answer = attacker.send(route.method, target, b"{}", token=attacker.token_for(route))
            expected = (404, None) if name in NO_ROUTE else (400, "invalid_id")
            assert (answer.status, answer.code) == expected, (route, place)


def test_a_stranger_s_account_looks_like_one_that_is_not_there(attacker: Attacker, cloud: Cloud) -> None:
    """Byte for byte, on every route that names an account, whatever is sent; a user does not pass a machine's."""
    theirs = attacker.theirs
    path = f"/accounts/{theirs.id}/subscriptions"
    stolen = cloud.api(theirs.owner, "GET", f"{path}/{theirs.subscription}/extension-offer").json()["offer_id"]
    body = json.dumps({"offer_id": stolen}).encode()
    for route in routes():
        if "{account_id}" not in route.path:
            continue
        there, nowhere = (
            attacker.send(
                route.method, attacker.target(route, account_id=account, subscription_id=theirs.subscription), body
            )
            for account in (theirs.id, "A-nowhere")
        )
        assert (there.status, there.code) == ((401, None) if route.scope else (404, "account_not_found")), route
        assert there.text == nowhere.text
        own = {"date", "apigw-requestid"}
        assert {k: v for k, v in there.headers.items() if k not in own} == {
            k: v for k, v in nowhere.headers.items() if k not in own
        }
    assert cloud.api(theirs.owner, "GET", path).json()["subscriptions"][0]["extension"]["state"] == "available"


def test_another_role_in_another_account_gives_nothing(attacker: Attacker, cloud: Cloud) -> None:
    """Being somebody elsewhere is being nobody here."""
    token = cloud.token(attacker.theirs.administrator)
    offered = json.loads(attacker.send("GET", attacker.offer).text)["offer_id"]
    body = json.dumps({"offer_id": offered}).encode()
    for route in routes():
        answer = attacker.send(route.method, attacker.target(route), body, token=token)
        assert (answer.status, answer.code) == ((401, None) if route.scope else (404, "account_not_found")), route


def test_a_plain_user_is_told_whom_to_turn_to_and_nothing_else_of_the_account(attacker: Attacker, cloud: Cloud) -> None:
    """A plain user may not view it; the contact travels with every refusal."""
    for what in ("subscriptions", "extensions"):
        answer = cloud.api(attacker.theirs.user, "GET", f"/accounts/{attacker.theirs.id}/{what}")
        assert answer.status_code == 403
        assert set(answer.json()) == {"type", "title", "status", "detail", "code", "servicing_organization"}


def forged_pages(account: str, genuine: str) -> dict[str, str]:
    """Tokens that look like a genuine one, of `account`: another in one place each, and such as are no JSON at all."""
    _, *place = json.loads(base64.urlsafe_b64decode(genuine + "=" * (-len(genuine) % 4)))
    ours = [account, *place]
    forged: dict[str, Any] = {
        "too few": ours[:-1],
        "too many": [*ours, 0],
        "an object": {"0": account},
        "nothing": [account, *[None] * len(place)],
        "a list for an id": [*ours[:-1], ["S-1"]],
        "a list for an account": [[account], *place],
    }
    wrong = {"a truth": True, "a fraction": 0.5, "too late": 10**18, "too early": -(10**18), "text": "0"}
    for n in range(1, len(place)):
        forged |= {f"{what} in place {n}": [*ours[:n], value, *ours[n + 1 :]] for what, value in wrong.items()}
    tokens = {name: pack(value) for name, value in forged.items()}
    numbers = {"NaN": "NaN", "infinity": "1e999", "a number of 300 digits": "9" * 300}
    plain = {name: json.dumps([account, "?", *place[1:]]).replace('"?"', number) for name, number in numbers.items()}
    plain |= {"deep": "[" * 300, "no JSON": "x", "null": "null", "not UTF-8": "\udcff\udcfe"}
    for name, text in plain.items():
        raw = text.encode("utf-8", "surrogateescape")
        tokens[name] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return tokens | {
        "of another account": genuine,
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


@pytest.fixture(scope="module")
def stolen(cloud: Cloud) -> dict[str, str]:
    """Tokens of the second page of a stranger, by route."""
    account = cloud.an_account(name=STRANGER, number=STRANGER)
    second = f"{account.subscription}.2"
    more = subscription_changed(account_id=account.id, subscription_id=second, number=STRANGER)
    cloud.event("SubscriptionChanged", more)
    path = f"/accounts/{account.id}"

    def second_page(what: str) -> str | None:
        token: str | None = cloud.api(account.owner, "GET", f"{path}/{what}?limit=1").json()["next_token"]
        return token

    of_list = cloud.until(lambda: second_page("subscriptions"))
    for id_ in (account.subscription, second):
        offer = cloud.api(account.owner, "GET", f"{path}/subscriptions/{id_}/extension-offer").json()
        body = {"offer_id": offer["offer_id"]}
        assert cloud.api(account.owner, "POST", f"{path}/subscriptions/{id_}/extension", body).status_code == 201
    return {"subscriptions": str(of_list), "extensions": str(second_page("extensions"))}


@pytest.mark.parametrize("what", ["subscriptions", "extensions"])
def test_a_page_that_was_not_given_for_this_account_is_refused(
    what: str, attacker: Attacker, stolen: dict[str, str]
) -> None:
    """Forged, cut, of a stranger, of the other list: 400, and never an error of ours."""
    account, now = attacker.mine.id, int(time.time())
    pages = forged_pages(account, stolen[what])
    # Each as the other list would take it.
    others: dict[str, list[Any]] = {
        "subscriptions": [account, -now, "S-1"],
        "extensions": [account, now, 0, -now, "S-1"],
    }
    pages["of the other list"] = pack(others[what])
    if what == "subscriptions":
        pages["a negative instant"] = pack([account, -1, 0, 0, "S-1"])
        pages["a rank that is none"] = pack([account, now, 7, 0, "S-1"])
    else:
        pages["an instant that is none"] = pack([account, 1, "S-1"])
    for name, token in pages.items():
        answer = attacker.send("GET", f"/accounts/{account}/{what}?next_token={token}")
        assert (answer.status, answer.code) == (400, "invalid_next_token"), (name, answer)


@pytest.mark.parametrize(
    "limit", ["", "0", "-1", "101", "1e1", "01", "+1", "1.0", "١", "９", "1%00", "1&limit=2", "9" * 5000]
)
def test_a_limit_is_a_plain_number_from_1_to_100(limit: str, attacker: Attacker) -> None:
    """Other spellings of numbers are none, Arabic and full-width digits among them."""
    for what in ("subscriptions", "extensions"):
        target = f"/accounts/{attacker.mine.id}/{what}?limit={quote(limit, safe='&=%')}"
        assert attacker.send("GET", target).code == "invalid_limit"
