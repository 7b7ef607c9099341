"""The rules, without a database: time is an argument."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from extending.errors import Code, Refused
from extending.model import (
    Account,
    Extension,
    Holdings,
    Kind,
    Limits,
    Offer,
    State,
    Subscription,
    Terms,
    pack,
    page,
    propose,
    unpack,
)
from tests.build import CONTACT, DAY, NOW, SECOND, WEEK

WEEK_TERMS = Terms(2, 8, "P7D", 604_800)


def a_subscription(**fields: Any) -> Subscription:
    return Subscription(
        **{
            "id": "S-1",
            "number": "000000123",
            "kind": Kind.MAIN,
            "parent_id": None,
            "tariff_id": "basic",
            "tariff_name": "Базовый",
            "starts_at": NOW - 30 * DAY,
            "ends_at": NOW + 30 * DAY,
            "limits": Limits(2, 1),
            "terms": WEEK_TERMS,
        }
        | fields
    )


def an_extension(of: Subscription, granted_at: datetime = NOW, **fields: Any) -> Extension:
    usual: dict[str, Any] = {
        "account_id": "A-100",
        "subscription_id": of.id,
        "period_starts_at": of.starts_at,
        "terms": WEEK_TERMS,
        "granted_at": granted_at,
        "granted_by": "U-1",
        "ends_at": granted_at + WEEK,
    }
    return Extension(**usual | fields)


def holding(*items: Subscription | Extension) -> Holdings:
    return Holdings(
        Account("A-100", "ООО «Ромашка»", "Europe/Moscow", dict(CONTACT)),
        {item.id: item for item in items if isinstance(item, Subscription)},
        {(item.subscription_id, item.period_starts_at): item for item in items if isinstance(item, Extension)},
    )


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (NOW - SECOND, State.FUTURE),
        (NOW, State.ACTIVE),
        (NOW + DAY - SECOND, State.ACTIVE),
        (NOW + DAY, State.FINISHED),
        (NOW + DAY + SECOND, State.FINISHED),
    ],
)
def test_a_subscription_is_active_from_its_start_until_just_before_its_end(now: datetime, state: State) -> None:
    """Intervals are half-open."""
    assert a_subscription(starts_at=NOW, ends_at=NOW + DAY).state(now) is state


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": Kind.ADD_ON}, Code.NOT_MAIN),
        ({"kind": Kind.PROLONGING}, Code.NOT_MAIN),
        ({"starts_at": NOW + SECOND}, Code.NOT_ACTIVE_YET),
        ({"ends_at": NOW}, Code.FINISHED),
        ({"terms": None}, Code.TARIFF_NOT_EXTENDABLE),
        ({"kind": Kind.ADD_ON, "ends_at": NOW, "terms": None}, Code.NOT_MAIN),
        ({"ends_at": NOW, "terms": None}, Code.FINISHED),
    ],
)
def test_what_cannot_be_extended_says_why_with_the_servicing_organisation(fields: dict[str, Any], code: Code) -> None:
    """Main, active now, with terms: the first of these that fails is the reason."""
    with pytest.raises(Refused) as refused:
        propose(holding(a_subscription(**fields)), "S-1", NOW)
    assert refused.value.code is code
    assert refused.value.servicing_organization == CONTACT


def test_an_extension_of_the_period_comes_before_any_other_reason() -> None:
    """Who has used his right is told so, also when the subscription is over or its terms are gone."""
    subscription = a_subscription(ends_at=NOW, terms=None)
    extension = an_extension(subscription)
    with pytest.raises(Refused) as refused:
        propose(holding(subscription, extension), "S-1", NOW)
    assert refused.value.code is Code.ALREADY_USED
    assert refused.value.extension == (extension, NOW)


def test_a_new_start_of_the_same_subscription_is_a_new_period() -> None:
    """A period is known by its start, so a renewal on the same record gives a new right."""
    old = a_subscription()
    renewed = a_subscription(starts_at=NOW, ends_at=NOW + 365 * DAY)
    assert propose(holding(renewed, an_extension(old)), "S-1", NOW).offer.period_starts_at == NOW


def test_an_offer_shows_the_limits_before_and_after_and_the_end_to_the_second() -> None:
    """Seven days are 168 hours."""
    proposal = propose(holding(a_subscription()), "S-1", NOW)
    assert proposal.ends_at_if_accepted_now == NOW + timedelta(hours=168)
    assert [limit.total for limit in proposal.limits_before[:2]] == [2, 1]
    assert [limit.total for limit in proposal.limits_after[:2]] == [4, 9]
    assert proposal.limits_after.next_change_at == NOW + WEEK


@pytest.mark.parametrize(
    ("now", "total"), [(NOW, 4), (NOW + WEEK - SECOND, 4), (NOW + WEEK, 2), (NOW + WEEK + SECOND, 2)]
)
def test_extras_count_until_just_before_the_end_whether_or_not_revoked(now: datetime, total: int) -> None:
    """Limits are a sum over windows at every read; no job decides them."""
    subscription = a_subscription()
    assert holding(subscription, an_extension(subscription)).limits(now).sessions.total == total


def test_an_extension_alone_gives_nothing() -> None:
    """The extras count only while the account has an active main subscription."""
    subscription = a_subscription(ends_at=NOW + DAY)
    holdings = holding(subscription, an_extension(subscription), a_subscription(id="S-2", kind=Kind.ADD_ON))
    before, after = holdings.limits(NOW + DAY - SECOND), holdings.limits(NOW + DAY)
    assert (before.sessions.extra, after.sessions.extra) == (2, 0)
    assert (before.sessions.base, after.sessions.base) == (4, 2)


def test_an_extension_outlives_its_period_in_the_limits() -> None:
    """The end of an extension is not cut at the end of the period: the owner may renew."""
    old = a_subscription(ends_at=NOW + DAY)
    renewed = a_subscription(starts_at=NOW + DAY, ends_at=NOW + 365 * DAY)
    holdings = holding(renewed, an_extension(old))
    assert holdings.extension_of(renewed) is None
    assert holdings.limits(NOW + DAY).sessions.total == 4


def test_a_prolonging_subscription_adds_nothing() -> None:
    """Base limits are those of active main and add-on subscriptions."""
    holdings = holding(a_subscription(), a_subscription(id="S-2", kind=Kind.PROLONGING))
    assert holdings.limits(NOW).sessions.base == 2


def test_unlimited_stays_unlimited() -> None:
    """None is unlimited, alone and in a sum; what comes from extensions is still told."""
    subscription = a_subscription(limits=Limits(2, None))
    limits = holding(subscription, an_extension(subscription), a_subscription(id="S-2", kind=Kind.ADD_ON)).limits(NOW)
    assert limits.databases.total is None
    assert limits.databases == (None, 8)
    assert limits.sessions.total == 6


def test_two_extensions_add_up() -> None:
    """Each main subscription has its own right."""
    one, two = a_subscription(), a_subscription(id="S-2")
    assert holding(one, two, an_extension(one), an_extension(two)).limits(NOW).databases.extra == 16


def test_the_next_change_is_the_next_instant_at_which_a_number_changes() -> None:
    """A subscription that is followed at once by an equal one changes nothing."""
    first = a_subscription(ends_at=NOW + DAY)
    second = a_subscription(id="S-2", starts_at=NOW + DAY, ends_at=NOW + 3 * DAY)
    assert holding(first, second).limits(NOW).next_change_at == NOW + 3 * DAY
    assert holding(first).limits(NOW).next_change_at == NOW + DAY
    assert holding(first).limits(NOW + DAY).next_change_at is None


def test_an_extension_without_an_active_main_subscription_changes_nothing_at_its_end() -> None:
    """What adds nothing takes nothing away."""
    subscription = a_subscription(ends_at=NOW)
    assert holding(subscription, an_extension(subscription)).limits(NOW).next_change_at is None


def test_the_list_is_active_then_future_then_finished_and_newest_first() -> None:
    """Subscriptions that began at once stand by id."""
    rows = [
        a_subscription(id="finished-old", starts_at=NOW - 9 * DAY, ends_at=NOW - 8 * DAY),
        a_subscription(id="finished-new", starts_at=NOW - 2 * DAY, ends_at=NOW),
        a_subscription(id="future", starts_at=NOW + SECOND),
        a_subscription(id="active-b"),
        a_subscription(id="active-a"),
        a_subscription(id="active-new", starts_at=NOW),
    ]
    names = [s.id for s in page(holding(*rows), NOW, 50, None).subscriptions]
    assert names == ["active-new", "active-a", "active-b", "future", "finished-new", "finished-old"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_together_are_the_list_though_a_subscription_ends_meanwhile(limit: int) -> None:
    """A token keeps the instant of the first page, so nothing is skipped and nothing shown twice."""
    holdings = holding(*(a_subscription(id=f"S-{n}", ends_at=NOW + n * SECOND) for n in range(7)))
    whole = [s.id for s in page(holdings, NOW, 100, None).subscriptions]
    now, token, seen = NOW, None, []
    while True:
        found, token = page(holdings, now, limit, token)
        seen += [s.id for s in found]
        now += SECOND
        if token is None:
            break
    assert seen == whole


@pytest.mark.parametrize(
    "token",
    [
        "",
        "?",
        "WzFd",
        "A" * 513,
        "é",
        "bnVsbA",
        pack(["A-100", 1, 2]),
        pack(["A-200", 1, 0, 0, "S-1"]),
        pack(["A-100", -1, 0, 0, "S-1"]),
        pack(["A-100", 10**30, 0, 0, "S-1"]),
        pack(["A-100", 1, 3, 0, "S-1"]),
        pack(["A-100", 1, 0, 1, "S-1"]),
        pack(["A-100", 1, 0, 0, 7]),
        pack(["A-100", True, 0, 0, "S-1"]),
    ],
)
def test_a_page_token_that_no_page_of_this_account_gave_is_refused(token: str) -> None:
    """Another account's token and a forged one are the same: not one of this account."""
    with pytest.raises(ValueError, match=r"."):
        page(holding(), NOW, 50, token)


