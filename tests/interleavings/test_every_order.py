"""In whatever order the calls of two or three actors come, the table ends as if their reports had come one by one, and
all happens once."""

import random
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from devkit.builders import (
    DAY,
    NOW,
    SECOND,
    WEEK,
    account_removed,
    iso,
    member_changed,
    subscription_changed,
    subscription_removed,
)
from devkit.project import Trouble
from extending import accounts, changes, inbound, items, runtime, service
from extending.model import OfferId, Refused
from functions.expire import app as expire
from ops import repair
from tests.integration.conftest import make_table
from tests.interleavings.room import Json, Played, Room, Work, empty, gates, stored

A, S = "A-100", "S-1"
END = NOW + 30 * DAY
ENDS = NOW + SECOND
"""End of the extension that the scenes begin with."""


@dataclass(frozen=True)
class Report:
    """A report of the service manager; `at` is its `changed_at`, in seconds by our clock."""

    detail_type: str
    at: int
    detail: Json

    @property
    def changed_at(self) -> datetime:
        return NOW + self.at * SECOND

    def __call__(self) -> changes.Outcome:
        detail = self.detail | {"changed_at": iso(self.changed_at)}
        return changes.apply(inbound.read(self.detail_type, detail, NOW), NOW, lambda: 60.0)


def removed(at: int) -> Report:
    return Report("AccountRemoved", at, account_removed())


def member(at: int, **detail: str) -> Report:
    return Report("MemberChanged", at, member_changed(**detail))


def subscription(at: int, starts_at: datetime = NOW - 30 * DAY) -> Report:
    dates = {"starts_at": iso(starts_at), "ends_at": iso(starts_at + 60 * DAY)}
    return Report("SubscriptionChanged", at, subscription_changed(number=f"{at}", **dates))


def unsubscribed(at: int) -> Report:
    return Report("SubscriptionRemoved", at, subscription_removed())


# People, machines and the operator's tool

begun = SimpleNamespace()
"""The offer when a schedule begins, and the id of the extension that runs then."""


def extend(now: datetime = NOW) -> service.Extended:
    accepted = service.Acceptance(A, S, "U-1", begun.offer, now, "")
    return service.extend(accepted, DAY, lambda: 60.0)


def end_early(by: str) -> service.Expired:
    return service.expire(A, begun.extension, by, NOW, lambda: 60.0)


def sweep(at: datetime) -> expire.Swept:
    return expire.sweep_shard(0, at, float("inf"))


def repaired() -> None:
    """The operator's tool repairs the record of the subscription."""
    target: Any = SimpleNamespace(client=lambda _: runtime.dynamodb, outputs={"TableName": runtime.TABLE_NAME})
    key = repair.key_of(f"subscription:{S}", A)
    if seen := repair.fetch(target, key):
        least = repair.least_version(target, A)
        if (items.version_of(seen) or 0) > least:
            repair.repair(target, key, seen, least)


WORLD = [member(-100), subscription(-100)]
BEFORE: dict[str, list[Report]] = {
    "owners extend": WORLD,
    "an extension runs": WORLD,
    "a new life has begun": [*WORLD, removed(-50), member(-40), subscription(-40)],
    "a period ahead is known": [*WORLD, subscription(-10, END)],
}
"""Reports that each scene begins with; an extension runs in the second and the third."""

OWNERS: dict[str, Work] = {
    "extended": extend,
    "extended again": extend,
    "removed": removed(-50),
    "removed, long ago": removed(-150),
    "no owner any more": member(-45, role="administrator"),
    "an owner again": member(-40),
    "limits of before": subscription(-60),
    "limits": subscription(-40),
    "a period ahead": subscription(-45, END),
    "another period ahead": subscription(-35, END - DAY),
    "unsubscribed": unsubscribed(-30),
    "repaired": repaired,
}
RUNS: dict[str, Work] = {
    "ended": partial(end_early, "one"),
    "ended by another": partial(end_early, "two"),
    "swept at its end": partial(sweep, ENDS),
    "swept before": partial(sweep, NOW),
    **{
        name: OWNERS[name]
        for name in ("extended again", "removed", "limits", "a period ahead", "unsubscribed", "repaired")
    },
}
NEW: dict[str, Work] = {
    "removed again": removed(-50),
    "removed, even earlier": removed(-70),
    "limits of the life before": subscription(-60),
    "a period ahead in the life before": subscription(-55, END),
    "a member of the life before": member(-60, user_id="U-3"),
    "limits": subscription(-30),
    **{name: RUNS[name] for name in ("extended again", "ended", "swept at its end", "repaired")},
}
AHEAD = {name: OWNERS[name] for name in ("limits of before", "limits", "another period ahead", "unsubscribed")}
SCENES = dict(zip(BEFORE, (OWNERS, RUNS, NEW, AHEAD), strict=True))


