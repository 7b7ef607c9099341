"""The use cases, without a table: its reads and writes answer what a test wants."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from devkit.builders import CONTACT, DAY, NOW, SECOND
from extending import accounts, grants, service
from extending.errors import Code
from extending.grants import Granted, Unmet
from extending.model import Extension, ExtensionAt, Holdings, OfferId, Refused, Role, Terms
from extending.service import Acceptance, Extended
from tests.unit.builders import WEEK_TERMS, a_subscription, an_extension, holding

SUBSCRIPTION = a_subscription()
OFFER = OfferId.of(SUBSCRIPTION)


class Table:
    """Reads and writes that answer as a test wants, and which were called."""

    def __init__(self) -> None:
        self.role: Role | None = Role.OWNER
        self.holdings: Holdings = holding(SUBSCRIPTION)
        self.unmet: list[Unmet] = []
        """The unmet conditions of each grant in turn; one beyond them is written."""
        self.called: list[str] = []
        self.granted: list[tuple[Extension, datetime]] = []

    def read_role(self, user_id: str, account_id: str) -> Role | None:
        assert (user_id, account_id) == ("U-1", "A-100")
        self.called.append("role")
        return self.role

    def read_holdings(self, account_id: str, **_: bool) -> Holdings:
        assert account_id == "A-100"
        self.called.append("holdings")
        return self.holdings

    def grant(self, _: OfferId, extension: Extension, due_at: datetime, *__: Any) -> Granted | Unmet:
        self.called.append("grant")
        if self.unmet:
            return self.unmet.pop(0)
        self.granted.append((extension, due_at))
        return Granted(extension)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(accounts, "role", table.read_role)
    monkeypatch.setattr(accounts, "holdings", table.read_holdings)
    monkeypatch.setattr(grants, "grant", table.grant)
    service.start_anew()
    return table


def extend(offer_id: OfferId = OFFER, now: datetime = NOW) -> Extended:
    accepted = Acceptance("A-100", "S-1", "U-1", offer_id, now, "request")
    return service.extend(accepted, DAY, lambda: 20)


def refusal(offer_id: OfferId = OFFER, now: datetime = NOW) -> Refused:
    with pytest.raises(Refused) as refused:
        extend(offer_id, now)
    return refused.value


def test_an_owner_and_an_administrator_may_view_all_that_the_account_has(table: Table) -> None:
    for role in (Role.OWNER, Role.ADMINISTRATOR):
        table.role = role
        assert service.view("U-1", "A-100") == (role, table.holdings)


@pytest.mark.parametrize(
    ("role", "code", "contact", "called"),
    [
        (None, Code.ACCOUNT_NOT_FOUND, None, ["role"]),
        (Role.USER, Code.VIEW_NOT_ALLOWED, CONTACT, ["role", "holdings"]),
        (Role.OPERATOR, Code.VIEW_NOT_ALLOWED, CONTACT, ["role", "holdings"]),
    ],
)
def test_who_may_not_view_learns_whom_to_turn_to_and_a_stranger_nothing(
    table: Table, role: Role | None, code: Code, contact: dict[str, str] | None, called: list[str]
) -> None:
    """For a stranger there is no such account, and nothing of it is read."""
    table.role = role
    with pytest.raises(Refused) as refused:
        service.view("U-1", "A-100")
    assert (refused.value.code, refused.value.servicing_organization) == (code, contact)
    assert table.called == called


def test_a_grant_is_one_write_and_no_read(table: Table) -> None:
    """It is due first when its owners are to be reminded."""
    seen, created = extend()
    extension = seen.extension
    assert created
    assert seen.counts
    assert (extension.granted_by, extension.granted_at, extension.ends_at) == ("U-1", NOW, NOW + 7 * DAY)
    assert table.granted == [(extension, extension.ends_at - DAY)]
    assert table.called == ["grant"]


def test_who_comes_second_gets_what_the_first_was_granted_and_sees_whether_it_counts(table: Table) -> None:
    """As long as it runs; the account is read only where the subscription is not active any more."""
    running = an_extension(SUBSCRIPTION, NOW - DAY, granted_by="U-2")
    table.unmet = [Unmet(Role.OWNER, running, counts=True), Unmet(Role.OWNER, running)]
    table.holdings = holding(a_subscription(ends_at=NOW), running)
    assert extend() == (ExtensionAt(running, NOW, counts=True), False)
    assert table.called == ["grant"]
    assert extend() == (ExtensionAt(running, NOW, counts=False), False)
    assert table.called == ["grant", "grant", "holdings"]


def test_one_that_has_ended_stays_used(table: Table) -> None:
    ended = an_extension(SUBSCRIPTION, NOW - 7 * DAY)
    table.unmet = [Unmet(Role.OWNER, ended)]
    table.holdings = holding(SUBSCRIPTION, ended)
    refused = refusal()
    assert (refused.code, refused.servicing_organization) == (Code.ALREADY_USED, CONTACT)
    assert refused.extension == ExtensionAt(ended, NOW, counts=True)


def test_an_owner_of_other_terms_is_shown_the_fresh_offer(table: Table) -> None:
    """Nothing is granted that was not shown."""
    table.unmet = [Unmet(Role.OWNER, None)]
    table.holdings = holding(a_subscription(terms=Terms(1, 1, "P1D", 86_400)))
    refused = refusal()
    assert refused.code is Code.OFFER_CHANGED
    assert refused.offer
    assert refused.offer.id.terms.sessions == 1
    assert not table.granted


def test_an_offer_whose_period_only_got_another_start_is_granted_as_it_stands_now(table: Table) -> None:
    """The same period by its id, and the same terms: there is nothing that the owner was not shown."""
    corrected = a_subscription(period_id="P-1", starts_at=NOW - 20 * DAY)
    table.unmet = [Unmet(Role.OWNER)]
    table.holdings = holding(corrected)
    offered = OfferId("S-1", NOW - 30 * DAY, WEEK_TERMS, 1, "P-1")
    seen, created = extend(offered)
    assert created
    assert seen.extension.period_starts_at == corrected.starts_at
    assert table.called == ["grant", "holdings", "grant"]


@pytest.mark.parametrize(
    ("role", "code", "reads"),
    [(None, Code.ACCOUNT_NOT_FOUND, []), (Role.ADMINISTRATOR, Code.OWNER_REQUIRED, ["holdings"])],
)
def test_who_is_no_owner_is_refused_and_the_next_minute_it_is_seen_before_the_write(
    table: Table, role: Role | None, code: Code, reads: list[str]
) -> None:
    """A flood of them must not keep the account's items in transactions; after it the write is the check again."""
    table.role = role
    for now, first in ((NOW, "grant"), (NOW + 59 * SECOND, "role"), (NOW + timedelta(minutes=3), "grant")):
        table.called.clear()
        table.unmet = [Unmet(role, None)]
        assert refusal(now=now).code is code
        assert table.called == [first, *reads]


@pytest.mark.parametrize(
    "offer_id", [OFFER._replace(subscription_id="S-2"), OFFER._replace(terms=Terms(0, 0, "P7D", 604_800))]
)
def test_an_offer_that_could_never_be_granted_comes_to_no_write(table: Table, offer_id: OfferId) -> None:
    """Of another subscription, or of nothing; the answer is what is offered now."""
    refused = refusal(offer_id)
    assert refused.code is Code.OFFER_CHANGED
    assert refused.offer
    assert refused.offer.id == OFFER
    assert table.called == ["role", "holdings"]
