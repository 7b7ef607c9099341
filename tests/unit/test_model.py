"""The rules, without a database: time is an argument."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from devkit.builders import CONTACT, DAY, NOW, SECOND, WEEK
from extending.errors import Code
from extending.model import (
    FOREVER,
    Allowance,
    Extension,
    ExtensionAt,
    FirstNamed,
    Holdings,
    Kind,
    Limit,
    Limits,
    OfferId,
    Refused,
    State,
    Subscription,
    TariffLimits,
    Terms,
    Usage,
    make_offer,
)
from extending.paging import history, page
from extending.tokens import pack, unpack
from tests.unit.builders import WEEK_TERMS, a_subscription, an_extension, holding


def refusal(holdings: Holdings, now: datetime = NOW) -> Refused:
    with pytest.raises(Refused) as refused:
        make_offer(holdings, "S-1", now)
    return refused.value


def test_a_subscription_is_active_from_its_start_until_just_before_its_end() -> None:
    subscription = a_subscription(starts_at=NOW, ends_at=NOW + DAY)
    instants = (NOW - SECOND, NOW, NOW + DAY - SECOND, NOW + DAY)
    states = [State.FUTURE, State.ACTIVE, State.ACTIVE, State.FINISHED]
    assert [subscription.state(now) for now in instants] == states


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": Kind.ADD_ON}, Code.NOT_MAIN),
        ({"kind": Kind.PROLONGING}, Code.NOT_MAIN),
        ({"starts_at": NOW + SECOND}, Code.NOT_ACTIVE_YET),
        ({"ends_at": NOW}, Code.FINISHED),
        ({"terms": None}, Code.TARIFF_NOT_EXTENDABLE),
        ({"terms": Terms(0, 0, "P7D", 604_800)}, Code.TARIFF_NOT_EXTENDABLE),
        ({"kind": Kind.ADD_ON, "ends_at": NOW, "terms": None}, Code.NOT_MAIN),
        ({"ends_at": NOW, "terms": None}, Code.FINISHED),
        # All that the terms add is unlimited already.
        ({"limits": TariffLimits(None, None)}, Code.TARIFF_NOT_EXTENDABLE),
        ({"limits": TariffLimits(2, None), "terms": WEEK_TERMS._replace(sessions=0)}, Code.TARIFF_NOT_EXTENDABLE),
        ({"limits": TariffLimits(None, 1), "terms": WEEK_TERMS._replace(databases=0)}, Code.TARIFF_NOT_EXTENDABLE),
    ],
)
def test_what_cannot_be_extended_says_why_with_the_servicing_organisation(fields: dict[str, Any], code: Code) -> None:
    """Main, active now, with terms that widen a limit: the first of these that fails is the reason."""
    refused = refusal(holding(a_subscription(**fields)))
    assert (refused.code, refused.servicing_organization) == (code, CONTACT)


def test_an_extension_of_the_period_comes_before_any_other_reason() -> None:
    """Also when the subscription is over or its terms are gone."""
    subscription = a_subscription(ends_at=NOW, terms=None)
    extension = an_extension(subscription)
    refused = refusal(holding(subscription, extension))
    assert (refused.code, refused.extension) == (Code.ALREADY_USED, ExtensionAt(extension, NOW, counts=False))


def test_an_offer_shows_the_limits_before_and_after_and_the_end_to_the_second() -> None:
    """Seven days are 168 hours; unlimited databases are no obstacle to more sessions."""
    offer = make_offer(holding(a_subscription(limits=TariffLimits(2, None))), "S-1", NOW)
    assert offer.ends_at_if_accepted_now == NOW + timedelta(hours=168)
    assert [limit.total for limit in offer.limits_before[:2]] == [2, None]
    assert [limit.total for limit in offer.limits_after[:2]] == [4, None]
    assert offer.limits_after.next_change_at == NOW + WEEK


def test_extras_count_until_just_before_their_end_while_a_main_subscription_is_active() -> None:
    """Revoked or not: limits are a sum over windows at every read."""
    main, add_on = a_subscription(), a_subscription(id="S-2", kind=Kind.ADD_ON)
    holdings = holding(main, add_on, an_extension(main))
    instants = (NOW, NOW + WEEK - SECOND, NOW + WEEK)
    assert [holdings.limits(now).sessions[:2] for now in instants] == [(4, 2), (4, 2), (4, 0)]
    ended = a_subscription(ends_at=NOW + DAY)
    holdings = holding(ended, add_on, an_extension(ended))
    instants = (NOW, NOW + DAY - SECOND, NOW + DAY)
    assert [holdings.limits(now).sessions[:2] for now in instants] == [(4, 2), (4, 2), (2, 0)]


def test_what_is_in_use_above_a_limit_is_known_where_both_are() -> None:
    """Nothing is above what is unlimited."""
    limits = (Limit(2, 8, 13), Limit(2, 8, 10), Limit(None, 8, 13), Limit(2, 8))
    assert [limit.over for limit in limits] == [3, 0, 0, None]


def test_a_new_start_is_a_new_period_and_the_extension_of_the_old_one_counts_on() -> None:
    """The end of an extension is not cut at the end of the period: the owner may renew."""
    old = a_subscription(ends_at=NOW + DAY)
    renewed = a_subscription(starts_at=NOW + DAY, ends_at=NOW + 365 * DAY)
    holdings = holding(renewed, an_extension(old))
    assert make_offer(holdings, "S-1", NOW + DAY).id.period_starts_at == NOW + DAY
    assert holdings.limits(NOW + DAY).sessions.total == 4


def test_a_prolonging_subscription_carries_its_limits_and_the_extras() -> None:
    """After the end of the main one nothing but the right to extend is gone."""
    main = a_subscription(ends_at=NOW)
    grace = a_subscription(id="S-2", kind=Kind.PROLONGING, starts_at=NOW)
    holdings = holding(main, grace, an_extension(main, NOW - DAY))
    for now in (NOW - SECOND, NOW):
        assert holdings.limits(now).sessions[:2] == (2, 2)
        assert holdings.has_access(now)
    assert holdings.limits(NOW - SECOND).next_change_at == NOW + 6 * DAY


def test_a_period_reported_ahead_takes_over_at_its_start() -> None:
    """No gap, no overlap: the one that runs is cut at that instant."""
    renewed = a_subscription(starts_at=NOW, ends_at=NOW + 365 * DAY, limits=TariffLimits(5, 3))
    running = a_subscription(ends_at=NOW, next=renewed)
    holdings = holding(running, an_extension(running, NOW - DAY))
    before, after = holdings.limits(NOW - SECOND), holdings.limits(NOW)
    assert (before.sessions.total, after.sessions.total) == (4, 7)
    assert before.next_change_at == NOW
    assert before.after_change == Allowance(after.sessions, after.databases)
    assert (running.at(NOW - SECOND), running.at(NOW)) == (running, renewed)
    assert refusal(holdings, NOW - SECOND).code is Code.ALREADY_USED
    assert make_offer(holdings, "S-1", NOW).id.period_starts_at == NOW


def test_what_has_no_end_never_changes_by_itself() -> None:
    """The year 9000 is no date for anybody to read."""
    assert holding(a_subscription(ends_at=FOREVER)).limits(NOW).next_change_at is None


def test_an_extension_that_was_ended_early_counts_for_nothing_from_the_write_on() -> None:
    """It does, whatever the clock of another machine says."""
    subscription = a_subscription()
    ended = an_extension(subscription, NOW - DAY, revoked_at=NOW, revoked_by="service-manager")
    for now in (NOW - SECOND, NOW):
        assert holding(subscription, ended).limits(now).sessions.extra == 0
        assert not ended.runs(now)
    revoked = ended._replace(revoked_at=ended.ends_at)
    assert (revoked.runs(revoked.ends_at - SECOND), revoked.runs(revoked.ends_at)) == (True, False)


def test_an_extension_of_the_time_before_ids_counts_for_the_first_id_alone() -> None:
    """Though the sender's start is that of the contract, and so the same in every period."""
    extension, first = an_extension(a_subscription()), FirstNamed("2026-11", NOW - 30 * DAY, 1)
    for period_id, named, found in (
        ("2026-11", None, extension),
        ("2026-11", first, extension),
        ("2026-12", first, None),
    ):
        subscription = a_subscription(period_id=period_id, first_named=named)
        assert holding(subscription, extension).extension_of(subscription) == found


