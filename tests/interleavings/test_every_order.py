"""In whatever order the calls of two or three actors come, the table ends as the reports say, and all happens once.

In `make test` every order of two actors and a seeded sample of crashes and of three; INTERLEAVINGS=20 makes the samples
twenty times as large.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import combinations
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from moto import mock_aws

from devkit.builders import (
    DAY,
    NOW,
    SECOND,
    WEEK,
    account_changed,
    iso,
    member_changed,
    subscription_changed,
)
from devkit.project import Trouble
from extending import accounts, changes, inbound, items, runtime, service
from extending.model import OfferId, Refused
from functions.expire import app as expire
from ops import repair
from tests.integration.conftest import make_table
from tests.interleavings.room import Json, Played, Room, Work, empty, gates  # noqa: F401 - a fixture

PARTS = 16
"""Tests that a worker may take apart from each other."""

SAMPLE = int(os.environ.get("INTERLEAVINGS", "1"))
A, S = "A-100", "S-1"
START, END = NOW - 30 * DAY, NOW + 30 * DAY
ENDS = NOW + SECOND
"""End of the extension that the scenes begin with."""


class Report(NamedTuple):
    """A report of the service manager; `at` is its `changed_at`, in seconds by our clock."""

    detail_type: str
    at: int
    entity: str
    """Sort key of the item that it is of."""
    mark: Any = None
    """Distinguishes it in the table; None: it takes away."""
    detail: Json = {}  # noqa: RUF012 - nobody changes it

    @property
    def begins(self) -> datetime:
        return datetime.fromisoformat(self.detail["starts_at"])

    @property
    def is_ahead(self) -> bool:
        return self.mark is not None and self.entity.startswith("S#") and self.begins > NOW

    def apply(self) -> changes.Outcome:
        detail = {"account_id": A, **self.detail, "changed_at": iso(NOW + self.at * SECOND)}
        return changes.apply(inbound.read(self.detail_type, detail, NOW), NOW, lambda: 60.0)


def removed(at: int) -> Report:
    return Report("AccountRemoved", at, "R")


def account(at: int) -> Report:
    return Report("AccountChanged", at, "A", f"name {at}", account_changed(name=f"name {at}"))


def member(at: int, user: str = "U-1", role: str = "owner") -> Report:
    return Report("MemberChanged", at, f"~{user}", role, member_changed(user_id=user, role=role))


def subscription(at: int, starts_at: datetime = START) -> Report:
    """Its sessions are its mark."""
    limits = {"sessions": 1000 + at, "databases": 1}
    detail = subscription_changed(starts_at=iso(starts_at), ends_at=iso(starts_at + 60 * DAY), limits=limits)
    return Report("SubscriptionChanged", at, f"S#{S}", 1000 + at, detail)


def unsubscribed(at: int) -> Report:
    return Report("SubscriptionRemoved", at, f"S#{S}", None, {"subscription_id": S})


# People, machines and the operator's tool


def extend(user: str) -> Work:
    """Accept what is offered when the schedule begins."""

    def work() -> service.Extended:
        accepted = service.Acceptance(A, S, user, offers[S], NOW, "")
        return service.extend(accepted, DAY, lambda: 60.0)

    return work


def end_early(by: str) -> Work:
    return lambda: service.expire(A, offers["extension"], by, NOW, lambda: 60.0)


def sweep_all(at: datetime) -> Work:
    return lambda: expire.sweep_shard(0, at, float("inf"))


def repaired(record: str) -> Work:
    """The operator's tool repairs a record."""

    def work() -> None:
        target: Any = SimpleNamespace(client=lambda _: runtime.dynamodb, outputs={"TableName": runtime.TABLE_NAME})
        key = repair.key_of(record, A)
        if seen := repair.fetch(target, key):
            least = repair.least_version(target, A)
            if (items.version_of(seen) or 0) > least:
                repair.repair(target, key, seen, least)

    return work


offers: dict[str, Any] = {}
"""The offer of the scene, and the id of the extension with which it begins."""

WORLD = [member(-100), subscription(-100)]
BEFORE: dict[str, list[Report]] = {
    "owners extend": WORLD,
    "an extension runs": WORLD,
    "a new life has begun": [*WORLD, removed(-50), member(-40), subscription(-40)],
}
"""Reports that each scene begins with; the last two with an extension too."""

Actor = Report | Work

