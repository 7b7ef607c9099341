"""A story that the real functions play: every answer that the API has, as an example of its description."""

# ruff: noqa: E402 - functions read their environment when they are imported

import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from unittest.mock import patch

import boto3
import time_machine
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from devkit import nowhere

nowhere.enter()

# isort: split
from devkit.builders import NOW, SECOND, TERMS, WEEK, iso, usage_changed
from devkit.service import Answer, Service
from devkit.template import table_definition
from extending import api
from extending.model import OfferId, Terms, from_epoch

BUSY = ReadTimeoutError(endpoint_url="https://dynamodb.eu-central-1.amazonaws.com/")
database = partial(patch.object, BaseClient, "_make_api_call")
"""A database that meets every call with a `side_effect`."""

Answers = list[tuple[str, Answer]]
"""Answers in the order in which they are shown, each with a summary."""

USAGE = usage_changed(account_id="A-700")
"""A change that a service manager reports."""


class Story:
    """The answers of every function by its name."""

    def __init__(self, answers: dict[str, Answers]) -> None:
        self.answers = answers

    def example(self, name: str, status: int, code: str | None = None) -> Answer:
        """The first answer of a function with a status and, of a problem, its code; raises LookupError."""
        for _, answer in self.answers[name]:
            if (answer.status, answer.code) == (status, code):
                return answer
        raise LookupError(f"generate/story.py has no answer {status} {code or ''} of the function {name}")


def play() -> Story:
    """Play a run through every answer of every function."""
    quiet = redirect_stdout(StringIO())  # Lambda makes metrics of what is printed.
    with quiet, mock_aws(), time_machine.travel(NOW, tick=False) as clock:
        boto3.client("dynamodb").create_table(TableName=os.environ["TABLE_NAME"], **table_definition())
        service = Service(clock)
        _people_and_subscriptions(service)
        answers = _before_and_after_an_extension(service)
        service.at(NOW + WEEK + SECOND)
        answers["extend"].append(("It has ended", service.extend(_token("S-1"))))
        service.expire()
        renewed_from = NOW + 2 * WEEK
        service.subscription(starts_at=iso(renewed_from), changed_at=iso(NOW + WEEK))
        answers["list"].insert(1, ("Extended earlier in this period, taken back, and renewed ahead", service.list()))
        answers["limits"] = _limits(service)
        service.at(renewed_from)
        answers["expire"] = _expire(service)
        answers["history"] = [
            ("One ended early by a machine, one taken back by the schedule", service.history()),
            ("The first page of one", service.history(limit="1")),
            *_not_for_everyone(service.history),
            *_not_every_page(service.history),
        ]
        return Story(answers | {"changes": _changes(service)})


def _people_and_subscriptions(service: Service) -> None:
    """An account with a subscription that can be extended, and one for each reason why another cannot."""
    service.settle()
    service.member(name="Анна Петрова", changed_at="2026-11-02T00:00:00Z")
    start = {"id": "start", "name": "Старт"}
    service.subscription(subscription_id="S-2", number="000000124", tariff=start, extension_terms=None)
    more = {"id": "sessions", "name": "Ещё 5 сеансов"}
    service.subscription(subscription_id="S-3", number="000000125", kind="add_on", parent_id="S-1", tariff=more)
    service.subscription(subscription_id="S-4", starts_at="2036-01-01T00:00:00Z", ends_at=None)
    service.subscription(subscription_id="S-5", starts_at="2025-01-01T00:00:00Z", ends_at="2026-01-01T00:00:00Z")


def _before_and_after_an_extension(service: Service) -> dict[str, Answers]:
    """The answers to users until the extension has begun."""
    offered = service.offer()
    offer_id = offered.json["offer_id"]
    extend = partial(service.extend, offer_id)
    list_ = [
        ("An administrator sees all of it and cannot extend", service.list("U-2")),
        ("The first page of one row; the row can be extended", service.list(limit="1")),
        *_not_for_everyone(service.list),
        *_not_every_page(service.list),
    ]
    offer = [("What the owner gets, until when", offered), *_not_for_everyone(service.offer)]
    extended = [
        *_not_for_everyone(extend),
        ("An administrator", extend("U-2")),
        ("The body is not JSON", extend(body="offer_id=1")),
        ("A field too many", extend(body=json.dumps({"offer_id": offer_id, "sessions": 100}))),
        ("More than any offer needs", extend(body=" " * (api.MOST_BODY + 1))),
    ]
    obstacles = {
        "A subscription that has not begun": "S-4",
        "A subscription that is over": "S-5",
        "A paid add-on": "S-3",
        "A tariff without an extension": "S-2",
        "A subscription that the account has not": "S-9",
    }
    for summary, subscription in obstacles.items():
        offer.append((summary, service.offer(subscription=subscription)))
        extended.append((summary, service.extend(_token(subscription), subscription=subscription)))
    service.subscription(extension_terms=TERMS | {"sessions": 3}, changed_at="2026-11-22T10:00:00Z")
    extended.append(("The tariff was changed after the offer", extend()))
    service.subscription(changed_at="2026-11-22T10:00:01Z")
    extended += [("This request created it", extend()), ("An owner did it a moment ago", extend())]
    list_.insert(0, ("Extended, and until when", service.list()))
    offer.append(("It runs", service.offer()))
    return {"list": list_, "offer": offer, "extend": extended}


