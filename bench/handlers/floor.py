"""The floor: what no handler that uses boto3 gets below."""
# ruff: noqa: ARG001 - Lambda passes event and context whether or not they are used

from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {}
