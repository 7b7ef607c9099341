"""The stack behind a local cloud, as its operator sees it with the SDK."""

import json
from typing import Any
from urllib.parse import urlsplit

import boto3

from local import ROOT
from tests.conftest import Cloud


class Stack:
    """Clients of the local AWS, and what the stack's resources are called there."""

    def __init__(self, cloud: Cloud) -> None:
        told = json.loads((ROOT / ".local-cloud" / str(urlsplit(cloud.url).port) / "stack.json").read_text())
        self.endpoint: str = told["endpoint"]
        self.name: str = told["stack"]
        self.session = boto3.Session("test", "test", region_name=told["region"])
        formation = self.client("cloudformation")
        resources = formation.describe_stack_resources(StackName=self.name)["StackResources"]
        self.physical = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
        (stack,) = formation.describe_stacks(StackName=self.name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def client(self, service: str) -> Any:
        session: Any = self.session
        return session.client(service, endpoint_url=self.endpoint)

    def logs(self, group: str) -> list[str]:
        """Every line of one of the template's log groups so far."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.physical[group])
        return [line for page in pages for event in page["events"] for line in event["message"].splitlines() if line]