def _not_for_everyone(call: Callable[..., Answer]) -> Answers:
    """The answers of a route for users to others, and in trouble."""
    return [
        ("An id with a space", call(account="A 100")),
        ("A token without a usable `sub`", call(user=None)),
        ("A user of the account", call(user="U-3")),
        ("A user without a role in the account", call(user="U-9")),
        *_troubled(call),
    ]


def _not_for_every_machine(call: Callable[..., Answer]) -> Answers:
    """The same of a route for machines."""
    return [
        ("An id with a space", call(account="A 100")),
        ("A token for something else than the API", call(use="id")),
        ("The account was never reported, or was removed", call(account="A-900")),
        *_troubled(call),
    ]


def _troubled(call: Callable[..., Answer]) -> Answers:
    with database(side_effect=RuntimeError()):
        fault = call()
    with database(side_effect=BUSY):
        busy = call()
    return [("A fault of ours", fault), ("The database is busy", busy)]


def _not_every_page(call: Callable[..., Answer]) -> Answers:
    """The answers of a list of rows to pages that there are not."""
    return [
        ("A limit beyond 100", call(limit="101")),
        ("A token of another account", call(next_token=_token("S-1"))),
    ]


def _limits(service: Service) -> Answers:
    service.changes(("UsageChanged", usage_changed(databases=5, changed_at=iso(NOW))))
    known = service.limits()
    return [
        ("After the end: four databases are more than there may be", known),
        ("The caller has these limits", service.limits(known=known.headers["ETag"])),
        *_not_for_every_machine(service.limits),
    ]


def _expire(service: Service) -> Answers:
    """The extension of the next period, ended early."""
    running = service.extend().json["extension"]["id"]
    service.at(NOW + 2 * WEEK + SECOND)
    expire = partial(service.expire_early, running)
    return [
        ("This request ended it", expire()),
        ("It was over already", expire()),
        *_not_for_every_machine(expire),
        ("The account has no such extension", service.expire_early("E-9")),
    ]


def _changes(service: Service) -> Answers:
    """One request with every kind of result, in an account of its own."""
    account = {"account_id": "A-700"}
    member = account | {"user_id": "U-8", "role": "owner", "changed_at": "2026-11-21T10:00:00Z"}
    service.member(**member | {"changed_at": "2026-11-21T11:00:00Z"})
    zone = account | {"name": "ООО «Ива»", "time_zone": "Mars/Base", "servicing_organization": None}
    ahead = iso(NOW + 2 * WEEK + 600 * SECOND)
    every = service.changes(
        ("UsageChanged", USAGE),
        ("AccountChanged", zone | {"changed_at": "2026-11-21T10:00:00Z"}),
        ("MemberChanged", member),
        ("SubscriptionRemoved", account | {"subscription_id": "S-8", "changed_at": "yesterday"}),
        ("SubscriptionRemoved", account | {"subscription_id": "S-8", "changed_at": ahead}),
    )
    with database(side_effect=BUSY):
        busy = service.changes(("UsageChanged", USAGE))
    return [
        ("Stored, stored without a time zone nobody knows, stale, invalid, ten minutes ahead of the clock", every),
        ("The database is busy; to be sent again", busy),
        ("The body is not JSON", service.changes(body="changes=1")),
        ("Nothing to change", service.changes()),
        ("More than a megabyte", service.changes(body=" " * (api.MOST_BYTES_OF_CHANGES + 1))),
        ("A token for something else than the API", service.changes(use="id")),
    ]


def _token(subscription_id: str) -> str:
    return OfferId(subscription_id, from_epoch(0), Terms(2, 8, "P7D", 604_800)).token
