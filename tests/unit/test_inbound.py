"""The service manager's reports, as they are validated."""

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
    usage_changed,
)
from extending.inbound import (
    AHEAD,
    CHANGES,
    SOON,
    AheadOfClock,
    NotAnEvent,
    SubscriptionChanged,
    UsageChanged,
    read,
)
from extending.model import FOREVER, Role, Terms

USUAL = {
    "AccountChanged": account_changed,
    "MemberChanged": member_changed,
    "SubscriptionChanged": subscription_changed,
}
LIMITS = {"sessions": 2, "databases": 1}


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("P7D", 604_800), ("P1W", 604_800), ("PT168H", 604_800), ("PT2M", 120), ("P1DT12H", 129_600), ("PT1S", 1)],
)
def test_a_duration_keeps_its_words_and_gets_its_length(duration: str, seconds: int) -> None:
    """The owner reads what the tariff says; the end is counted in seconds."""
    event = subscription_changed(extension_terms=TERMS | {"duration": duration})
    assert SubscriptionChanged.model_validate(event).subscription.terms == Terms(2, 8, duration, seconds)


ID = "a text that matches ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ is expected"
INSTANT = "an ISO 8601 instant with its offset is expected, as 2026-11-29T10:00:00Z"
LOST = "it holds U+FFFD, which stands for characters that were lost: send JSON in UTF-8"
LENGTH = "extension_terms.duration: weeks, days, hours, minutes, seconds are expected, as P7D"


@pytest.mark.parametrize(
    ("type_", "fields", "why"),
    [
        ("AccountChanged", {"account_id": "A#1"}, f"account_id: {ID}"),
        ("AccountChanged", {"account_id": "A-1\n"}, f"account_id: {ID}"),
        ("AccountChanged", {"name": 7}, "name: a text is expected"),
        ("AccountChanged", {"name": "ю" * 257}, "name: at most 256 characters are expected"),
        ("AccountChanged", {"name": "ООО \ufffd"}, f"name: {LOST}"),
        ("AccountChanged", {"name": "\ud800"}, "name: a text of Unicode characters is expected"),
        ("AccountChanged", {"servicing_organization": "us"}, "servicing_organization: an object is expected"),
        ("AccountChanged", {"changed_at": "0001-01-01T00:00:00+03:00"}, "changed_at: an instant from 1970 to 8999 is"),
        ("MemberChanged", {"role": ""}, "role: at least 1 character is expected"),
        ("MemberChanged", {"role": "x" * 65}, "role: at most 64 characters are expected"),
        ("MemberChanged", {"name": "\ufffd"}, f"name: {LOST}"),
        ("MemberChanged", {"user_id": "U 1"}, "user_id: a text that matches ^[\\x21-\\x7e]{1,255}$ is expected"),
        ("SubscriptionChanged", {"kind": "trial"}, "kind: 'main', 'add_on' or 'prolonging' is expected"),
        ("SubscriptionChanged", {"starts_at": "2026-01-01T00:00:00"}, f"starts_at: {INSTANT}"),
        ("SubscriptionChanged", {"starts_at": "2026-02-30T00:00:00Z"}, f"starts_at: {INSTANT}"),
        ("SubscriptionChanged", {"starts_at": 1_767_225_600}, f"starts_at: {INSTANT}"),
        ("SubscriptionChanged", {"starts_at": "1969-12-31T23:59:59Z"}, "starts_at: an instant from 1970 to 8999 is"),
        ("SubscriptionChanged", {"starts_at": "9000-01-01T00:00:00Z"}, "starts_at: an instant from 1970 to 8999 is"),
        ("SubscriptionChanged", {"ends_at": "1969-12-31T23:59:59Z"}, "ends_at: an instant from 1970 on is expected"),
        ("SubscriptionChanged", {"ends_at": "2025-12-31T23:59:59Z"}, "detail: ends_at is before starts_at"),
        ("SubscriptionChanged", {"limits": LIMITS | {"sessions": -1}}, "limits.sessions: 0 or more is expected"),
        ("SubscriptionChanged", {"limits": LIMITS | {"sessions": 2**31}}, "limits.sessions: 2147483647 or less is"),
        ("SubscriptionChanged", {"limits": LIMITS | {"sessions": True}}, "limits.sessions: a whole number is expected"),
        ("SubscriptionChanged", {"limits": {"sessions": 2}}, "limits.databases: it is missing"),
        *(
            ("SubscriptionChanged", {"extension_terms": TERMS | {"duration": wrong}}, LENGTH)
            for wrong in ("P1M", "P", "PT0S", "P99999D")
        ),
    ],
)
def test_what_is_not_of_the_contract_is_refused_in_plain_words(type_: str, fields: dict[str, Any], why: str) -> None:
    """With the field and the reason, and never the value: it ends in answers, files of rejects, queues and logs."""
    with pytest.raises(NotAnEvent) as error:
        read(type_, USUAL[type_](**fields), NOW)
    assert len(error.value.fields) == 1
    assert str(error.value).startswith(why)
    (value,) = fields.values()
    assert str(value) not in str(error.value) or not value


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    """Everything is UTC inside; fractions of a second only order changes."""
    change = SubscriptionChanged.model_validate(
        subscription_changed(starts_at="2026-11-22T13:00:00.900+03:00", changed_at="2026-11-22T13:00:00.000001+03:00")
    )
    assert change.subscription.starts_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert change.changed_at == datetime(2026, 11, 22, 10, 0, 0, 1, tzinfo=UTC)


