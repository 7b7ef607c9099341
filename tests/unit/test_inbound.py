"""What the service manager tells, as it is validated."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from devkit.builders import (
    CONTACT,
    NOW,
    SECOND,
    TERMS,
    account_changed,
    iso,
    member_changed,
    subscription_changed,
)
from extending.inbound import (
    AHEAD,
    CHANGES,
    SOON,
    AccountChanged,
    AheadOfClock,
    MemberChanged,
    NotAnEvent,
    SubscriptionChanged,
    read,
)
from extending.model import FOREVER, Role

USUAL = {
    "AccountChanged": account_changed,
    "MemberChanged": member_changed,
    "SubscriptionChanged": subscription_changed,
}


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("P7D", 604_800), ("P1W", 604_800), ("PT168H", 604_800), ("PT2M", 120), ("P1DT12H", 129_600), ("PT1S", 1)],
)
def test_a_duration_keeps_its_words_and_gets_its_length(duration: str, seconds: int) -> None:
    """The owner reads what the tariff says; the end is counted in seconds."""
    told = SubscriptionChanged.model_validate(
        subscription_changed(extension_terms={"sessions": 2, "databases": 8, "duration": duration})
    )
    terms = told.subscription.terms
    assert terms
    assert (terms.duration, terms.seconds) == (duration, seconds)


@pytest.mark.parametrize(
    ("type_", "fields", "path"),
    [
        ("AccountChanged", {"account_id": "A#1"}, "detail.account_id"),
        ("AccountChanged", {"account_id": "A" * 65}, "detail.account_id"),
        ("AccountChanged", {"account_id": "A-1\n"}, "detail.account_id"),
        ("AccountChanged", {"name": 7}, "detail.name"),
        ("AccountChanged", {"name": "ю" * 257}, "detail.name"),
        ("AccountChanged", {"name": "ООО \ufffd"}, "detail.name"),
        ("AccountChanged", {"changed_at": None}, "detail.changed_at"),
        ("MemberChanged", {"role": ""}, "detail.role"),
        ("MemberChanged", {"role": "x" * 65}, "detail.role"),
        ("MemberChanged", {"name": "\ufffd"}, "detail.name"),
        ("MemberChanged", {"user_id": "U 1"}, "detail.user_id"),
        ("MemberChanged", {"user_id": ""}, "detail.user_id"),
        ("SubscriptionChanged", {"kind": "trial"}, "detail.kind"),
        ("SubscriptionChanged", {"starts_at": "2026-01-01T00:00:00"}, "detail.starts_at"),
        ("SubscriptionChanged", {"starts_at": "2026-01-01"}, "detail.starts_at"),
        ("SubscriptionChanged", {"starts_at": 1_767_225_600}, "detail.starts_at"),
        ("SubscriptionChanged", {"starts_at": "1767225600"}, "detail.starts_at"),
        ("SubscriptionChanged", {"starts_at": "1969-12-31T23:59:59Z"}, "detail.starts_at"),
        ("SubscriptionChanged", {"starts_at": "0001-01-01T00:00:00+03:00"}, "detail.starts_at"),
        ("SubscriptionChanged", {"starts_at": "9000-01-01T00:00:00Z"}, "detail.starts_at"),
        ("AccountChanged", {"changed_at": "0001-01-01T00:00:00+03:00"}, "detail.changed_at"),
        ("SubscriptionChanged", {"ends_at": "0001-01-01T00:00:00+03:00"}, "detail.ends_at"),
        ("SubscriptionChanged", {"ends_at": "2025-12-31T23:59:59Z"}, "detail"),
        ("SubscriptionChanged", {"limits": {"sessions": -1, "databases": 1}}, "detail.limits.sessions"),
        ("SubscriptionChanged", {"limits": {"sessions": "2", "databases": 1}}, "detail.limits.sessions"),
        ("SubscriptionChanged", {"limits": {"sessions": True, "databases": 1}}, "detail.limits.sessions"),
        ("SubscriptionChanged", {"limits": {"sessions": 2}}, "detail.limits.databases"),
        ("SubscriptionChanged", {"extension_terms": TERMS | {"duration": "P1M"}}, "detail.extension_terms.duration"),
        ("SubscriptionChanged", {"extension_terms": TERMS | {"duration": "P"}}, "detail.extension_terms.duration"),
        ("SubscriptionChanged", {"extension_terms": TERMS | {"duration": "PT0S"}}, "detail.extension_terms.duration"),
        (
            "SubscriptionChanged",
            {"extension_terms": TERMS | {"duration": "P99999D"}},
            "detail.extension_terms.duration",
        ),
    ],
)
def test_an_event_that_is_not_of_the_contract_is_refused(type_: str, fields: dict[str, Any], path: str) -> None:
    """It says which field and why, and never the value: errors end in logs."""
    with pytest.raises(NotAnEvent) as error:
        read(type_, USUAL[type_](**fields), NOW)
    assert list(error.value.fields) == [path]
    (value,) = fields.values()
    assert str(value) not in str(error.value) or not value


@pytest.mark.parametrize(
    ("type_", "fields", "why"),
    [
        ("AccountChanged", {"account_id": "A#1"}, "account_id: a text that matches ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
        ("AccountChanged", {"name": 7}, "name: a text is expected"),
        ("AccountChanged", {"name": "ю" * 257}, "name: at most 256 characters are expected"),
        ("AccountChanged", {"name": "\ud800"}, "name: a text of Unicode characters is expected"),
        ("AccountChanged", {"servicing_organization": "us"}, "servicing_organization: an object is expected"),
        ("AccountChanged", {"changed_at": None}, "changed_at: an ISO 8601 instant with its offset is expected"),
        ("MemberChanged", {"role": ""}, "role: at least 1 character is expected"),
        ("AccountChanged", {"name": "\ufffd"}, "name: it holds U+FFFD, which stands for characters that were lost"),
        ("SubscriptionChanged", {"starts_at": "2026-01-01T00:00:00"}, "starts_at: an ISO 8601 instant with its"),
        ("SubscriptionChanged", {"starts_at": "2026-02-30T00:00:00Z"}, "starts_at: an ISO 8601 instant with its"),
        ("SubscriptionChanged", {"starts_at": "1969-12-31T23:59:59Z"}, "starts_at: an instant from 1970 to 8999"),
        ("SubscriptionChanged", {"ends_at": "2025-12-31T23:59:59Z"}, "detail: ends_at is before starts_at"),
        ("SubscriptionChanged", {"limits": {"sessions": -1, "databases": 1}}, "limits.sessions: 0 or more is expected"),
        (
            "SubscriptionChanged",
            {"limits": {"sessions": 10**10, "databases": 1}},
            "limits.sessions: 1000000000 or",
        ),
        ("SubscriptionChanged", {"limits": {"sessions": "two", "databases": 1}}, "limits.sessions: a whole number is"),
        ("SubscriptionChanged", {"limits": {"sessions": 2}}, "limits.databases: it is missing"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(type_: str, fields: dict[str, Any], why: str) -> None:
    """They go to whoever writes the service manager, through the API, the reject file and the failure queue."""
    with pytest.raises(NotAnEvent) as error:
        read(type_, USUAL[type_](**fields), NOW)
    assert str(error.value).startswith(why)


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    """Everything is UTC inside; fractions of a second only order changes."""
    told = SubscriptionChanged.model_validate(
        subscription_changed(starts_at="2026-11-22T13:00:00.900+03:00", changed_at="2026-11-22T13:00:00.000001+03:00")
    )
    assert told.subscription.starts_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert told.changed_at == datetime(2026, 11, 22, 10, 0, 0, 1, tzinfo=UTC)


def test_what_is_new_in_an_event_is_left_unread() -> None:
    """The service manager may tell more some day; that is no reason to lose what is known."""
    SubscriptionChanged.model_validate(subscription_changed(colour="green"))


def test_a_subscription_may_end_when_it_begins() -> None:
    """That is how one is annulled: the empty interval is never active."""
    SubscriptionChanged.model_validate(subscription_changed(ends_at="2026-01-01T00:00:00Z"))


texts = st.text(st.characters(exclude_categories=()))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
offsets = st.sampled_from(["Z", "+03:00", "-12:00", "+14:00", "+23:59", "-23:59", "+99:99", ""])
dates = st.sampled_from(
    ["0001-01-01", "9999-12-31", "0000-00-00", "1970-01-01", "8999-12-31", "2026-11-22", "2024-02-30"]
)
hours = st.sampled_from(["00:00:00", "23:59:59.999999999", "24:00:00", "23:59:60"])
instants = st.builds("{}T{}{}".format, dates, hours, offsets) | texts
durations = st.from_regex(r"\AP\d{0,6}W?(\d{1,6}D)?(T(\d{1,7}H)?(\d{1,9}M)?(\d{1,10}S)?)?\Z") | texts


@st.composite
def _nearly_events(draw: st.DrawFn) -> tuple[str, Any]:
    """An event of the contract with some of its fields, at whatever depth, replaced by anything."""
    type_ = draw(st.sampled_from(sorted(USUAL)))
    detail = USUAL[type_]()
    for name in draw(st.lists(st.sampled_from(sorted(detail)), max_size=3, unique=True)):
        value: Any = draw(instants if name.endswith("_at") else any_json)
        if isinstance(detail[name], dict) and draw(st.booleans()):
            inner = draw(st.sampled_from(sorted(detail[name])))
            value = detail[name] | {inner: draw(durations if inner == "duration" else any_json)}
        detail[name] = value
    return type_, detail


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(event=_nearly_events() | st.tuples(st.sampled_from(sorted(USUAL)) | any_json, any_json))
@example(("SubscriptionChanged", subscription_changed(starts_at="0001-01-01T00:00:00+03:00")))
@example(("SubscriptionChanged", subscription_changed(ends_at="9999-12-31T23:59:59-12:00")))
@example(("MemberChanged", member_changed(role="\ud800", user_id="\ud800")))
@example(("AccountChanged", account_changed(name="\ud800", time_zone="\udfff")))
@example(("AccountChanged", account_changed(colour="\ud800")))
def test_whatever_json_comes_is_an_event_or_is_told_not_to_be_one(event: tuple[Any, Any]) -> None:
    """What else left it would stop a load, and have the bus bring again what can never be read."""
    said = ""
    try:
        assert type(read(*event, NOW)) in CHANGES.values()
    except NotAnEvent as error:
        said = str(error)
    said.encode()  # It goes into logs and into the failure queue.
    assert not re.search("should|Input|Value error|required|valid", said)  # pydantic's own words


@pytest.mark.parametrize("type_", sorted(USUAL))
def test_a_change_from_the_future_waits_for_the_clock_or_is_refused(type_: str) -> None:
    """It would keep out every later one, silently; five minutes are left to clocks that differ."""

    def at(ahead: timedelta) -> str:
        try:
            read(type_, USUAL[type_](changed_at=iso(NOW + ahead)), NOW)
        except (AheadOfClock, NotAnEvent) as error:
            return str(error)
        return "read"

    assert at(AHEAD) == "read"
    assert at(AHEAD + SECOND) == at(SOON) == "changed_at is more than five minutes ahead of the clock"
    assert at(SOON + SECOND) == "changed_at: more than an hour ahead of the clock"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("Europe/Moscow", "Europe/Moscow"),
        ("europe/moscow", "Europe/Moscow"),
        ("Etc/GMT-3", "Etc/GMT-3"),
        ("UTC", "UTC"),
        ("GMT+3", "UTC+3"),
        ("GMT+03:00", "UTC+3"),
        ("UTC+03:00", "UTC+3"),
        ("+03:00", "UTC+3"),
        ("+0530", "UTC+5:30"),
        ("-3", "UTC-3"),
        ("+00:00", "UTC"),
        ("+14:00", "UTC+14"),
    ],
)
def test_a_zone_is_stored_as_a_cabinet_can_show_it(given: str, stored: str) -> None:
    """IANA names as they are spelt there, offsets in one form."""
    change = read("AccountChanged", account_changed(time_zone=given), NOW)
    assert isinstance(change, AccountChanged)
    assert (change.account.time_zone, change.ignored) == (stored, {})


@pytest.mark.parametrize(
    "given", ["Moscow", "", "Factory", "UTC+1:", "../etc/passwd", "+15", "UTC+3:99", 3, ["UTC"], "\ud800"]
)
def test_a_zone_that_nobody_can_show_is_left_out_and_the_account_is_taken(given: Any) -> None:
    """It is only for display: the contact must not be lost for it."""
    change = read("AccountChanged", account_changed(time_zone=given), NOW)
    assert isinstance(change, AccountChanged)
    assert change.account.time_zone is None
    assert change.account.servicing_organization == CONTACT
    assert list(change.ignored) == ["detail.time_zone"]


@pytest.mark.parametrize("role", ["ext_administrator", "Owner", "boss", "x" * 64])
def test_a_role_that_is_not_ours_may_do_nothing_here(role: str) -> None:
    """Whoever was owner before is none any more."""
    change = read("MemberChanged", member_changed(role=role), NOW)
    assert isinstance(change, MemberChanged)
    assert change.known_role is Role.USER


@pytest.mark.parametrize("ends_at", [None, "9000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "9999-12-31T00:00:00Z"])
def test_an_end_beyond_the_calendar_is_none(ends_at: str | None) -> None:
    """The year 9999 is how many a system writes "for good"."""
    change = read("SubscriptionChanged", subscription_changed(ends_at=ends_at), NOW)
    assert isinstance(change, SubscriptionChanged)
    assert change.subscription.ends_at == FOREVER
