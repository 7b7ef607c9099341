"""Over HTTP, the bus and the route for changes, in any order: the answers are those of a naive reading of the rules.

The clock is the real one, so nothing begins or ends while it runs; edges are tried to the second on the engine.
"""

import random
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from devkit.builders import DAY, TERMS, iso, subscription_changed
from tests.conftest import Cloud
from tests.engine.naive import LENGTHS, Json, No, World
from tests.support.reports import ROLES, SUBSCRIPTIONS, USERS, a_report, changed_at

TODAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - DAY / 2
"""What begins and ends does so half a day from now at the nearest."""


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Story:
    """The local cloud and the naive world get the same calls, on an account of their own."""

    def __init__(self, cloud: Cloud, chance: random.Random, seen: Counter[str]) -> None:
        self.cloud, self.chance, self.seen = cloud, chance, seen
        self.run = uuid4().hex[:8]
        self.account = f"A-{self.run}"
        self.world = World()
        self.offers: list[tuple[str, Json]] = []

    def user(self, name: str) -> str:
        return f"{self.run}-{name}"

    def any_user(self) -> str:
        return self.user(self.chance.choice(["U-1"] * 5 + USERS))

    # The service manager reports

    def begin(self) -> None:
        """An account with something in it."""
        known = {"account_id": "A-1", "changed_at": changed_at(4)}
        dates = {"starts_at": iso(TODAY - 3 * DAY), "ends_at": iso(TODAY + 30 * DAY)}
        self.send("SubscriptionChanged", subscription_changed(**known, **dates, extension_terms=TERMS))
        for user, role in zip(USERS, ["owner", *self.chance.choices(ROLES, k=3)], strict=True):
            self.send("MemberChanged", known | {"user_id": user, "role": role})

    def report(self) -> None:
        """Anything, as old or as new as may be; at times over the bus."""
        self.send(*a_report(self.chance.choice, TODAY), over_bus=self.chance.random() < 0.3)

    def send(self, detail_type: str, detail: Json, *, over_bus: bool = False) -> None:
        more = {"user_id": self.user(detail["user_id"])} if "user_id" in detail else {}
        detail = detail | {"account_id": self.account} | more
        expected = self.world.report(detail_type, detail, now())["result"]
        if over_bus:
            self.cloud.event(detail_type, detail)
            self.cloud.until(lambda: self.differences() == {})
            self.seen[f"{expected} over the bus"] += 1
            return
        change = {"detail_type": detail_type, "detail": detail}
        (result,) = self.cloud.machine("POST", "/changes", {"changes": [change]}).json()["results"]
        assert result["result"] == expected
        self.seen[expected] += 1

    # People and machines act

    def offer(self) -> None:
        user, subscription = self.any_user(), self.chance.choice(["S-1"] * 3 + SUBSCRIPTIONS)
        path = f"/accounts/{self.account}/subscriptions/{subscription}/extension-offer"
        answer = self.cloud.api(user, "GET", path)
        if answer.status_code != 200:
            self.refused(answer, lambda: self.world.offer(user, self.account, subscription, now()))
            return
        body = answer.json()
        asked_at = datetime.fromisoformat(body["ends_at_if_accepted_now"]) - LENGTHS[body["terms"]["duration"]]
        offer_id = body.pop("offer_id")
        assert body == self.world.offer(user, self.account, subscription, asked_at)
        self.offers.append((offer_id, self.world.promise(self.account, subscription, asked_at)))

    def accept(self) -> None:
        """An offer that was ever made, for each subscription."""
        if not self.offers:
            return
        user, (offer_id, promise) = self.any_user(), self.chance.choice(self.offers)
        for subscription in SUBSCRIPTIONS:
            path = f"/accounts/{self.account}/subscriptions/{subscription}/extension"
            answer = self.cloud.api(user, "POST", path, {"offer_id": offer_id})
            expected = partial(self.world.extend, user, self.account, subscription, promise)
            if answer.status_code not in (200, 201):
                self.refused(answer, partial(expected, now()))
                continue
            answered = answer.json()["extension"]
            extension, created = expected(datetime.fromisoformat(answered["granted_at"]))
            assert answer.status_code == (201 if created else 200)
            if created:
                extension["id"] = answered["id"]
            assert answer.json() == {"created": created, "extension": self.world.shown(extension, now())}
            self.seen["created" if created else "repeated"] += 1

    def end_early(self) -> None:
        """Twice: the second call finds it over."""
        if not self.world.extensions:
            return
        id_ = self.chance.choice([each["id"] for each in self.world.extensions])
        for _ in range(2):
            answer = self.cloud.machine("DELETE", f"/accounts/{self.account}/extensions/{id_}")
            if answer.status_code != 200:
                self.refused(answer, lambda: self.world.expire(self.account, id_, "", now()))
                continue
            ended = answer.json()["extension"]
            over_at = datetime.fromisoformat(ended["revoked_at"])
            extension, expired = self.world.expire(self.account, id_, ended["revoked_by"], over_at)
            assert answer.json() == {"expired": expired, "extension": self.world.past(extension, now())}
            self.seen["ended early" if expired else "over already"] += 1

    def refused(self, answer: Any, call: Any) -> None:
        with pytest.raises(No) as no:
            call()
        assert (answer.status_code, answer.json()["code"]) == (no.value.status, no.value.code)
        self.seen[no.value.code] += 1

    # After each step

    def differences(self) -> Json:
        """The lists that are not those of the rules, by user."""
        found: Json = {}
        for user in map(self.user, USERS[:2]):
            answer = self.cloud.api(user, "GET", f"/accounts/{self.account}/subscriptions").json()
            try:
                expected = self.world.list(user, self.account, now())
            except No as no:
                if answer.get("code") != no.code:
                    found[user] = (answer, no.code)
                continue
            for each in (answer, expected):
                each.get("subscriptions", []).sort(key=lambda row: row["id"])
            if answer != expected:
                found[user] = (answer, expected)
        return found


def test_the_local_cloud_agrees_with_a_naive_reading_of_the_rules(cloud: Cloud) -> None:
    """Whatever is reported over either way, whoever asks and accepts."""
    seen: Counter[str] = Counter()
    for seed in range(6):
        chance = random.Random(seed)
        story = Story(cloud, chance, seen)
        story.begin()
        for number in range(15):
            step = chance.choice([story.report, story.report, story.offer, story.offer, story.accept, story.end_early])
            print(f"story {seed}, step {number}: {step.__name__}")
            step()
            assert story.differences() == {}
    print(dict(seen))
    assert seen["created"]
    assert seen["ended early"]
    assert seen["stored over the bus"]
    assert seen["stored"] > seen["stale"] > 0
