"""Somebody who sends exactly the bytes that they want, and looks at all that comes back."""

import http.client
import json
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import urlsplit

from devkit.template import Route

STRANGER = "ЧужаяТайна"
"""In every name and contact of the account that the attacker has no role in."""

CONTRACT = {
    400: {"invalid_id", "invalid_json", "invalid_limit", "invalid_next_token"},
    401: {"unauthorized"},
    403: {"view_not_allowed", "owner_required"},
    404: {"account_not_found", "subscription_not_found", "extension_not_found"},
    409: {"already_used", "not_active_yet", "finished", "not_main", "tariff_not_extendable", "offer_changed"},
    413: {"body_too_large"},
    422: {"invalid_body"},
}
GATEWAY = {
    (401, '{"message":"Unauthorized"}'),
    (403, '{"message":"Forbidden"}'),
    (404, '{"message":"Not Found"}'),
    (400, "Invalid HTTP request received."),  # the local web server, for what is no HTTP
    (431, ""),
}
"""Answers of the gateway, before a function is asked; on AWS 413 for a body of more than 10 MB as well."""


class Received(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def code(self) -> str | None:
        """The problem's code; None for a success and for what the gateway answers."""
        return json.loads(self.text)["code"] if "problem+json" in self.headers.get("content-type", "") else None


class Attacker:
    """Sends exactly the bytes that it is given, as the owner of one account, and checks what comes back.

    `machine` is a token with every scope, for whoever has got hold of one.
    """

    def __init__(self, base: str, token: str, machine: str, mine: SimpleNamespace, theirs: SimpleNamespace) -> None:
        self._base = urlsplit(base)
        self.token = token
        self.machine = machine
        self.mine = mine
        self.theirs = theirs
        self.list = f"/accounts/{mine.id}/subscriptions"

    def target(self, route: Route, **ids: str) -> str:
        """A route as it is sent, of the attacker's own account and subscription where no other is named."""
        own = {"account_id": self.mine.id, "subscription_id": self.mine.subscription, "extension_id": "none"}
        return route.path.format(**own | ids)

    def token_for(self, route: Route) -> str:
        """The token that the route asks for: a machine's where it asks for a scope."""
        return self.machine if route.scope else self.token

    def send(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Received:
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
            answer = Received(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read().decode())
        finally:
            connection.close()
        check(answer)
        return answer

    def untouched(self) -> bool:
        """True while the attacker's own subscription can still be extended."""
        (row,) = json.loads(self.send("GET", self.list).text)["subscriptions"]
        return bool(row["extension"]["state"] == "available")


def check(answer: Received) -> None:
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
