"""The end of extensions: a sweep that is killed, and sweeps that overlap."""

import time
from datetime import timedelta

from devkit.builders import DAY, WEEK
from extending import items
from extending.runtime import utc_now
from tests.engine.client import Table
from tests.engine.fleet import fleet

ENDED, ENDING = 400, 50


def test_what_a_killed_sweep_has_left_is_done_once_by_three_sweeps_at_once(table: Table) -> None:
    """SIGKILL in the middle loses nothing, for a sweep keeps nothing in memory that the table does not hold; a run that
    overlaps the next does no harm."""
    now = utc_now()
    table.put_grants(ENDED, now - WEEK, prefix="ended")
    table.put_grants(ENDING, now - 6 * DAY - timedelta(hours=1), prefix="ending")

    def left() -> int:
        """The number of extensions whose end is still to come in the index."""
        (index,) = table.client.describe_table(TableName=table.name)["Table"]["GlobalSecondaryIndexes"]
        return index["ItemCount"] - ENDING

    with fleet(table, 4) as (killed, *others):
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
    assert sum(items.REVOKED_AT in item for item in table.items()) == ENDED
    assert sum(items.REMINDED_AT in item for item in table.items()) == ENDING
