"""Announcements that did not get to publish or to a receiver for too long are made again."""

import json
from typing import Any

import pytest

from tests.conftest import Cloud
from tests.support.receiver import Inbox, webhook
from tests.support.shell import extending
from tests.support.stack import stack_of


def test_what_the_stream_no_longer_holds_is_announced_from_the_table(cloud: Cloud) -> None:
    """A batch that was given up a day ago: `extending redrive` announces what was written then, ids and all."""
    stack = stack_of(cloud)
    table = stack.outputs["TableName"]
    account = cloud.an_account()
    cloud.extend(account)
    (event,) = cloud.until(lambda: cloud.deliveries(account.id))
    stream = stack.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
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

    assert "Announcing again from the table" in " ".join((done.stdout + done.stderr).split()), done.stdout + done.stderr
    left = extending(cloud, "redrive", "--dry-run").stdout
    assert "stream batch" not in left
    assert "stream record" not in left
    again = cloud.until(lambda: cloud.deliveries(account.id)[1:])
    assert [each["detail"] for each in again] == [event["detail"]] * len(again)


@pytest.mark.parametrize(("status", "gives_up_after"), [(401, None), (500, 0)])
def test_what_a_receiver_refuses_is_in_the_queue_and_is_put_back(
    cloud: Cloud, status: int, gives_up_after: float | None
) -> None:
    """A wrong key is not asked again, since that would not help; a failure is, until it is given up.

    Once it is mended the same event arrives.
    """
    inbox, stack = Inbox(), stack_of(cloud)
    account = cloud.an_account()
    inbox.answering = lambda event: status if event["subject"] == account.id else 204
    with webhook(stack, inbox, gives_up_after=gives_up_after):
        cloud.extend(account)

        def waiting() -> Any:
            shown = extending(cloud, "redrive", "--dry-run").stdout
            return f"The receiver answered {status}." in shown and shown

        assert "ExtensionGranted" in cloud.until(waiting)
        (refused,) = inbox.refused
        inbox.answering = lambda _: 204
        done = extending(cloud, "redrive", "--yes")
        assert "kept" not in done.stdout.replace("0 kept", ""), done.stdout
        (event,) = cloud.until(lambda: inbox.of(account.id))
    assert (event["id"], event["data"]) == (refused["id"], refused["data"])
