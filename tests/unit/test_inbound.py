"""What the service manager tells, as it is validated."""

from datetime import UTC, datetime
from typing import Any

import pytest

from extending.inbound import NotAnEvent, SubscriptionChanged, read
from tests.build import account_changed, member_changed, subscription_changed

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
    ("type_", "fields"),
    [
        ("AccountChanged", {"account_id": "A#1"}),
        ("AccountChanged", {"account_id": "A" * 65}),
        ("AccountChanged", {"account_id": "A-1\n"}),
        ("AccountChanged", {"name": 7}),
        ("AccountChanged", {"name": "ю" * 257}),
        ("AccountChanged", {"time_zone": "Moscow; DROP"}),
        ("AccountChanged", {"changed_at": None}),
        ("MemberChanged", {"role": "superuser"}),
        ("MemberChanged", {"user_id": "U 1"}),
        ("MemberChanged", {"user_id": ""}),
        ("SubscriptionChanged", {"kind": "trial"}),
        ("SubscriptionChanged", {"starts_at": "2026-01-01T00:00:00"}),
        ("SubscriptionChanged", {"starts_at": "2026-01-01"}),
        ("SubscriptionChanged", {"starts_at": 1_767_225_600}),
        ("SubscriptionChanged", {"starts_at": "1767225600"}),
        ("SubscriptionChanged", {"starts_at": "1969-12-31T23:59:59Z"}),
        ("SubscriptionChanged", {"ends_at": "9500-01-01T00:00:00Z"}),
        ("SubscriptionChanged", {"ends_at": "2025-12-31T23:59:59Z"}),
        ("SubscriptionChanged", {"limits": {"sessions": -1, "databases": 1}}),
        ("SubscriptionChanged", {"limits": {"sessions": "2", "databases": 1}}),
        ("SubscriptionChanged", {"limits": {"sessions": True, "databases": 1}}),
        ("SubscriptionChanged", {"limits": {"sessions": 2}}),
        ("SubscriptionChanged", {"extension_terms": {"sessions": 2, "databases": 8, "duration": "P1M"}}),
        ("SubscriptionChanged", {"extension_terms": {"sessions": 2, "databases": 8, "duration": "P"}}),
        ("SubscriptionChanged", {"extension_terms": {"sessions": 2, "databases": 8, "duration": "PT0S"}}),
        ("SubscriptionChanged", {"extension_terms": {"sessions": 2, "databases": 8, "duration": "P99999D"}}),
    ],
)
def test_an_event_that_is_not_of_the_contract_is_refused(type_: str, fields: dict[str, Any]) -> None:
    """It says which field and why, and never the value: errors end in logs."""
    (field,) = fields
    with pytest.raises(NotAnEvent, match=rf"{field}|ends_at|Value error") as error:
        read(type_, USUAL[type_](**fields))
    assert str(fields[field]) not in str(error.value) or not fields[field]


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
