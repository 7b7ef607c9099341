"""The table's stream: announce on the bus what has been written to extensions."""

from typing import Any

from extending import stream
from extending.runtime import logger, metrics, utc_now


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    again = stream.announce(event["Records"], utc_now(), context.invoked_function_arn)
    return {"batchItemFailures": [{"itemIdentifier": number} for number in again]}