def naive_limits(holdings: Holdings, now: datetime, plus: Extension | None = None) -> Limits:
    """As the rule is worded: a sum over what holds at an instant, and every later instant asked whether it differs."""
    extensions = [*holdings.extensions.values(), *([plus] if plus else [])]
    counted = [s for each in holdings.subscriptions.values() for s in (each, each.next) if s]
    used = holdings.usage

    def at(instant: datetime) -> Allowance:
        active = [s for s in counted if s.starts_at <= instant < s.ends_at]
        running = [x for x in extensions if not x.revoked_at or x.revoked_at >= x.ends_at]
        terms = [x.terms for x in running if now < x.ends_at and instant < x.ends_at]
        if not any(s.kind in (Kind.MAIN, Kind.PROLONGING) for s in active):
            terms = []

        def limit(name: str) -> Limit:
            bases = [getattr(s.limits, name) for s in active]
            base = None if None in bases else sum(bases)
            return Limit(base, sum(getattr(t, name) for t in terms), used and getattr(used, name))

        return Allowance(limit("sessions"), limit("databases"))

    edges = {edge for s in counted for edge in (s.starts_at, s.ends_at)} | {x.ends_at for x in extensions}
    change = next((edge for edge in sorted(edges) if edge > now and at(edge) != at(now)), None)
    return Limits(*at(now), used and used.at, change, at(change) if change else None)