OWNERS: dict[str, Actor] = {
    "U-1 extends": extend("U-1"),
    "U-2 extends": extend("U-2"),
    "removed, by a clock behind": removed(-50),
    "removed, by a clock ahead": removed(200),
    "removed, long ago": removed(-150),
    "the account of before": account(-60),
    "no owner any more": member(-60, role="administrator"),
    "an owner again": member(-40),
    "an owner in a new life": member(201),
    "limits of before": subscription(-60),
    "limits": subscription(-40),
    "a subscription in a new life": subscription(201),
    "a period ahead": subscription(-45, END),
    "another period ahead": subscription(-35, END - DAY),
    "unsubscribed before": unsubscribed(-55),
    "unsubscribed": unsubscribed(-30),
    "repaired": repaired(f"subscription:{S}"),
}
RUNS: dict[str, Actor] = {
    "ended early": end_early("one"),
    "ended early by another": end_early("two"),
    "swept at its end": sweep_all(ENDS),
    "swept before": sweep_all(NOW),
    **{
        name: OWNERS[name]
        for name in (
            *("U-2 extends", "removed, by a clock behind", "removed, by a clock ahead", "limits", "a period ahead"),
            *("unsubscribed", "repaired", "a subscription in a new life"),
        )
    },
}
NEW: dict[str, Actor] = {
    "removed again": removed(-50),
    "removed, even earlier": removed(-70),
    "limits of the life before": subscription(-60),
    "a period ahead in the life before": subscription(-55, END),
    "a member of the life before": member(-60, "U-3"),
    "limits": subscription(-30),
    "removed again, by a clock ahead": removed(200),
    **{name: RUNS[name] for name in ("U-2 extends", "ended early", "swept at its end", "repaired")},
}

SCENES = dict(zip(BEFORE, (OWNERS, RUNS, NEW), strict=True))


