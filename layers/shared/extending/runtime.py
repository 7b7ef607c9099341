"""Environment, clients, logger and metrics of a function. Built once per cold start."""

import gc
import hmac
import os
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.config import Config

from extending.metric import NAMESPACE, Metric

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

TABLE_NAME = os.environ["TABLE_NAME"]
EVENT_BUS_NAME = os.environ["EVENT_BUS_NAME"]

FAILURE_QUEUE_URL = os.environ.get("FAILURE_QUEUE_URL")
"""The queue for messages that sync and publish cannot read; without it Lambda retries them."""

REMIND_BEFORE = timedelta(seconds=int(os.environ.get("REMIND_BEFORE_SECONDS", "86400")))
"""The time between the reminder and the end; a shorter extension has no reminder."""

REMEMBER_REMOVALS = timedelta(days=int(os.environ.get("ARCHIVE_DAYS", "90")) + 30)
"""The time for which a removal refuses older changes: longer than the archive and the queues keep one."""

# One call takes 12 s at the most: three attempts of 1 + 2 s, and waits of 1 and 2 s between. The API's functions have
# time for two of them: role and account, the account being below 1 MB. An emulated table may be slower.
CONFIG = Config(
    connect_timeout=1,
    read_timeout=float(os.environ.get("READ_TIMEOUT_SECONDS", "2")),
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
    # What CloudTrail shows of the caller. botocore would put one together twice in each call, for 0.1 ms.
    user_agent="extending-subscription",
)


# A request that is refused early has nothing to count; said on stderr, that would be a log line that is no JSON.
warnings.filterwarnings("ignore", "No application metrics to publish")

_session = botocore.session.get_session()


def client(service: str) -> Any:
    """A client of the SDK: botocore's own, for boto3's takes a tenth more of a cold start and adds nothing to it."""
    return _session.create_client(service, config=CONFIG)


dynamodb: "DynamoDBClient" = client("dynamodb")
logger = Logger()
metrics = Metrics(namespace=NAMESPACE)

gc.freeze()  # The collector never scans what is imported by now.
gc.enable()


def count(metric: Metric, number: int = 1) -> None:
    """Add to a metric of this invocation."""
    metrics.add_metric(metric, MetricUnit.Count, number)


def measure(metric: Metric, seconds: int) -> None:
    metrics.add_metric(metric, MetricUnit.Seconds, seconds)


def count_at_once(metric: Metric, **dimensions: str) -> None:
    """Count one at once, under the service and these dimensions, apart from the invocation's other metrics."""
    with single_metric(metric, MetricUnit.Count, 1, namespace=NAMESPACE) as counted:
        for name, value in {"service": metrics.service, **dimensions}.items():
            counted.add_dimension(name, value)


def utc_now() -> datetime:
    """The clock, in whole seconds; read it once per invocation and pass it on."""
    return exact_now().replace(microsecond=0)


def exact_now() -> datetime:
    return datetime.now(UTC)


def remaining_seconds(context: Any) -> float:
    """Time this invocation has left."""
    return float(context.get_remaining_time_in_millis()) / 1000


def pseudonym(user_id: str) -> str:
    """A user in the logs: the same in every line of one stack, another in another stack.

    Its key, the table's name, is no secret: whoever knows a user's id and the stack finds that user's lines, and nobody
    reads an id out of them.
    """
    return hmac.digest(TABLE_NAME.encode(), user_id.encode(), "sha256").hex()[:16]
