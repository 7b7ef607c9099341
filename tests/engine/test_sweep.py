"""The end of extensions: a sweep that is killed, and sweeps that overlap."""

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from devkit.builders import DAY, WEEK
from extending import items
from extending.runtime import utc_now
from tests.engine.client import many_grants
from tests.engine.fleet import fleet

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

ENDED, ENDING = 400, 50


def test_what_a_killed_sweep_has_left_is_done_once_by_three_sweeps_at_once(
    engine: str, table: str, raw: "DynamoDBClient"
) -> None:
    """SIGKILL in the middle loses nothing, for a sweep keeps nothing in memory that the table does not hold; a run that
    overlaps the next does no harm."""
    now = utc_now()
    many_grants(raw, table, ENDED, now - WEEK, prefix="ended")
    many_grants(raw, table, ENDING, now - 6 * DAY - timedelta(hours=1), prefix="ending")

    def left() -> int:
        """The number of extensions whose end is still to come in the index."""
        (index,) = raw.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
        return index["ItemCount"] - ENDING

    with fleet(engine, table, 4) as (killed, *others):
        killed.ask("expire", {}, seconds=3600)
        deadline = time.monotonic() + 60
        while left() > ENDED - 50:
            assert time.monotonic() < deadline, f"{left()} are still due"
            time.sleep(0.02)  # The count is not free, and it is the sweep that is to go on.
        killed.kill()
        before = left()
        assert before > 0, "the sweep was not killed in the middle"
        for worker in others:
            worker.ask("expire", {}, seconds=3600)  # This is not about how fast a busy machine is.
        answers = [worker.answer() for worker in others]
        others[0].ask("expire", {})
        after = others[0].answer()

    assert [answer["failed"] for answer in answers] == [0, 0, 0]
    # A write that the killed one had sent may have arrived after the count.
    assert before - items.SHARDS <= sum(answer["revoked"] for answer in answers) <= before
    assert after == {"due": 0, "revoked": 0, "failed": 0, "oldest_lag_seconds": 0}
    stored = raw.scan(TableName=table)["Items"]
    assert sum(items.REVOKED_AT in item for item in stored) == ENDED
    assert sum(items.REMINDED_AT in item for item in stored) == ENDING
