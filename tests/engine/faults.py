"""Faults between the SDK and the engine, planned for the calls that the SDK is about to send."""

import io
import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import BotoCoreError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from extending.runtime import CONFIG

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_config: Any = CONFIG
CONNECT_TIMEOUT: float = _config.connect_timeout
TIMEOUT: float = CONNECT_TIMEOUT + _config.read_timeout
"""Seconds until the SDK gives a call up."""


class Clock:
    """Stands for the module `time`: sleeping passes at once, and is recorded."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


Fault = Callable[[AWSPreparedRequest, "Faults"], AWSResponse]
"""Answers in place of the engine, or raises what the SDK raises where no answer comes."""


class Faults:
    """Has planned faults happen to the next sends; what is planned for nobody goes through."""

    def __init__(self, client: "DynamoDBClient", clock: Clock) -> None:
        self.clock = clock
        self.sent: list[str] = []
        """Operations in the order in which they were sent, faulty or not."""
        self._http = URLLib3Session()
        self.heal()
        hook: Any = self._send
        client.meta.events.register_first("before-send.dynamodb", hook)

    def plan(self, *faults: Fault | None, operation: str = "", always: Fault | None = None) -> None:
        """The next sends, of one operation where one is named, meet these, later ones `always`; None goes through."""
        self._next, self._always, self._operation = deque(faults), always, operation

    def heal(self) -> None:
        self.plan()
        self.sent.clear()
        self.clock.slept.clear()

    def really_send(self, request: AWSPreparedRequest) -> AWSResponse:
        return self._http.send(request)

    def close(self) -> None:
        self._http.close()

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        operation = event_name.rsplit(".", 1)[1]
        self.sent.append(operation)
        if self._operation not in ("", operation):
            return None
        fault = self._next.popleft() if self._next else self._always
        return fault(request, self) if fault else None


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def answers(status: int, content: str, type_: str = "application/x-amz-json-1.0", seconds: float = 0) -> Fault:
    """This comes back after so many seconds, and nothing has happened."""

    def fault(request: AWSPreparedRequest, faults: Faults) -> AWSResponse:
        faults.clock.now += seconds
        headers: Any = {"content-type": type_}
        return AWSResponse(request.url, status, headers, _Body(content.encode()))

    return fault


def error(status: int, code: str, seconds: float = 0, **more: Any) -> Fault:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "planned", **more}
    return answers(status, json.dumps(body), seconds=seconds)


def cancelled(*codes: str) -> Fault:
    """The transaction is cancelled; one code for each of its items."""
    reasons = [{"Code": code} if code == "None" else {"Code": code, "Message": "planned"} for code in codes]
    return error(400, "TransactionCanceledException", CancellationReasons=reasons)


def no_answer(error: type[BotoCoreError], seconds: float = 0) -> Fault:
    """The SDK gives up after so many seconds; the engine has received nothing."""

    def fault(request: AWSPreparedRequest, faults: Faults) -> AWSResponse:
        faults.clock.now += seconds
        raise error(endpoint_url=request.url)

    return fault


LATE = TIMEOUT - 0.1
"""Just before the SDK gives up."""


def late(request: AWSPreparedRequest, faults: Faults) -> AWSResponse:
    """A good answer at the last moment."""
    faults.clock.now += LATE
    return faults.really_send(request)


def after(fault: Fault) -> Fault:
    """The engine has done it, and then the fault happens."""

    def sent_first(request: AWSPreparedRequest, faults: Faults) -> AWSResponse:
        faults.really_send(request)
        return fault(request, faults)

    return sent_first


IN_TRANSACTION = error(400, "TransactionConflictException")
"""A transaction has what a single write would write."""

CONFLICT = cancelled("None", "TransactionConflict", "None")

BEFORE: dict[str, Fault] = {
    "throttled": error(400, "ProvisionedThroughputExceededException"),
    "throttled by the account": error(400, "RequestLimitExceeded"),
    "throttled by the control plane": error(400, "ThrottlingException"),
    "500": error(500, "InternalServerError"),
    "503": error(503, "ServiceUnavailable"),
    "not an answer": answers(503, "<html>503 Service Unavailable</html>", "text/html"),
    "unreachable": no_answer(EndpointConnectionError, CONNECT_TIMEOUT),
    "reset": no_answer(ConnectionClosedError),
    "timed out": no_answer(ReadTimeoutError, TIMEOUT),
}
"""Nothing has happened, whatever the operation."""

AFTER: dict[str, Fault] = {name: after(BEFORE[name]) for name in ("reset", "timed out", "500")}
"""It has happened, and the answer is lost."""

CONTENTION: dict[str, Fault] = {
    "conflict": CONFLICT,
    "conflict on the new item": cancelled("None", "None", "TransactionConflict"),
    "conflict and a failed condition": cancelled("ConditionalCheckFailed", "TransactionConflict", "None"),
    "throttled item": cancelled("None", "None", "ThrottlingError"),
    "throttled table": cancelled("ProvisionedThroughputExceeded", "None", "None"),
    "in progress": error(400, "TransactionInProgressException"),
}
"""Another transaction or the limits of a partition are in the way of this one."""

SLOWEST: dict[str, Fault] = {
    "timed out": BEFORE["timed out"],
    "throttled": error(400, "ProvisionedThroughputExceededException", seconds=LATE),
}
"""Faults that come as late as they can."""
