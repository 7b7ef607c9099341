"""Whatever happens in whatever order, the product answers as a naive reading of the rules does."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import time_machine

from devkit.builders import DAY, NOW, SECOND, iso, subscription_changed
from devkit.service import Answer, Service
from devkit.template import table_definition
from extending import accounts
from tests.engine.client import connect, use
from tests.engine.naive import Json, No, World, begin_of, end_of, over_at, reported_at
from tests.support.reports import (
    ACCOUNTS,
    AHEAD,
    ALL_TERMS,
    KINDS,
    MICROSECONDS,
    MINUTE,
    NO_ENDS,
    PERIOD_IDS,
    ROLES,
    SUBSCRIPTIONS,
    USERS,
    WAITS,
    Choose,
    a_report,
    changed_at,
)

T = TypeVar("T")


class Story:
    """Weeks in the life of an account, by chance: the functions on the engine and the naive world get the same calls.

    A step is a method of STEPS; after each of them every view is compared.
    """

    def __init__(self, choose: Choose, traveller: time_machine.Traveller, seen: Counter[str]) -> None:
        self.choose, self.traveller, self.seen = choose, traveller, seen
        self.now = NOW
        self.service = Service()
        self.world = World()
        self.sent: list[tuple[str, Json]] = []
        self.offers: list[tuple[str, Json]] = []
        self.ids: dict[str, str] = {}
        """Account of every extension that there ever was."""
        self.account = "A-1"

    # The service manager reports

    def begin(self) -> None:
        """An account as there are many, so that what follows has something to meet."""
        known: Json = {"account_id": "A-1", "changed_at": changed_at(4)}
        for user, role in zip(USERS, ("owner", self.choose(ROLES), self.choose(ROLES)), strict=False):
            self.send("MemberChanged", known | {"user_id": user, "role": role})
        self.send("SubscriptionChanged", subscription_changed(**known))
        starts_at = NOW + self.choose(range(-3, 4)) * DAY
        dates = {"starts_at": iso(starts_at), "ends_at": iso(starts_at + 10 * DAY)}
        more = {"kind": self.choose(KINDS), "extension_terms": self.choose(ALL_TERMS)}
        self.send("SubscriptionChanged", subscription_changed(subscription_id="S-1.a", **known, **dates, **more))

    def report(self) -> None:
        """Anything, as old or as new as may be; newer than most of what is known; by a clock that is ahead."""
        detail_type, detail = a_report(self.choose, self.now)
        newer = self.choose([None, None, -SECOND, 0 * SECOND, *AHEAD])
        if newer is not None and detail_type != "AccountRemoved":
            detail["changed_at"] = iso(self.now + newer)
        self.send(detail_type, detail)

    def begin_anew(self) -> None:
        """An owner and a subscription where there are none, so that something can be granted."""
        if self.world.role("U-1", "A-1") == "owner" and self.world.has_access("A-1", self.now):
            return
        known: Json = {"account_id": "A-1", "changed_at": iso(self.now)}
        self.send("MemberChanged", known | {"user_id": "U-1", "role": "owner", "name": "Ольга"})
        dates = {
            "starts_at": iso(self.now - self.choose([0, 3]) * DAY),
            "ends_at": self.choose([*NO_ENDS, "2036-01-01T00:00:00Z"]),
        }
        self.send("SubscriptionChanged", subscription_changed(**known, **dates))

    def report_newer(self) -> None:
        """The same subscription, newer than all that is known of it: renewed, from then, from now, or ahead; with other
        terms; over."""
        if not (known := self.world.subscriptions("A-1")):
            return
        report = self.choose(known)
        newest = self.world.periods["A-1", report["subscription_id"]].newest
        more: Json = {"changed_at": iso(max(reported_at(report), reported_at(newest)) + MINUTE)}
        match self.choose(["renewed", "renewed", "renewed", "ended", "as it was"]):
            case "renewed":
                starts_at = self.now - self.choose([-9, -1, 0, 1, 9]) * DAY
                more |= {"kind": "main", "starts_at": iso(starts_at), "ends_at": iso(starts_at + 30 * DAY)}
            case "ended":
                more["ends_at"] = iso(max(begin_of(report), self.now))
        if self.choose([True, False]):
            more["extension_terms"] = self.choose(ALL_TERMS)
        if self.choose([True, False]):
            more["period_id"] = self.choose(PERIOD_IDS)
        self.send("SubscriptionChanged", report | more)

    def report_late(self) -> None:
        """A little older than the newest report, which may be of a period ahead."""
        subscription = self.choose(["S-1", *SUBSCRIPTIONS])
        known = self.world.periods.get(("A-1", subscription))
        if not known or reported_at(known.newest) <= NOW - 365 * DAY:
            return
        detail = {
            "account_id": "A-1",
            "subscription_id": subscription,
            "period_id": self.choose(PERIOD_IDS),
            "starts_at": iso(self.now - self.choose([0, 1, 9]) * DAY),
            "ends_at": iso(self.now + self.choose([0, 2, 20]) * DAY),
            "changed_at": iso(reported_at(known.newest) - self.choose(range(4)) * SECOND),
        }
        self.send("SubscriptionChanged", subscription_changed(**detail))

    def report_again(self) -> None:
        """The bus delivers at least once, in any order."""
        self.send(*self.choose(self.sent))

    def report_a_removal(self) -> None:
        """Now, or late: whoever extended since did so in what was no more."""
        detail = {"account_id": self.choose(ACCOUNTS), "changed_at": iso(self.now - self.choose([0, 1]) * DAY)}
        if self.choose([True, False, False]):
            self.send("AccountRemoved", detail)
        else:
            self.send("SubscriptionRemoved", detail | {"subscription_id": "S-1"})

    def send(self, detail_type: str, detail: Json) -> None:
        self.sent.append((detail_type, detail))
        self.account = detail["account_id"]
        (result,) = self.service.changes((detail_type, detail)).json["results"]
        expected = self.world.report(detail_type, detail, self.now)
        assert {"result": result["result"]} | {n: list(result[n]) for n in ("ignored",) if n in result} == expected
        self.seen.update([expected["result"], *expected.get("ignored", [])])

    # People extend, machines end

    def accept_what_is_offered(self) -> None:
        """Two look, and accept what they were shown or, where that is nothing, what anybody was shown last."""
        if self.choose([True, True, True, False]):
            self.begin_anew()
        account, subscription = self.choose(ACCOUNTS), self.choose(["S-1", *SUBSCRIPTIONS])
        for user in (self.choose(USERS), "U-1"):
            self.account = account
            answer = self.service.offer(user, account, subscription)
            if offer := self._unless_refused(answer, self.world.offer, user, account, subscription, self.now):
                assert answer.status == 200
                self._offered(answer.json, offer)
            if self.offers:
                self._extend(user, account, subscription, *self.offers[-1])

    def accept_any_offer(self) -> None:
        """One that was ever made, for whichever subscription."""
        if self.offers:
            offer, user = self.choose(self.offers), self.choose(["U-1", *USERS])
            for subscription in SUBSCRIPTIONS:
                self._extend(user, "A-1", subscription, *offer)

    def end_early(self) -> None:
        """Any extension that there ever was, of whichever account; and once more, by another."""
        id_ = self.choose([*list(self.ids)[-3:], "E-1"])
        self.account = self.choose([*ACCOUNTS, self.ids.get(id_, "A-1")])
        for by in ("service-manager", "support"):
            answer = self.service.expire_early(id_, self.account, by)
            if ended := self._unless_refused(answer, self.world.expire, self.account, id_, by, self.now):
                extension, expired = ended
                assert answer.json == {"expired": expired, "extension": self.world.past(extension, self.now)}
                self.seen["ended early" if expired else "over already"] += 1

    def _extend(self, user: str, account: str, subscription: str, offer_id: str, promise: Json) -> None:
        self.account = account
        answer = self.service.extend(offer_id, user, account, subscription)
        granted = self._unless_refused(answer, self.world.extend, user, account, subscription, promise, self.now)
        if granted:
            extension, created = granted
            assert answer.status == (201 if created else 200), answer
            if created:
                extension["id"] = answer.json["extension"]["id"]
                assert extension["id"] not in self.ids  # Nor in a life before.
                self.ids[extension["id"]] = account
            assert answer.json == {"created": created, "extension": self.world.shown(extension, self.now)}
            self.seen["created" if created else "replayed"] += 1

    def _offered(self, answer: Json, expected: Json) -> None:
        offer_id = answer.pop("offer_id")
        assert answer == expected
        self.offers.append((offer_id, self.world.promise(self.account, expected["subscription_id"], self.now)))
        self.seen["offered"] += 1

    def _unless_refused(self, answer: Answer, call: Callable[..., T], *arguments: Any) -> T | None:
        """The naive world's result; None where it refuses, and the answer is the same refusal."""
        try:
            return call(*arguments)
        except No as refusal:
            no = refusal
        assert (answer.status, answer.code) == (no.status, no.code)
        self.seen[no.code] += 1
        more = dict(no.more)
        if offer := more.pop("offer", None):
            self._offered(answer.json["offer"], offer)
        assert {name: answer.json.get(name) for name in more} == more
        return None

    # Time

    def wait(self) -> None:
        self._move_to(self.now + self.choose(WAITS))

    def wait_for_an_edge(self) -> None:
        """To the second at which something begins or ends, and its neighbours."""
        edges = {edge for x in self.world.extensions for edge in (over_at(x), x["ends_at"] - DAY)}
        edges |= {edge(report) for report in self.world.subscriptions("A-1") for edge in (begin_of, end_of)}
        off = self.choose([-SECOND, 0 * SECOND, SECOND])
        if near := sorted(edge for edge in edges if self.now < edge + off < self.now + 40 * DAY):
            self._move_to(self.choose(near[:4]) + off)

    def _move_to(self, now: datetime) -> None:
        self.now = now
        self.traveller.move_to(now)
        if self.choose([True, True, False]):
            answer = self.service.expire()
            assert answer == self.world.sweep(self.now)
            self.seen["revoked"] += answer["revoked"]
            self.seen["reminded"] += any(x["reminded_at"] == self.now for x in self.world.extensions)

    STEPS = (
        *(report, report, report_newer, report_newer, report_late, report_again, report_a_removal),
        *(accept_what_is_offered, accept_what_is_offered, accept_what_is_offered, accept_any_offer, end_early),
        *(wait, wait_for_an_edge, wait_for_an_edge),
    )

    # After each step

    def compare(self) -> None:
        account, world, now = self.account, self.world, self.now
        owners = [user for user in USERS if world.role(user, account) == "owner"]
        user = self.choose([*USERS, *owners, *owners, *owners])
        for answer, call, arguments in (
            (self.service.list(user, account), world.list, (user, account, now)),
            (self.service.history(user, account), world.history, (user, account, now)),
            (self.service.limits(account), world.known_limits, (account, now)),
        ):
            if expected := self._unless_refused(answer, call, *arguments):
                assert _sorted(answer.json) == _sorted(expected)
                rows = expected.get("subscriptions", ())
                self.seen["period ahead"] += any(row["next_period"] for row in rows)
                self.seen["does not count"] += any(row["extension"].get("counts") is False for row in rows)
        self._compare_what_is_stored()

    def _compare_what_is_stored(self) -> None:
        stored = [
            {
                "id": x.id,
                "account_id": x.account_id,
                "subscription_id": x.subscription_id,
                "period": x.period,
                "period_starts_at": x.period_starts_at,
                "granted_on": NOW + timedelta(microseconds=x.subscription_version - MICROSECONDS),
                "terms": {"sessions": x.terms.sessions, "databases": x.terms.databases, "duration": x.terms.duration},
                "granted_at": x.granted_at,
                "granted_by": x.granted_by,
                "ends_at": x.ends_at,
                "reminded_at": x.reminded_at,
                "revoked_at": x.revoked_at,
                "revoked_by": x.revoked_by,
            }
            for x in accounts.holdings(self.account).extensions.values()
            if x.subscription_version is not None
        ]
        known = [x for x in self.world.extensions if x["account_id"] == self.account]
        assert sorted(stored, key=_id) == sorted(known, key=_id)


