"""Show what is in the failure queues, and put it back to where it failed.

What fails again stays, and what cannot be read again comes back; nothing leaves a queue before it was handed over.
What the stream has forgotten is announced again from the table: all that was ever announced stands there, and the
events have their old ids.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Table

from devkit.stage import Stack, stack
from extending import answers, items
from ops import console
from ops.announce import CLOCKS, announce, announcements, hand_over

QUEUES = {"failed in a function": "FailureQueueUrl", "did not reach its function": "UndeliveredQueueUrl"}
HIDDEN_SECONDS = 900
"""How long a message that is being looked at is hidden from a second redrive."""

WEBHOOK = ":api-destination/"
"""What the ARN of a webhook holds, and that of no function."""

SWEEP = "sweep"
STREAM = "stream batch"

MOST = 1_000
"""Messages of one queue that one run takes; run it again for more."""

MOST_PAGES = 1_000
"""Pages of a stream that are looked through for the end of one batch; some are empty."""


class Forgotten(Exception):
    """The stream no longer tells all of a batch."""


class Failure(NamedTuple):
    """A message: what it is about, why it failed, and how to hand it over again (None: there is nothing to)."""

    receipt: str
    sent_at: datetime
    kind: str
    error: str
    function: str | None
    payload: Any
    id: str = ""


def understand(message: dict[str, Any], publish: str) -> Failure:
    """What a message of a failure queue says. Whatever one of them holds, the others are shown."""
    try:
        failure = _understand(message, publish)
    except Exception as error:
        receipt, sent_at = message["ReceiptHandle"], datetime.fromtimestamp(0, UTC)
        failure = Failure(receipt, sent_at, "not understood", type(error).__name__, None, None)
    return failure._replace(id=message.get("MessageId", "")[:8])


def _understand(message: dict[str, Any], publish: str) -> Failure:  # noqa: PLR0911 - one for each writer
    """Each writer of a failure queue has its own form; raises for what none of them wrote."""
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
            said = response.get("errorMessage") if isinstance(response, dict) else response
            error = str(said or context.get("condition", ""))
            return failure(kind_of(payload), error, context["functionArn"], payload)
        case {} if kind_of(body) == SWEEP:  # given up by the schedule
            return failure(SWEEP, attributes.get("ERROR_MESSAGE", ""), None, None)
        case {"detail-type": str(kind)}:  # given up by the bus
            error = attributes.get("ERROR_MESSAGE") or attributes.get("ERROR_CODE", "")
            return failure(kind, error, attributes.get("TARGET_ARN"), body)
    return failure("not understood", str(body)[:200], None, None)


def kind_of(event: Any) -> str:
    """What an event is about: a sweep's is what Scheduler sends of itself, or an empty one that was sent by hand."""
    match event:
        case {"source": "aws.scheduler"}:
            return SWEEP
        case {"detail-type": str(kind)}:
            return kind
    return "not understood" if event else SWEEP


def _printable(text: str) -> str:
    """Without halves of letters, in one line."""
    return " ".join(text.encode(errors="replace").decode().split())


def _kind(payload: Any, otherwise: str) -> str:
    return str(payload.get("detail-type", otherwise)) if isinstance(payload, dict) else otherwise


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
    """The records of a batch that its event source gave up; raises Forgotten where the stream has them no more."""
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
    """The time in which batches that the stream has forgotten were written."""
    arrived = [
        datetime.fromisoformat(failure.payload[f"approximateArrivalOf{which}Record"])
        for failure in forgotten
        for which in ("First", "Last")
    ]
    return min(arrived) - CLOCKS, max(arrived) + CLOCKS


def put_back(target: Stack, failure: Failure) -> str | None:
    """Hand a failure over to its function again; returns why that was not possible. Raises Forgotten."""
    if failure.kind == SWEEP:
        return None  # The next minute has done its work.
    if failure.function is None:
        return f"not understood: read it in the SQS console, and delete it with DROP={failure.id}"
    if WEBHOOK in failure.function:
        return tell_again(target, failure.payload)
    if failure.kind != STREAM:
        return hand_over(target, failure.function, failure.payload)
    try:
        records = stream_records(target.client("dynamodbstreams"), failure.payload)
    except Forgotten:
        raise
    except Exception as error:  # Whatever is wrong with this one, the others are handed over.
        return f"{type(error).__name__}: {error}"
    return announce(target, records)[1]


def tell_again(target: Stack, event: dict[str, Any]) -> str | None:
    """Put an event that its webhook did not take on the bus again, for whoever listens; returns why it is not there."""
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
    table = Table(title="Failure queues")
    for heading in ("queue", "messages", "kinds", "oldest (UTC)", "first error"):
        table.add_column(heading, overflow="fold")
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
    each = Table(title="Messages, the oldest first")
    for heading in ("id", "sent (UTC)", "kind", "error"):
        each.add_column(heading, overflow="fold")
    for failure in sorted((f for found in failures.values() for f in found), key=lambda failure: failure.sent_at):
        sent_at = f"{failure.sent_at:%Y-%m-%d %H:%M:%S}"
        each.add_row(failure.id, sent_at, console.cell(failure.kind), console.cell(failure.error[:200]))
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
    """Put back what can be; returns how many are kept."""
    kept = 0
    forgotten = []

    def done(queue: Queue, failure: Failure, reason: str | None) -> int:
        if reason is None:
            queue.drop(failure)
            return 0
        queue.leave(failure)
        out.print(console.cell(f"kept: {failure.kind}: {_printable(reason)}"))
        return 1

    with console.progress() as bar:
        for queue, failure in bar.track(failures, description="Putting back"):
            try:
                kept += done(queue, failure, put_back(target, failure))
            except Forgotten:
                forgotten.append((queue, failure))
    if forgotten:
        since, until = lost([failure for _, failure in forgotten])
        out.print(
            f"The stream has forgotten {len(forgotten)}: announcing from the table what is of {since} to {until}."
        )
        _, reason = announce(target, announcements(target, since, until))
        kept += sum(done(queue, failure, reason) for queue, failure in forgotten)
    return kept


