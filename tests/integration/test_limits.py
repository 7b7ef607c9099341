"""GET /accounts/{account_id}/limits: what an application server enforces, and how long it may believe it."""

from datetime import timedelta

import pytest

from devkit.builders import NOW, SECOND, WEEK, iso, left, limit, usage_changed
from devkit.service import Service

MILLISECOND = timedelta(milliseconds=1)


def test_the_limits_are_those_of_the_list(service: Service) -> None:
    """For a machine that is a member of no account."""
    service.extend()
    service.report("UsageChanged", usage_changed(sessions=3, databases=5, changed_at="2026-11-22T09:00:00.5Z"))
    answer = service.limits()
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


def test_a_machine_that_has_the_limits_gets_no_body(service: Service) -> None:
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
    service.report("UsageChanged", usage_changed())
    for known in (tag, '"other"', "nonsense"):
        assert later.limits(known=known).status == 200


@pytest.mark.parametrize(
    ("before_the_end", "seconds"),
    [(WEEK, 30), (30 * SECOND, 30), (29 * SECOND, 29), (SECOND, 1), (999 * MILLISECOND, 0)],
)
def test_an_answer_is_never_believed_past_the_next_change(
    service: Service, before_the_end: timedelta, seconds: int
) -> None:
    """Down to the second; of a second that has begun nothing is left."""
    service.extend()
    before = service.at(NOW + WEEK - before_the_end).limits()
    assert before.headers["Cache-Control"] == f"private, max-age={seconds}"
    assert before.json["limits"]["databases"]["total"] == 9
    after = service.at(NOW + WEEK).limits(known=before.headers["ETag"])
    assert (after.status, after.json["limits"]["databases"]["total"]) == (200, 1)