amounts = st.sampled_from([None, 0, 1, 1, 2])
instants = st.integers(-4, 4).map(lambda seconds: NOW + seconds * SECOND)


@st.composite
def _holdings(draw: st.DrawFn) -> Holdings:
    """Up to seven subscriptions and their extensions, all edges close together."""
    records: list[Subscription | Extension] = []
    for number in range(draw(st.integers(0, 7))):
        starts_at, ends_at = sorted((draw(instants), draw(instants)))
        subscription = a_subscription(
            id=f"S-{number}",
            kind=draw(st.sampled_from([Kind.MAIN, Kind.ADD_ON, Kind.PROLONGING])),
            starts_at=starts_at,
            ends_at=ends_at,
            limits=TariffLimits(draw(amounts), draw(amounts)),
        )
        if draw(st.booleans()):
            begins = max(ends_at, draw(instants))
            following = subscription._replace(starts_at=begins, ends_at=begins + draw(st.integers(0, 3)) * SECOND)
            subscription = subscription._replace(next=following._replace(limits=TariffLimits(draw(amounts), 1)))
        records.append(subscription)
        if draw(st.booleans()):
            terms = Terms(draw(st.integers(0, 2)), draw(st.integers(0, 2)), "P7D", 604_800)
            revoked_at = draw(st.none() | instants)
            records.append(an_extension(subscription, terms=terms, ends_at=draw(instants), revoked_at=revoked_at))
    used = draw(st.none() | st.tuples(st.integers(0, 4), st.integers(0, 4)))
    return holding(*records)._replace(usage=Usage(*used, NOW) if used else None)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(holdings=_holdings(), now=instants, plus=st.none() | instants)
def test_limits_and_their_next_change_are_those_of_a_naive_reading(
    holdings: Holdings, now: datetime, plus: datetime | None
) -> None:
    """Edges may come together, limits be unlimited, extensions add nothing."""
    more = an_extension(a_subscription(id="S-more"), ends_at=plus) if plus and plus > now else None
    assert holdings.limits(now, more) == naive_limits(holdings, now, more)


