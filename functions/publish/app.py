"""The table's stream: announce on the bus what has been written to extensions."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from extending import aside, bus, store
from extending.bus import Announcement, News
from extending.runtime import Metric, logger, metrics, utc_now


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

    At the first record that the bus does not take the batch ends: it is reported, and Lambda brings it and all after
    it again. A record that cannot be read is set aside once everything before it is out.
    """

    now: datetime

    def process(self) -> list[tuple[Any, ...]]:
        chunk: list[tuple[dict[str, Any], Announcement]] = []
        for record in self.records:
            try:
                announced = announcement(DynamoDBRecord(record))
            except Exception as error:
                if not self._put(chunk):
                    return []
                chunk = []
                if not aside.set_aside({"Records": [record]}, error, self.lambda_context.invoked_function_arn):
                    self._fail(record, error)
                continue
            if announced is None or self._too_late(announced):
                continue
            # Never two of one extension in a call: the first might fail alone.
            if len(chunk) == bus.MOST_ENTRIES or announced.extension.id in {a.extension.id for _, a in chunk}:
                if not self._put(chunk):
                    return []
                chunk = []
            chunk.append((record, announced))
        self._put(chunk)
        return []

    def _too_late(self, announced: Announcement) -> bool:
        """After the end nobody is told that it is near, however long the bus was away."""
        return announced.news is News.ENDS_SOON and not announced.extension.runs(self.now)

    def _put(self, chunk: list[tuple[dict[str, Any], Announcement]]) -> bool:
        """Put a chunk on the bus; False where something of it was not taken, which is then reported."""
        if not chunk:
            return True
        try:
            refusals = bus.put([announced for _, announced in chunk])
        except Exception as error:
            self._fail(chunk[0][0], error)
            return False
        metrics.add_metric(Metric.PUBLISHED, MetricUnit.Count, refusals.count(None))
        for (record, _), refusal in zip(chunk, refusals, strict=True):
            if refusal:
                self._fail(record, NotTaken(refusal))
                return False
        return True

    def _fail(self, record: dict[str, Any], error: Exception) -> None:
        logger.warning("record to be repeated", extra={"error": type(error).__name__, "reason": str(error)})
        self.failure_handler(DynamoDBRecord(record), (type(error), error, error.__traceback__))


_processor = InOrder(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    _processor.now = utc_now()
    answer = process_partial_response(event, announcement, _processor, context)
    return dict(answer)
