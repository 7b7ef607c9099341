"""The service manager's events: store what is true, unless something newer is known."""

from typing import Any, assert_never

from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit

from extending import store
from extending.inbound import CHANGES, AccountChanged, Change, MemberChanged, SubscriptionChanged
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
    """Raises KeyError, ValidationError for what is no event of the contract: it ends in the failure queue."""
    stored = save(CHANGES[event["detail-type"]].model_validate(event["detail"]))
    metrics.add_metric(Metric.STORED if stored else Metric.STALE, MetricUnit.Count, 1)
    return {"stored": stored}
