"""Show the messages of the failure queues, and pass them again to what failed on them.

A message leaves its queue only after its function has succeeded. Changes that the stream no longer holds are announced
again from the table, with the ids that their events had.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from devkit.project import Trouble
from devkit.stage import Stack, stack
from extending import answers, items
from ops import console
from ops.announce import CLOCKS, announce, announcements, hand_over

QUEUES = {"failed in a function": "FailureQueueUrl", "did not reach its function": "UndeliveredQueueUrl"}
HIDDEN_SECONDS = 900
"""Time for which a message that was read is hidden from a second redrive."""

WEBHOOK = ":api-destination/"
"""Part of the ARN of a webhook, and of no function's."""

SWEEP = "sweep"
STREAM = "stream batch"

MOST = 1_000
"""Messages of one queue in one run; run it again for more."""

MOST_PAGES = 1_000
"""Pages of a stream that are read for one batch; some are empty."""


class Forgotten(Exception):
    """The stream no longer holds all of a batch."""


class Failure(NamedTuple):
    """A message: its kind, why it failed, and the function and payload to call again, if there are any."""

    receipt: str
    sent_at: datetime
    kind: str
    error: str
    function: str | None
    payload: Any
    id: str = ""


def understand(message: dict[str, Any], publish: str) -> Failure:
    """A message of a failure queue, understood or not: none keeps the others from being shown."""
    try:
        failure = _understand(message, publish)
    except Exception as error:
        receipt, sent_at = message["ReceiptHandle"], datetime.fromtimestamp(0, UTC)
        failure = Failure(receipt, sent_at, "not understood", type(error).__name__, None, None)
    return failure._replace(id=message.get("MessageId", "")[:8])


def _understand(message: dict[str, Any], publish: str) -> Failure:  # noqa: PLR0911 - one for each writer
    """Read the form of each writer of a failure queue; raises for any other."""
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}

    def failure(kind: str, error: str, function: str | None, payload: Any) -> Failure:
        return Failure(message["ReceiptHandle"], sent_at, _printable(kind), _printable(error), function, payload)

    try:
        body = json.loads(message["Body"])
    except ValueError:
        return failure("not JSON", message["Body"][:200], None, None)
    match body:
        case {"function": str(function), "error": str(error), "payload": payload}:  # set aside by a function
            return failure(_kind(payload, "stream record"), error, function, payload)
        case {"too_large": int(size), "error": str(error)}:  # set aside without what no message has room for
            return failure("too large", f"{size} bytes: {error}", None, None)
        case {"DDBStreamBatchInfo": info}:  # given up by the stream's event source
            reason = body.get("requestContext", {}).get("condition", "retries exhausted")
            return failure(STREAM, reason, publish, info)
        case {"requestPayload": payload, "requestContext": context}:  # given up by Lambda
            response = body.get("responsePayload")
            reason = response.get("errorMessage") if isinstance(response, dict) else response
            error = str(reason or context.get("condition", ""))
            return failure(kind_of(payload), error, context["functionArn"], payload)
        case {} if kind_of(body) == SWEEP:  # given up by the schedule
            return failure(SWEEP, attributes.get("ERROR_MESSAGE", ""), None, None)
        case {"detail-type": str(kind)}:  # given up by the bus
            error = attributes.get("ERROR_MESSAGE") or attributes.get("ERROR_CODE", "")
            return failure(kind, error, attributes.get("TARGET_ARN"), body)
    return failure("not understood", str(body)[:200], None, None)


def kind_of(event: Any) -> str:
    """The kind of an event; a sweep's comes from Scheduler, or is empty where it was sent by hand."""
    match event:
        case {"source": "aws.scheduler"}:
            return SWEEP
        case {"detail-type": str(kind)}:
            return kind
    return "not understood" if event else SWEEP


def _printable(text: str) -> str:
    """A text without lone surrogates, in one line."""
    return " ".join(text.encode(errors="replace").decode().split())


def _kind(payload: Any, otherwise: str) -> str:
    return str(payload.get("detail-type", otherwise)) if isinstance(payload, dict) else otherwise


