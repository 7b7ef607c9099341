"""Two reports of one subscription, in either order: what is stored then, by the clock."""

from typing import Any

import pytest

from devkit.builders import DAY, NOW, SECOND
from extending.changes import Outcome, merge
from extending.items import Reports
from extending.model import FirstNamed, Subscription
from tests.unit.builders import a_subscription

RUNNING = a_subscription(starts_at=NOW - DAY, ends_at=NOW + DAY, version=10)
AHEAD = a_subscription(starts_at=NOW + DAY, ends_at=NOW + 9 * DAY, version=20)
BOTH = Reports(20, AHEAD, RUNNING, 10)


def report(subscription: Subscription, version: int, **fields: Any) -> Reports:
    return Reports(version, subscription._replace(version=version, **fields))


def removal(version: int) -> Reports:
    return Reports(version, None, delete_at=NOW)


def stored(*reports: Reports) -> Reports:
    """The first report, with the others merged in."""
    both = reports[0]
    for new in reports[1:]:
        _, merged = merge(both, new, NOW)
        assert merged
        both = merged
    return both


@pytest.mark.parametrize(
    ("new", "outcome", "running", "running_version"),
    [
        (report(AHEAD, 20), Outcome.REPEATED, RUNNING, 10),
        (report(AHEAD, 20, ends_at=NOW + 8 * DAY), Outcome.TIE_WON, RUNNING, 10),
        (report(AHEAD, 20, ends_at=NOW + 10 * DAY), Outcome.TIE_LOST, RUNNING, 10),
        (report(AHEAD, 19), Outcome.OLDER, RUNNING, 10),
        (report(AHEAD, 21), Outcome.STORED, RUNNING, 10),
        (report(RUNNING, 10), Outcome.REPEATED, RUNNING, 10),
        (report(RUNNING, 10, ends_at=NOW + SECOND), Outcome.TIE_WON, RUNNING._replace(ends_at=NOW + SECOND), 10),
        (report(RUNNING, 10, terms=None), Outcome.TIE_WON, RUNNING._replace(terms=None), 10),
        (report(RUNNING, 10, ends_at=NOW + 3 * DAY), Outcome.TIE_LOST, RUNNING, 10),
        (report(RUNNING, 9), Outcome.OLDER, RUNNING, 10),
        (report(RUNNING, 11), Outcome.STORED, RUNNING._replace(version=11), 11),
        (report(RUNNING, 20), Outcome.STORED, RUNNING._replace(version=20), 20),
        (report(RUNNING, 11, ends_at=NOW), Outcome.STORED, None, 11),
        (removal(11), Outcome.STORED, None, 11),
        (removal(10), Outcome.TIE_WON, None, 10),
        (removal(9), Outcome.OLDER, RUNNING, 10),
    ],
)
def test_beside_a_period_ahead_the_newest_report_that_has_begun_is_kept(
    new: Reports, outcome: Outcome, running: Subscription | None, running_version: int
) -> None:
    """Of one instant the safer one; what is over, or removed, leaves its version to keep older ones out."""
    found, merged = merge(BOTH, new, NOW)
    merged = merged or BOTH
    assert (found, merged.running, merged.running_version) == (outcome, running, running_version)
    assert merged.newest
    assert merged.newest.starts_at == AHEAD.starts_at


@pytest.mark.parametrize(
    ("new", "outcome"),
    [(report(RUNNING, 21), Outcome.STORED), (removal(21), Outcome.STORED), (removal(20), Outcome.TIE_WON)],
)
def test_what_is_newer_and_not_ahead_replaces_both(new: Reports, outcome: Outcome) -> None:
    """A removal is the last of its instant."""
    found, merged = merge(BOTH, new, NOW)
    assert found is outcome
    assert merged
    assert (merged.newest, merged.running, merged.running_version) == (new.newest, None, None)


def test_a_removal_stays_until_something_newer_comes() -> None:
    """Of its own instant nothing does."""
    assert merge(removal(20), report(RUNNING, 20), NOW) == (Outcome.TIE_LOST, None)
    assert merge(removal(20), report(RUNNING, 19), NOW) == (Outcome.OLDER, None)
    assert merge(removal(20), removal(20), NOW) == (Outcome.REPEATED, None)
    both = stored(removal(20), report(AHEAD, 21))
    assert (both.newest, both.running, both.running_version) == (AHEAD._replace(version=21), None, 20)
    assert merge(both, report(RUNNING, 20), NOW) == (Outcome.OLDER, None)


def test_a_period_that_is_over_does_not_come_back_beside_the_next() -> None:
    """It is known by its version, and no other report of that instant comes in its place."""
    both = stored(report(RUNNING, 10, ends_at=NOW), report(AHEAD, 20))
    assert (both.running, both.running_version) == (None, 10)
    assert merge(both, report(RUNNING, 10), NOW) == (Outcome.OLDER, None)


def test_the_first_id_is_that_of_a_period_that_has_begun() -> None:
    """One ahead waits: the period that runs until then may still get its own."""
    ahead = stored(report(RUNNING, 10), report(AHEAD, 20, period_id="2027"))
    assert ahead.first_named is None
    named = stored(ahead, report(RUNNING, 21, period_id="2026"))
    assert named.first_named == FirstNamed("2026", RUNNING.starts_at, 21)
    _, later = merge(ahead, report(AHEAD, 22, period_id="2028"), NOW + DAY)
    assert later
    assert later.first_named == FirstNamed("2027", AHEAD.starts_at, 20)
