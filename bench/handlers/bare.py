"""The same calls of the database as a function makes, through a plain client, with nothing around them."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

dynamodb = boto3.client("dynamodb", config=Config(max_pool_connections=32))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Make the calls of each thread one after the other, and all threads at once; answer with the items read."""
    threads = event["calls"]
    if len(threads) == 1:
        read = make(threads[0])
    else:
        with ThreadPoolExecutor(len(threads)) as pool:
            read = list(pool.map(make, threads))
    return {"statusCode": 200, "body": json.dumps(read)}


def make(calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    return [getattr(dynamodb, operation)(**params).get("Items") for operation, params in calls]