def messages(sqs: Any, url: str) -> Iterator[dict[str, Any]]:
    """The messages of a queue, hidden from other readers meanwhile."""
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
    """The records of a batch that its event source gave up; raises Forgotten where the stream no longer holds them."""
    try:
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
                if record["dynamodb"].get("NewImage", {}).get(items.TYPE) == {"S": "extension"}:
                    records.append(json.loads(json.dumps(record, default=str)))
                if int(record["dynamodb"]["SequenceNumber"]) >= int(info["endSequenceNumber"]):
                    return records
            iterator = answer.get("NextShardIterator")
            if not iterator:
                break
    except ClientError as error:
        if error.response["Error"]["Code"] in {"TrimmedDataAccessException", "ResourceNotFoundException"}:
            raise Forgotten from error
        raise
    raise Forgotten(f"the stream did not reach {info['endSequenceNumber']}")


def lost(forgotten: list[Failure]) -> tuple[datetime, datetime]:
    """The time in which forgotten batches were written."""
    arrived = [
        datetime.fromisoformat(failure.payload[f"approximateArrivalOf{which}Record"])
        for failure in forgotten
        for which in ("First", "Last")
    ]
    return min(arrived) - CLOCKS, max(arrived) + CLOCKS


def put_back(target: Stack, failure: Failure) -> str | None:
    """Pass a failure to its function again; returns why that failed. Raises Forgotten."""
    if failure.kind == SWEEP:
        return None  # The sweep of the next minute has done its work.
    if failure.function is None:
        return f"not understood: read it in the SQS console, and delete it with --drop {failure.id}"
    if WEBHOOK in failure.function:
        return send_again(target, failure.payload)
    if failure.kind != STREAM:
        return hand_over(target, failure.function, failure.payload)
    try:
        records = stream_records(target.client("dynamodbstreams"), failure.payload)
    except Forgotten:
        raise
    except Exception as error:  # It keeps no other from being put back.
        return f"{type(error).__name__}: {error}"
    return announce(target, records)[1]


def send_again(target: Stack, event: dict[str, Any]) -> str | None:
    """Put an event that a webhook refused on the bus again, where all listeners get it; returns why that failed."""
    entry = {
        "EventBusName": target.outputs["BusName"],
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "Resources": event.get("resources", []),
    }
    try:
        answer = target.client("events").put_events(Entries=[entry])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return str(answer["Entries"][0].get("ErrorMessage")) if answer["FailedEntryCount"] else None


def show(out: Console, failures: dict[str, list[Failure]]) -> None:
    table = Table("queue", "messages", "kinds", "oldest (UTC)", "first error", title="Failure queues")
    for queue, found in failures.items():
        kinds = Counter(failure.kind for failure in found)
        oldest = min(found, key=lambda failure: failure.sent_at, default=None)
        table.add_row(
            queue,
            str(len(found)),
            console.cell(", ".join(f"{kind} {count}" for kind, count in kinds.most_common())),
            f"{oldest.sent_at:%Y-%m-%d %H:%M:%S}" if oldest else "",
            console.cell(oldest.error[:300] if oldest else ""),
        )
    out.print(table)
    each = Table("id", "sent (UTC)", "kind", "error", title="Messages, the oldest first")
    for column in (*table.columns, *each.columns):
        column.overflow = "fold"
    for failure in sorted((f for found in failures.values() for f in found), key=lambda failure: failure.sent_at):
        sent_at = f"{failure.sent_at:%Y-%m-%d %H:%M:%S}"
        each.add_row(console.safe(failure.id), sent_at, console.cell(failure.kind), console.cell(failure.error[:200]))
    if each.row_count:
        out.print(each)


UNREADABLE = ("not JSON", "not understood")
"""Kinds of messages of which a piece is shown in place of an error."""


class Queue(NamedTuple):
    """A failure queue."""

    sqs: Any
    url: str

    def drop(self, failure: Failure) -> None:
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=failure.receipt)

    def leave(self, failure: Failure) -> None:
        with contextlib.suppress(ClientError):  # It shows up again by itself.
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=failure.receipt, VisibilityTimeout=0)


