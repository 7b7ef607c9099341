"""The end of extensions: overlapping sweeps, killed sweeps, sweeps that run out of time."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from devkit.builders import DAY, WEEK
from devkit.service import Json, Service
from extending import items
from extending.model import Extension, ExtensionEvent, Terms
from extending.runtime import utc_now
from tests.engine.client import PATIENT
from tests.engine.fleet import Fleet

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


def grants(client: "DynamoDBClient", table: str, count: int, granted_at: datetime, prefix: str = "A") -> None:
    """Write extensions as a grant writes them, without the checks that a grant makes."""
    puts: list[Any] = []
    for number in range(count):
        extension = Extension(
            account_id=f"{prefix}-{number}",
            subscription_id="S-1",
            period_starts_at=granted_at - 30 * DAY,
            terms=Terms(2, 8, "P7D", 604_800),
            granted_at=granted_at - timedelta(seconds=number % 1000),
            granted_by="U-1",
            ends_at=granted_at - timedelta(seconds=number % 1000) + WEEK,
        )
        puts.append({"PutRequest": {"Item": items.extension_item(extension, extension.ends_at - DAY, "seed", "seed")}})
    for start in range(0, count, 25):
        answer = client.batch_write_item(RequestItems={table: puts[start : start + 25]})
        assert not answer["UnprocessedItems"]


def indexed(client: "DynamoDBClient", table: str) -> int:
    """How many extensions still have something before them."""
    (index,) = client.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
    return index["ItemCount"]


@pytest.fixture
def streams(engine: str) -> Iterator[Any]:
    client = boto3.client("dynamodbstreams", endpoint_url=engine, config=PATIENT)
    yield client
    client.close()


def told(streams: Any, table: str) -> Counter[tuple[str, str]]:
    """How often the table's stream tells of each extension that it was granted, reminded of, revoked."""
    (stream,) = streams.list_streams(TableName=table)["Streams"]
    arn = stream["StreamArn"]
    shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    changes: Counter[tuple[str, str]] = Counter()
    for shard in shards:
        place: str | None = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while place:
            answer = streams.get_records(ShardIterator=place)
            for record in answer["Records"]:
                change = record["dynamodb"]
                if what := items.event_between(
                    dict(change["OldImage"]) if "OldImage" in change else None, change["NewImage"]
                ):
                    changes[change["Keys"]["pk"]["S"], what] += 1
            place = answer.get("NextShardIterator") if answer["Records"] else None
    return changes


@pytest.mark.parametrize("streamed", [True])
def test_what_a_killed_sweep_has_left_the_next_one_finishes(
    engine: str, table: str, raw: "DynamoDBClient", streams: Any, dynamodb: "DynamoDBClient"
) -> None:
    """A sweep keeps nothing in memory that the table does not say: SIGKILL in the middle loses nothing."""
    now = utc_now()
    grants(raw, table, 1500, now - WEEK)
    with Fleet(engine, table, 2, "expire") as fleet:
        killed, next_ = fleet.workers
        killed.ask("expire", {}, seconds=3600)
        deadline = time.monotonic() + 60
        while (left := indexed(raw, table)) > 1300:
            assert time.monotonic() < deadline, f"{left} of 1500 are still due"
            time.sleep(0.05)  # The count is not free, and it is the sweep that is to go on.
        killed.kill()
        left = indexed(raw, table)
        assert 0 < left <= 1300, "the sweep was not killed in the middle"
        next_.ask("expire", {}, seconds=3600)
        answer = next_.reply().answer

    # A write that the killed one had sent may have arrived after the count.
    assert left - items.SHARDS <= answer["revoked"] <= left
    assert answer["failed"] == 0
    changes = told(streams, table)
    assert set(changes.values()) == {1}
    assert Counter(what for _, what in changes) == {ExtensionEvent.GRANTED: 1500, ExtensionEvent.EXPIRED: 1500}


def test_a_sweep_that_runs_out_of_time_leaves_the_rest_due(table: str, raw: "DynamoDBClient", service: Service) -> None:
    """What is not done in time is due again in a minute; no failure, and no work that the time does not allow."""
    grants(raw, table, 40, utc_now() - WEEK)

    first = service.expire(seconds=0)
    second = service.expire()

    assert first["revoked"] == first["failed"] == 0
    assert 0 < first["due"] <= 40
    assert (second["due"], second["revoked"], second["failed"]) == (40, 40, 0)


def test_the_lag_is_that_of_the_extension_that_ended_first(table: str, raw: "DynamoDBClient", service: Service) -> None:
    """An operator sees by it how long nothing was taken back."""
    grants(raw, table, 3, utc_now() - WEEK - timedelta(hours=1))

    assert 3602 <= service.expire()["oldest_lag_seconds"] <= 3620


@pytest.mark.parametrize("streamed", [True])
def test_four_sweeps_at_once_announce_each_end_and_each_reminder_once(
    engine: str, table: str, raw: "DynamoDBClient", streams: Any, dynamodb: "DynamoDBClient"
) -> None:
    """The stream, from which the events out are made, tells of each change once."""
    now = utc_now()
    grants(raw, table, 300, now - WEEK, prefix="ended")
    grants(raw, table, 200, now - 6 * DAY - timedelta(hours=1), prefix="ending")

    answers, _ = four_sweeps(engine, table)

    assert sum(answer["revoked"] for answer in answers) == 300
    changes = told(streams, table)
    assert set(changes.values()) == {1}
    assert Counter(what for _, what in changes) == {
        ExtensionEvent.GRANTED: 500,
        ExtensionEvent.EXPIRED: 300,
        ExtensionEvent.ENDS_SOON: 200,
    }


def test_four_sweeps_at_once_revoke_each_of_five_thousand_once(
    engine: str, table: str, raw: "DynamoDBClient", dynamodb: "DynamoDBClient"
) -> None:
    """A run that overlaps the next, or one that an operator starts by hand, does no harm."""
    grants(raw, table, 5000, utc_now() - WEEK)

    answers, after = four_sweeps(engine, table)

    assert [answer["failed"] for answer in answers] == [0, 0, 0, 0]
    # As many revocations as extensions, and none without: each once.
    assert sum(answer["revoked"] for answer in answers) == 5000
    pages = raw.get_paginator("scan").paginate(TableName=table)
    extensions = [items.extension_from(dict(item)) for page in pages for item in page["Items"]]
    assert len(extensions) == 5000
    assert all(extension.revoked_at for extension in extensions)
    assert after == {"due": 0, "revoked": 0, "failed": 0, "oldest_lag_seconds": 0}


def four_sweeps(engine: str, table: str) -> tuple[list[Json], Json]:
    """What four sweeps at once answered, and what the next one did."""
    with Fleet(engine, table, 4, "expire") as fleet:
        for worker in fleet.workers:
            worker.ask("expire", {}, seconds=3600)  # This is not about how fast a busy machine is.
        answers = [worker.reply().answer for worker in fleet.workers]
        fleet.workers[0].ask("expire", {}, seconds=3600)
        return answers, fleet.workers[0].reply().answer
