"""The failure queue, for events and records that no retry makes readable."""

import json
from typing import Any

from extending.runtime import FAILURE_QUEUE_URL, Metric, client, count, logger

MOST_BYTES = 262_144
"""What any queue takes; one may be set to take more."""

_sqs = client("sqs")


def keep(payload: dict[str, Any], error: Exception, function_arn: str) -> bool:
    """Keep a payload with its error and the function to hand it to again; False where there is no queue.

    Of a payload that no message has room for only the beginning is kept: for a person to look it up in the archive.
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
