"""Events as strangers read them: the SDKs of CloudEvents, and a strict validator of JSON Schemas."""

import json
from typing import Any

from devkit.builders import (
    account_changed,
    account_removed,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.project import ROOT
from tests.conftest import Cloud
from tests.outside.conftest import PARTS, VENV, run
from tests.support.receiver import Inbox, webhook
from tests.support.stack import stack_of


def test_the_sdks_of_cloudevents_read_what_the_webhook_posts(cloud: Cloud) -> None:
    """Those for Python and for JavaScript, and both read the same; its data fits the strict schema of its type."""
    account, posts = cloud.an_account(), Inbox()
    with webhook(stack_of(cloud), posts):
        extension = cloud.extend(account)
        cloud.until(lambda: posts.of(account.id))
    received = json.loads(run(["node", PARTS / "events.mjs"], posts.raw))
    assert received == json.loads(run([VENV / "bin" / "python", PARTS / "events.py"], posts.raw))
    (granted, *_) = (event for event in received if event["subject"] == account.id)
    assert granted["type"] == "ExtensionGranted"
    assert granted["id"] == granted["data"]["event_id"]
    assert granted["data"]["extension_id"] == extension["id"]
    assert not wrong([{"name": event["type"], "detail": event["data"]} for event in received])


def test_a_strict_validator_accepts_the_schemas_and_the_events_in() -> None:
    """ajv in its strict mode knows every keyword and format, and refuses what does not fit."""
    details: dict[str, dict[str, Any]] = {
        "AccountChanged": account_changed(),
        "MemberChanged": member_changed(),
        "SubscriptionChanged": subscription_changed(ends_at=None),
        "UsageChanged": usage_changed(),
        "SubscriptionRemoved": subscription_removed(),
        "AccountRemoved": account_removed(),
    }
    assert not wrong([{"name": name, "detail": detail} for name, detail in details.items()])
    late = [{"name": name, "detail": detail | {"changed_at": "yesterday"}} for name, detail in details.items()]
    assert len(wrong(late)) == len(details)


def wrong(events: list[dict[str, Any]]) -> list[Any]:
    """Errors that ajv finds in events, by the checked-in schemas."""
    checked = json.loads(run(["node", PARTS / "schemas.mjs", ROOT / "schemas"], events))
    assert checked["schemas"] == sorted(path.stem for path in (ROOT / "schemas").glob("*.json"))
    return list(checked["wrong"])
