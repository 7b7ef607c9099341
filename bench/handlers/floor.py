"""The floor: what no handler that uses boto3 gets below."""

import boto3

dynamodb = boto3.client("dynamodb")
