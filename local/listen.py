"""A rule and a queue on a bus, as an integrator would have them."""

import json
from typing import Any, NamedTuple


class Window(NamedTuple):
    """The queue of a rule's events."""

    queue: str
    rule_arn: str


def listen(sqs: Any, events: Any, bus: str, name: str, pattern: dict[str, Any]) -> Window:
    """Have whatever fits a pattern put into a queue; rule and queue have the same name."""
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return Window(str(queue), str(rule))
