"""A room in which actors take turns at the table, one call at a time, in whatever order a test says.

An actor is a thread that runs the real code over moto. The SDK's events before and after each call stop it there, so
that the order of calls is chosen and not met by chance; it may be killed at a call, and then does all its work again.

Two calls that touch no item in common, or both only read it, or both only delete it, may change places without
anybody's notice: of such orders one is played (sleep sets, Godefroid 1996).
"""

import json
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import count
from typing import Any, NamedTuple

import pytest
from moto.core import DEFAULT_ACCOUNT_ID  # type: ignore[attr-defined]
from moto.core.base_backend import model_data  # type: ignore[attr-defined]
from moto.dynamodb.models import dynamodb_backends

from extending import service
from extending.runtime import TABLE_NAME, dynamodb

Work = Callable[[], Any]
Json = dict[str, Any]


class Crash(NamedTuple):
    """Before or after which of its calls an actor is killed, once."""

    actor: str
    after: bool
    call: int


class _Killed(BaseException):
    """The process of an actor dies: nothing in the code may catch it."""


class _Actor(threading.Thread):
    def __init__(self, name: str, work: Work, crash: Crash | None) -> None:
        super().__init__(name=name, daemon=True)
        self.work = work
        self.result: Any = None
        self.waits = self.crashed = False
        self.next_call: _Call = {}
        self._crash, self._calls = crash if crash and crash.actor == name else None, 0
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)

    def go_on(self) -> None:
        """Let it make the call before which it stands, up to the next one or its end."""
        if self.waits:
            self.waits = False
            self._go.release()
        else:
            self.start()
        if not self._stopped.acquire(timeout=60):
            raise RuntimeError(f"{self.name} is stuck")

    def run(self) -> None:
        while True:
            try:
                self.result = self.work()
            except _Killed:
                self.crashed = True  # Whoever sent the work sends it again.
                continue
            except Exception as error:  # A refusal is a result too; the test looks at it.
                self.result = error
            break
        self._stopped.release()

    def at_call(self, after: bool, call: "_Call") -> None:
        if not after:
            self._calls += 1
            self.next_call = call
            self.waits = True
            self._stopped.release()
            self._go.acquire()
        if self._crash and not self.crashed and (after, self._calls) == self._crash[1:]:
            raise _Killed


def _stop_before(model: Any, params: Any, **_: Any) -> None:
    if isinstance(actor := threading.current_thread(), _Actor):
        actor.at_call(after=False, call=_touched(model.name, json.loads(params["body"])))


def _stop_after(**_: Any) -> None:
    if isinstance(actor := threading.current_thread(), _Actor):
        actor.at_call(after=True, call={})


_Call = dict[str, str]
"""Sort keys that a call touches, with what it does to them; "" is all of them."""


def _touched(operation: str, request: Json) -> _Call:
    match operation:
        case "Query":
            return {"": "read"}
        case "TransactWriteItems":
            calls = [next(iter(each.items())) for each in request["TransactItems"]]
            return {_key(call): "write" if name == "Put" else "read" for name, call in calls}
    return {_key(request): {"GetItem": "read", "DeleteItem": "delete"}.get(operation, "write")}


def _key(request: Json) -> str:
    return str((request.get("Key") or request["Item"])["sk"]["S"])


def _commute(one: _Call, other: _Call) -> bool:
    return not any(
        (mine, theirs) not in (("read", "read"), ("delete", "delete")) and (key == another or "" in (key, another))
        for key, mine in one.items()
        for another, theirs in other.items()
    )


@pytest.fixture
def gates() -> Iterator[None]:
    """The SDK's calls stop actors."""
    events = dynamodb.meta.events
    events.register_first("before-call.dynamodb", _stop_before)
    events.register_last("after-call.dynamodb", _stop_after)
    yield
    events.unregister("before-call.dynamodb", _stop_before)
    events.unregister("after-call.dynamodb", _stop_after)


class Played(NamedTuple):
    """A schedule that was played: who made each call, results or errors, the items and the stream after it."""

    calls: list[str]
    crash: Crash | None
    crashed: bool
    results: dict[str, Any]
    items: list[Json]
    records: list[Json]


class _Turn:
    """A point at which several actors might go on."""

    def __init__(self, calls: dict[str, _Call], sleep: set[str]) -> None:
        self.calls, self.sleep = calls, sleep
        self.left = [name for name in calls if name not in sleep]
        self.done: set[str] = set()

    def asleep(self) -> set[str]:
        """Actors whose call was tried here already, or earlier, and would meet the same as then."""
        chosen = self.calls[self.left[0]]
        return {name for name in self.sleep | self.done if _commute(self.calls[name], chosen)}


Choose = Callable[[list[_Actor]], _Actor]


class Room:
    """The table as it is now is where every schedule begins."""

    def __init__(self) -> None:
        self._begin = deepcopy(_table().items)

    def play(self, actors: dict[str, Work], choose: "Choose", crash: Crash | None = None) -> Played:
        """Play one schedule; `choose` says which of the actors makes its call next."""
        self._put_back()
        cast = [_Actor(name, work, crash) for name, work in actors.items()]
        for actor in cast:
            actor.go_on()
        calls = []
        while ready := [actor for actor in cast if actor.waits]:
            actor = choose(ready)
            calls.append(actor.name)
            actor.go_on()
        results = {actor.name: actor.result for actor in cast}
        table = _table()
        return Played(
            calls,
            crash,
            any(actor.crashed for actor in cast),
            results,
            [item.to_json()["Attributes"] for item in table.all_items()],
            [record.to_json() for record in table.stream_shard.items],
        )

    def every_order(self, actors: dict[str, Work]) -> Iterator[Played]:
        """Each order in which the actors' calls may come, once, depth first."""
        path: list[_Turn] = []
        while True:
            turns = count()
            redundant = False

            def choose(ready: list[_Actor], turns: Iterator[int] = turns) -> _Actor:
                nonlocal redundant
                by_name = {actor.name: actor for actor in ready}
                at = next(turns)
                if at == len(path) and not redundant:
                    turn = _Turn({actor.name: actor.next_call for actor in ready}, path[-1].asleep() if path else set())
                    redundant = not turn.left
                    if not redundant:
                        path.append(turn)
                return ready[0] if redundant else by_name[path[at].left[0]]

            played = self.play(actors, choose)
            if not redundant:
                yield played
            while path and len(path[-1].left) == 1:
                path.pop()
            if not path:
                return
            path[-1].done.add(path[-1].left.pop(0))

    def every_crash(self, actors: dict[str, Work], choose: "Choose") -> Iterator[Played]:
        """A crash before and after each call of each actor, each in an order that is chosen by chance."""
        for name in actors:
            for after in (False, True):
                call = 1
                while (played := self.play(actors, choose, Crash(name, after, call))).crashed:
                    yield played
                    call += 1

    def _put_back(self) -> None:
        empty()
        _table().items = deepcopy(self._begin)


def empty() -> None:
    """Begin with an empty table, as functions that have just started."""
    table = _table()
    table.items.clear()
    table.stream_shard.items.clear()
    service.start_anew()
    for models in model_data.values():  # moto remembers a copy of the table for each transaction.
        for model in models.values():
            getattr(model, "instances_tracked", []).clear()


def _table() -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"].get_table(TABLE_NAME)