def _id(entity: Json) -> str:
    return str(entity["id"])


def _sorted(body: Json) -> Json:
    """An answer with its lists by id: their orders are tested on moto."""
    return {name: sorted(value, key=_id) if isinstance(value, list) else value for name, value in body.items()}


EVERYTHING = {
    *("stored", "stale", "offered", "created", "replayed", "revoked", "reminded"),
    *("account_not_found", "view_not_allowed", "owner_required", "subscription_not_found"),
    *("already_used", "not_active_yet", "finished", "not_main", "tariff_not_extendable", "offer_changed"),
    *("ended early", "over already", "extension_not_found", "period ahead", "does not count"),
    *("try_again", "invalid", "detail.time_zone"),
}


def test_the_product_agrees_with_a_naive_reading_of_the_rules(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports late, twice and out of order, offers old and new, any user, any jump of the clock, sweeps now and then:
    stories by chance, each time the same, which meet every answer and every refusal."""
    seen: Counter[str] = Counter()
    client = connect(engine)
    definition = table_definition()
    del definition["StreamSpecification"]  # It makes the engine slow, and nobody reads it here.
    for seed in range(20):
        chance = random.Random(seed)
        table = f"test-{uuid4()}"
        client.create_table(TableName=table, **definition)
        use(client, table, monkeypatch.setattr)
        with time_machine.travel(NOW, tick=False) as traveller:
            story = Story(chance.choice, traveller, seen)
            story.begin()
            for number in range(50):
                step = chance.choice(Story.STEPS)
                print(f"story {seed}, step {number} at {story.now}: {step.__name__}")
                step(story)
                story.compare()
        client.delete_table(TableName=table)
    client.close()
    print(dict(seen))
    assert set(+seen) >= EVERYTHING
