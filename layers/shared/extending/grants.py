"""The grant: one transaction that holds every rule, and no read.

| access pattern             | how                                                                     | units |
|----------------------------|-------------------------------------------------------------------------|-------|
| grant once                 | TransactWriteItems: check member, check subscription, put if absent     | 6 + 1 |
| the same, where the period | and check that none was granted before it had                           | 8 + 1 |
| was the first with an id   |                                                                         |       |
"""

from datetime import datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from botocore.exceptions import ClientError

from extending import items
from extending.dynamo import Busy, TimeLeft, call, error_code, tries
from extending.items import Item
from extending.model import Extension, Kind, OfferId, Role, State, Terms
from extending.runtime import TABLE_NAME, dynamodb

if TYPE_CHECKING:
    from types_boto3_dynamodb.type_defs import ConditionCheckTypeDef, TransactWriteItemTypeDef


class Granted(NamedTuple):
    """The extension is written, by this very request."""

    extension: Extension


class Unmet(NamedTuple):
    """The reason why a grant failed, read from the items that the transaction returned."""

    role: Role | None
    extension: Extension | None = None
    """The extension of the current period, if the items show it."""
    counts: bool = False
    """True if the items show that the account has access; another subscription may give it too."""


def grant(
    offer_id: OfferId, extension: Extension, due_at: datetime, correlation_id: str, time_left: TimeLeft
) -> Granted | Unmet:
    """Write an extension, once, if its user is an owner and the subscription is what was offered.

    `due_at`: the time at which the schedule first acts. All tries use the time of the first, so an owner who asked in
    time gets the offer. Raises Busy.
    """
    request = token_hex(8)
    writes = grant_writes(offer_id, extension, due_at, correlation_id, request)
    for _ in tries(time_left):
        try:
            call(dynamodb.transact_write_items, TransactItems=writes)
            return Granted(extension)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            reasons: list[Any] = cast(Any, error.response)["CancellationReasons"]
            codes = {reason["Code"] for reason in reasons}
            if codes <= {"None", "ConditionalCheckFailed"}:
                return _met(reasons, extension, request)
            if not codes & _CONTENTION:
                raise
        except Busy as busy:
            if str(busy) != "TransactionInProgressException":
                raise
    raise Busy("contention")


_CONTENTION = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def grant_writes(
    offer_id: OfferId, extension: Extension, due_at: datetime, correlation_id: str, request: str
) -> "list[TransactWriteItemTypeDef]":
    """The transaction that grants: two checks and a put, in this order; `request` marks whose write it was.

    For the first period that got an id a third check follows: that none was granted before it had one.
    """
    account_id = extension.account_id
    condition, values = _is_as_offered(offer_id, extension.granted_at)
    not_before = []
    if offer_id.unnamed_start:
        key = items.unnamed_extension_key(extension, offer_id.unnamed_start)
        not_before = [_check(key, "attribute_not_exists(pk)")]
    put = items.extension_item(extension, due_at, request, correlation_id)
    return [
        _check(
            items.member_key(extension.granted_by, account_id), f"{items.ROLE} = :owner", {":owner": {"S": Role.OWNER}}
        ),
        _check(items.subscription_key(account_id, extension.subscription_id), condition, values),
        {
            "Put": {
                "TableName": TABLE_NAME,
                "Item": put,
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        *not_before,
    ]


def _check(key: Item, condition: str, values: Item | None = None) -> "TransactWriteItemTypeDef":
    check: ConditionCheckTypeDef = {
        "TableName": TABLE_NAME,
        "Key": key,
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if values:
        check["ExpressionAttributeValues"] = values
    return {"ConditionCheck": check}


def _is_as_offered(offer_id: OfferId, now: datetime) -> tuple[str, Item]:
    """The condition that the offered period is stored as it was offered, is current, and has no obstacle.

    Every `Obstacle` of the model has its counterpart here; the offer is of the report with its version.
    """
    values = {
        ":main": {"S": Kind.MAIN},
        ":start": items.instant(offer_id.period_starts_at),
        ":now": items.instant(now),
        ":version": {"N": str(offer_id.version)},
        **{f":{name}": value for name, value in items.terms_item(offer_id.terms).items()},
        **({":id": {"S": offer_id.period_id}} if offer_id.period_id else {}),
        **({":unnamed": items.instant(offer_id.unnamed_start)} if offer_id.unnamed_start else {}),
    }
    next_begins = f"{items.NEXT}.{items.STARTS_AT}"
    only = f"attribute_not_exists({items.NEXT}) AND {items.VERSION} = :version"
    running = f"{next_begins} > :now AND {items.RUNNING_VERSION} = :version"
    outside = f"(({only}) OR ({running})) AND {_is_period(offer_id, '')}"
    ahead = f"{items.VERSION} = :version AND {_is_period(offer_id, f'{items.NEXT}.')}"
    return f"({outside}) OR ({ahead})", values


def _is_period(offer_id: OfferId, within: str) -> str:
    """The condition that the attributes `within` the item are those of the offered period, which is active."""
    start, end, period_id = (f"{within}{name}" for name in (items.STARTS_AT, items.ENDS_AT, items.PERIOD_ID))
    return " AND ".join(
        [
            f"{within}{items.KIND} = :main",
            f"{start} = :start AND {start} <= :now AND {end} > :now",
            f"{period_id} = :id" if offer_id.period_id else f"attribute_not_exists({period_id})",
            *_is_first_with_an_id(offer_id, start),
            *(f"{within}{name} = :{name}" for name in items.terms_item(offer_id.terms)),
            f"({_is_widened_by(offer_id.terms, within)})",
        ]
    )


def _is_first_with_an_id(offer_id: OfferId, start: str) -> list[str]:
    """The condition that the period was, or was not, the first with an id: the offer cannot choose what is checked."""
    first, at = items.FIRST_PERIOD_ID, items.FIRST_PERIOD_START
    if not offer_id.period_id:
        return []
    if not offer_id.unnamed_start:
        return [f"attribute_exists({first}) AND {first} <> :id"]
    own = f"attribute_not_exists({first}) AND {start} = :unnamed"
    return [f"(({own}) OR ({first} = :id AND {at} = :unnamed))"]


def _is_widened_by(terms: Terms, within: str) -> str:
    """The condition that the terms add to a limit; one that is not stored is unlimited."""
    added = {items.SESSIONS: terms.sessions, items.DATABASES: terms.databases}
    return " OR ".join(f"attribute_exists({within}{limit})" for limit, more in added.items() if more)


def _met(reasons: list[Any], extension: Extension, request: str) -> Granted | Unmet:
    member, subscription, *existing = reasons
    stored = subscription.get("Item")
    item = next((reason["Item"] for reason in existing if "Item" in reason), None)
    if item and item[items.REQUEST]["S"] == request:
        return Granted(extension)  # The answer to an earlier try was lost.
    found = items.extension_from(item) if item else None
    counts = subscription["Code"] == "None"
    if found and not counts:
        reported = items.subscription_from(stored) if stored and items.type_of(stored) == "subscription" else None
        current = reported.at(extension.granted_at) if reported else None
        # An offer of an earlier period finds that period's extension, which says nothing of the current one.
        found = found if current and found.is_of(current) else None
        counts = bool(current and current.gives_access and current.state(extension.granted_at) is State.ACTIVE)
    return Unmet(
        role=Role.OWNER if member["Code"] == "None" else items.role_from(member.get("Item")),
        extension=found,
        counts=counts,
    )
