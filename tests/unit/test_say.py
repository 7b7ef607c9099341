"""What an operator may say to the client: one true sentence for each state."""

import pytest

from devkit.builders import CONTACT, DAY, NOW, WEEK
from extending.model import Account, Holdings, Kind, OfferId, Role, Subscription, TariffLimits, Terms, Usage
from ops.say import counted, sentence

TERMS = Terms(2, 8, "P7D", 604_800)
BASIC = Subscription(
    "S-1", "123", Kind.MAIN, "basic", "Базовый", NOW - 30 * DAY, NOW + 30 * DAY, TariffLimits(2, 1), TERMS
)
ACCOUNT = Account("A-100", "ООО «Ромашка»", "Europe/Moscow", dict(CONTACT))


def holdings(*subscriptions: Subscription, extended: bool = False, usage: Usage | None = None) -> Holdings:
    extensions = {}
    if extended:
        extension = OfferId.of(BASIC).accepted("A-100", "U-1", NOW)
        extensions = {("S-1", extension.period): extension}
    return Holdings(ACCOUNT, {s.id: s for s in subscriptions}, extensions, usage)


@pytest.mark.parametrize(
    ("subscription", "said"),
    [
        (
            BASIC,
            "Your subscription 123 (Базовый) can be extended now, until 29 November 2026 at 13:00 (Europe/Moscow): 2",
        ),
        (
            BASIC._replace(terms=None),
            "or all that one would add is unlimited already; for more, turn to ООО «Учёт и Сервис», +7 495",
        ),
        (BASIC._replace(starts_at=NOW + DAY), "begins 23 November 2026 at 13:00 (Europe/Moscow); from then on"),
        (BASIC._replace(ends_at=NOW), "ended 22 November 2026 at 13:00 (Europe/Moscow) and can be extended again once"),
    ],
)
def test_the_client_hears_what_can_be_done_and_if_not_why(subscription: Subscription, said: str) -> None:
    """By the account's own clock, with whom to turn to."""
    assert said in sentence(holdings(subscription), Role.OWNER, NOW)


def test_the_client_hears_of_the_extension_while_it_runs_and_afterwards() -> None:
    """Until when; and that once is all."""
    held = holdings(BASIC, extended=True)
    assert "is extended until 29 November 2026 at 13:00 (Europe/Moscow)" in sentence(held, Role.OWNER, NOW)
    assert "was already extended in this period, until 29 November" in sentence(held, Role.OWNER, NOW + WEEK)
    over = sentence(held, Role.OWNER, NOW + 40 * DAY)
    assert "can be extended again once it is renewed" in over


def test_a_client_who_is_above_the_limits_now_or_soon_hears_of_it() -> None:
    """Nothing is deleted, but nothing more can be opened."""
    held = holdings(BASIC, extended=True, usage=Usage(3, 1, NOW))
    said = sentence(held, Role.OWNER, NOW)
    assert "From 29 November 2026 at 13:00 (Europe/Moscow) you may use 2 sessions and 1 database" in said
    assert "you use 3 sessions and 1 database" in said
    assert "You may use 2 sessions and 1 database now" in sentence(held, Role.OWNER, NOW + WEEK)


@pytest.mark.parametrize(
    ("role", "said"),
    [(None, "no role in this account"), (Role.ADMINISTRATOR, "Only an owner"), (Role.USER, "Only an owner")],
)
def test_who_is_no_owner_hears_whom_to_ask_and_nothing_of_the_account(role: Role | None, said: str) -> None:
    """Neither name, nor tariff, nor who has which role."""
    answer = sentence(holdings(BASIC), role, NOW)
    assert said in answer
    assert not {"Базовый", "123", "U-1"} & set(answer.replace("(", " ").replace(")", " ").split())


def test_an_account_without_subscriptions_and_an_unknown_zone_have_a_sentence_too() -> None:
    """Whatever the service manager has reported so far."""
    assert "You have no tariff subscription that we know of" in sentence(holdings(), Role.OWNER, NOW)
    nowhere = holdings(BASIC._replace(ends_at=NOW))._replace(account=Account("A-100", time_zone="Nowhere/At_all"))
    assert "22 November 2026 at 10:00 (UTC)" in sentence(nowhere, Role.OWNER, NOW)


@pytest.mark.parametrize(
    ("zone", "said"),
    [("UTC+3", "13:00 (UTC+3)"), ("UTC-3:30", "06:30 (UTC-3:30)"), ("UTC", "10:00 (UTC)"), ("Etc/GMT+3", "07:00 (Etc")],
)
def test_a_fixed_offset_is_a_clock_too(zone: str, said: str) -> None:
    """As the cabinet shows it to the same client."""
    ended = holdings(BASIC._replace(ends_at=NOW))._replace(account=Account("A-100", time_zone=zone))
    assert f"22 November 2026 at {said}" in sentence(ended, Role.OWNER, NOW)


def test_what_is_unlimited_is_said_so() -> None:
    """And one of a thing is not many."""
    assert counted(1, None) == "1 session and any number of databases"