def test_an_offer_is_read_back_from_its_token() -> None:
    """The token binds subscription, period and terms."""
    offer = Offer("S-1", NOW, WEEK_TERMS)
    assert Offer.from_token(offer.token) == offer


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["S-1", 1, 2, 8, "P7D"],
        ["S/1", 1, 2, 8, "P7D", 604_800],
        ["S-1", -1, 2, 8, "P7D", 604_800],
        ["S-1", 10**12, 2, 8, "P7D", 604_800],
        ["S-1", 1, -2, 8, "P7D", 604_800],
        ["S-1", 1, 2, 10**10, "P7D", 604_800],
        ["S-1", 1, 2, 8, "7 days", 604_800],
        ["S-1", 1, 2, 8, "P7D", 0],
        ["S-1", 1, 2, 8, "P7D", 10**12],
        ["S-1", True, 2, 8, "P7D", 604_800],
        ["S-1", "1", 2, 8, "P7D", 604_800],
    ],
)
def test_an_offer_token_that_no_offer_gave_is_refused(values: list[str | int]) -> None:
    """What could never be offered is not even looked up."""
    with pytest.raises(ValueError, match="not an offer"):
        Offer.from_token(pack(values))


def test_tokens_are_safe_in_a_url_and_hold_any_text() -> None:
    """Base64 with the URL alphabet, without padding."""
    token = pack(["?>~ю", 63])
    assert unpack(token) == ["?>~ю", 63]
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_an_extension_has_one_id_whoever_names_it() -> None:
    """The id is derived from account, subscription and period: a repeat finds the same."""
    subscription = a_subscription()
    assert an_extension(subscription).id == an_extension(subscription, NOW + SECOND, granted_by="U-2").id
    assert an_extension(subscription).id != an_extension(subscription, account_id="A-101").id
