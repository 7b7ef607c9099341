"""The rights of each function are exactly the calls that it makes.

Every path of every function is run in this process; what reaches the SDK's clients is recorded as the actions that AWS
would ask rights for, and compared with the statements of the template.
"""

import re
from collections import defaultdict
from itertools import product
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from devkit.builders import (
    DAY,
    NOW,
    SECOND,
    WEEK,
    account_changed,
    account_removed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.service import Context, Json, Service, invoke, sample
from devkit.template import resources
from extending import failures
from extending.tokens import pack, unpack
from tests.integration.conftest import as_list

Right = tuple[str, str]
"""An action and the resource that it is on, as (`dynamodb:Query`, `Table/index/due`)."""

FUNCTIONS = resources("AWS::Serverless::Function")
IN_A_TRANSACTION = {"ConditionCheck": "ConditionCheckItem", "Put": "PutItem"}


def granted(function: str) -> set[Right]:
    """The rights that the template grants to a function."""
    rights = set()
    for policy in FUNCTIONS[function]["Properties"]["Policies"]:
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
            rights |= {(action, resource(each)) for action, each in product(actions, resources)}
    return rights


def resource(value: Any) -> str:
    """An ARN of the template in short: `Table`, `Table/index/due`, `Bus`."""
    match value:
        case {"Fn::GetAtt": [name, "Arn"]}:
            return str(name)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", text)
    raise AssertionError(f"an ARN that this test cannot read: {value}")


def needed(service: str, operation: str, request: Json) -> set[Right]:
    """The rights that AWS asks for when an operation is called."""
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            return {
                (f"dynamodb:{IN_A_TRANSACTION[kind]}", table(item))
                for write in request["TransactItems"]
                for kind, item in write.items()
            }
        case "dynamodb", _:
            return {(f"dynamodb:{operation}", table(request))}
        case "events", "PutEvents":
            assert {entry["EventBusName"] for entry in request["Entries"]} == {"extending-subscription"}
            return {("events:PutEvents", "Bus")}
        case "sqs", "SendMessage":
            return {("sqs:SendMessage", request["QueueUrl"].rsplit("/", 1)[-1])}
    raise AssertionError(f"a call that this test does not know: {service} {operation}")


def table(request: Json) -> str:
    assert request["TableName"] == "extending-subscription"
    return f"Table/index/{request['IndexName']}" if "IndexName" in request else "Table"


def run_everything(service: Service) -> None:
    """Every path of each function: for each role, granted and refused, due, ended, removed, unreadable."""
    service.account(changed_at="2026-11-02T00:00:00Z")
    service.account()  # older
    service.member(user_id="U-7", role=None)
    service.subscription(subscription_id="S-2", extension_terms=None)
    service.account(account_id="no account")  # set aside
    offer_id = service.offer().json["offer_id"]
    for user in ("U-1", "U-3", "U-9"):
        service.list(user)
        service.offer(user)
        service.history(user)
    service.list(limit="1")
    service.offer(subscription="S-9")
    service.limits()
    service.limits("A-9")
    run_extend(service, offer_id)
    service.subscription(subscription_id="S-3")
    early = service.extend(subscription="S-3").json["extension"]["id"]
    service.at(NOW + WEEK - DAY).expire()
    assert service.expire_early(early).json["expired"]
    service.at(NOW + WEEK + SECOND).expire()
    service.expire_early("no-such-extension")
    run_publish(service)
    changes = [
        ("AccountChanged", account_changed(changed_at="2026-11-03T00:00:00Z")),
        ("AccountChanged", account_changed(account_id="A-7")),
        ("UsageChanged", usage_changed()),
        ("SubscriptionChanged", subscription_changed(account_id="A-7")),
        ("SubscriptionRemoved", subscription_removed(account_id="A-7")),
        ("AccountRemoved", account_removed(account_id="A-7")),
    ]
    assert service.changes(*changes).status == 200
    service.report("UsageChanged", usage_changed(sessions=3))
    service.report("SubscriptionRemoved", subscription_removed())
    service.report("AccountRemoved", account_removed())


def run_extend(service: Service, offer_id: str) -> None:
    """Granted, running, refused for every reason, offer of another subscription, ended."""
    for user in ("U-2", "U-3", "U-9"):
        service.extend(offer_id, user)
    for subscription in ("S-2", "S-9"):
        service.extend(offer_id, subscription=subscription)
    values = unpack(offer_id)
    service.extend(pack([*values[:3], 9, *values[4:]]))
    assert service.extend(offer_id).status == 201
    assert service.extend(offer_id).status == 200
    service.at(NOW + WEEK + SECOND).extend(offer_id)
    service.at(NOW)


def run_publish(service: Service) -> None:
    event = sample("publish")
    service.call("publish", event)
    new = event["Records"][0]["dynamodb"]["NewImage"]
    later = {name: {"N": str(int((NOW + 2 * WEEK).timestamp()))} for name in ("e", "m")}
    reminded = {"OldImage": new, "NewImage": new | later, "SequenceNumber": "2"}
    unreadable = {"NewImage": {"t": {"S": "extension"}}, "SequenceNumber": "1"}
    for change in (reminded, unreadable):
        service.call("publish", {"Records": [{"eventName": "MODIFY", "dynamodb": change}]})


def test_a_function_may_do_exactly_what_it_does(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Used and not granted fails on AWS; granted and never used waits for whoever breaks in."""
    used: dict[str, set[Right]] = defaultdict(set)
    call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]

    def run(name: str, event: Json, context: Context) -> Json:
        def recorded(client: BaseClient, operation: str, request: Json) -> Any:
            used[f"{name.capitalize()}Function"] |= needed(client.meta.service_model.service_name, operation, request)
            return call(client, operation, request)

        with monkeypatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", recorded)
            return invoke(name, event, context)

    monkeypatch.setattr("devkit.service.invoke", run)
    boto3.client("events").create_event_bus(Name="extending-subscription")
    queue = boto3.client("sqs").create_queue(QueueName="FailureQueue")["QueueUrl"]
    monkeypatch.setattr(failures, "FAILURE_QUEUE_URL", queue)
    run_everything(service)
    assert used == {function: granted(function) for function in FUNCTIONS}
