"""Events as strangers read them: the SDKs of CloudEvents, and a strict validator of JSON Schemas."""

import json

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
    events = [{"name": event["type"], "detail": event["data"]} for event in received]
    checked = json.loads(run(["node", PARTS / "schemas.mjs", ROOT / "schemas"], events))
    assert checked == {"schemas": sorted(path.stem for path in (ROOT / "schemas").glob("*.json")), "wrong": []}
