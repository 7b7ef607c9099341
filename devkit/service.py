"""The functions as Lambda calls them: the sample events in, real answers out."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from devkit.builders import account_changed, member_changed, subscription_changed
from devkit.project import ROOT

if TYPE_CHECKING:
    import time_machine

EVENTS = ROOT / "events"
MACHINE = "service-manager"
"""The subject of a machine's token."""

Json = dict[str, Any]


class Context:
    """Lambda's context of a call; its time runs out by the clock it is given."""

    function_name = "test"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:test"
    aws_request_id = "8f5d1f0a-0000-4000-8000-000000000000"

    def __init__(self, seconds: float = 25, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = clock() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends_at - self._clock()) * 1000)


class Answer(NamedTuple):
    """An answer to API Gateway with its JSON read; that is None where there is no body."""

    status: int
    json: Json
    headers: dict[str, str]

    @property
    def code(self) -> str | None:
        return self.json.get("code") if self.json else None

    @classmethod
    def of(cls, answer: Json) -> "Answer":
        return cls(answer["statusCode"], json.loads(answer.get("body") or "null"), answer["headers"])


@cache
def _read(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


def sample(name: str) -> Json:
    """One of the sample events."""
    return dict(json.loads(_read(name)))


def http_event(
    name: str, user: str | None, ids: dict[str, str], body: str | None = None, query: dict[str, str] | None = None
) -> Json:
    """The event of an HTTP call by a user; without one, of a call that nobody has verified."""
    event = sample(name)
    path = event["requestContext"]["routeKey"].split(" ")[1].format(**ids)
    event |= {"rawPath": path, "pathParameters": ids, "queryStringParameters": query or None}
    event["requestContext"]["http"]["path"] = path
    if user is None:
        del event["requestContext"]["authorizer"]
    else:
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = user
    if body is not None:
        event["body"] = body
    return event


def machine_event(name: str, ids: dict[str, str], use: str = "access") -> Json:
    """The event of an HTTP call to `limits` or `changes`."""
    event = http_event(name, MACHINE, ids)
    event["requestContext"]["authorizer"]["jwt"]["claims"]["token_use"] = use
    return event


def extend_event(user: str | None, account: str, subscription: str, offer_id: str) -> Json:
    ids = {"account_id": account, "subscription_id": subscription}
    return http_event("extend", user, ids, body=json.dumps({"offer_id": offer_id}))


def sync_event(detail_type: str, detail: Json) -> Json:
    return sample("sync") | {"detail-type": detail_type, "detail": detail}


def invoke(name: str, event: Json, context: Context) -> Json:
    return dict(import_module(f"functions.{name}.app").handler(event, context))


class Service:
    """The functions in this process, one call at a time; the clock stands where `traveller` was put."""

    def __init__(self, traveller: "time_machine.Traveller | None" = None) -> None:
        self._traveller = traveller
        self.clock: Callable[[], float] = time.monotonic
        self.remaining: float = 0
        """Seconds that the last call left unused."""
        self.restart()

    def restart(self) -> None:
        """Go on as a new instance of the functions."""
        import_module("extending.service").start_anew()

    def at(self, now: datetime) -> Self:
        """Set the clock."""
        assert self._traveller
        self._traveller.move_to(now)
        return self

    def settle(self) -> Self:
        """Account A-100 with its subscription S-1, which can be extended; of each role one: U-1 is its owner."""
        self.account()
        self.subscription()
        for user, role in [("U-1", "owner"), ("U-2", "administrator"), ("U-3", "user"), ("U-4", "operator")]:
            self.member(user_id=user, role=role)
        return self

    def tell(self, detail_type: str, detail: Json) -> bool:
        """Report an event of the service manager over the bus; True if it was stored."""
        return bool(self.call("sync", sync_event(detail_type, detail))["stored"])

    def account(self, **detail: Any) -> bool:
        return self.tell("AccountChanged", account_changed(**detail))

    def member(self, **detail: Any) -> bool:
        return self.tell("MemberChanged", member_changed(**detail))

    def subscription(self, **detail: Any) -> bool:
        return self.tell("SubscriptionChanged", subscription_changed(**detail))

    def list(self, user: str | None = "U-1", account: str = "A-100", **query: str) -> Answer:
        return Answer.of(self.call("list", http_event("list", user, {"account_id": account}, query=query)))

    def offer(self, user: str | None = "U-1", account: str = "A-100", subscription: str = "S-1") -> Answer:
        ids = {"account_id": account, "subscription_id": subscription}
        return Answer.of(self.call("offer", http_event("offer", user, ids)))

    def extend(
        self,
        offer_id: str | None = None,
        user: str | None = "U-1",
        account: str = "A-100",
        subscription: str = "S-1",
        body: str | None = None,
        seconds: float = 25,
    ) -> Answer:
        """Accept an offer; without one, accept what is offered now."""
        if body is None:
            if offer_id is None:
                offer_id = self.offer(user, account, subscription).json["offer_id"]
            body = json.dumps({"offer_id": offer_id})
        ids = {"account_id": account, "subscription_id": subscription}
        return Answer.of(self.call("extend", http_event("extend", user, ids, body), seconds))

    def history(self, user: str | None = "U-1", account: str = "A-100", **query: str) -> Answer:
        return Answer.of(self.call("history", http_event("history", user, {"account_id": account}, query=query)))

    def limits(self, account: str = "A-100", known: str = "", use: str = "access") -> Answer:
        """Limits for an application server; `known` is the ETag that it has, `use` the use of its token."""
        event = machine_event("limits", {"account_id": account}, use)
        event["headers"] |= {"if-none-match": known} if known else {}
        return Answer.of(self.call("limits", event))

    def changes(self, *changes: Any, body: str | None = None, use: str = "access", seconds: float = 25) -> Answer:
        """Report changes over HTTPS, each as (detail type, detail) or as it is to stand in the list."""
        entries = [
            {"detail_type": change[0], "detail": change[1]} if isinstance(change, tuple) else change
            for change in changes
        ]
        event = machine_event("changes", {}, use)
        event["body"] = json.dumps({"changes": entries}) if body is None else body
        return Answer.of(self.call("changes", event, seconds))

    def expire(self, seconds: float = 55) -> Json:
        return self.call("expire", sample("expire"), seconds)

    def expire_early(self, extension: str, account: str = "A-100", by: str = MACHINE, use: str = "access") -> Answer:
        """End one extension over the API."""
        event = machine_event("expire-early", {"account_id": account, "extension_id": extension}, use)
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = by
        return Answer.of(self.call("expire", event))

    def call(self, name: str, event: Json, seconds: float = 25) -> Json:
        context = Context(seconds, self.clock)
        try:
            return invoke(name, event, context)
        finally:
            self.remaining = context.get_remaining_time_in_millis() / 1000
