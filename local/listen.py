"""A rule and a queue on a bus, as an integrator would have them."""

import json
from typing import Any

from devkit.stage import Stack


def listen(stack: Stack, name: str, pattern: dict[str, Any]) -> str:
    """Have whatever fits a pattern put into a queue, whose URL is returned; rule and queue have the same name."""
    sqs, events, bus = stack.client("sqs"), stack.client("events"), stack.outputs["BusName"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return str(queue)
