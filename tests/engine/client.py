"""A client of the engine as the functions have it, but for its time-outs."""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from extending.runtime import CONFIG

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

PATIENT = CONFIG.merge(Config(connect_timeout=60, read_timeout=60))
"""An engine that shares two cores with everything may take seconds; what a time-out does, test_faults injects."""


def connect(url: str) -> "DynamoDBClient":
    return boto3.client("dynamodb", endpoint_url=url, config=PATIENT)
