"""The service manager's events: store what is true, unless something newer is known."""

from typing import Any, assert_never

from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit

from extending import aside, inbound, store
from extending.inbound import AccountChanged, Change, MemberChanged, NotAnEvent, SubscriptionChanged
from extending.runtime import Metric, logger, metrics


def save(change: Change) -> bool:
    """Store a change; False where something as new is known."""
    match change:
        case AccountChanged():
            return store.put_account(change.account, change.changed_at)
        case MemberChanged():
            return store.put_member(change.account_id, change.user_id, change.role, change.changed_at)
        case SubscriptionChanged():
            return store.put_subscription(change.account_id, change.subscription, change.changed_at)
        case _:
            assert_never(change)


@metrics.log_metrics
@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
def handler(event: dict[str, Any], context: Any) -> dict[str, bool]:
    """What is no event of the contract is set aside in the failure queue; without one it raises."""
    try:
        change = inbound.read(event.get("detail-type"), event.get("detail"))
    except NotAnEvent as error:
        if not aside.set_aside(event, error, context.invoked_function_arn):
            raise
        return {"stored": False}
    stored = save(change)
    metrics.add_metric(Metric.STORED if stored else Metric.STALE, MetricUnit.Count, 1)
    return {"stored": stored}
