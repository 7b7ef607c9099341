"""Whatever happens in whatever order, the product answers as a naive reading of the rules does."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
import time_machine

from devkit.builders import DAY, NOW, SECOND, iso, subscription_changed
from devkit.service import Answer, Service
from extending import accounts, items
from tests.engine.client import fresh_table, use
from tests.engine.naive import Json, No, World, begin_of, by_id, end_of, over_at, reported_at
from tests.engine.reports import ACCOUNTS, SUBSCRIPTIONS, USERS, Choose, a_report, changed_at

T = TypeVar("T")

MINUTE = timedelta(minutes=1)


class Story:
    """Weeks in the life of an account, by chance: the functions on the engine and the naive world get the same calls.

    A step is a method of STEPS; after each of them a view is compared.
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
        for user, role in zip(USERS, ("owner", "owner", "administrator"), strict=False):
            self.send("MemberChanged", known | {"user_id": user, "role": role})
        for subscription in SUBSCRIPTIONS[:2]:
            self.send("SubscriptionChanged", subscription_changed(subscription_id=subscription, **known))

    def begin_anew(self) -> None:
        """An owner and a subscription where there are none, so that something can be granted."""
        if self.world.role("U-1", "A-1") == "owner" and self.world.has_access("A-1", self.now):
            return
        known: Json = {"account_id": "A-1", "changed_at": iso(self.now)}
        self.send("MemberChanged", known | {"user_id": "U-1", "role": "owner", "name": "Ольга"})
        starts_at = self.now - self.choose([0, 3]) * DAY
        self.send("SubscriptionChanged", subscription_changed(**known, starts_at=iso(starts_at)))

    def report(self) -> None:
        """Anything: in part as it was, and as old as may be, newer, or a little older than that."""
        detail_type, detail = a_report(self.choose, self.now)
        known = next((each for _, each in reversed(self.sent) if _entity(each) == _entity(detail)), {})
        for fields in (("starts_at", "ends_at"), ("kind", "limits", "extension_terms"), ("period_id",), ("role",)):
            if self.choose([True, False]):
                detail |= {name: known[name] for name in fields if name in known and name in detail}
        last = min(reported_at(known), self.now) if known else NOW - DAY
        when = self.choose([None, last - SECOND, last, *[last + MINUTE] * 4, self.now])
        if when and when > NOW - 365 * DAY and detail_type != "AccountRemoved":
            detail["changed_at"] = iso(when)
        self.send(detail_type, detail)

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
        assert result["result"] == self.world.report(detail_type, detail, self.now)["result"]
        self.seen[result["result"]] += 1

    # People extend, machines end

    def accept_what_is_offered(self) -> None:
        """Two look, and accept what they were shown or, where that is nothing, what anybody was shown last."""
        if self.choose([True, True, True, False]):
            self.begin_anew()
        account, subscription = self.choose(ACCOUNTS), self.choose(["S-1", *SUBSCRIPTIONS])
        for user in (self.choose(["U-2", *USERS]), "U-1"):
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
        self._move_to(self.now + self.choose([SECOND, MINUTE, 120 * MINUTE, DAY, 3 * DAY, 8 * DAY]))

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
        *(report, report, report, report, report, report_again, report_a_removal),
        *(accept_what_is_offered, accept_what_is_offered, accept_what_is_offered, accept_any_offer, end_early),
        *(wait, wait_for_an_edge, wait_for_an_edge),
    )

    # After each step

    def compare(self) -> None:
        account, world, now = self.account, self.world, self.now
        owners = [user for user in USERS if world.role(user, account) == "owner"]
        user = self.choose([*USERS, *owners, *owners, *owners])
        view, call, arguments = self.choose(
            [
                *[(self.service.list, world.list, (user, account))] * 2,
                (self.service.history, world.history, (user, account)),
                (self.service.limits, world.known_limits, (account,)),
            ]
        )
        answer = view(*arguments)
        if expected := self._unless_refused(answer, call, *arguments, now):
            assert by_id(answer.json) == by_id(expected)
            rows = expected.get("subscriptions", [])
            extensions = [*(row["extension"] for row in rows), *expected.get("extensions", [])]
            self.seen["period ahead"] += any(row["next_period"] for row in rows)
            self.seen["does not count"] += any(each.get("counts") is False for each in extensions)
        stored = accounts.holdings(account).extensions.values()
        assert {x.id: (x.period, x.subscription_version, x.reminded_at, x.revoked_at) for x in stored} == {
            x["id"]: (x["period"], items.microseconds(x["granted_on"]), x["reminded_at"], x["revoked_at"])
            for x in world.extensions
            if x["account_id"] == account
        }


def _entity(detail: Json) -> tuple[str | None, ...]:
    return tuple(detail.get(name) for name in ("account_id", "subscription_id", "user_id"))


EVERYTHING = {
    *("stored", "stale", "offered", "created", "replayed", "revoked", "reminded"),
    *("account_not_found", "view_not_allowed", "owner_required", "subscription_not_found"),
    *("already_used", "not_active_yet", "finished", "not_main", "tariff_not_extendable", "offer_changed"),
    *("ended early", "over already", "extension_not_found", "period ahead", "does not count"),
}


def test_the_product_agrees_with_a_naive_reading_of_the_rules(raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports late, twice and out of order, offers old and new, any user, any jump of the clock, sweeps now and then:
    stories by chance, each time the same, which meet every answer and every refusal."""
    seen: Counter[str] = Counter()
    for seed in range(20):
        chance = random.Random(seed)
        with fresh_table(raw) as table, time_machine.travel(NOW, tick=False) as traveller:
            use(raw, table.name, monkeypatch.setattr)
            story = Story(chance.choice, traveller, seen)
            story.begin()
            for number in range(45):
                step = chance.choice(Story.STEPS)
                print(f"story {seed}, step {number} at {story.now}: {step.__name__}")
                step(story)
                story.compare()
    print(dict(seen))
    assert set(+seen) >= EVERYTHING
