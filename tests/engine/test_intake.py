"""Reports of the service manager: from many senders at once, in any order, and cut off in the middle."""

import itertools
import json
import random
from collections import Counter
from typing import TYPE_CHECKING

from devkit.builders import (
    account_changed,
    account_removed,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.service import Json, Service, machine_event, sync_event
from extending import items
from tests.engine.client import many_members
from tests.engine.fleet import Fleet, Worker

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

Report = tuple[str, Json]
SENDERS = 4
VERSIONS = range(4)


def at(version: int) -> str:
    return f"2026-11-01T00:00:00.{version:06}Z"


def reports_of(account: str) -> dict[str, list[Report]]:
    """By sort key the reports of each entity of an account, the oldest first; the last is the truth."""

    def each(detail_type: str, details: list[Json]) -> list[Report]:
        return [
            (detail_type, detail | {"account_id": account, "changed_at": at(v)})
            for v, detail in zip(VERSIONS, details, strict=True)
        ]

    reports = {
        "A": each("AccountChanged", [account_changed(name=f"Имя {v}") for v in VERSIONS]),
        "U": each("UsageChanged", [usage_changed(sessions=v) for v in VERSIONS]),
    }
    for n in range(4):
        roles = ["owner", "administrator", None, "owner"]
        reports[f"~U-{n}"] = each("MemberChanged", [member_changed(user_id=f"U-{n}", role=role) for role in roles])
        id_ = f"S-{n}"
        periods = each(
            "SubscriptionChanged", [subscription_changed(subscription_id=id_, number=f"{v}") for v in VERSIONS]
        )
        removed = subscription_removed(account_id=account, subscription_id=id_, changed_at=at(n))
        reports[f"S#{id_}"] = [*periods[:n], ("SubscriptionRemoved", removed), *periods[n + 1 :]]
    return reports


def test_reports_that_four_processes_store_in_any_order_end_as_the_newest_of_each(
    engine: str, table: str, raw: "DynamoDBClient"
) -> None:
    """Each sends all reports in an order of its own, half of them one by one as sync gets them, and half in lists.

    One account is removed in the middle of what is reported of it, and one after all of it.
    """
    entities = {(a, sort): each for a in ("A-1", "A-2", "A-3") for sort, each in reports_of(a).items()}
    everything = [report for reports in entities.values() for report in reports]
    everything.append(("AccountRemoved", account_removed(account_id="A-2", changed_at=at(1))))
    everything.append(("AccountRemoved", account_removed(account_id="A-3", changed_at=at(4))))
    results: Counter[str] = Counter()
    with Fleet(engine, table, SENDERS, "sync", "changes") as fleet:
        asked = [send(worker, everything, random.Random(n)) for n, worker in enumerate(fleet.workers)]
        for worker, calls in zip(fleet.workers, asked, strict=True):
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

    found = raw.scan(TableName=table, ConsistentRead=True)["Items"]
    left = {(item["pk"]["S"], item["sk"]["S"]): item for item in found}
    truth = {(f"A#{a}", sort): reports[-1] for (a, sort), reports in entities.items() if a != "A-3"}
    assert set(left) == {*truth, ("A#A-2", "R"), ("A#A-3", "R")}
    for key, (detail_type, detail) in truth.items():
        assert left[key][items.VERSION]["N"].endswith("000003"), key
        assert (left[key][items.TYPE] == items.REMOVED) is (detail_type == "SubscriptionRemoved")
        assert left[key].get(items.NUMBER, {}).get("S") == detail.get("number")


def send(worker: Worker, everything: list[Report], order: random.Random) -> int:
    """Ask an instance to store all of it; the number of calls."""
    reports = order.sample(everything, len(everything))
    half = len(reports) // 2
    calls = 0
    for detail_type, detail in reports[:half]:
        worker.ask("sync", sync_event(detail_type, detail))
        calls += 1
    for first in range(half, len(reports), 30):
        entries = [{"detail_type": name, "detail": detail} for name, detail in reports[first : first + 30]]
        worker.ask("changes", machine_event("changes", {}) | {"body": json.dumps({"changes": entries})})
        calls += 1
    return calls


def test_the_removal_of_a_large_account_survives_a_time_out_in_its_middle(
    service: Service, table: str, raw: "DynamoDBClient"
) -> None:
    """Over HTTPS it is to be sent again, over the bus Lambda does that; each goes on where the one before stood."""

    def count() -> int:
        return raw.scan(TableName=table, Select="COUNT", ConsistentRead=True)["Count"]

    many_members(raw, table, 500)
    service.clock = itertools.count(0, 0.02).__next__  # Time goes by the looks at it, however fast the machine is.
    progress = [count()]
    for _ in range(60):
        answer = service.changes(("AccountRemoved", account_removed()), seconds=4)
        progress.append(count())
        if answer.json["results"] != [{"result": "try_again"}]:
            break
    assert len(progress) > 3, "it was never cut off"
    assert progress == sorted(progress, reverse=True)
    assert progress[-1] == 1
    assert service.limits().status == 404
