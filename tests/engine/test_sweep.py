"""The end of extensions: a sweep that is killed, and sweeps that overlap."""

import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3

from devkit.builders import DAY, WEEK
from devkit.template import table_definition
from extending import items
from extending.model import ExtensionEvent
from extending.runtime import utc_now
from tests.engine.client import PATIENT, many_grants
from tests.engine.fleet import fleet

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

ENDED, ENDING = 400, 50


def test_what_a_killed_sweep_has_left_is_done_once_by_three_sweeps_at_once(
    engine: str, table: str, raw: "DynamoDBClient"
) -> None:
    """SIGKILL in the middle loses nothing, for a sweep keeps nothing in memory that the table does not hold; a run that
    overlaps the next does no harm. The stream, of which the events out are made, has each change once."""
    raw.update_table(TableName=table, StreamSpecification=table_definition()["StreamSpecification"])
    now = utc_now()
    many_grants(raw, table, ENDED, now - WEEK, prefix="ended")
    many_grants(raw, table, ENDING, now - 6 * DAY - timedelta(hours=1), prefix="ending")
    with fleet(engine, table, 4) as (killed, *others):
        killed.ask("expire", {}, seconds=3600)
        deadline = time.monotonic() + 60
        while (left := indexed(raw, table)) > ENDED + ENDING - 50:
            assert time.monotonic() < deadline, f"{left} are still due"
            time.sleep(0.02)  # The count is not free, and it is the sweep that is to go on.
        killed.kill()
        left = indexed(raw, table) - ENDING
        assert left > 0, "the sweep was not killed in the middle"
        for worker in others:
            worker.ask("expire", {}, seconds=3600)  # This is not about how fast a busy machine is.
        answers = [worker.answer() for worker in others]
        others[0].ask("expire", {})
        after = others[0].answer()

    assert [answer["failed"] for answer in answers] == [0, 0, 0]
    # A write that the killed one had sent may have arrived after the count.
    assert left - items.SHARDS <= sum(answer["revoked"] for answer in answers) <= left
    assert after == {"due": 0, "revoked": 0, "failed": 0, "oldest_lag_seconds": 0}
    changes = streamed_changes(engine, table)
    assert set(changes.values()) == {1}
    assert Counter(event for _, event in changes) == {
        ExtensionEvent.GRANTED: ENDED + ENDING,
        ExtensionEvent.EXPIRED: ENDED,
        ExtensionEvent.ENDS_SOON: ENDING,
    }


def indexed(client: "DynamoDBClient", table: str) -> int:
    """The number of extensions that are still due later."""
    (index,) = client.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
    return index["ItemCount"]


def streamed_changes(engine: str, table: str) -> Counter[tuple[str, str]]:
    """The count of each event of each account in the table's stream."""
    streams = boto3.client("dynamodbstreams", endpoint_url=engine, config=PATIENT)
    ((arn),) = (stream["StreamArn"] for stream in streams.list_streams(TableName=table)["Streams"])
    changes: Counter[tuple[str, str]] = Counter()
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        place: str | None = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while place:
            answer = streams.get_records(ShardIterator=place)
            for record in answer["Records"]:
                change: Any = record["dynamodb"]
                if event := items.event_between(change.get("OldImage"), change["NewImage"]):
                    changes[change["Keys"]["pk"]["S"], event] += 1
            place = answer.get("NextShardIterator") if answer["Records"] else None
    streams.close()
    return changes
