"""The failure queue: events and records that cannot be read, however often they are retried."""

import json
from typing import Any

from extending.metric import Metric
from extending.runtime import FAILURE_QUEUE_URL, client, count, logger

MOST_BYTES = 262_144
"""The longest message that every queue accepts; a queue may be configured to accept more."""

_sqs = client("sqs")


def keep(payload: dict[str, Any], error: Exception, function_arn: str) -> bool:
    """Keep a payload with its error and the function to hand it to again; False where there is no queue.

    Of a payload too large for a message only the beginning is kept, so that a person can find it in the archive.
    """
    logger.error("set aside", extra={"error": str(error), "error_type": type(error).__name__})
    count(Metric.SET_ASIDE)
    if not FAILURE_QUEUE_URL:
        return False
    reason = f"{type(error).__name__}: {error}"
    # All in ASCII: SQS refuses some characters, or stores others in their place.
    message = json.dumps({"function": function_arn, "error": reason, "payload": payload})
    if len(message) > MOST_BYTES:
        begins = json.dumps(payload)[:1_000]
        message = json.dumps({"too_large": len(message), "error": reason[:1_000], "payload_begins": begins})
    _sqs.send_message(QueueUrl=FAILURE_QUEUE_URL, MessageBody=message)
    return True
