"""What reaches publish, and what is told again when it was not reached for too long."""

import json
from datetime import UTC, datetime
from typing import Any

from devkit.template import resources
from tests.conftest import Cloud
from tests.e2e.test_operating import extending
from tests.support.stack import stack_of


def told_of(cloud: Cloud, account: str) -> list[tuple[str, str]]:
    return [(event["detail_type"], event["detail"]["event_id"]) for event in cloud.deliveries(account)]


def granted(cloud: Cloud, account: Any = None) -> tuple[str, tuple[str, str]]:
    """An account with an extension, and the one event that told of it."""
    account = account or cloud.an_account()
    cloud.extend(account)
    return account.id, cloud.until(lambda: told_of(cloud, account.id))[0]


def test_what_the_stream_has_forgotten_is_told_from_the_table(cloud: Cloud) -> None:
    """A batch that was given up a day ago: `extending redrive` announces what was written then, ids and all."""
    account, event = granted(cloud)
    stack = stack_of(cloud)
    stream = stack.client("dynamodb").describe_table(TableName=stack.outputs["TableName"])["Table"]["LatestStreamArn"]
    batch = {
        "streamArn": f"{stream}-gone",
        "shardId": "shardId-00000000000000000000-00000000",
        "startSequenceNumber": f"{1:021}",
        "endSequenceNumber": f"{2:021}",
        "approximateArrivalOfFirstRecord": "2026-11-01T00:00:00Z",
        "approximateArrivalOfLastRecord": "2099-01-01T00:00:00Z",
    }
    message = json.dumps({"requestContext": {"condition": "MaxRecordAgeExceeded"}, "DDBStreamBatchInfo": batch})
    stack.client("sqs").send_message(QueueUrl=stack.outputs["FailureQueueUrl"], MessageBody=message)

    done = extending(cloud, "redrive", "--yes")

    assert "The stream no longer holds 1" in done.stdout, done.stdout + done.stderr
    assert "stream batch" not in extending(cloud, "redrive", "--dry-run").stdout
    assert set(cloud.until(lambda: told_of(cloud, account)[1:])) == {event}


def test_the_probe_of_publish_comes_through_the_stream(cloud: Cloud) -> None:
    """The local cloud lacks its schedule; the item that it writes wakes publish all the same, and is not set aside."""
    stack = stack_of(cloud)
    probe = resources("AWS::Scheduler::Schedule")["PublishProbe"]["Properties"]["Target"]["Input"]["Fn::Sub"]
    probe = probe.replace("${Table}", stack.outputs["TableName"])
    request: dict[str, Any] = json.loads(probe.replace("<aws.scheduler.scheduled-time>", datetime.now(UTC).isoformat()))
    stack.client("dynamodb").put_item(**request)
    granted(cloud)  # It comes after the probe, and is told: publish has been past it.
    assert "stream record" not in extending(cloud, "redrive", "--dry-run").stdout
