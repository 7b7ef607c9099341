"""An operator's words to the client: one true sentence for each state."""

from datetime import datetime
from typing import Any

import pytest

from devkit.builders import DAY, NOW, WEEK
from extending.model import Holdings, Role, Usage
from ops.say import sentence
from tests.unit.builders import a_subscription, an_extension, holding

BASIC = a_subscription()


def said(holdings: Holdings, now: datetime = NOW) -> str:
    return sentence(holdings, Role.OWNER, now)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "000000123 (Базовый) can be extended now: 2 more sessions and 8 more databases for 7 days"),
        (
            {"terms": None},
            "or all that one would add is unlimited already; for more, turn to ООО «Учёт и Сервис», +7 495",
        ),
        ({"starts_at": NOW + DAY}, "begins 23 November 2026 at 13:00 (Europe/Moscow); from then on"),
        ({"ends_at": NOW}, "ended 22 November 2026 at 13:00 (Europe/Moscow) and can be extended again once"),
    ],
)
def test_the_client_hears_what_can_be_done_and_if_not_why(fields: dict[str, Any], words: str) -> None:
    """By the account's own clock, with whom to turn to."""
    assert words in said(holding(a_subscription(**fields)))


def test_the_client_hears_of_the_extension_and_of_use_above_the_limits_that_it_leaves() -> None:
    """Until when; and that once is all. Nothing is deleted, but nothing more can be opened."""
    held = holding(BASIC, an_extension(BASIC))._replace(usage=Usage(3, 1, NOW))
    assert "is extended until 29 November 2026 at 13:00 (Europe/Moscow)" in said(held)
    assert "From 29 November 2026 at 13:00 (Europe/Moscow) you may use 2 sessions and 1 database" in said(held)
    assert "you use 3 sessions and 1 database" in said(held)
    assert "was already extended in this period, until 29 November" in said(held, NOW + WEEK)
    assert "You may use 2 sessions and 1 database now" in said(held, NOW + WEEK)
    assert "can be extended again once it is renewed" in said(held, NOW + 40 * DAY)


@pytest.mark.parametrize(
    ("role", "words"),
    [(None, "no role in this account"), (Role.ADMINISTRATOR, "Only an owner"), (Role.USER, "Only an owner")],
)
def test_who_is_no_owner_hears_whom_to_ask_and_nothing_of_the_account(role: Role | None, words: str) -> None:
    """Neither name, nor tariff, nor who has which role."""
    found = sentence(holding(BASIC), role, NOW)
    assert words in found
    assert not any(secret in found for secret in ("Базовый", "123", "U-1"))


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC+3", "13:00 (UTC+3)"),
        ("UTC-3:30", "06:30 (UTC-3:30)"),
        ("Etc/GMT+3", "07:00 (Etc"),
        ("Nowhere/At_all", "10:00 (UTC)"),
        (None, "10:00 (UTC)"),
    ],
)
def test_a_time_is_said_by_the_accounts_clock_as_far_as_it_is_known(zone: str | None, words: str) -> None:
    """A fixed offset is a clock too, as the cabinet shows it to the same client."""
    held = holding(BASIC._replace(ends_at=NOW))
    assert f"22 November 2026 at {words}" in said(held._replace(account=held.account._replace(time_zone=zone)))


def test_an_account_without_subscriptions_has_words_too() -> None:
    assert "You have no tariff subscription that we know of" in said(holding())
