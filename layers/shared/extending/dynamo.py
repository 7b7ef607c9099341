"""Calls of DynamoDB: transient errors, retries, pages of a query."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from extending.items import Item
from extending.runtime import TABLE_NAME, dynamodb

CONTENTION_TRIES = 8
"""Tries of a write that met a transaction, in about a second and a half at the most."""

_jitter = random.SystemRandom()  # Another generator would begin alike in every copy restored from one snapshot.

P = ParamSpec("P")
T = TypeVar("T")

TimeLeft = Callable[[], float]
"""Returns the seconds that this invocation may still use."""


class Busy(Exception):
    """The table is temporarily unavailable (contention, throttling, a fault, a time-out); retry."""


class ConditionFailed(Exception):
    """The condition of a write does not hold; `item`: the stored item, if the write asked for it and there is one."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


def call(operation: Callable[P, T], *args: P.args, **request: P.kwargs) -> T:
    """Call an operation of the SDK; raises ConditionFailed, and Busy for what may pass after the SDK's own retries.

    Errors are recognised by their code. botocore makes the classes of `client.exceptions` at first use: two threads
    that do so at once get two classes, and the `except` of one does not catch the error of the other.
    """
    try:
        return operation(*args, **request)
    except (ClientError, BotoCoreError) as error:
        if is_transient(error):
            raise Busy(error_code(error)) from error
        if isinstance(error, ClientError) and error_code(error) == "ConditionalCheckFailedException":
            raise ConditionFailed(cast(Any, error.response).get("Item")) from error
        raise


def tries(time_left: TimeLeft) -> Iterator[None]:
    """The tries of a write that meets another one, with a wait before each but the first, while there is time."""
    for attempt in range(1, CONTENTION_TRIES + 1):
        started = time.monotonic()
        yield
        if attempt == CONTENTION_TRIES or time_left() < 1 + 2 * (time.monotonic() - started):
            return
        time.sleep(_jitter.uniform(0, min(0.4, 0.02 * 2**attempt)))


def call_with_retry(operation: Callable[..., T], time_left: TimeLeft, **request: Any) -> T:
    """Make a single write, again where it meets a transaction, while there is time; raises Busy."""
    for _ in tries(time_left):
        try:
            return call(operation, **request)
        except Busy as busy:
            if str(busy) != "TransactionConflictException":
                raise
    raise Busy("contention")


def get(key: Item) -> Item | None:
    """The item under a key, strongly consistent; raises Busy."""
    return call(dynamodb.get_item, TableName=TABLE_NAME, Key=key, ConsistentRead=True).get("Item")


def pages(**query: Any) -> Iterator[list[Item]]:
    """The results of a query, strongly consistent, a round trip for each MB; raises Busy."""
    while True:
        answer: Any = call(dynamodb.query, TableName=TABLE_NAME, ConsistentRead=True, **query)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def error_code(error: Exception) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def is_transient(error: Exception) -> bool:
    """True for what may pass: throttling, contention, time-outs, the table's own faults."""
    if isinstance(error, ClientError):
        return error_code(error) in _TRANSIENT or error.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= 500
    return isinstance(error, HTTPClientError | NoConnection)


_TRANSIENT = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
