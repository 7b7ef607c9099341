"""Reports of the service manager: from many senders at once, in any order, and cut off in the middle."""

import itertools
import json
import random
from collections import Counter

import pytest

from devkit.builders import account_removed
from devkit.service import Json, Service, machine_event, sync_event
from extending.runtime import utc_now
from tests.engine.client import Table
from tests.engine.fleet import Worker, fleet
from tests.engine.naive import No, World, by_id
from tests.engine.reports import ACCOUNTS, USERS, a_report, changed_at

Report = tuple[str, Json]
SENDERS, REPORTS = 4, 100


def test_reports_that_four_processes_store_in_any_order_end_as_if_they_had_come_one_after_the_other(
    table: Table, service: Service
) -> None:
    """Each sends all reports in an order of its own, half of them one by one as sync gets them, and half in lists."""
    choose, now = random.Random(6).choice, utc_now()
    reports = [a_report(choose, now) for _ in range(REPORTS)]
    everything = [
        (detail_type, detail | {"changed_at": changed_at(number)})
        for number, (detail_type, detail) in enumerate(reports)
        if detail_type != "AccountRemoved" or number < REPORTS / 4
    ]
    results: Counter[str] = Counter()
    with fleet(table, SENDERS) as workers:
        asked = [send(worker, everything, random.Random(n)) for n, worker in enumerate(workers)]
        for worker, calls in zip(workers, asked, strict=True):
            for _ in range(calls):
                answer = worker.answer()
                assert "error" not in answer, answer
                if "body" in answer:
                    results.update(each["result"] for each in json.loads(answer["body"])["results"])
                else:
                    results["stored" if answer["stored"] else "stale"] += 1
    # On a busy machine one may have to come again; the other three send it too.
    assert set(results) - {"try_again"} == {"stored", "stale"}
    assert results["try_again"] < results.total() / SENDERS
    assert results.total() == SENDERS * len(everything)

    world = World()
    for report in everything:
        world.report(*report, now)
    for account, user in itertools.product(set(ACCOUNTS), USERS):
        answer = service.list(user, account)
        if answer.status == 200:
            assert by_id(answer.json) == by_id(world.list(user, account, now))
        else:
            with pytest.raises(No, match=str(answer.code)):
                world.list(user, account, now)


def send(worker: Worker, everything: list[Report], order: random.Random) -> int:
    """Ask an instance to store all of it; the number of calls."""
    reports = order.sample(everything, len(everything))
    half = len(reports) // 2
    for detail_type, detail in reports[:half]:
        worker.ask("sync", sync_event(detail_type, detail))
    lists = range(half, len(reports), 30)
    for first in lists:
        entries = [{"detail_type": name, "detail": detail} for name, detail in reports[first : first + 30]]
        worker.ask("changes", machine_event("changes", {}) | {"body": json.dumps({"changes": entries})})
    return half + len(lists)


def test_the_removal_of_a_large_account_survives_a_time_out_in_its_middle(service: Service, table: Table) -> None:
    """Over HTTPS it is to be sent again, over the bus Lambda does that; each goes on where the one before stood."""
    table.put_members(300)
    service.clock = itertools.count(0, 0.02).__next__  # Time goes by the looks at it, however fast the machine is.
    progress = [len(table.items())]
    for _ in range(60):
        answer = service.changes(("AccountRemoved", account_removed()), seconds=4)
        progress.append(len(table.items()))
        if answer.json["results"] != [{"result": "try_again"}]:
            break
    assert len(progress) > 3, "it was never cut off"
    assert progress == sorted(progress, reverse=True)
    assert progress[-1] == 1
    assert service.limits().status == 404
