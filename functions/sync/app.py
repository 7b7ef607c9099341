"""The service manager's events: store what is true, unless something newer is known."""

from typing import Any

from extending import changes, failures, inbound
from extending.changes import Outcome
from extending.inbound import NotAnEvent
from extending.runtime import logger, metrics, remaining_seconds, utc_now


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path="id")
def handler(event: dict[str, Any], context: Any) -> dict[str, bool | str]:
    """Store one event.

    One that is not of the contract is kept in the failure queue; without such a queue it raises. One whose `changed_at`
    is ahead of the clock raises: Lambda repeats it, then sets it aside.
    """
    now = utc_now()
    try:
        change = inbound.read(event.get("detail-type"), event.get("detail"), now)
    except NotAnEvent as error:
        if not failures.keep(event, error, context.invoked_function_arn):
            raise
        return {"stored": False}
    outcome = changes.apply(change, now, lambda: remaining_seconds(context))
    changes.report(change, outcome)
    if change.ignored:
        logger.warning("fields for display ignored", extra={"fields": sorted(change.ignored)})
    return {"stored": False, "reason": changes.TIE} if outcome is Outcome.TIE_LOST else {"stored": outcome.is_stored}
