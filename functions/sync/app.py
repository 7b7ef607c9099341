"""The service manager's events: store what is true, unless something newer is known."""

from typing import Any

from extending import failures, inbound, intake
from extending.inbound import NotAnEvent
from extending.intake import Taken
from extending.runtime import logger, metrics, remaining_seconds, utc_now


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path="id")
def handler(event: dict[str, Any], context: Any) -> dict[str, bool | str]:
    """What is not an event of the contract is kept in the failure queue; without one it raises."""
    now = utc_now()
    try:
        change = inbound.read(event.get("detail-type"), event.get("detail"), now)
    except NotAnEvent as error:
        if not failures.keep(event, error, context.invoked_function_arn):
            raise
        return {"stored": False}
    taken = intake.take(change, now, lambda: remaining_seconds(context))
    intake.report(change, taken)
    return {"stored": False, "reason": intake.TIE} if taken is Taken.TIE_LOST else {"stored": taken.is_stored}
