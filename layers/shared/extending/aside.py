"""The failure queue, for what a function will never be able to read: retries would not help it."""

import json
from typing import Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit

from extending.runtime import CONFIG, FAILURE_QUEUE_URL, Metric, logger, metrics

_sqs = boto3.client("sqs", config=CONFIG)


def set_aside(payload: dict[str, Any], error: Exception, function_arn: str) -> bool:
    """Keep a payload with its error and the function to hand it to again; False where there is no queue."""
    logger.error("set aside", extra={"error": str(error), "error_type": type(error).__name__})
    metrics.add_metric(Metric.SET_ASIDE, MetricUnit.Count, 1)
    if not FAILURE_QUEUE_URL:
        return False
    message = {"function": function_arn, "error": f"{type(error).__name__}: {error}", "payload": payload}
    _sqs.send_message(QueueUrl=FAILURE_QUEUE_URL, MessageBody=json.dumps(message, ensure_ascii=False))
    return True