@pytest.fixture(autouse=True)
def _stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto, and pools that do their work in the actor itself."""
    monkeypatch.setattr(changes, "ThreadPoolExecutor", lambda _: nullcontext(SimpleNamespace(map=map)))
    monkeypatch.setattr(items, "SHARDS", 1)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with mock_aws(), gates():
        make_table()
        yield


CAUSES = {
    "removed": {"account_not_found", "subscription_not_found"},
    "no owner": {"owner_required"},
    "unsubscribed": {"subscription_not_found"},
    "ended": {"already_used"},
    "swept": {"already_used"},
}
"""Refusals that an owner may meet, by the beginning of the name of who causes them."""


class Scene:
    """The room as some actors find it, and what must be true in the end, for which no order matters."""

    def __init__(self, name: str, actors: dict[str, Work]) -> None:
        self.actors = actors
        reports = [*BEFORE[name], *(actor for actor in actors.values() if isinstance(actor, Report))]
        self._removals = [items.microseconds(r.changed_at) for r in reports if r.detail_type == "AccountRemoved"]
        empty()
        for report in sorted(reports, key=lambda each: each.at):
            report()
        self._reported = self._records(stored())
        """What the same reports leave when they come one after the other, the oldest first."""
        empty()
        for report in BEFORE[name]:
            report()
        begun.offer = OfferId.of(accounts.holdings(A).subscriptions[S])
        if name in ("an extension runs", "a new life has begun"):
            begun.extension = extend(ENDS - WEEK).extension.extension.id
        self._began = list(map(_version, filter(_is_extension, stored())))
        self.room = Room()

    def look(self, played: Played) -> None:
        print(" | ".join(played.calls), played.results)
        self._look_at_ends(played)
        assert self._records(played.items) == self._reported
        created: list[int] = []
        for name, result in played.results.items():
            match result:
                case service.Extended(created=True):
                    created.append(result.extension.extension.subscription_version or 0)
                case Refused():
                    assert result.code in self._refusals(name), name
                case Trouble():
                    pass  # The record changed meanwhile: the operator looks again.
                case Exception():
                    raise result
        granted = [_version(image) for image in _images(played, "INSERT")]
        assert sorted(created) == sorted(granted)
        versions = [*self._began, *granted]
        lives = {sum(removal < version for removal in self._removals) for version in versions}
        assert len(lives) == len(versions), "granted twice"
        left = {_version(item) for item in played.items if _is_extension(item)}
        assert left == {version for version in versions if version > max(self._removals, default=-1)}

    def _look_at_ends(self, played: Played) -> None:
        """Nothing ends twice, and everybody is answered with the same end."""
        over = [
            image
            for image, before in zip(_images(played, "MODIFY"), _images(played, "MODIFY", "OldImage"), strict=True)
            if items.REVOKED_AT in image and items.REVOKED_AT not in before
        ]
        assert len(over) <= 1
        asked = [each for each in played.results.values() if isinstance(each, service.Expired)]
        swept = [each for each in played.results.values() if isinstance(each, expire.Swept)]
        ended = sum(each.expired for each in asked) + sum(each.revoked for each in swept)
        assert ended == len(over)
        ends = [items.instant(each.extension.revoked_at) for each in asked if each.extension.revoked_at]
        assert all(end in [image[items.REVOKED_AT] for image in over] for end in ends)
        for item in filter(_is_extension, played.items):
            is_over = items.REVOKED_AT in item
            assert is_over == (item[items.GRANTED_AT] in [image[items.GRANTED_AT] for image in over])
            assert is_over or not asked or item[items.ENDS_AT] != items.instant(ENDS)
            assert not (is_over and items.DUE_AT in item), "still due"

    def _records(self, found: list[Json]) -> Json:
        """What was reported, by sort key; a record that was repaired has another version."""
        ignored = {items.RUNNING_VERSION, *([items.VERSION] if "repaired" in self.actors else [])}
        return {
            item[items.SORT]["S"]: {name: value for name, value in item.items() if name not in ignored}
            for item in found
            if not _is_extension(item)
        }

    def _refusals(self, name: str) -> set[str]:
        if not name.startswith("extended"):
            return {"account_not_found", "extension_not_found"}
        found = [codes for cause, codes in CAUSES.items() if any(each.startswith(cause) for each in self.actors)]
        return set().union(*found)


def _is_extension(item: Json) -> bool:
    return bool(item.get(items.TYPE) == {"S": "extension"})


def _version(extension: Json) -> int:
    return int(extension[items.SUBSCRIPTION_VERSION]["N"])


def _images(played: Played, event: str, which: str = "NewImage") -> list[Json]:
    """Of extensions, in the stream."""
    found = [record["dynamodb"][which] for record in played.records if record["eventName"] == event]
    return [image for image in found if _is_extension(image)]


# A record that was repaired is as if it had been the first: a removal of long ago that comes after that deletes it.
TWO = [
    (scene, *two)
    for scene, actors in SCENES.items()
    for two in combinations(actors, 2)
    if set(two) != {"removed, long ago", "repaired"}
]


@pytest.mark.parametrize(("scene", "one", "other"), TWO)
def test_every_order_of_two_ends_alike(scene: str, one: str, other: str) -> None:
    actors = {name: SCENES[scene][name] for name in (one, other)}
    met = Scene(scene, actors)
    for played in met.room.every_order(actors):
        met.look(played)


@pytest.mark.parametrize("scene", SCENES)
def test_any_order_of_three_ends_alike(scene: str) -> None:
    """A sample, each time the same."""
    chance = random.Random(scene)
    for _ in range(20):
        names = chance.sample([name for name in SCENES[scene] if name != "repaired"], 3)
        actors = {name: SCENES[scene][name] for name in names}
        met = Scene(scene, actors)
        played = met.room.play(actors, lambda _, calls: chance.choice(list(calls)))
        assert played
        met.look(played)
