"""The same calls of the database as the functions make, through a plain client, with nothing around them."""
# ruff: noqa: ARG001 - Lambda passes event and context whether or not they are used

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

TABLE = os.environ["TABLE_NAME"]
CHANGES_AT_ONCE = 16

dynamodb = boto3.client("dynamodb", config=Config(max_pool_connections=CHANGES_AT_ONCE))

Json = dict[str, Any]


def view(event: Json, context: Any) -> Json:
    """What list and offer read: the caller's role, and all that the account has."""
    user = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    account = event["pathParameters"]["account_id"]
    key = {"pk": {"S": f"A#{account}"}, "sk": {"S": f"~{user}"}}
    dynamodb.get_item(TableName=TABLE, Key=key, ConsistentRead=True)
    answer = dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND sk < :members",
        ExpressionAttributeValues={":pk": {"S": f"A#{account}"}, ":members": {"S": "~"}},
        ConsistentRead=True,
    )
    return {"statusCode": 200, "body": json.dumps(answer["Items"])}


def limits(event: Json, context: Any) -> Json:
    """What limits reads: all that the account has."""
    account = event["pathParameters"]["account_id"]
    answer = dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND sk < :members",
        ExpressionAttributeValues={":pk": {"S": f"A#{account}"}, ":members": {"S": "~"}},
        ConsistentRead=True,
    )
    return {"statusCode": 200, "body": json.dumps(answer["Items"])}


def extend(event: Json, context: Any) -> Json:
    """What extend writes: two checks and a put, in one transaction."""
    user = event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    account, subscription = event["pathParameters"]["account_id"], event["pathParameters"]["subscription_id"]
    offer = json.loads(event["body"])["offer_id"]
    pk = {"S": f"A#{account}"}
    terms: Json = {"xs": {"N": "2"}, "xd": {"N": "8"}, "xt": {"S": "P7D"}, "xl": {"N": "604800"}}
    dynamodb.transact_write_items(
        TransactItems=[
            {
                "ConditionCheck": {
                    "TableName": TABLE,
                    "Key": {"pk": {"S": f"A#{account}"}, "sk": {"S": f"~{user}"}},
                    "ConditionExpression": "r = :owner",
                    "ExpressionAttributeValues": {":owner": {"S": "owner"}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            {
                "ConditionCheck": {
                    "TableName": TABLE,
                    "Key": {"pk": pk, "sk": {"S": f"S#{subscription}"}},
                    "ConditionExpression": "k = :main AND b = :period AND b <= :now AND e > :now "
                    "AND xs = :xs AND xd = :xd AND xt = :xt AND xl = :xl",
                    "ExpressionAttributeValues": {
                        ":main": {"S": "main"},
                        ":period": {"N": "1767225600"},
                        ":now": {"N": str(int(time.time()))},
                        **{f":{name}": value for name, value in terms.items()},
                    },
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            {
                "Put": {
                    "TableName": TABLE,
                    "Item": {
                        "pk": pk,
                        "sk": {"S": f"S#{subscription}#E#1767225600"},
                        "t": {"S": "extension"},
                        **terms,
                        "g": {"N": "1795341600"},
                        "u": {"S": user},
                        "e": {"N": "1795946400"},
                        "q": {"S": "0123456789abcdef"},
                        "c": {"S": event["requestContext"]["requestId"]},
                        "dq": {"S": "D#0"},
                        "d": {"N": "1795860000"},
                    },
                    "ConditionExpression": "attribute_not_exists(pk)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
        ]
    )
    return {"statusCode": 201, "body": json.dumps({"created": True, "offer": offer})}


def changes(event: Json, context: Any) -> Json:
    """What changes writes of members, as many at once: a conditional put, and a look at the account's removal."""
    details = [entry["detail"] for entry in json.loads(event["body"])["changes"]]
    with ThreadPoolExecutor(CHANGES_AT_ONCE) as pool:
        return {"statusCode": 200, "body": json.dumps({"results": list(pool.map(_put_member, details))})}


def _put_member(told: Json) -> Json:
    pk = {"S": f"A#{told['account_id']}"}
    version = {"N": str(int(datetime.fromisoformat(told["changed_at"]).timestamp() * 1e6))}
    role = {"S": told["role"]}
    dynamodb.put_item(
        TableName=TABLE,
        Item={"pk": pk, "sk": {"S": f"~{told['user_id']}"}, "t": {"S": "member"}, "r": role, "v": version},
        ConditionExpression="attribute_not_exists(v) OR v < :version",
        ExpressionAttributeValues={":version": version},
        ReturnValues="ALL_OLD",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    dynamodb.get_item(TableName=TABLE, Key={"pk": pk, "sk": {"S": "R"}}, ConsistentRead=True)
    return {"result": "stored"}
