"""GET …/extension-offer"""

from datetime import datetime

import pytest

from devkit.builders import CONTACT, NOW, TERMS, WEEK, iso, left, limit
from devkit.service import Service


def test_an_offer_says_what_is_added_until_when_and_whom_to_ask_for_more(service: Service) -> None:
    """The whole answer, field by field."""
    answer = service.offer()
    offer_id = answer.json.pop("offer_id")
    assert isinstance(offer_id, str)
    assert answer.status == 200
    assert answer.json == {
        "subscription_id": "S-1",
        "terms": TERMS,
        "ends_at_if_accepted_now": "2026-11-29T10:00:00Z",
        "limits_before": {
            "sessions": limit(2, 0),
            "databases": limit(1, 0),
            "used_at": None,
            "next_change_at": "2036-01-01T00:00:00Z",
            "after_change": left(0, 0),
        },
        "limits_after": {
            "sessions": limit(2, 2),
            "databases": limit(1, 8),
            "used_at": None,
            "next_change_at": "2026-11-29T10:00:00Z",
            "after_change": left(2, 1),
        },
        "servicing_organization": CONTACT,
    }


def test_a_refused_offer_has_the_reason_and_the_contact(service: Service) -> None:
    """409 with the next step."""
    service.subscription(subscription_id="S-2", ends_at=iso(NOW))
    answer = service.offer(subscription="S-2")
    assert (answer.status, answer.code) == (409, "finished")
    assert answer.json["servicing_organization"] == CONTACT
    assert set(answer.json) == {"type", "title", "status", "detail", "code", "servicing_organization"}
    unknown = service.offer(subscription="S-9")
    assert (unknown.status, unknown.code) == (404, "subscription_not_found")


@pytest.mark.parametrize(("now", "state"), [(NOW, "active"), (NOW + WEEK, "used")])
def test_an_extended_subscription_offers_nothing_and_shows_its_extension(
    service: Service, now: datetime, state: str
) -> None:
    granted = service.extend().json["extension"]
    answer = service.at(now).offer()
    assert (answer.status, answer.code) == (409, "already_used")
    if state == "used":
        del granted["counts"]
    assert answer.json["extension"] == granted | {"state": state}
