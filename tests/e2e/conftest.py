"""The stack, its functions, and a story for the logs that begins with the first tests."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from devkit.builders import CONTACT, account_changed, member_changed, subscription_changed
from devkit.service import sample
from devkit.stage import Stack
from tests.conftest import Cloud
from tests.support.stack import stack_of

SECRET = "СекретноеИмя"
"""In every name and contact of the story's account."""


@pytest.fixture(scope="session")
def logged(cloud: Cloud) -> SimpleNamespace:
    """The account of one extension from the request to its expiry, with refusals and bad events."""
    terms = {"sessions": 2, "databases": 8, "duration": "PT1S"}
    contact = dict.fromkeys(CONTACT, SECRET)
    named = {"number": SECRET, "tariff": {"id": "basic", "name": SECRET}}
    account = cloud.an_account(name=SECRET, contact=contact, extension_terms=terms, **named)
    reported = account_changed(account_id=account.id, name=SECRET, servicing_organization=contact)
    cloud.event("AccountChanged", reported)
    named_user = member_changed(account_id=account.id, user_id=account.user, role="user", name=SECRET)
    cloud.event("MemberChanged", named_user | {"changed_at": "2026-11-02T00:00:00Z"})
    # Events that are none of the contract: they end in the failure queue, and their values nowhere else.
    cloud.event("AccountChanged", {"account_id": SECRET, "name": {"first": SECRET}, "changed_at": SECRET})
    cloud.event("SubscriptionChanged", subscription_changed(account_id=account.id, starts_at=SECRET, number=SECRET))
    wrong = [{"detail_type": "AccountChanged", "detail": detail} for detail in (reported | {"name": 5}, SECRET)]
    assert cloud.machine("POST", "/changes", {"changes": wrong}).status_code == 200
    path = f"/accounts/{account.id}/subscriptions/{account.subscription}"
    offer = cloud.api(account.owner, "GET", f"{path}/extension-offer").json()
    cloud.api(account.owner, "POST", f"{path}/extension", {"offer_id": offer["offer_id"], SECRET: SECRET})
    cloud.api(account.owner, "POST", f"{path}/extension", content=SECRET.encode())
    cloud.api(account.administrator, "POST", f"{path}/extension", {"offer_id": offer["offer_id"]})
    cloud.extend(account)
    cloud.api(account.owner, "GET", f"/accounts/{account.id}/subscriptions")
    cloud.api(account.owner, "GET", f"/accounts/{account.id}/extensions")
    cloud.machine("GET", f"/accounts/{account.id}/limits")
    return account


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Stack:
    return stack_of(cloud)


def called(stack: Stack, function: str, event: Any = None) -> Any:
    """Call a function of a stack as its trigger does, through the alias, with its sample event or another."""
    response = stack.client("lambda").invoke(
        FunctionName=stack.resource(f"{function.title()}Function"),
        Qualifier="live",
        Payload=json.dumps(event or sample(function)),
    )
    answer = json.loads(response["Payload"].read())
    assert "FunctionError" not in response, answer
    return json.loads(answer["body"]) if "body" in answer else answer
