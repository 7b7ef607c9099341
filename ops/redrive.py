"""Show the messages of the failure queues, and pass them again to what failed on them.

A message leaves its queue only after its function has succeeded. Batches of the stream are announced again from the
table, with the ids that their events had.
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

from devkit.project import Trouble
from devkit.stage import Stack, stack
from extending import answers
from ops import console, table
from ops.announce import CLOCKS, announce, announcements, hand_over

QUEUES = {"failed in a function": "FailureQueueUrl", "did not reach its function": "UndeliveredQueueUrl"}
HIDDEN_SECONDS = 900
"""Time for which a message that was read is hidden from a second redrive."""

WEBHOOK = ":api-destination/"
"""Part of the ARN of a webhook, and of no function's."""

SWEEP = "sweep"
STREAM = "stream batch"
UNREADABLE = ("not JSON", "not understood")
"""Kinds of messages of which a piece is shown in place of an error."""

MOST = 1_000
"""Messages of one queue in one run; run it again for more."""


class Failure(NamedTuple):
    """A message: its kind, why it failed, and the function and payload to call again, if there are any."""

    id: str
    queue: str
    url: str
    receipt: str
    sent_at: datetime
    kind: str
    error: str
    function: str | None
    payload: Any


def understand(message: dict[str, Any], queue: str = "", url: str = "") -> Failure:
    """A message of a failure queue, understood or not: none keeps the others from being shown."""
    try:
        kind, error, function, payload = _understand(message)
        error = " ".join(error.split())
    except Exception as trouble:
        kind, error, function, payload = "not understood", type(trouble).__name__, None, None
    sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    id_, receipt = message.get("MessageId", "")[:8], message["ReceiptHandle"]
    return Failure(id_, queue, url, receipt, sent_at, kind, error, function, payload)


def _understand(message: dict[str, Any]) -> tuple[str, str, str | None, Any]:  # noqa: PLR0911 - one for each writer
    """Kind, error, function and payload of each writer's messages; raises for any other."""
    attributes = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
    try:
        body = json.loads(message["Body"])
    except ValueError:
        return "not JSON", message["Body"][:200], None, None
    match body:
        case {"function": str(function), "error": str(error), "payload": payload}:  # set aside by a function
            is_event = isinstance(payload, dict) and "detail-type" in payload
            return str(payload["detail-type"]) if is_event else "stream record", error, function, payload
        case {"too_large": int(size), "error": str(error)}:  # set aside without what no message has room for
            return "too large", f"{size} bytes: {error}", None, None
        case {"DDBStreamBatchInfo": batch}:  # given up by the stream's event source
            reason = body.get("requestContext", {}).get("condition", "retries exhausted")
            arrived = [
                datetime.fromisoformat(batch[f"approximateArrivalOf{which}Record"]) for which in ("First", "Last")
            ]
            return STREAM, reason, None, arrived
        case {"requestPayload": payload, "requestContext": context}:  # given up by Lambda
            response = body.get("responsePayload")
            reason = response.get("errorMessage") if isinstance(response, dict) else response
            return kind_of(payload), str(reason or context.get("condition", "")), context["functionArn"], payload
        case {} if kind_of(body) == SWEEP:  # given up by the schedule
            return SWEEP, attributes.get("ERROR_MESSAGE", ""), None, None
        case {"detail-type": str(kind)}:  # given up by the bus
            error = attributes.get("ERROR_MESSAGE") or attributes.get("ERROR_CODE", "")
            return kind, error, attributes.get("TARGET_ARN"), body
    return "not understood", str(body)[:200], None, None


def kind_of(event: Any) -> str:
    """The kind of an event; a sweep's comes from Scheduler, or is empty where it was sent by hand."""
    match event:
        case {"source": "aws.scheduler"}:
            return SWEEP
        case {"detail-type": str(kind)}:
            return kind
    return "not understood" if event else SWEEP


