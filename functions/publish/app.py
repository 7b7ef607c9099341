"""The table's stream: announce on the bus what has been written to extensions."""

from collections.abc import Iterator, Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from extending import aside, bus, store
from extending.bus import Announcement, News
from extending.runtime import Metric, logger, metrics


class NotTaken(Exception):
    """The bus did not take an event; the stream will bring its record again."""


def announcement(record: DynamoDBRecord) -> Announcement | None:
    """What a change of an extension announces, if anything; raises for a record that tells no such change."""
    # The images as DynamoDB types them: the data class would turn every number into a Decimal.
    change = record.raw_event["dynamodb"]
    old, new = change.get("OldImage"), change.get("NewImage")
    if not new:
        return None
    match store.written(old, new):
        case "granted":
            news = News.GRANTED
        case "reminded":
            news = News.ENDS_SOON
        case "revoked":
            news = News.EXPIRED
        case None:
            return None
    return Announcement(news, store.extension_from_item(new), store.correlation_id(new))


class InOrder(BatchProcessor):
    """Puts what the records announce on the bus, in chunks and in the order of each extension.

    A record that cannot be read is set aside in the failure queue. At the first one that the bus does not take the
    batch ends: that record is reported, and Lambda brings it and all after it again.
    """

    def process(self) -> list[tuple[Any, ...]]:
        for chunk in _chunks(self._read()):
            try:
                refusals = bus.put([announced for _, announced in chunk])
            except Exception as error:
                self._fail(chunk[0][0], error)
                break
            taken = refusals.count(None)
            metrics.add_metric(Metric.PUBLISHED, MetricUnit.Count, taken)
            if taken < len(chunk):
                first = next(place for place, refusal in enumerate(refusals) if refusal)
                self._fail(chunk[first][0], NotTaken(refusals[first]))
                break
        return []

    def _read(self) -> Iterator[tuple[dict[str, Any], Announcement]]:
        for record in self.records:
            try:
                announced = announcement(DynamoDBRecord(record))
            except Exception as error:
                if not aside.set_aside({"Records": [record]}, error, self.lambda_context.invoked_function_arn):
                    self._fail(record, error)
                continue
            if announced:
                yield record, announced

    def _fail(self, record: dict[str, Any], error: Exception) -> None:
        logger.warning("record to be repeated", extra={"error": type(error).__name__, "reason": str(error)})
        self.failure_handler(DynamoDBRecord(record), (type(error), error, error.__traceback__))


def _chunks(
    announced: Iterator[tuple[dict[str, Any], Announcement]],
) -> Iterator[Sequence[tuple[dict[str, Any], Announcement]]]:
    """As many as one call takes, and never two of one extension: the first might fail alone."""
    chunk: list[tuple[dict[str, Any], Announcement]] = []
    extensions: set[str] = set()
    for record, announcement in announced:
        if len(chunk) == bus.MOST_ENTRIES or announcement.extension.id in extensions:
            yield chunk
            chunk, extensions = [], set()
        chunk.append((record, announcement))
        extensions.add(announcement.extension.id)
    if chunk:
        yield chunk


_processor = InOrder(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    answer = process_partial_response(event, announcement, _processor, context)
    return dict(answer)