def redrive(target: Stack, failures: list[tuple[Queue, Failure]], out: Console) -> int:
    """Put back all failures; returns how many stay in their queues."""
    kept = 0
    forgotten = []

    def done(queue: Queue, failure: Failure, reason: str | None) -> int:
        if reason is None:
            queue.drop(failure)
            return 0
        queue.leave(failure)
        out.print(console.safe(f"kept: {failure.kind}: {_printable(reason)}"))
        return 1

    with console.progress() as bar:
        for queue, failure in bar.track(failures, description="Putting back"):
            try:
                kept += done(queue, failure, put_back(target, failure))
            except Forgotten:
                forgotten.append((queue, failure))
    if forgotten:
        since, until = lost([failure for _, failure in forgotten])
        out.print(f"The stream no longer holds {len(forgotten)}: announcing again from the table, {since} to {until}.")
        _, reason = announce(target, announcements(target, since, until))
        kept += sum(done(queue, failure, reason) for queue, failure in forgotten)
    return kept


def leave(failures: Iterable[tuple[Queue, Failure]]) -> None:
    for queue, failure in failures:
        queue.leave(failure)


Result = tuple[dict[str, Any], int]
"""The result of a run for programs, and its exit code."""


def drop(failures: list[tuple[Queue, Failure]], id_: str, yes: bool, out: Console) -> Result:
    """Delete one message, which can never be put back; the others stay."""
    named = [(queue, failure) for queue, failure in failures if failure.id == id_]
    if len(named) != 1:
        raise Trouble(f"{len(named)} messages have the id {id_}: see the ids with --dry-run")
    ((queue, failure),) = named
    console.ask(f"Delete {failure.kind}, {failure.error[:200]!r}, for good?", yes)
    queue.drop(failure)
    leave(each for each in failures if each not in named)
    out.print(console.safe(f"dropped: {failure.kind}: {failure.error[:200]}"))
    return {"dropped": id_}, 0


def hand_back(target: Stack, failures: list[tuple[Queue, Failure]], yes: bool, out: Console) -> Result:
    """Put everything back."""
    if failures:
        console.ask(f"Put back all {len(failures)} messages?", yes)
    kept = redrive(target, failures, out)
    if failures:
        out.print(f"{len(failures) - kept} put back, {kept} kept. One that fails again returns within minutes.")
    return {"put_back": len(failures) - kept, "kept": kept}, 1 if kept else 0


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show.")
@click.option("--drop", "drop_id", metavar="ID", help="Delete this message and leave the others.")
@console.STAGE
@console.JSON
@console.YES
def command(dry_run: bool, drop_id: str | None, stage: str, as_json: bool, yes: bool) -> int:
    """Show the failure queues and put their messages back.

    \b
    extending redrive --dry-run --stage prod
    extending redrive --drop 3f2a9c01 --stage prod
    """
    if dry_run and drop_id:
        raise click.UsageError("--dry-run only shows, --drop deletes: give one of them")
    out = console.notes() if as_json else console.results()
    target = stack(stage)
    publish = target.outputs["PublishFunctionArn"]
    queues = {queue: Queue(target.client("sqs"), target.outputs[output]) for queue, output in QUEUES.items()}
    failures: dict[str, list[Failure]] = {queue: [] for queue in queues}
    waiting: list[tuple[Queue, Failure]] = []
    result, code = dict[str, Any](), 0
    try:
        for queue, at in queues.items():
            for message in messages(at.sqs, at.url):
                failures[queue].append(understand(message, publish))
                waiting.append((at, failures[queue][-1]))
        if not as_json:
            show(out, failures)
        if drop_id:
            result, code = drop(waiting, drop_id, yes, out)
        elif dry_run:
            leave(waiting)
        else:
            result, code = hand_back(target, waiting, yes, out)
    except BaseException:  # A no, Ctrl-C, a scan that was throttled: what is still there shows up again at once.
        leave(waiting)
        raise
    if as_json:
        console.print_json({queue: [plain(each) for each in found] for queue, found in failures.items()} | result)
    return code


def plain(failure: Failure) -> dict[str, Any]:
    """A message for programs, without its content, which may hold a client's data."""
    sent_at = answers.instant(failure.sent_at.replace(microsecond=0))
    error = None if failure.kind in UNREADABLE else failure.error
    return {"id": failure.id, "sent_at": sent_at, "kind": failure.kind, "error": error}
