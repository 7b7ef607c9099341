"""Tokens of a certified provider (npm's oidc-provider) at another front door with the authorizers of the template."""

import base64
import hashlib
import subprocess
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from devkit.project import environment, free_port
from devkit.stage import Stack
from local.identity import AUDIENCE, MACHINES
from local.routes import serve_api
from tests.conftest import PATIENCE, SCOPES, Cloud
from tests.outside.conftest import PARTS
from tests.support.stack import stack_of

SECRET = ("service-manager", "a secret of the tests alone")
VERIFIER = "a-verifier-of-the-tests-that-is-long-enough-for-pkce"


class Provider(NamedTuple):
    """Signs in users and machines, each for an audience."""

    url: str

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
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield Provider(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()


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


def test_tokens_open_what_they_are_for(cloud: Cloud, provider: Provider) -> None:
    """`sub` of a token by PKCE is the user, a machine has what its scope opens; whatever scopes a token has, it is the
    audience that opens a door. Machines' tokens are signed with the provider's other key."""
    url, guards_key = front_door(stack_of(cloud), provider.url)
    account = cloud.an_account()
    users, machines = f"/accounts/{account.id}/subscriptions", f"/accounts/{account.id}/limits"
    owner = provider.user(account.owner, f"openid {SCOPES}")
    for path, token, status in (
        (users, owner["access_token"], 200),
        (users, owner["id_token"], 401),
        (users, provider.user("U-somebody-else")["access_token"], 404),
        (users, provider.user(account.owner, audience="elsewhere")["access_token"], 401),
        (users, provider.machine(SCOPES), 401),
        (machines, provider.machine("limits:read"), 200),
        (machines, provider.machine("changes:write"), 403),
        (machines, provider.machine(SCOPES, audience="elsewhere"), 401),
        (machines, owner["access_token"], 401),
    ):
        headers = {"Authorization": f"Bearer {token}", "X-Amz-Security-Token": guards_key}
        assert httpx.get(url + path, headers=headers, timeout=PATIENCE).status_code == status, (path, token)