def waiting(target: Stack) -> Iterator[Failure]:
    """The messages of both queues, hidden from other readers meanwhile."""
    sqs = target.client("sqs")
    for queue, output in QUEUES.items():
        url = target.outputs[output]
        for _ in range(MOST // 10):
            answer = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=HIDDEN_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            if not (messages := answer.get("Messages")):
                break
            yield from (understand(message, queue, url) for message in messages)


def delete(target: Stack, failure: Failure) -> None:
    target.client("sqs").delete_message(QueueUrl=failure.url, ReceiptHandle=failure.receipt)


def leave(target: Stack, failures: Iterable[Failure]) -> None:
    """Have messages shown again at once."""
    sqs = target.client("sqs")
    for failure in failures:
        with contextlib.suppress(ClientError):  # It shows up again by itself.
            sqs.change_message_visibility(QueueUrl=failure.url, ReceiptHandle=failure.receipt, VisibilityTimeout=0)


def put_back(target: Stack, failure: Failure) -> str | None:
    """Pass a failure to its function again; returns why that failed."""
    if failure.kind == SWEEP:
        return None  # The sweep of the next minute has done its work.
    if failure.function is None:
        return f"not understood: read it in the SQS console, and delete it with --drop {failure.id}"
    if WEBHOOK in failure.function:
        return send_again(target, failure.payload)
    return hand_over(target, failure.function, failure.payload)


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


def settle(target: Stack, failure: Failure, reason: str | None, out: Console) -> int:
    """Delete a message that was handed over, have any other shown again; returns how many stay."""
    if reason is None:
        delete(target, failure)
        return 0
    leave(target, [failure])
    out.print(console.safe(f"kept: {failure.kind}: {' '.join(reason.split())}"))
    return 1


def hand_back(target: Stack, failures: list[Failure], yes: bool, out: Console) -> int:
    """Put everything back; returns how many stay in their queues."""
    if not failures:
        return 0
    batches = [failure for failure in failures if failure.kind == STREAM]
    scan = f" Batches of the stream take a read of the whole table ({table.size(target)})." if batches else ""
    console.ask(f"Put back all {len(failures)} messages?{scan}", yes)
    kept = 0
    with console.progress() as bar:
        for failure in bar.track(failures, description="Putting back"):
            if failure.kind != STREAM:
                kept += settle(target, failure, put_back(target, failure), out)
    if batches:
        arrived = [instant for failure in batches for instant in failure.payload]
        since, until = min(arrived) - CLOCKS, max(arrived) + CLOCKS
        out.print(f"Announcing again from the table what was written from {since} to {until}.")
        _, reason = announce(target, announcements(target, since, until))
        kept += sum(settle(target, failure, reason, out) for failure in batches)
    out.print(f"{len(failures) - kept} put back, {kept} kept. One that fails again returns within minutes.")
    return kept


def drop(target: Stack, failures: list[Failure], id_: str, yes: bool, out: Console) -> None:
    """Delete one message, which can never be put back; the others stay."""
    named = [failure for failure in failures if failure.id == id_]
    if len(named) != 1:
        raise Trouble(f"{len(named)} messages have the id {id_}: see the ids with --dry-run")
    (failure,) = named
    console.ask(f"Delete {failure.kind}, {failure.error[:200]!r}, for good?", yes)
    delete(target, failure)
    leave(target, (each for each in failures if each is not failure))
    out.print(console.safe(f"dropped: {failure.kind}: {failure.error[:200]}"))


def show(out: Console, failures: list[Failure]) -> None:
    for queue in QUEUES:
        kinds = Counter(failure.kind for failure in failures if failure.queue == queue)
        counts = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
        out.print(console.safe(f"{queue}: {kinds.total()} messages{f' ({counts})' if counts else ''}"))
    rows = [
        {"id": each.id, "sent (UTC)": f"{each.sent_at:%Y-%m-%d %H:%M:%S}", "kind": each.kind, "error": each.error[:300]}
        for each in sorted(failures, key=lambda failure: failure.sent_at)
    ]
    if rows:
        out.print(console.grid("Messages, the oldest first", rows))


def plain(failure: Failure) -> dict[str, Any]:
    """A message for programs, without its content, which may hold a client's data."""
    sent_at = answers.instant(failure.sent_at.replace(microsecond=0))
    error = None if failure.kind in UNREADABLE else failure.error
    return {"id": failure.id, "sent_at": sent_at, "kind": failure.kind, "error": error}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show the messages.")
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
    target, failures, kept = stack(stage), list[Failure](), 0
    result: dict[str, Any] = {}
    try:
        failures.extend(waiting(target))
        if not as_json:
            show(out, failures)
        if drop_id:
            drop(target, failures, drop_id, yes, out)
            result = {"dropped": drop_id}
        elif dry_run:
            leave(target, failures)
        else:
            kept = hand_back(target, failures, yes, out)
            result = {"put_back": len(failures) - kept, "kept": kept}
    except BaseException:  # A no, Ctrl-C, a scan that was throttled: what is still there shows up again at once.
        leave(target, failures)
        raise
    if as_json:
        shown = {queue: [plain(failure) for failure in failures if failure.queue == queue] for queue in QUEUES}
        console.print_json(shown | result)
    return 1 if kept else 0