def leave(failures: Iterable[tuple[Queue, Failure]]) -> None:
    for queue, failure in failures:
        queue.leave(failure)


class Done(NamedTuple):
    """What a run has done, as it is told to machines, and its exit code."""

    told: dict[str, Any]
    code: int = 0


def drop(failures: list[tuple[Queue, Failure]], id_: str, yes: bool, out: Console) -> Done:
    """Delete the one message of this id, for what can never be handed over; the others are left as they are."""
    named = [(queue, failure) for queue, failure in failures if failure.id == id_]
    if len(named) != 1:
        raise console.Trouble(
            f"{len(named)} messages have the id {id_}: name one as the table has it, make redrive DRY=1"
        )
    ((queue, failure),) = named
    console.ask(f"Delete {failure.kind}, {failure.error[:200]!r}, for good?", yes)
    queue.drop(failure)
    leave(each for each in failures if each not in named)
    out.print(console.cell(f"dropped: {failure.kind}: {failure.error[:200]}"))
    return Done({"dropped": id_})


def look(
    target: Stack, failures: list[tuple[Queue, Failure]], since: datetime | None, until: datetime, out: Console
) -> Done:
    """Leave everything as it is; tell what would be announced again."""
    leave(failures)
    if not since:
        return Done({})
    count = sum(1 for _ in announcements(target, since, until))
    out.print(f"{count} would be announced again.")
    return Done({"would_be_announced": count})


def hand_back(
    target: Stack,
    failures: list[tuple[Queue, Failure]],
    since: datetime | None,
    until: datetime,
    yes: bool,
    out: Console,
) -> Done:
    """Put everything back, and announce again what was written since an instant."""
    asked = [f"Put back what waits, {len(failures)} in all?"] if failures else []
    asked += [f"Announce again what was written to extensions since {since.isoformat()}?"] if since else []
    if asked:
        console.ask(" ".join(asked), yes)
    kept = redrive(target, failures, out)
    told: dict[str, Any] = {"put_back": len(failures) - kept, "kept": kept}
    if failures:
        out.print(
            f"{len(failures) - kept} put back, {kept} kept. What fails again comes back to its queue in some minutes."
        )
    reason = None
    if since:
        taken, reason = announce(target, announcements(target, since, until))
        out.print(console.cell(f"{taken} announced again" + (f", then: {reason}" if reason else ".")))
        told |= {"announced": taken, "reason": reason}
    return Done(told, 1 if kept or reason else 0)


def main() -> int:
    parser = console.arguments("redrive", __doc__)
    parser.add_argument("--dry", action="store_true", help="DRY=1: only show")
    parser.add_argument(
        "--since", type=console.past, help="SINCE=2026-11-21T00:00:00Z: announce again what was written since"
    )
    parser.add_argument("--drop", help="DROP=3f2a9c01: delete this message, and leave the others as they are")
    parser.add_argument("--yes", action="store_true", help="YES=1: ask nothing")
    arguments = parser.parse_args()
    if arguments.dry and arguments.drop:
        parser.error("DRY=1 only shows, DROP=… deletes: give one of them")
    out = console.beside() if arguments.json else console.told()
    target = stack(arguments.stage)
    publish = target.outputs["PublishFunctionArn"]
    queues = {queue: Queue(target.client("sqs"), target.outputs[output]) for queue, output in QUEUES.items()}
    failures: dict[str, list[Failure]] = {queue: [] for queue in queues}
    waiting: list[tuple[Queue, Failure]] = []
    until = datetime.now(UTC) + CLOCKS
    try:
        for queue, at in queues.items():
            for message in messages(at.sqs, at.url):
                failures[queue].append(understand(message, publish))
                waiting.append((at, failures[queue][-1]))
        if not arguments.json:
            show(out, failures)
        if arguments.drop:
            done = drop(waiting, arguments.drop, arguments.yes, out)
        elif arguments.dry:
            done = look(target, waiting, arguments.since, until, out)
        else:
            done = hand_back(target, waiting, arguments.since, until, arguments.yes, out)
    except BaseException:  # A no, Ctrl-C, a scan that was throttled: what is still there shows up again at once.
        leave(waiting)
        raise
    if arguments.json:
        console.tell_json({queue: [told(each) for each in found] for queue, found in failures.items()} | done.told)
    return done.code


def told(failure: Failure) -> dict[str, Any]:
    """A message for machines, without what it holds of a client."""
    sent_at = answers.instant(failure.sent_at.replace(microsecond=0))
    error = None if failure.kind in UNREADABLE else failure.error
    return {"id": failure.id, "sent_at": sent_at, "kind": failure.kind, "error": error}


if __name__ == "__main__":
    console.run(main)
