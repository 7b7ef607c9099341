"""The event bus: the only module that knows the names of events out and how to put them."""

import json
from collections.abc import Sequence
from typing import Annotated, NamedTuple, NotRequired, TypedDict
from uuid import UUID, uuid5

from extending.answers import Field, Instant, LimitsLeft, Terms, instant, instant_or_none, limits_left, terms
from extending.model import SOURCE, Allowance, Extension, ExtensionEvent
from extending.runtime import EVENT_BUS_NAME, client

MOST_ENTRIES = 10
"""The most entries of one PutEvents; ten of our events are far below its 256 KB."""

_events = client("events")


class Detail(TypedDict):
    """Detail of each event out; instants are UTC, `event_id` is the same in every repeat."""

    event_id: str
    account_id: str
    subscription_id: str
    extension_id: str
    period_starts_at: Instant
    terms: Terms
    granted_at: Instant
    granted_by: str
    ends_at: Instant
    revoked_at: Instant | None
    revoked_by: Annotated[str | None, Field("`sub` of the machine that ended it early; null: nobody, or the schedule.")]


class EndsSoonDetail(Detail):
    """A reminder, and the limits after the end; without them where the account could not be read."""

    after_end: NotRequired[Annotated[LimitsLeft, Field("The limits from `ends_at` on, held against the usage of now.")]]


class Announcement(NamedTuple):
    """One event out; `correlation_id` is that of the request that granted the extension."""

    event: ExtensionEvent
    extension: Extension
    correlation_id: str
    after_end: Allowance | None = None
    """Of a reminder: the limits after the end."""

    @property
    def detail(self) -> Detail | EndsSoonDetail:
        detail = self._detail
        return {**detail, "after_end": limits_left(self.after_end)} if self.after_end else detail

    @property
    def _detail(self) -> Detail:
        extension = self.extension
        return {
            "event_id": str(uuid5(UUID(extension.id), self.event)),
            "account_id": extension.account_id,
            "subscription_id": extension.subscription_id,
            "extension_id": extension.id,
            "period_starts_at": instant(extension.period_starts_at),
            "terms": terms(extension.terms),
            "granted_at": instant(extension.granted_at),
            "granted_by": extension.granted_by,
            "ends_at": instant(extension.ends_at),
            "revoked_at": instant_or_none(extension.revoked_at),
            "revoked_by": extension.revoked_by,
        }


def put(announcements: Sequence[Announcement]) -> list[str | None]:
    """Put up to ten events on the bus; for each, None or the error code with which the bus did not take it."""
    answer = _events.put_events(
        Entries=[
            {
                "EventBusName": EVENT_BUS_NAME,
                "Source": SOURCE,
                "DetailType": announcement.event,
                "Detail": json.dumps(announcement.detail),
                "Resources": [f"correlation-id:{announcement.correlation_id}"],
            }
            for announcement in announcements
        ]
    )
    return [entry.get("ErrorCode") for entry in answer["Entries"]]
