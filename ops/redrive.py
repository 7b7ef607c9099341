"""Show what is in the failure queues, and put it back to where it failed.

What fails again stays, and what cannot be read again comes back; nothing leaves a queue before it was handed over.
"""

import argparse
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from ops.stage import NoStack, Stack, stack

QUEUES = {"failed in a function": "FailureQueueUrl", "did not reach its function": "UndeliveredQueueUrl"}
HIDDEN_SECONDS = 900
"""How long a message that is being looked at is hidden from a second redrive."""

SWEEP = "sweep"

MOST = 1_000
"""Messages of one queue that one run takes; run it again for more."""

MOST_PAGES = 1_000
"""Pages of a stream that are looked through for the end of one batch; some are empty."""


class Incomplete(Exception):
    """The stream no longer tells all of a batch."""


class Failure(NamedTuple):
    """A message: what it is about, why it failed, and how to hand it over again (None: there is nothing to)."""

    receipt: str
    sent_at: datetime
    kind: str
    error: str
    function: str | None
    payload: Any


def understand(message: dict[str, Any], publish: str) -> Failure:  # noqa: PLR0911 - one for each writer
    """What a message of a failure queue says; each of its writers has its own form."""
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}

    def failure(kind: str, error: str, function: str | None, payload: Any) -> Failure:
        return Failure(message["ReceiptHandle"], sent_at, kind, error, function, payload)

    try:
        body = json.loads(message["Body"])
    except ValueError:
        return failure("not JSON", message["Body"][:200], None, None)
    match body:
        case {"function": str(function), "error": str(error), "payload": payload}:  # set aside by a function
            return failure(payload.get("detail-type", "stream record"), error, function, payload)
        case {"DDBStreamBatchInfo": info}:  # given up by the stream's event source
            reason = body.get("requestContext", {}).get("condition", "retries exhausted")
            return failure("stream batch", reason, publish, info)
        case {"requestPayload": payload, "requestContext": context}:  # given up by Lambda
            response = body.get("responsePayload") or {}
            error = response.get("errorMessage") or context.get("condition", "")
            kind = payload.get("detail-type", SWEEP) if isinstance(payload, dict) else SWEEP
            return failure(kind, error, context["functionArn"], payload)
        case {"detail-type": str(kind)}:  # given up by the bus
            error = attributes.get("ERROR_MESSAGE") or attributes.get("ERROR_CODE", "")
            return failure(kind, error, attributes.get("TARGET_ARN"), body)
        case {} if not body:  # given up by the schedule
            return failure(SWEEP, attributes.get("ERROR_MESSAGE", ""), None, None)
    return failure("not understood", str(body)[:200], None, None)


def messages(sqs: Any, url: str) -> Iterator[dict[str, Any]]:
    """Everything in a queue, hidden from others while it is looked at."""
    for _ in range(MOST // 10):
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        if not answer.get("Messages"):
            return
        yield from answer["Messages"]


def stream_records(streams: Any, info: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a batch that its event source gave up; raises where it has forgotten some."""
    iterator = streams.get_shard_iterator(
        StreamArn=info["streamArn"],
        ShardId=info["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=info["startSequenceNumber"],
    )["ShardIterator"]
    records: list[dict[str, Any]] = []
    for _ in range(MOST_PAGES):  # Some pages of a stream are empty.
        answer = streams.get_records(ShardIterator=iterator)
        for record in answer["Records"]:
            if record["dynamodb"].get("NewImage", {}).get("t") == {"S": "extension"}:
                records.append(json.loads(json.dumps(record, default=str)))
            if int(record["dynamodb"]["SequenceNumber"]) >= int(info["endSequenceNumber"]):
                return records
        iterator = answer.get("NextShardIterator")
        if not iterator:
            break
    raise Incomplete(f"the stream did not reach {info['endSequenceNumber']}")


def put_back(target: Stack, failure: Failure) -> str | None:
    """Hand a failure over to its function again; returns why that was not possible."""
    lambda_ = target.client("lambda")
    if failure.kind == SWEEP:
        return None  # The next minute has done its work.
    if failure.function is None:
        return "not understood: read it in the SQS console, and delete it there"
    payload = failure.payload
    try:
        if failure.kind == "stream batch":
            payload = {"Records": stream_records(target.client("dynamodbstreams"), payload)}
        answer = lambda_.invoke(FunctionName=failure.function, Payload=json.dumps(payload).encode())
    except (ClientError, Incomplete) as error:
        return str(error)
    said = json.loads(answer["Payload"].read())
    return f"failed again: {said}" if "FunctionError" in answer or said.get("batchItemFailures") else None


def show(console: Console, failures: dict[str, list[Failure]]) -> None:
    table = Table(title="Failure queues")
    for heading in ("queue", "messages", "kinds", "oldest (UTC)", "first error"):
        table.add_column(heading, overflow="fold")
    for queue, found in failures.items():
        kinds = Counter(failure.kind for failure in found)
        oldest = min(found, key=lambda failure: failure.sent_at, default=None)
        table.add_row(
            queue,
            str(len(found)),
            ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()),
            f"{oldest.sent_at:%Y-%m-%d %H:%M:%S}" if oldest else "",
            oldest.error[:300] if oldest else "",
        )
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make redrive", description="Show the failure queues and put back.")
    parser.add_argument("--stage", required=True, help="STAGE=local, dev, prod")
    parser.add_argument("--dry", action="store_true", help="DRY=1: only show")
    arguments = parser.parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    try:
        target = stack(arguments.stage)
    except NoStack as error:
        console.print(f"✗ {error}", markup=False)
        return 2
    sqs, publish = target.client("sqs"), target.outputs["PublishFunctionArn"]
    urls = {queue: target.outputs[output] for queue, output in QUEUES.items()}
    failures = {queue: [understand(m, publish) for m in messages(sqs, url)] for queue, url in urls.items()}
    show(console, failures)
    kept = 0
    for queue, found in failures.items():
        for failure in found:
            receipt = {"QueueUrl": urls[queue], "ReceiptHandle": failure.receipt}
            reason = "only shown" if arguments.dry else put_back(target, failure)
            if reason is None:
                sqs.delete_message(**receipt)
            else:
                with contextlib.suppress(ClientError):  # It shows up again by itself.
                    sqs.change_message_visibility(**receipt, VisibilityTimeout=0)
                kept += 1
                if not arguments.dry:
                    console.print(f"kept: {failure.kind}: {reason}", markup=False)
    total = sum(map(len, failures.values()))
    if total and not arguments.dry:
        console.print(
            f"{total - kept} put back, {kept} kept. What fails again comes back to its queue in some minutes."
        )
    return 1 if kept and not arguments.dry else 0


if __name__ == "__main__":
    sys.exit(main())