def test_fields_of_a_newer_sender_are_left_unread_and_a_subscription_may_end_when_it_begins() -> None:
    """That is how one is annulled: the empty interval is never active."""
    SubscriptionChanged.model_validate(subscription_changed(colour="green", ends_at="2026-01-01T00:00:00Z"))


def test_the_largest_number_of_a_sender_with_32_bits_is_a_limit() -> None:
    UsageChanged.model_validate(usage_changed(sessions=2**31 - 1))


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


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(event=_nearly_events() | st.tuples(st.sampled_from(sorted(USUAL)) | any_json, any_json))
@example(("SubscriptionChanged", subscription_changed(starts_at="0001-01-01T00:00:00+03:00")))
@example(("SubscriptionChanged", subscription_changed(ends_at="9999-12-31T23:59:59-12:00")))
@example(("MemberChanged", member_changed(role="\ud800", user_id="\ud800")))
@example(("AccountChanged", account_changed(name="\ud800", time_zone="\udfff")))
@example(("AccountChanged", account_changed(colour="\ud800")))
def test_whatever_json_comes_is_an_event_or_is_refused(event: tuple[Any, Any]) -> None:
    """Another exception would stop a load, and have the bus bring again what can never be read."""
    why = ""
    try:
        assert type(read(*event, NOW)) in CHANGES.values()
    except NotAnEvent as error:
        why = str(error)
    why.encode()  # It goes into logs and into the failure queue.
    assert not re.search("should|Input|Value error|required|valid", why)  # pydantic's own words


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


def reported(type_: str, **fields: Any) -> Any:
    return read(type_, USUAL[type_](**fields), NOW)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("Europe/Moscow", "Europe/Moscow"),
        ("europe/moscow", "Europe/Moscow"),
        ("Etc/GMT-3", "Etc/GMT-3"),
        ("UTC", "UTC"),
        ("GMT+3", "UTC+3"),
        ("UTC+03:00", "UTC+3"),
        ("+03:00", "UTC+3"),
        ("+0530", "UTC+5:30"),
        ("-3", "UTC-3"),
        ("+00:00", "UTC"),
    ],
)
def test_a_zone_is_stored_as_a_cabinet_can_show_it(given: str, stored: str) -> None:
    """IANA names as they are spelt there, offsets in one form."""
    change = reported("AccountChanged", time_zone=given)
    assert (change.account.time_zone, change.ignored) == (stored, {})


@pytest.mark.parametrize(
    "given", ["Moscow", "", "Factory", "UTC+1:", "../etc/passwd", "+15", "UTC+3:99", 3, ["UTC"], "\ud800"]
)
def test_a_zone_that_nobody_can_show_is_left_out_and_the_account_is_stored(given: Any) -> None:
    """It is only for display: the contact must not be lost for it."""
    change = reported("AccountChanged", time_zone=given)
    assert (change.account.time_zone, change.account.servicing_organization) == (None, CONTACT)
    assert list(change.ignored) == ["detail.time_zone"]


def test_a_role_that_is_not_ours_may_do_nothing_here() -> None:
    """One who was owner before is none any more."""
    for role in ("ext_administrator", "Owner", "boss", "x" * 64):
        assert reported("MemberChanged", role=role).known_role is Role.USER


def test_an_end_beyond_the_calendar_is_none() -> None:
    """The year 9999 is how many a system writes "for good"."""
    for ends_at in (None, "9000-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "9999-12-31T00:00:00Z"):
        assert reported("SubscriptionChanged", ends_at=ends_at).subscription.ends_at == FOREVER
