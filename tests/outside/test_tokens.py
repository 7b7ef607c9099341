"""Tokens of a certified provider (npm's oidc-provider) at a second front door with the authorizers of the template."""

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from devkit.project import environment, free_port
from local.identity import AUDIENCE, MACHINES
from local.routes import serve_api
from tests.conftest import PATIENCE, SCOPES, Cloud
from tests.outside.conftest import PARTS
from tests.support.stack import stack_of

SECRET = ("service-manager", "a secret of the tests alone")
VERIFIER = "a-verifier-of-the-tests-that-is-long-enough-for-pkce"


class Provider:
    """Signs users and machines in, each for an audience."""

    def __init__(self, url: str) -> None:
        self.url = url

    def machine(self, scope: str, audience: str = MACHINES) -> str:
        """An access token by client credentials."""
        form = {"grant_type": "client_credentials", "scope": scope, "resource": f"urn:audience:{audience}"}
        return str(httpx.post(f"{self.url}/token", data=form, auth=SECRET).json()["access_token"])

    def user(self, user: str, scope: str = "openid", audience: str = AUDIENCE) -> dict[str, str]:
        """The tokens of a user of the cabinet, by its public client with PKCE."""
        own = {"client_id": "cabinet", "redirect_uri": "http://127.0.0.1/signed-in"}
        own["resource"] = f"urn:audience:{audience}"
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        asked = {"response_type": "code", "scope": scope, "login_hint": user}
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        with httpx.Client(base_url=self.url) as browser:
            answer = browser.get("/auth", params=own | asked)
            while not (location := answer.headers["location"]).startswith(own["redirect_uri"]):
                answer = browser.get(location)
            (code,) = parse_qs(urlsplit(location).query)["code"]
            form = own | {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
            return dict(browser.post("/token", data=form).json())


@pytest.fixture(scope="module")
def provider(cloud: Cloud) -> Iterator[Provider]:
    port = free_port()
    command = ["node", str(PARTS / "provider.mjs"), str(port)]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield Provider(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


@pytest.fixture(scope="module")
def door(cloud: Cloud, provider: Provider) -> Iterator[httpx.Client]:
    """Another HTTP API before the same functions, whose issuer is the provider."""
    stack = stack_of(cloud)
    gateway: Any = stack.client("apigatewayv2")
    api = gateway.create_api(Name="strangers", ProtocolType="HTTP")["ApiId"]
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    parameters = {"JwtIssuer": provider.url, "JwtAudience": AUDIENCE, "MachineAudience": MACHINES, "ScopePrefix": ""}
    serve_api(stack.session, str(stack.endpoint), stack.name, api, parameters)
    credentials = stack.session.get_credentials()
    assert credentials
    url = f"{stack.endpoint}/_aws/execute-api/{api}/$default"
    with httpx.Client(
        base_url=url, headers={"X-Amz-Security-Token": str(credentials.token)}, timeout=PATIENCE
    ) as client:
        yield client
    gateway.delete_api(ApiId=api)


@pytest.fixture(scope="module")
def account(cloud: Cloud) -> SimpleNamespace:
    return cloud.an_account()


def get(door: httpx.Client, path: str, token: str) -> int:
    return door.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def paths(account: SimpleNamespace) -> tuple[str, str]:
    """A route of users and one of machines."""
    return f"/accounts/{account.id}/subscriptions", f"/accounts/{account.id}/limits"


def test_a_user_who_has_signed_in_sees_the_own_account(
    door: httpx.Client, provider: Provider, account: SimpleNamespace
) -> None:
    """`sub` of a token by PKCE is the user; somebody else's learns nothing."""
    users, _ = paths(account)
    assert get(door, users, provider.user(account.owner)["access_token"]) == 200
    assert get(door, users, provider.user("U-somebody-else")["access_token"]) == 404


def test_a_machine_has_what_its_scope_opens(door: httpx.Client, provider: Provider, account: SimpleNamespace) -> None:
    """By client credentials; the token is signed with the provider's other key."""
    _, machines = paths(account)
    assert get(door, machines, provider.machine("limits:read")) == 200
    assert get(door, machines, provider.machine("changes:write")) == 403


def test_neither_token_passes_the_door_of_the_other(
    door: httpx.Client, provider: Provider, account: SimpleNamespace
) -> None:
    """Whatever scopes a user may ask for at the cabinet's client, it is the audience that opens a door."""
    users, machines = paths(account)
    assert get(door, machines, provider.user(account.owner, f"openid {SCOPES}")["access_token"]) == 401
    assert get(door, users, provider.machine(SCOPES)) == 401


def test_a_token_for_something_else_opens_nothing(
    door: httpx.Client, provider: Provider, account: SimpleNamespace
) -> None:
    """The ID token, and tokens for another audience."""
    users, machines = paths(account)
    assert get(door, users, provider.user(account.owner)["id_token"]) == 401
    assert get(door, users, provider.user(account.owner, audience="elsewhere")["access_token"]) == 401
    assert get(door, machines, provider.machine("limits:read", "elsewhere")) == 401
