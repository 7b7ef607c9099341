"""GET /accounts/{account_id}/limits: what an application server enforces, and how long it may believe it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from devkit.builders import NOW, SECOND, WEEK, iso, left, limit, member_changed, usage_changed
from devkit.service import Service

MILLISECOND = timedelta(milliseconds=1)


def max_age(service: Service) -> str:
    return service.limits().headers["Cache-Control"]


def test_the_limits_are_those_of_the_list(service: Service, round_trips: Callable[[], list[str]]) -> None:
    """For a machine that is a member of no account, in one strongly consistent round trip."""
    service.extend()
    service.tell("UsageChanged", usage_changed(sessions=3, databases=5, changed_at="2026-11-22T09:00:00.5Z"))
    round_trips()
    answer = service.limits()
    assert round_trips() == ["Query"]
    assert answer.status == 200
    assert answer.json == {
        "account_id": "A-100",
        "limits": {
            "sessions": limit(2, 2, 3),
            "databases": limit(1, 8, 5),
            "used_at": "2026-11-22T09:00:00Z",
            "next_change_at": "2026-11-29T10:00:00Z",
            "after_change": left(2, 1, (3, 5)),
        },
        "as_of": iso(NOW),
    }
    assert answer.json["limits"]["after_change"]["databases"] == {"total": 1, "over": 4}
    assert answer.json["limits"] == service.list().json["limits"]


def test_what_is_unlimited_is_never_over_and_what_is_unknown_is_null(service: Service) -> None:
    service.subscription(limits={"sessions": None, "databases": 1}, changed_at=iso(NOW))
    assert service.limits().json["limits"]["sessions"] == limit(None, 0)
    service.tell("UsageChanged", usage_changed(sessions=7, databases=2))
    assert service.limits().json["limits"]["sessions"] == limit(None, 0, 7) | {"over": 0}
    assert service.limits().json["limits"]["databases"]["over"] == 1


def test_who_has_the_limits_gets_no_body(service: Service) -> None:
    """The tag is of the limits, not of the instant; any of several may match, and so does an asterisk."""
    tag = service.limits().headers["ETag"]
    later = service.at(NOW + 10 * SECOND)
    assert later.limits().headers["ETag"] == tag
    for known in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        answer = later.limits(known=known)
        assert answer.status == 304
        assert answer.json is None
        assert answer.headers["ETag"] == tag
        assert answer.headers["Cache-Control"] == "private, max-age=30"
    service.tell("UsageChanged", usage_changed())
    for known in (tag, '"other"', "nonsense"):
        assert later.limits(known=known).status == 200


@pytest.mark.parametrize(
    ("before_the_end", "seconds"),
    [(WEEK, 30), (31 * SECOND, 30), (30 * SECOND, 30), (29 * SECOND, 29), (SECOND, 1), (999 * MILLISECOND, 0)],
)
def test_an_answer_is_never_believed_past_the_next_change(
    service: Service, before_the_end: timedelta, seconds: int
) -> None:
    """Down to the second; of a second that has begun nothing is left."""
    service.extend()
    assert max_age(service.at(NOW + WEEK - before_the_end)) == f"private, max-age={seconds}"
    assert service.limits().json["limits"]["databases"]["total"] == 9


def test_at_the_end_the_limits_are_those_after_it(service: Service) -> None:
    service.extend()
    before = service.at(NOW + WEEK - SECOND).limits()
    for late in (0 * SECOND, SECOND):
        answer = service.at(NOW + WEEK + late).limits(known=before.headers["ETag"])
        assert answer.status == 200
        assert answer.json["limits"]["sessions"]["total"] == 2


@pytest.mark.parametrize("account", ["A-9", "A-10", "A-1000"])
def test_an_account_that_was_never_told_of_is_not_found(service: Service, account: str) -> None:
    """Members alone make none, nor does its usage."""
    service.tell("MemberChanged", member_changed(account_id=account))
    service.tell("UsageChanged", usage_changed(account_id=account))
    answer = service.limits(account)
    assert (answer.status, answer.code) == (404, "account_not_found")


def test_an_account_of_a_subscription_alone_has_limits(service: Service) -> None:
    service.subscription(account_id="A-9")
    assert service.limits("A-9").json["limits"]["sessions"]["total"] == 2


def test_an_id_is_looked_at_before_any_key_is_built(service: Service) -> None:
    assert service.limits("A 100").code == "invalid_id"


def test_without_a_verified_token_nothing_is_told(service: Service) -> None:
    assert service.limits(use="id").code == "unauthorized"