def calls_in(work: Callable[[], object]) -> int:
    """Number of calls and returns in a piece of work."""
    count = 0

    def profile(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_the_work_for_limits_grows_with_the_rows_and_not_with_their_square() -> None:
    """Each of these follows the one before without a change of any number, until the last has ended."""

    def rows(count: int) -> Holdings:
        starts = [NOW + n * SECOND for n in range(count)]
        return holding(*(a_subscription(id=str(at), starts_at=at, ends_at=at + SECOND) for at in starts))

    few, many = rows(100), rows(400)
    assert many.limits(NOW).next_change_at == NOW + 400 * SECOND
    assert calls_in(lambda: many.limits(NOW)) < 5 * calls_in(lambda: few.limits(NOW))


def test_the_list_is_active_then_future_then_finished_and_newest_first() -> None:
    """Subscriptions that began at once stand by id. No page follows one that has room for all."""
    rows = [
        a_subscription(id="finished-old", starts_at=NOW - 9 * DAY, ends_at=NOW - 8 * DAY),
        a_subscription(id="finished-new", starts_at=NOW - 2 * DAY, ends_at=NOW),
        a_subscription(id="future", starts_at=NOW + SECOND),
        a_subscription(id="active-b"),
        a_subscription(id="active-a"),
        a_subscription(id="active-new", starts_at=NOW),
    ]
    found, token = page(holding(*rows), NOW, 6, None)
    assert [s.id for s in found] == ["active-new", "active-a", "active-b", "future", "finished-new", "finished-old"]
    assert token is None


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    starts=st.lists(instants, min_size=1, max_size=8),
    reports=st.lists(st.tuples(st.integers(0, 8), instants), max_size=8),
    limit=st.integers(1, 3),
)
def test_pages_show_once_what_nobody_changes_meanwhile_though_it_begins_and_ends(
    starts: list[datetime], reports: list[tuple[int, datetime]], limit: int
) -> None:
    """One reported between two pages with another period stands in another place: it comes twice, or not at all."""
    rows = {f"S-{n}": a_subscription(id=f"S-{n}", starts_at=at, ends_at=at + 3 * SECOND) for n, at in enumerate(starts)}
    whole = [s.id for s in page(holding(*rows.values()), NOW, 100, None).subscriptions]
    changed, seen, now, token = set(), list[str](), NOW, None
    coming = iter(reports)
    for _ in range(len(rows) + len(reports) + 1):
        found, token = page(holding(*rows.values()), now, limit, token)
        seen += [s.id for s in found]
        if token is None:
            break
        now += SECOND
        if (change := next(coming, None)) and f"S-{change[0]}" in rows:
            id_, starts_at = f"S-{change[0]}", change[1]
            rows[id_] = a_subscription(id=id_, starts_at=starts_at, ends_at=starts_at + 3 * SECOND)
            changed.add(id_)
    assert [id_ for id_ in seen if id_ not in changed] == [id_ for id_ in whole if id_ not in changed]


def test_tokens_are_safe_in_a_url_and_hold_any_text() -> None:
    """Base64 with the URL alphabet, without padding."""
    token = pack(["?>~ю", 63])
    assert unpack(token) == ["?>~ю", 63]
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("token", ["", "A" * 513, "?", "bnVsbA", "é", "WyJBIl0=", "WyAiQSJd"])
def test_a_text_that_no_token_was_is_refused(token: str) -> None:
    """One spelling only: one that was padded or reworded is none of ours."""
    with pytest.raises(ValueError, match=r"wrong length|not a token|ASCII"):
        unpack(token)


def with_one(values: list[Any], place: int, value: object) -> list[Any]:
    """The values with another one at a place."""
    return [*values[:place], value, *values[place + 1 :]]


PAGE = ["A-100", 1, 0, 0, "S-1"]
WRONG_IN_A_PAGE = [(0, "A-200"), (1, -1), (1, 10**30), (1, True), (2, 3), (3, 1), (4, 7)]
HISTORY_PAGE = ["A-100", 0, "E-1"]
WRONG_IN_A_HISTORY_PAGE = [(0, "A-200"), (1, 1), (1, True), (1, -0.5), (1, "0"), (1, -(10**18)), (2, 7)]


