"""The story by a client that openapi-python-client made; prints what it met."""

import json
import os
from typing import Any

from attrs_client import AuthenticatedClient
from attrs_client.api.extending import extend_subscription, list_extensions, list_subscriptions, offer_extension
from attrs_client.api.machines import account_limits, expire_extension, store_changes
from attrs_client.models import Acceptance, Changes

URL, ACCOUNT = os.environ["URL"], os.environ["ACCOUNT"]


def client(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=token, timeout=120)


def changes(*entries: tuple[str, dict[str, Any]]) -> Changes:
    """Entries as the client's own types, of which each kind has one."""
    usual = {"account_id": ACCOUNT, "changed_at": "2026-11-01T00:00:00Z"}
    given = [{"detail_type": name, "detail": usual | detail} for name, detail in entries]
    made = Changes.from_dict({"changes": given})
    assert [type(entry).__name__ for entry in made.changes] == [f"{name}Entry" for name, _ in entries]
    return made


machines, owner = client(os.environ["MACHINE"]), client(os.environ["OWNER"])
account = {"name": "ООО «Ива»", "time_zone": "Europe/Moscow", "servicing_organization": {"phone": "+7 495 000-00-00"}}
subscription = {
    "subscription_id": "S-1",
    "number": "000000900",
    "kind": "main",
    "parent_id": None,
    "tariff": {"id": "basic", "name": "Базовый"},
    "starts_at": "2026-01-01T00:00:00Z",
    "ends_at": None,
    "limits": {"sessions": 2, "databases": None},
    "extension_terms": {"sessions": 2, "databases": 8, "duration": "P7D"},
}
reported = changes(
    ("AccountChanged", account),
    ("MemberChanged", {"user_id": f"U-{ACCOUNT}", "role": "owner", "name": "Анна Петрова"}),
    ("SubscriptionChanged", subscription),
    ("UsageChanged", {"sessions": 1, "databases": 1}),
    ("SubscriptionRemoved", {"subscription_id": "S-9"}),
    ("AccountRemoved", {"account_id": f"{ACCOUNT}-gone"}),
)
results = store_changes.sync(client=machines, body=reported).results

row = list_subscriptions.sync(ACCOUNT, client=owner).subscriptions[0]
accepted = Acceptance(offer_id=offer_extension.sync(ACCOUNT, "S-1", client=owner).offer_id)
extended = extend_subscription.sync(ACCOUNT, "S-1", client=owner, body=accepted)
conflict = offer_extension.sync(ACCOUNT, "S-1", client=owner)
answer = account_limits.sync_detailed(ACCOUNT, client=machines)
known = answer.headers["ETag"]
unchanged = account_limits.sync_detailed(ACCOUNT, client=machines, if_none_match=known)
expired = expire_extension.sync(ACCOUNT, str(extended.extension.id), client=machines)
history = list_extensions.sync(ACCOUNT, client=owner).extensions[0]
unauthorized = list_subscriptions.sync(ACCOUNT, client=client("nobody"))
long = changes(*[("AccountChanged", account | {"time_zone": "x" * 200_000})] * 6)
too_large = store_changes.sync(client=machines, body=long)

print(
    json.dumps(
        {
            "results": [each.result for each in results],
            "row": row.extension.state,
            "created": extended.created,
            "conflict": [conflict.code, conflict.extension.id == extended.extension.id],
            "sessions": answer.parsed.limits.sessions.total,
            "databases": answer.parsed.limits.databases.total,
            "unchanged": unchanged.status_code,
            "expired": expired.expired,
            "history": [history.state, history.granted_by_name],
            "unauthorized": unauthorized.message,
            "too_large": too_large.code,
        }
    )
)
