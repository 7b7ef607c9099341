"""The stack behind a local cloud, as its operator sees it with the SDK."""

from urllib.parse import urlsplit

from devkit.stage import Stack, local_stack
from tests.conftest import Cloud


def stack_of(cloud: Cloud) -> Stack:
    """The stack that a local cloud serves."""
    return local_stack(str(urlsplit(cloud.url).port))


def log_lines(stack: Stack, group: str) -> list[str]:
    """Every line of one of the template's log groups so far."""
    pages = stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=stack.resource(group))
    return [line for page in pages for event in page["events"] for line in event["message"].splitlines() if line]