@pytest.mark.parametrize("values", [[], PAGE[:3], *(with_one(PAGE, *wrong) for wrong in WRONG_IN_A_PAGE)])
def test_a_page_token_that_no_page_of_this_account_gave_is_refused(values: list[Any]) -> None:
    """Another account's token and a forged one are the same: not one of this account."""
    assert page(holding(), NOW, 50, pack(PAGE)) == ([], None)
    with pytest.raises(ValueError, match="not a page of this account"):
        page(holding(), NOW, 50, pack(values))


@pytest.mark.parametrize("values", [PAGE, *(with_one(HISTORY_PAGE, *wrong) for wrong in WRONG_IN_A_HISTORY_PAGE)])
def test_a_page_token_that_no_history_of_this_account_gave_is_refused(values: list[Any]) -> None:
    assert history(holding(), 50, pack(HISTORY_PAGE)) == ([], None)
    with pytest.raises(ValueError, match="not a page of this account"):
        history(holding(), 50, pack(values))


def test_an_offer_is_read_back_from_its_token() -> None:
    """It binds subscription, period, terms and the report of them; an offer of the time before ids is read too."""
    for offer in (
        OfferId("S-1", NOW, WEEK_TERMS, 1_795_341_600_000_000),
        OfferId("S-1", NOW, WEEK_TERMS, 7, "P-2026"),
        OfferId("S-1", NOW, WEEK_TERMS, 7, "P-2026", NOW),
        OfferId("S-1", NOW, WEEK_TERMS, None, "P-2026"),
    ):
        assert OfferId.from_token(offer.token) == offer
    assert OfferId("S-1", NOW, WEEK_TERMS).token == "WyJTLTEiLDE3OTUzNDE2MDAsMiw4LCJQN0QiLDYwNDgwMF0"


OFFER = ["S-1", 1, 2, 8, "P7D", 604_800]
WRONG_IDS_AND_STARTS: list[tuple[int, object]] = [(0, "S/1"), (1, -1), (1, 10**12), (1, True), (1, "1")]
WRONG_TERMS: list[tuple[int, object]] = [(2, -2), (3, 10**10), (4, "7 days"), (5, 0), (5, 10**12)]
WRONG_PERIODS: list[list[object]] = [[None], [""], ["P#1"], [7], ["P-1", "P-2"]]
WRONG_REPORTS: list[list[object]] = [[-7, None, None], [7, None, 7], [7, "P#1", None], [7, "P-1", 10**12]]


@pytest.mark.parametrize(
    "values",
    [
        [],
        OFFER[:5],
        *(with_one(OFFER, *wrong) for wrong in WRONG_IDS_AND_STARTS + WRONG_TERMS),
        *([*OFFER, *wrong] for wrong in WRONG_PERIODS + WRONG_REPORTS),
    ],
)
def test_an_offer_token_that_no_offer_gave_is_refused(values: list[Any]) -> None:
    """An offer that could never be made is not even looked up."""
    assert OfferId.from_token(pack(OFFER)).subscription_id == "S-1"
    with pytest.raises(ValueError, match="not an offer"):
        OfferId.from_token(pack(values))


def test_the_id_of_an_extension_is_that_of_its_period() -> None:
    """By the period's own id, whatever its start; another in each life of an account, the same for every owner."""
    subscription = a_subscription()
    unnamed, named = an_extension(subscription), an_extension(subscription, period_id="P-1")
    assert unnamed.id == "2b1cbb8e-0282-59f9-87f5-028a88f11cb5"
    assert unnamed.id == an_extension(subscription, NOW + SECOND, granted_by="U-2").id
    assert named.id == an_extension(subscription, period_id="P-1", period_starts_at=NOW).id
    others = ({"account_id": "A-101"}, {"period_id": "P-2"}, {"subscription_version": 1}, {"subscription_version": 2})
    assert len({unnamed.id, named.id, *(an_extension(subscription, **fields).id for fields in others)}) == 6
