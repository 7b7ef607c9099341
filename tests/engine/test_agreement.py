"""Whatever happens in whatever order, the product answers what a naive reading of the rules answers."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
import pytest
import time_machine
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from devkit.builders import CONTACT, DAY, NOW, SECOND, TERMS, iso, subscription_changed
from devkit.service import Answer, Service
from devkit.template import table_definition
from extending import accounts, changes, dynamo, grants, sweep
from tests.engine.client import connect
from tests.engine.naive import ZONES, Json, No, World, begin_of, end_of, over_at, reported_at

ACCOUNTS = ["A-1", "A-2"]
SUBSCRIPTIONS = ["S-1", "S-1.a", "S-2"]  # One is the beginning of another.
USERS = ["U-1", "U-2", "U-3", "A-1"]


def changed_at(number: int) -> str:
    """Instants in the order of their numbers; two at a time are a microsecond apart."""
    return f"2026-11-01T00:{number // 2:02}:00{'.000001' if number % 2 else ''}Z"


account_ids = st.sampled_from(["A-1"] * 7 + ["A-2"])
subscription_ids = st.sampled_from(["S-1", *SUBSCRIPTIONS])
users = st.sampled_from(["U-1"] * 3 + USERS)
roles = st.sampled_from(["owner", "owner", "owner", "administrator", "user", "operator", "ext_administrator", None])
kinds = st.sampled_from(["main", "main", "main", "add_on", "prolonging"])
terms = st.sampled_from(
    [
        TERMS,
        TERMS,
        TERMS | {"duration": "P1W"},
        {"sessions": 0, "databases": 1, "duration": "PT36H"},
        {"sessions": 0, "databases": 0, "duration": "P7D"},
        {"sessions": 3, "databases": 0, "duration": "P1D"},
        {"sessions": 1, "databases": 1, "duration": "PT90M"},
        None,
    ]
)
limits = st.fixed_dictionaries({name: st.sampled_from([1, 2, 5, None]) for name in ("sessions", "databases")})
OTHER_TERMS = {"sessions": 3, "databases": 0, "duration": "P3D"}
waits = st.sampled_from([SECOND, timedelta(minutes=1), timedelta(hours=2), DAY, 3 * DAY, 8 * DAY])
period_ids = st.sampled_from([None, None, None, "P-1", "P-2", "1767225600"])
sweeps = st.sampled_from([True, True, False])


NO_ENDS = [None, "9000-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]
MICROSECONDS = int(NOW.timestamp()) * 1_000_000
MINUTE = timedelta(minutes=1)
aheads = st.sampled_from([5 * MINUTE, 5 * MINUTE + SECOND, 60 * MINUTE, 60 * MINUTE + SECOND])
"""How far the clock of the service manager is ahead: the last that is stored, the first and the last that is to come
again, the first that is refused."""

KINDS = [
    *("account", "member", "member", "subscription", "subscription", "subscription", "subscription", "usage"),
    *("subscription removed", "account removed"),
]


@st.composite
def events_around(draw: st.DrawFn, now: datetime) -> tuple[str, Json]:
    """What the service manager may tell: type and detail."""
    instant = draw(st.sampled_from([*map(changed_at, range(13)), "1970-01-01T00:00:00Z"]))
    known = {"account_id": draw(account_ids), "changed_at": instant}
    match draw(st.sampled_from(KINDS)):
        case "usage":
            return "UsageChanged", known | {name: draw(st.integers(0, 9)) for name in ("sessions", "databases")}
        case "subscription removed":
            return "SubscriptionRemoved", known | {"subscription_id": draw(subscription_ids)}
        case "account removed":
            return "AccountRemoved", known
        case "account":
            contact = draw(st.sampled_from([CONTACT, None]))
            name = f"О {known['changed_at']}"
            zone = draw(st.sampled_from(list(ZONES)))
            return "AccountChanged", known | {"name": name, "time_zone": zone, "servicing_organization": contact}
        case "member":
            called: Json = draw(st.sampled_from([{}, {"name": None}, {"name": "Ольга"}, {"name": "Пётр"}]))
            return "MemberChanged", known | {"user_id": draw(users), "role": draw(roles)} | called
    starts_at = now + draw(st.integers(-12, 12)) * DAY
    detail = {
        "subscription_id": draw(subscription_ids),
        "kind": draw(kinds),
        "starts_at": iso(starts_at),
        "ends_at": draw(st.sampled_from([*(iso(starts_at + n * DAY) for n in (0, 5, 10, 30, 90)), *NO_ENDS])),
        "limits": draw(limits),
        "extension_terms": draw(terms),
        "period_id": draw(period_ids),
    }
    return "SubscriptionChanged", subscription_changed(**known, **detail)


events = events_around(NOW)
reports = events.filter(lambda event: event[0] != "AccountRemoved")
"""Where every other account were a removed one, little would be granted."""


class Machine(RuleBasedStateMachine):
    """Drives the functions on the engine and the naive world with the same calls."""

    engine: str
    patch: pytest.MonkeyPatch
    seen: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.client = connect(self.engine)
        self.table = f"test-{uuid4()}"
        definition = table_definition()
        del definition["StreamSpecification"]  # It makes the engine slow, and nobody reads it here.
        self.client.create_table(TableName=self.table, **definition)
        for module in (dynamo, grants, sweep, changes):
            self.patch.setattr(module, "dynamodb", self.client)
            self.patch.setattr(module, "TABLE_NAME", self.table)
        self.clock = time_machine.travel(NOW, tick=False)
        self.traveller = self.clock.start()
        self.now = NOW
        self.service = Service()
        self.world = World()
        self.told: list[tuple[str, Json]] = []
        self.offers: list[tuple[str, Json]] = []
        self.ids: dict[str, str] = {}
        """Account of every extension that there ever was."""
        self.account = "A-1"
        self.steps = 0

    def teardown(self) -> None:
        self.clock.stop()
        self.client.delete_table(TableName=self.table)
        self.client.close()

    # What the service manager tells

    @initialize(terms=terms, roles=st.tuples(roles, roles), kind=kinds, starts=st.integers(-3, 3), more=terms)
    def begin(
        self, terms: Json | None, roles: tuple[str | None, str | None], kind: str, starts: int, more: Json | None
    ) -> None:
        """An account as there are many, so that what follows has something to meet."""
        known: Json = {"account_id": "A-1", "changed_at": changed_at(4)}
        self._tell("AccountChanged", known | {"name": "А", "time_zone": None, "servicing_organization": None})
        self._tell("MemberChanged", known | {"user_id": "U-1", "role": "owner"})
        for user, role in zip(("U-2", "U-3"), roles, strict=True):
            self._tell("MemberChanged", known | {"user_id": user, "role": role})
        self._tell("SubscriptionChanged", subscription_changed(**known, extension_terms=terms or TERMS))
        starts_at = NOW + starts * DAY
        dates = {"starts_at": iso(starts_at), "ends_at": iso(starts_at + 10 * DAY)}
        second = {"subscription_id": "S-1.a", "kind": kind, "extension_terms": more, **dates}
        self._tell("SubscriptionChanged", subscription_changed(**known, **second))

    @rule(event=events)
    def tell(self, event: tuple[str, Json]) -> None:
        """Anything, as old or as new as may be."""
        self._tell(*event)

    @rule(event=reports, ago=st.integers(0, 3))
    def tell_of_what_has_just_changed(self, event: tuple[str, Json], ago: int) -> None:
        """Newer than most of what is known."""
        self._tell(event[0], event[1] | {"changed_at": iso(self.now - ago * SECOND)})

    @precondition(lambda self: self.world.role("U-1", "A-1") != "owner" or not self.world.has_access("A-1", self.now))
    @rule(days=st.sampled_from([0, 3]), ends=st.sampled_from([*NO_ENDS, "2036-01-01T00:00:00Z"]))
    def begin_anew(self, days: int, ends: str | None) -> None:
        """An owner and a subscription, so that something can be granted."""
        known: Json = {"account_id": "A-1", "changed_at": iso(self.now)}
        self._tell("MemberChanged", known | {"user_id": "U-1", "role": "owner", "name": "Ольга"})
        dates = {"starts_at": iso(self.now - days * DAY), "ends_at": ends}
        self._tell("SubscriptionChanged", subscription_changed(**known, **dates))

    @rule(event=reports, ahead=aheads)
    def tell_by_a_clock_that_is_ahead(self, event: tuple[str, Json], ahead: timedelta) -> None:
        """A few minutes are stored, up to an hour has to come again, more is invalid."""
        self._tell(event[0], event[1] | {"changed_at": iso(self.now + ahead)})

    @rule(data=st.data(), account=account_ids, days=st.sampled_from([-9, -1, 0, 1, 9]), terms=terms)
    def tell_of_a_renewal_or_of_other_terms(
        self, data: st.DataObject, account: str, days: int, terms: Json | None
    ) -> None:
        """The same record, newer than all that is known of it: from then, from now, or ahead."""
        if known := self.world.subscriptions(account):
            changes: Json = {"extension_terms": terms}
            if data.draw(st.booleans()):
                starts_at = self.now - days * DAY
                changes |= {"kind": "main", "starts_at": iso(starts_at), "ends_at": iso(starts_at + 30 * DAY)}
            if data.draw(st.booleans()):
                changes["period_id"] = data.draw(period_ids)
            self.tell_newer(data.draw(st.sampled_from(known)), **changes)

    @rule(data=st.data(), subscription=subscription_ids, late=st.sampled_from([0, 1, 2, 3]), period=period_ids)
    def tell_late_of_what_runs(self, data: st.DataObject, subscription: str, late: int, period: str | None) -> None:
        """A little older than the newest report, which may be of a period ahead."""
        known = self.world.periods.get(("A-1", subscription))
        if known and reported_at(known.newest) > NOW - 365 * DAY:
            starts_at = self.now - data.draw(st.sampled_from([0, 1, 9])) * DAY
            ends_at = self.now + data.draw(st.sampled_from([0, 2, 20])) * DAY
            dates = {"starts_at": iso(starts_at), "ends_at": iso(ends_at)}
            at = {"changed_at": iso(reported_at(known.newest) - late * SECOND)}
            more = {"account_id": "A-1", "subscription_id": subscription, "period_id": period}
            self._tell("SubscriptionChanged", subscription_changed(**dates, **at, **more))

    @rule(data=st.data())
    def tell_again(self, data: st.DataObject) -> None:
        """The bus delivers at least once, in any order."""
        self._tell(*data.draw(st.sampled_from(self.told)))

    def tell_newer(self, known: Json, **changes: Any) -> None:
        newest = self.world.periods[known["account_id"], known["subscription_id"]].newest
        later = max(reported_at(known), reported_at(newest)) + MINUTE
        self._tell("SubscriptionChanged", known | changes | {"changed_at": iso(later)})

    def known(self, subscription: str) -> Json:
        return self.world.periods["A-1", subscription].newest

    def tell_again_all(self) -> None:
        for event in reversed(self.told[:]):
            self._tell(*event)

    @rule(account=account_ids, ahead=st.sampled_from([-DAY, 0 * SECOND]), whole=st.sampled_from([True, False, False]))
    def tell_of_a_removal(self, account: str, ahead: timedelta, whole: bool) -> None:
        """Now, or late: whoever extended since did so in what was no more."""
        detail = {"account_id": account, "changed_at": iso(self.now + ahead)}
        if whole:
            self._tell("AccountRemoved", detail)
        else:
            self._tell("SubscriptionRemoved", detail | {"subscription_id": "S-1"})

    def _tell(self, detail_type: str, detail: Json) -> None:
        self.told.append((detail_type, detail))
        self.account = detail["account_id"]
        (result,) = self.service.changes((detail_type, detail)).json["results"]
        expected = self.world.tell(detail_type, detail, self.now)
        assert {"result": result["result"]} | {n: list(result[n]) for n in ("ignored",) if n in result} == expected
        self.seen.update([expected["result"], *expected.get("ignored", [])])

    # What people do

    @rule(user=users, account=account_ids, subscription=subscription_ids)
    def ask_for_an_offer(self, user: str, account: str, subscription: str) -> None:
        self.account = account
        answer = self.service.offer(user, account, subscription)
        try:
            expected = self.world.offer(user, account, subscription, self.now)
        except No as no:
            self._refused(answer, no)
        else:
            assert answer.status == 200
            self._offered(account, answer.json, expected)

    @rule(subscription=subscription_ids)
    def extend_what_is_offered(self, subscription: str) -> None:
        """An owner reads the offer and accepts it."""
        known = len(self.offers)
        self.ask_for_an_offer("U-1", "A-1", subscription)
        for offer_id, promise in self.offers[known:]:
            self._extend("U-1", "A-1", subscription, offer_id, promise)

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), user=users, account=st.just("A-1"))
    def accept_any_offer(self, data: st.DataObject, user: str, account: str) -> None:
        """One that was ever made, for whichever subscription."""
        self.accept_any(user, account, [data.draw(st.sampled_from(self.offers))])

    def accept_any(self, user: str, account: str, offers: list[tuple[str, Json]]) -> None:
        for offer_id, promise in offers:
            for subscription in SUBSCRIPTIONS:
                self._extend(user, account, subscription, offer_id, promise)

    @rule(user=users, account=account_ids, subscription=subscription_ids)
    def send_a_body_that_is_too_large(self, user: str, account: str, subscription: str) -> None:
        """Whoever sends it, and wherever to."""
        answer = self.service.extend("x" * 4097, user, account, subscription)
        self._refused(answer, No(413, "body_too_large"))

    @rule(data=st.data(), account=account_ids, by=st.sampled_from(["service-manager", "support"]))
    def end_early(self, data: st.DataObject, account: str, by: str) -> None:
        """Any extension that there ever was, of whichever account; and once more, by another."""
        id_ = data.draw(st.sampled_from([*self.ids, *self.ids, "E-1"]))
        account = data.draw(st.sampled_from([self.ids.get(id_, account), account]))
        for caller in (by, "another"):
            self.expire(account, id_, caller)

    def expire(self, account: str, id_: str, by: str) -> None:
        self.account = account
        answer = self.service.expire_early(id_, account, by)
        try:
            extension, expired = self.world.expire(account, id_, by, self.now)
        except No as no:
            self._refused(answer, no)
        else:
            assert answer.status == 200
            assert answer.json == {"expired": expired, "extension": self.world.past(extension, self.now)}
            self.seen["ended early" if expired else "over already"] += 1

    @rule(account=account_ids, subscription=subscription_ids, order=st.permutations(USERS))
    def all_take_what_they_are_offered(self, account: str, subscription: str, order: list[str]) -> None:
        """Each looks, and accepts what they were shown or, where that is nothing, what anybody was shown last."""
        for user in order:
            self.ask_for_an_offer(user, account, subscription)
            if self.offers:
                self._extend(user, account, subscription, *self.offers[-1])

    def _extend(self, user: str, account: str, subscription: str, offer_id: str, promise: Json) -> None:
        self.account = account
        answer = self.service.extend(offer_id, user, account, subscription)
        try:
            extension, created = self.world.extend(user, account, subscription, promise, self.now)
        except No as no:
            self._refused(answer, no)
        else:
            assert answer.status == (201 if created else 200), answer
            if created:
                extension["id"] = answer.json["extension"]["id"]
                assert extension["id"] not in self.ids  # Nor in a life before.
                self.ids[extension["id"]] = account
            assert answer.json == {"created": created, "extension": self.world.shown(extension, self.now)}
            self.seen["created" if created else "replayed"] += 1

    def _offered(self, account: str, answer: Json, expected: Json) -> None:
        offer_id = answer.pop("offer_id")
        assert answer == expected
        self.offers.append((offer_id, self.world.promise(account, expected["subscription_id"], self.now)))
        self.seen["offered"] += 1

    def _refused(self, answer: Answer, no: No) -> None:
        assert (answer.status, answer.code) == (no.status, no.code)
        self.seen[no.code] += 1
        more = dict(no.more)
        if offer := more.pop("offer", None):
            self._offered(self.account, answer.json["offer"], offer)
        assert {name: answer.json.get(name) for name in more} == more

    # Time

    @rule(wait=waits, sweep=sweeps)
    def wait(self, wait: timedelta, sweep: bool) -> None:
        self.move_to(self.now + wait, sweep)

    @rule(data=st.data(), off=st.sampled_from([-SECOND, 0 * SECOND, SECOND]), sweep=sweeps)
    def wait_for_an_edge(self, data: st.DataObject, off: timedelta, sweep: bool) -> None:
        """To the second at which something begins or ends, and its neighbours."""
        edges = {over_at(x) for x in self.world.extensions}
        edges |= {x["ends_at"] - DAY for x in self.world.extensions}
        for subscription in self.world.subscriptions(self.account):
            edges |= {begin_of(subscription), end_of(subscription)}
        near = sorted(edge for edge in edges if self.now < edge + off < self.now + 40 * DAY)
        if near:
            self.move_to(data.draw(st.sampled_from(near[:4])) + off, sweep)

    def move_to(self, now: datetime, sweep: bool) -> None:
        self.now = now
        self.traveller.move_to(now)
        if sweep:
            reminded = sum(1 for x in self.world.extensions if x["reminded_at"])
            answer = self.service.expire()
            assert answer == self.world.sweep(self.now)
            self.seen["revoked"] += answer["revoked"]
            self.seen["reminded"] += sum(1 for x in self.world.extensions if x["reminded_at"]) - reminded

    # What must hold after each step

    @invariant()
    def everybody_sees_what_the_rules_say(self) -> None:
        self.steps += 1
        owners = [user for user in USERS if self.world.role(user, self.account) == "owner"]
        for user in {USERS[self.steps % len(USERS)], *owners[:1]}:
            answer = self.service.list(user, self.account)
            expected, no = self._expected_list(user)
            if no:
                self._refused(answer, no)
                continue
            assert answer.status == 200
            rows, expected_rows = answer.json["subscriptions"], expected["subscriptions"]
            order = [_place(row) for row in rows]
            assert order == sorted(order)
            assert {row["id"]: row for row in rows} == {row["id"]: row for row in expected_rows}
            assert len(rows) == len(expected_rows)
            assert answer.json | {"subscriptions": None} == expected | {"subscriptions": None}
            self.seen["period ahead"] += any(row["next_period"] for row in rows)
            self.seen["does not count"] += any(row["extension"].get("counts") is False for row in rows)

    @invariant()
    def the_history_and_the_limits_are_those_of_the_rules(self) -> None:
        user = USERS[self.steps % len(USERS)]
        answer = self.service.history(user, self.account)
        try:
            expected = self.world.history(user, self.account, self.now)
        except No as no:
            self._refused(answer, no)
        else:
            granted = [x["granted_at"] for x in answer.json["extensions"]]
            assert granted == sorted(granted, reverse=True)
            for each in (answer.json, expected):
                each["extensions"].sort(key=_id)
            assert answer.json == expected
        answer = self.service.limits(self.account)
        try:
            expected = self.world.known_limits(self.account, self.now)
        except No as no:
            self._refused(answer, no)
        else:
            assert answer.json == expected

    def _expected_list(self, user: str) -> tuple[Json, No | None]:
        try:
            return self.world.list(user, self.account, self.now), None
        except No as no:
            return {}, no

    @invariant()
    def the_table_holds_each_extension_once_as_it_was_granted(self) -> None:
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


def _id(extension: Json) -> str:
    return str(extension["id"])


def _place(row: Json) -> tuple[int, float]:
    """Active first, then future, then finished, newest first inside each."""
    starts_at = datetime.fromisoformat(row["starts_at"])
    return ["active", "future", "finished"].index(row["state"]), -starts_at.timestamp()


def run(machine: Any, examples: int, steps: int) -> None:
    """Try a machine, each time in the same way, however long a step takes."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def machine(engine: str, patch: pytest.MonkeyPatch, seen: Counter[str]) -> Any:
    return type("Machine", (Machine,), {"engine": engine, "patch": patch, "seen": seen})


