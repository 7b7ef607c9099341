"""Over HTTP, the bus and the route for changes, in any order: the answers are those of a naive reading of the rules.

The clock is the real one, so nothing begins or ends while it runs; edges are tried to the second on the engine.
"""

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from devkit.builders import DAY, TERMS, iso, subscription_changed
from tests.conftest import Cloud
from tests.engine.naive import LENGTHS, Json, No, World
from tests.engine.test_agreement import SUBSCRIPTIONS, USERS, changed_at, events_around, run, subscription_ids, users

TODAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - DAY / 2
"""What begins and ends does so half a day from now at the nearest."""


class Machine(RuleBasedStateMachine):
    """Drives the local cloud and the naive world with the same calls, on an account of its own."""

    cloud: Cloud
    seen: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.run = uuid4().hex[:8]
        self.account = f"A-{self.run}"
        self.world = World()
        self.offers: list[tuple[str, Json]] = []

    def user(self, name: str) -> str:
        return f"{self.run}-{name}"

    # What the service manager tells

    @initialize(roles=st.permutations(["owner", "administrator", "user", "operator"]))
    def begin(self, roles: list[str]) -> None:
        """An account with something in it."""
        known = {"account_id": "A-1", "changed_at": changed_at(4)}
        dates = {"starts_at": iso(TODAY - 3 * DAY), "ends_at": iso(TODAY + 30 * DAY)}
        self.tell(
            [("SubscriptionChanged", subscription_changed(**known, **dates, extension_terms=TERMS))], over_bus=False
        )
        told = [
            ("MemberChanged", known | {"user_id": u, "role": r}) for u, r in zip(USERS, ["owner", *roles], strict=False)
        ]
        self.tell(told, over_bus=False)

    @rule(told=st.lists(events_around(TODAY), min_size=1, max_size=4), over_bus=st.sampled_from([False, False, True]))
    def tell(self, told: list[tuple[str, Json]], over_bus: bool) -> None:
        """Anything, as old or as new as may be; of several in one request those of one thing one after the other."""
        own = [(detail_type, self.own(detail)) for detail_type, detail in told]
        if over_bus:
            for detail_type, detail in own[:1]:
                self.seen[f"{self.world.tell(detail_type, detail, now())['result']} over the bus"] += 1
                self.cloud.event(detail_type, detail)
            self.cloud.until(lambda: self.differences() == {})
        else:
            for each in own:  # One by one, for which of two things comes first is nobody's promise.
                (result,) = self.results([each])
                assert result == self.world.tell(*each, now())["result"]
                self.seen[result] += 1
        assert self.differences() == {}

    def own(self, detail: Json) -> Json:
        more = {"user_id": self.user(detail["user_id"])} if "user_id" in detail else {}
        return detail | {"account_id": self.account} | more

    def results(self, told: list[tuple[str, Json]]) -> list[str]:
        entries = [{"detail_type": detail_type, "detail": detail} for detail_type, detail in told]
        answer = self.cloud.machine("POST", "/changes", {"changes": entries}).json()
        return [each["result"] for each in answer["results"]]

    # What people do

    @rule(user=users, subscription=subscription_ids)
    def ask_for_an_offer(self, user: str, subscription: str) -> None:
        path = f"/accounts/{self.account}/subscriptions/{subscription}/extension-offer"
        answer = self.cloud.api(self.user(user), "GET", path)
        body = answer.json()
        if answer.status_code != 200:
            self.refused(answer, lambda: self.world.offer(self.user(user), self.account, subscription, now()))
            return
        asked_at = datetime.fromisoformat(body["ends_at_if_accepted_now"]) - LENGTHS[body["terms"]["duration"]]
        offer_id = body.pop("offer_id")
        assert body == self.world.offer(self.user(user), self.account, subscription, asked_at)
        self.offers.append((offer_id, self.world.promise(self.account, subscription, asked_at)))
        self.seen["offered"] += 1

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), user=users)
    def accept_any_offer(self, data: st.DataObject, user: str) -> None:
        """One that was ever made, for whichever subscription."""
        offer_id, promise = data.draw(st.sampled_from(self.offers))
        for subscription in SUBSCRIPTIONS:
            path = f"/accounts/{self.account}/subscriptions/{subscription}/extension"
            answer = self.cloud.api(self.user(user), "POST", path, {"offer_id": offer_id})
            expected = partial(self.world.extend, self.user(user), self.account, subscription, promise)
            if answer.status_code not in (200, 201):
                self.refused(answer, partial(expected, now()))
                continue
            told = answer.json()["extension"]
            extension, created = expected(datetime.fromisoformat(told["granted_at"]))
            assert answer.status_code == (201 if created else 200)
            if created:
                extension["id"] = told["id"]
            assert answer.json() == {"created": created, "extension": self.world.shown(extension, now())}
            self.seen["created" if created else "replayed"] += 1
        assert self.differences() == {}

    @precondition(lambda self: self.world.extensions)
    @rule(data=st.data())
    def end_early(self, data: st.DataObject) -> None:
        """Twice: the second call finds it over."""
        id_ = data.draw(st.sampled_from([x["id"] for x in self.world.extensions]))
        for _ in range(2):
            path = f"/accounts/{self.account}/extensions/{id_}"
            answer = self.cloud.machine("DELETE", path)
            if answer.status_code != 200:
                self.refused(answer, lambda: self.world.expire(self.account, id_, "", now()))
                continue
            ended = answer.json()["extension"]
            over_at = datetime.fromisoformat(ended["revoked_at"])
            extension, expired = self.world.expire(self.account, id_, ended["revoked_by"], over_at)
            assert answer.json() == {"expired": expired, "extension": self.world.past(extension, now())}
            self.seen["ended early" if expired else "over already"] += 1
        assert self.differences() == {}

    def refused(self, answer: Any, call: Any) -> None:
        with pytest.raises(No) as no:
            call()
        assert (answer.status_code, answer.json()["code"]) == (no.value.status, no.value.code)
        self.seen[no.value.code] += 1

    # What must hold after each step

    def differences(self) -> Json:
        """Where an answer is another than that of the rules, by who asked."""
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


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def test_the_local_cloud_agrees_with_a_naive_reading_of_the_rules(cloud: Cloud) -> None:
    """Whatever is told over either way, whoever asks and accepts."""
    seen: Counter[str] = Counter()
    run(type("Machine", (Machine,), {"cloud": cloud, "seen": seen}), examples=6, steps=12)
    print(dict(seen))
    assert seen["created"]
    assert seen["stored over the bus"] >= 3
    assert seen["stored"] > seen["stale"] > 0
