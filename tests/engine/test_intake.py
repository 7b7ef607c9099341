"""What the service manager tells, told by many at once, in any order, and cut off in the middle."""

import itertools
import json
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

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
from tests.engine.fleet import Fleet

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

Told = tuple[str, Json]
TELLERS = 8
VERSIONS = 4


def at(version: int) -> str:
    return f"2026-11-01T00:00:00.{version:06}Z"


def history(account: str) -> list[list[Told]]:
    """Each thing of an account with everything that is ever told of it, the oldest first; the last is the truth."""
    things: list[list[Told]] = [
        [
            ("AccountChanged", account_changed(account_id=account, name=f"Имя {v}", changed_at=at(v)))
            for v in versions()
        ],
        [("UsageChanged", usage_changed(account_id=account, sessions=v, changed_at=at(v))) for v in versions()],
    ]
    for n in range(5):
        roles = ["owner", "administrator", None, "owner"]
        things.append(
            [
                ("MemberChanged", member_changed(account_id=account, user_id=f"U-{n}", role=roles[v], changed_at=at(v)))
                for v in versions()
            ]
        )
    for n in range(9):
        told: list[Told] = [
            (
                "SubscriptionChanged",
                subscription_changed(account_id=account, subscription_id=f"S-{n}", number=str(v), changed_at=at(v)),
            )
            for v in versions()
        ]
        removed = subscription_removed(account_id=account, subscription_id=f"S-{n}", changed_at=at(n % VERSIONS))
        told[n % VERSIONS] = ("SubscriptionRemoved", removed)
        things.append(told)
    return things


def versions() -> range:
    return range(VERSIONS)


def test_shuffled_histories_end_as_the_newest_of_each(engine: str, table: str, raw: "DynamoDBClient") -> None:
    """Told to the handlers of bus and route by eight processes at once, the same of fifty things.

    Each tells it in an order of its own, half of it one by one as sync gets it, and half in lists. One account is
    removed in the middle of what is told of it, and one after all of it.
    """
    things = [thing for account in ("A-1", "A-2", "A-3") for thing in history(account)]
    assert len(things) == 48
    removals: list[Told] = [
        ("AccountRemoved", account_removed(account_id="A-2", changed_at=at(1))),
        ("AccountRemoved", account_removed(account_id="A-3", changed_at=at(VERSIONS))),
    ]
    everything = [told for thing in things for told in thing] + removals
    results: Counter[str] = Counter()
    with Fleet(engine, table, TELLERS, "sync", "changes") as fleet:
        asked = [tell(worker, everything, random.Random(n)) for n, worker in enumerate(fleet.workers)]
        for worker, calls in zip(fleet.workers, asked, strict=True):
            for _ in range(calls):
                answer = worker.reply().answer
                assert "error" not in answer, (
                    answer
                )  # A busy machine may have it told again; the other seven tell it too.
                if "body" in answer:
                    results.update(each["result"] for each in json.loads(answer["body"])["results"])
                else:
                    results["stored" if answer["stored"] else "stale"] += 1
    print(dict(results))
    assert set(results) - {"try_again"} == {"stored", "stale"}
    assert results["try_again"] < results.total() / TELLERS
    assert results.total() == TELLERS * len(everything)

    found = raw.scan(TableName=table, ConsistentRead=True)["Items"]
    left = {(item["pk"]["S"], item["sk"]["S"]): item for item in found}
    truth = {key_of(told): told for thing in things for told in thing[-1:] if told[1]["account_id"] != "A-3"}
    assert set(left) == {*truth, ("A#A-2", "R"), ("A#A-3", "R")}
    for key, (detail_type, detail) in truth.items():
        assert left[key][items.VERSION]["N"].endswith(f"{VERSIONS - 1:06}"), key
        assert (left[key][items.TYPE] == items.REMOVED) is (detail_type == "SubscriptionRemoved")
        assert left[key].get(items.NUMBER, {}).get("S") == detail.get("number")


def tell(worker: Any, everything: list[Told], order: random.Random) -> int:
    """Ask an instance to take all of it; how many calls those are."""
    told = order.sample(everything, len(everything))
    half = len(told) // 2
    calls = 0
    for detail_type, detail in told[:half]:
        worker.ask("sync", sync_event(detail_type, detail))
        calls += 1
    for first in range(half, len(told), 40):
        entries = [{"detail_type": detail_type, "detail": detail} for detail_type, detail in told[first : first + 40]]
        worker.ask("changes", machine_event("changes", {}) | {"body": json.dumps({"changes": entries})})
        calls += 1
    return calls


def key_of(told: Told) -> tuple[str, str]:
    """Where the table holds what is told."""
    detail_type, detail = told
    sort = {
        "AccountChanged": "A",
        "UsageChanged": "U",
        "MemberChanged": f"~{detail.get('user_id')}",
        "SubscriptionChanged": f"S#{detail.get('subscription_id')}",
        "SubscriptionRemoved": f"S#{detail.get('subscription_id')}",
    }
    return f"A#{detail['account_id']}", sort[detail_type]


def fill(raw: "DynamoDBClient", table: str, account: str, count: int) -> None:
    """An account of many members."""
    for first in range(0, count, 25):
        puts = [
            {
                "PutRequest": {
                    "Item": items.member_item(account, f"M-{n}", None) | {items.VERSION: {"N": "1761955200000000"}}
                }
            }
            for n in range(first, min(count, first + 25))
        ]
        assert not raw.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]  # type: ignore[dict-item]


def count(raw: "DynamoDBClient", table: str) -> int:
    pages = raw.get_paginator("scan").paginate(TableName=table, Select="COUNT", ConsistentRead=True)
    return sum(page["Count"] for page in pages)


def test_the_removal_of_a_large_account_survives_a_time_out_in_its_middle(
    service: Service, table: str, raw: "DynamoDBClient"
) -> None:
    """Over HTTPS it is to be sent again, over the bus Lambda does that; each goes on where the one before stood."""
    fill(raw, table, "A-100", 2_000)
    service.clock = itertools.count(0, 0.005).__next__  # Time goes by the looks at it, however fast the machine is.
    before = count(raw, table)
    told = ("AccountRemoved", account_removed())
    progress = [before]
    for _ in range(60):
        answer = service.changes(told, seconds=4)
        progress.append(count(raw, table))
        if answer.json["results"] != [{"result": "try_again"}]:
            break
    print(progress)
    assert len(progress) > 2, "it was never cut off"
    assert progress == sorted(progress, reverse=True)
    assert progress[-1] == 1
    assert service.limits().status == 404


def test_a_hundred_changes_are_all_there_when_the_answer_is(
    service: Service, table: str, raw: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    """However busy the machine is."""
    from extending import batch

    monkeypatch.setattr(batch, "BEGIN_WITHIN", 600.0)
    told = [("MemberChanged", member_changed(account_id="A-9", user_id=f"M-{n}")) for n in range(100)]
    answer = service.changes(*told)
    assert answer.json["results"] == [{"result": "stored"}] * 100
    found = raw.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": items.partition_of("A-9")},
        ConsistentRead=True,
    )
    assert found["Count"] == 100
