"""The service manager's events: store what is true, unless something newer is known."""

from typing import Any, assert_never

from extending import failures, inbound, store
from extending.inbound import AccountChanged, Change, MemberChanged, NotAnEvent, SubscriptionChanged
from extending.runtime import Metric, count, logger, metrics, pseudonym, utc_now
from extending.store import Taken

TIE = "same changed_at, other content"


def save(change: Change) -> Taken:
    """Store a change, unless something as new is stored."""
    match change:
        case AccountChanged():
            return store.put_account(change.account, change.changed_at)
        case MemberChanged():
            return store.put_member(change.account_id, change.user_id, change.role, change.changed_at)
        case SubscriptionChanged():
            return store.put_subscription(change.account_id, change.subscription, change.changed_at)
        case _:
            assert_never(change)


def report(change: Change, taken: Taken) -> None:
    """Count what became of a change; name the record of which two things were told for one instant."""
    if taken.is_stored:
        count(Metric.STORED)
    elif not taken.is_tie:
        count(Metric.STALE)
    if taken.is_tie:
        count(Metric.TIED)
        record = change.model_dump(include={"account_id", "subscription_id"})
        if isinstance(change, MemberChanged):
            record["user"] = pseudonym(change.user_id)
        about = {"detail_type": type(change).__name__, "stored": taken.is_stored}
        logger.warning(TIE, extra=record | about)


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path="id")
def handler(event: dict[str, Any], context: Any) -> dict[str, bool | str]:
    """What is not an event of the contract is kept in the failure queue; without one it raises."""
    try:
        change = inbound.read(event.get("detail-type"), event.get("detail"), utc_now())
    except NotAnEvent as error:
        if not failures.keep(event, error, context.invoked_function_arn):
            raise
        return {"stored": False}
    taken = save(change)
    report(change, taken)
    return {"stored": False, "reason": TIE} if taken is Taken.TIE_LOST else {"stored": taken.is_stored}