@pytest.fixture
def stage(gates: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: F811
    """moto, and pools that do their work in the actor's own thread."""
    monkeypatch.setattr(changes, "ThreadPoolExecutor", _InOneThread)
    monkeypatch.setattr(items, "SHARDS", 1)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with mock_aws():
        make_table()
        yield


def before(scene: str, actors: dict[str, Actor]) -> list[Report]:
    """Reports that the scene begins with, and the second owner where he plays."""
    begun = list(BEFORE[scene])
    if any("U-2" in name for name in actors):
        begun.append(begun[-2]._replace(entity="~U-2", detail=member_changed(user_id="U-2")))
    return begun


def room(scene: str, actors: dict[str, Actor]) -> Room:
    empty()
    for report in before(scene, actors):
        report.apply()
    offers[S] = OfferId.of(accounts.holdings(A).subscriptions[S])
    if scene != "owners extend":
        accepted = service.Acceptance(A, S, "U-1", offers[S], ENDS - WEEK, "")
        offers["extension"] = service.extend(accepted, DAY, lambda: 60.0).extension.extension.id
    return Room()


class _InOneThread:
    def __init__(self, _: int) -> None:
        pass

    def __enter__(self) -> "_InOneThread":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @staticmethod
    def map(work: Callable[[Any], Any], each: list[Any]) -> Iterator[Any]:
        return map(work, each)


# The rules, for which no order matters


def marks_reported(reports: list[Report]) -> tuple[float, dict[str, Any]]:
    """When the account was removed last, and the mark of each entity, by the reports in the order of `at`."""
    gone = max((report.at for report in reports if report.entity == "R"), default=-float("inf"))
    true: dict[str, Any] = {}
    for report in sorted(reports, key=lambda each: each.at):
        if report.entity == "R" or report.at <= gone:
            continue
        if not report.entity.startswith("S#"):
            true[report.entity] = report.mark
            continue
        running = [each for each in true.get(report.entity, ()) if not each.is_ahead and each.mark is not None]
        true[report.entity] = (*running[:1], report) if report.is_ahead else (report,)
    return gone, {
        entity: tuple(each.mark for each in found) if entity.startswith("S#") else found
        for entity, found in true.items()
    }


def marks_stored(found: list[Json]) -> dict[str, Any]:
    """The same, of the table."""
    stored: dict[str, Any] = {}
    for item in found:
        key = item["sk"]["S"]
        match item["t"]["S"]:
            case "account":
                stored[key] = item["n"]["S"]
            case "member":
                stored[key] = item["r"]["S"]
            case "subscription":
                periods = [item, *([item["nx"]["M"]] if "nx" in item else [])]
                stored[key] = tuple(int(period["ls"]["N"]) for period in periods)
            case "removed" if key != "R":
                stored[key] = (None,)
    return stored


CAUSES = {
    "removed": {"account_not_found", "subscription_not_found"},
    "no owner": {"owner_required"},
    "unsubscribed": {"subscription_not_found"},
    "ended": {"already_used"},
    "swept": {"already_used"},
}
"""Refusals that an owner may meet, by the beginning of the name of who causes them."""


def check(scene: str, actors: dict[str, Actor], played: Played) -> None:
    reports = before(scene, actors) + [actor for actor in actors.values() if isinstance(actor, Report)]
    removals = sorted({report.at for report in reports if report.entity == "R"})
    gone, true = marks_reported(reports)
    assert marks_stored(played.items) == true

    def life(version: float) -> int:
        return sum(at < version for at in removals)

    stored = {_seconds(x): x for x in played.items if x["t"]["S"] == "extension"}
    began = [] if scene == "owners extend" else [-40 if scene == "a new life has begun" else -100]
    created: list[float] = []
    for name, result in played.results.items():
        if isinstance(result, Exception):
            allowed = set().union(
                *(codes for cause, codes in CAUSES.items() if any(n.startswith(cause) for n in actors))
            )
            if isinstance(result, Trouble):
                continue  # The record changed meanwhile: the operator looks again.
            assert isinstance(result, Refused), (name, repr(result))
            if "extends" in name:
                assert result.code in allowed, name
            else:
                assert result.code in ("account_not_found", "extension_not_found"), name
        elif isinstance(result, service.Extended) and result.created:
            version = result.extension.extension.subscription_version
            assert version is not None
            created.append(_from_now(version))
    granted = [_seconds(r["dynamodb"]["NewImage"]) for r in _of_extensions(played, "INSERT")]
    assert sorted(created) == sorted(granted) or (played.crashed and set(created) <= set(granted))
    lives = [life(version) for version in (*began, *granted)]
    assert len(lives) == len(set(lives)), "granted twice"
    assert set(stored) == {v for v in (*began, *granted) if v > gone}
    check_ends(played, stored)


def check_ends(played: Played, stored: dict[float, Json]) -> None:
    """Nothing ends twice, and everybody is answered with the same end."""
    over = [
        r["dynamodb"]["NewImage"]
        for r in _of_extensions(played, "MODIFY")
        if "x" in r["dynamodb"]["NewImage"] and "x" not in r["dynamodb"]["OldImage"]
    ]
    assert len(over) <= 1
    asked = [r for r in played.results.values() if isinstance(r, service.Expired)]
    ended = sum(r.expired for r in asked) + sum(
        r.revoked for r in played.results.values() if isinstance(r, expire.Swept)
    )
    assert ended == len(over) or (played.crashed and ended <= len(over))
    assert {items.instant(r.extension.revoked_at)["N"] for r in asked if r.extension.revoked_at} <= {
        each["x"]["N"] for each in over
    }
    for item in stored.values():
        assert ("x" in item) == (item["g"] in [each["g"] for each in over])
        assert "x" in item or not asked or item["e"] != items.instant(ENDS)
        assert not ("x" in item and "dq" in item), "still due"


def _of_extensions(played: Played, name: str) -> list[Json]:
    return [
        record
        for record in played.records
        if record["eventName"] == name and record["dynamodb"]["NewImage"].get("t") == {"S": "extension"}
    ]


def _seconds(extension: Json) -> float:
    return _from_now(int(extension["sv"]["N"]))


def _from_now(version: int) -> float:
    return (version / 1e6) - NOW.timestamp()


def works(actors: dict[str, Actor]) -> dict[str, Work]:
    return {name: actor.apply if isinstance(actor, Report) else actor for name, actor in actors.items()}


def meet(one: Actor, other: Actor) -> bool:
    """Two reports of different entities never touch one item, unless one is a removal.

    Older reports meet a removal alike, by whichever clock: where that is ahead, only newer ones are played.
    """
    if not (isinstance(one, Report) and isinstance(other, Report)) or one.entity == other.entity:
        return True
    removal, report = (one, other) if one.entity == "R" else (other, one)
    return removal.entity == "R" and (removal.at < 0 or removal.at < report.at)


TWO = [
    (scene, *two)
    for scene, actors in SCENES.items()
    for two in combinations(actors, 2)
    if meet(*(actors[name] for name in two)) and set(two) != {"removed, long ago", "repaired"}
]
"""A record that was repaired is as if it had been the first: a removal of long ago that comes after that deletes it."""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_order_of_two_ends_alike(part: int, stage: None) -> None:
    """And so it does where one of them dies at a call and begins again."""
    chance = random.Random(part)
    for scene, *names in TWO[part::PARTS]:
        actors = {name: SCENES[scene][name] for name in names}
        for played in room(scene, actors).every_order(works(actors)):
            _look(scene, actors, played)
        for _ in range(SAMPLE if SAMPLE > 1 else chance.random() < 0.15):
            for played in room(scene, actors).every_crash(works(actors), chance.choice):
                _look(scene, actors, played)


@pytest.mark.parametrize("part", range(PARTS))
def test_any_order_of_three_ends_alike(part: int, stage: None) -> None:
    """A sample, each time the same."""
    chance = random.Random(part)
    for _ in range(6 * SAMPLE):
        scene = chance.choice(list(SCENES))
        names = chance.sample(list(SCENES[scene]), 3)
        if "repaired" in names:
            continue  # A record that is as if it had been the first does not end alike.
        actors = {name: SCENES[scene][name] for name in names}
        stage_of_three = room(scene, actors)
        for _ in range(2):
            _look(scene, actors, stage_of_three.play(works(actors), chance.choice))


def _look(scene: str, actors: dict[str, Actor], played: Played) -> None:
    try:
        check(scene, actors, played)
    except AssertionError as wrong:
        wrong.add_note(f"{scene}: {' | '.join(played.calls)}; {played.crash}; {played.results}")
        raise
