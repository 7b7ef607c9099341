"""The stack, another front door of it, and a story for the logs that begins with the first tests."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from devkit.builders import CONTACT, account_changed, subscription_changed
from devkit.stage import Stack
from local.identity import AUDIENCE, MACHINES
from local.listen import listen
from local.routes import serve_api
from tests.conftest import Cloud
from tests.support.stack import stack_of

SECRET = "СекретноеИмя"
"""In every name and contact of the story's account."""


class LoggedStory:
    """One extension from the request to its expiry, with refusals, bad events, and a window on the bus."""

    def __init__(self, cloud: Cloud, stack: Stack) -> None:
        self._events: list[dict[str, Any]] = []
        self._sqs = stack.client("sqs")
        pattern = {"source": ["extending-subscription"]}
        self._queue = listen(stack, "logs-window", pattern)
        self.account = self._play(cloud)

    def _play(self, cloud: Cloud) -> SimpleNamespace:
        terms = {"sessions": 2, "databases": 8, "duration": "PT1S"}
        account = cloud.an_account(
            name=SECRET, number=SECRET, tariff={"id": "basic", "name": SECRET}, extension_terms=terms
        )
        contact = dict.fromkeys(CONTACT, SECRET)
        renamed = account_changed(account_id=account.id, name=SECRET, servicing_organization=contact)
        cloud.event("AccountChanged", renamed | {"changed_at": "2026-11-02T00:00:00Z"})
        # Events that are none of the contract: they end in the failure queue, and their values nowhere else.
        cloud.event("AccountChanged", {"account_id": SECRET, "name": {"first": SECRET}, "changed_at": SECRET})
        cloud.event("SubscriptionChanged", subscription_changed(account_id=account.id, starts_at=SECRET, number=SECRET))
        path = f"/accounts/{account.id}/subscriptions/{account.subscription}"
        offer = cloud.api(account.owner, "GET", f"{path}/extension-offer").json()
        cloud.api(account.owner, "POST", f"{path}/extension", {"offer_id": offer["offer_id"], SECRET: SECRET})
        cloud.api(account.owner, "POST", f"{path}/extension", content=SECRET.encode())
        cloud.api(account.administrator, "POST", f"{path}/extension", {"offer_id": offer["offer_id"]})
        cloud.extend(account)
        cloud.api(account.owner, "GET", f"/accounts/{account.id}/extensions")
        cloud.machine("GET", f"/accounts/{account.id}/limits")
        changes = [
            {"detail_type": "AccountChanged", "detail": each} for each in (renamed, renamed | {"name": 5}, SECRET)
        ]
        assert cloud.machine("POST", "/changes", {"changes": changes}).status_code == 200
        return account

    def events(self) -> list[dict[str, Any]]:
        """The story's events out so far, as they were on the bus."""
        messages = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
        put = (json.loads(message["Body"]) for message in messages)
        self._events += (event for event in put if event["detail"]["account_id"] == self.account.id)
        return self._events


@pytest.fixture(scope="session")
def logged(cloud: Cloud) -> LoggedStory:
    return LoggedStory(cloud, stack_of(cloud))


@pytest.fixture(scope="module")
def stack(cloud: Cloud) -> Stack:
    return stack_of(cloud)


def front_door(stack: Stack, issuer: str) -> tuple[str, str]:
    """Another HTTP API before the functions of a stack, whose authorizers trust an issuer; its URL, and the key of
    MiniStack's guard."""
    gateway = stack.client("apigatewayv2")
    api = gateway.create_api(Name=issuer, ProtocolType="HTTP")["ApiId"]
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    parameters = {"JwtIssuer": issuer, "JwtAudience": AUDIENCE, "MachineAudience": MACHINES}
    credentials = stack.session.get_credentials()
    assert credentials
    serve_api(stack, api, parameters)
    return f"{stack.endpoint}/_aws/execute-api/{api}/$default", str(credentials.token)