def test_the_product_agrees_with_a_naive_reading_of_the_rules(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events late, twice and out of order, offers old and new, any user, any jump of the clock, sweeps now and then."""
    seen: Counter[str] = Counter()

    run(machine(engine, monkeypatch, seen), examples=40, steps=30)

    print(dict(seen))
    assert seen["created"]


def test_the_product_agrees_with_the_naive_reading_in_a_story_that_meets_everything(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What chance may miss: every answer and every refusal at least once, with the seconds before, at and after."""
    seen: Counter[str] = Counter()
    story = machine(engine, monkeypatch, seen)()
    steps = iter(_story(story))
    try:
        for _ in steps:
            story.everybody_sees_what_the_rules_say()
            story.the_history_and_the_limits_are_those_of_the_rules()
            story.the_table_holds_each_extension_once_as_it_was_granted()
    finally:
        story.teardown()

    never = {what for what in EVERYTHING if not seen[what]}
    assert not never


EVERYTHING = [
    *("stored", "stale", "offered", "created", "replayed", "revoked", "reminded"),
    *("account_not_found", "view_not_allowed", "owner_required", "subscription_not_found"),
    *("already_used", "not_active_yet", "finished", "not_main", "tariff_not_extendable", "offer_changed"),
    *("ended early", "over already", "extension_not_found", "body_too_large", "period ahead", "does not count"),
    *("try_again", "invalid", "detail.time_zone"),
]


def _story(world: Machine) -> Iterator[None]:
    """Weeks in the life of an account; a step is over where it yields."""
    known = {"account_id": "A-1", "changed_at": changed_at(4)}
    month = {"starts_at": iso(NOW + 2 * DAY), "ends_at": iso(NOW + 32 * DAY)}

    def everybody(subscription: str) -> Iterator[None]:
        world.all_take_what_they_are_offered("A-1", subscription, USERS)
        yield
        world.accept_any("U-1", "A-1", world.offers[:1])
        yield

    world.begin(TERMS, ("administrator", "user"), "add_on", -3, TERMS)
    yield
    world.tell(("SubscriptionChanged", subscription_changed(**known, **month, subscription_id="S-2")))
    yield
    world.ask_for_an_offer("U-1", "A-1", "S-1")
    for other in ({"duration": "P1W"}, {"duration": "P3D"}, {"sessions": 3}, {"databases": 7}):
        world.tell_newer(world.known("S-1"), extension_terms=TERMS | other)
        world.accept_any("U-1", "A-1", world.offers[:1])  # One word of it has changed.
        yield
    world.tell_newer(world.known("S-1"), extension_terms=OTHER_TERMS)
    yield from everybody("S-1")  # The offer of before has changed.
    world.tell_newer(world.known("S-1"), extension_terms=None)
    for subscription in SUBSCRIPTIONS:
        yield from everybody(subscription)
    world.tell_again_all()
    yield
    for extension in world.world.extensions[:1]:
        for edge in (extension["ends_at"] - DAY, extension["ends_at"]):
            for off in (-SECOND, 0 * SECOND, SECOND):
                world.move_to(edge + off, sweep=bool(off >= 0 * SECOND))
                yield from everybody("S-1")
    world.tell_newer(world.known("S-1"), starts_at=iso(world.now))
    yield from everybody("S-1")
    world.tell_newer(world.known("S-1"), extension_terms=TERMS)
    yield from everybody("S-1")  # A renewal: a new right, while the second subscription has begun.
    world.move_to(world.now + DAY, sweep=True)
    world.tell_newer(world.known("S-1"), starts_at=iso(world.now))
    world.accept_any("U-1", "A-1", world.offers[:])  # Renewed again, while the extension of before still runs.
    yield
    yield from everybody("S-2")
    world.tell_newer(world.known("S-2"), ends_at=iso(world.now))
    yield from everybody("S-2")
    world.tell_newer(world.known("S-1"), starts_at=iso(world.now - 9 * DAY), ends_at=iso(world.now))
    yield from everybody("S-1")
    yield from everybody("S-3")
    yield from _renewals(world, everybody)
    yield from _removals(world, everybody)


def _renewals(world: Machine, everybody: Callable[[str], Iterator[None]]) -> Iterator[None]:
    """A client renews early; what runs is reported late, then prolonged; an extension is ended early, then counts no
    more because nothing is active.
    """
    start, renewal = world.now, world.now + 5 * DAY
    month = {"kind": "main", "extension_terms": TERMS, "ends_at": iso(start + 30 * DAY)}
    world.tell_newer(world.known("S-1"), **month, starts_at=iso(start))
    yield from everybody("S-1")
    running = world.known("S-1")
    world.tell_newer(running, starts_at=iso(renewal), ends_at=None, extension_terms=OTHER_TERMS)
    yield from everybody("S-1")
    late = {"changed_at": iso(reported_at(running) + SECOND), "limits": {"sessions": 5, "databases": None}}
    world.tell(("SubscriptionChanged", running | late))
    yield from everybody("S-1")
    running_now = next(x["id"] for x in world.world.extensions if not x["revoked_at"])
    for by in ("support", "another"):
        world.expire("A-1", running_now, by)
        yield from everybody("S-1")
    for off in (-SECOND, 0 * SECOND):
        world.move_to(renewal + off, sweep=True)
        yield from everybody("S-1")
    for kind in ("prolonging", "add_on"):
        for id_ in SUBSCRIPTIONS:
            world.tell_newer(world.known(id_), kind=kind, starts_at=iso(world.now), ends_at=NO_ENDS[1])
            yield
    world.send_a_body_that_is_too_large("U-1", "A-1", "S-1")
    world.expire("A-1", "E-1", "support")
    zone = {"name": "А", "time_zone": "Mars/Olympus", "servicing_organization": CONTACT}
    world.tell(("AccountChanged", zone | {"account_id": "A-1", "changed_at": iso(world.now)}))
    yield
    for off in (5 * MINUTE + SECOND, 60 * MINUTE + SECOND):
        world.tell(
            ("UsageChanged", {"account_id": "A-1", "sessions": 1, "databases": 1, "changed_at": iso(world.now + off)})
        )
        yield


def _removals(world: Machine, everybody: Callable[[str], Iterator[None]]) -> Iterator[None]:
    """Of a subscription, of the account; nothing comes back but what is told later."""
    later = {"account_id": "A-1", "changed_at": iso(world.now)}
    world.tell(("UsageChanged", later | {"sessions": 3, "databases": 5}))
    world.tell_newer(world.known("S-1"), starts_at=iso(world.now), ends_at=iso(world.now + 30 * DAY))
    world.tell_newer(world.known("S-1"), extension_terms=TERMS)
    yield from everybody("S-1")
    world.tell(("SubscriptionRemoved", later | {"subscription_id": "S-1"}))
    yield from everybody("S-1")
    world.tell_again_all()
    yield
    for at in (world.now - SECOND, world.now):
        world.tell(("AccountRemoved", later | {"changed_at": iso(at)}))
        yield from everybody("S-2")
    world.tell_again_all()  # Nothing comes back.
    yield
    world.move_to(world.now + SECOND, sweep=True)
    for detail_type, detail in world.told[:5]:
        world.tell((detail_type, detail | {"changed_at": iso(world.now)}))
    yield from everybody("S-1")  # It begins anew.
