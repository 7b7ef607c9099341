"""A room in which actors take turns at the table, one call at a time, in whatever order a test says.

An actor is a greenlet that runs the real code over moto. An event of the SDK stops it before each call, so that the
order of calls is chosen and not met by chance.

Two calls that touch no item in common, or both only read it, or both only delete it, may change places without
anybody's notice: of such orders one is played (sleep sets, Godefroid 1996).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

from greenlet import getcurrent, greenlet
from moto.core import DEFAULT_ACCOUNT_ID  # type: ignore[attr-defined]
from moto.core.base_backend import model_data  # type: ignore[attr-defined]
from moto.dynamodb.models import dynamodb_backends

from extending import service
from extending.runtime import TABLE_NAME, dynamodb

Work = Callable[[], Any]
Json = dict[str, Any]

Call = dict[str, str]
"""Sort keys that a call touches, with what it does to them; "" is all of them."""

Choose = Callable[[int, dict[str, Call]], str | None]
"""The actor that makes its call next, of those that stand before one; None if it is of no use to go on."""


class _Actor(greenlet):  # type: ignore[misc] # greenlet has no types
    """Every switch to it lets it make one call, up to the next one or its end."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.result: Any = None
        self.next_call: Call = {}
        """The call before which it stands; empty at its end."""

    def run(self) -> None:
        try:
            self.result = self.work()
        except Exception as error:  # A refusal is a result too; the test looks at it.
            self.result = error
        self.next_call = {}


@contextmanager
def gates() -> Iterator[None]:
    """The SDK's calls stop actors."""

    def stop(model: Any, params: Any, **_: Any) -> None:
        if isinstance(actor := getcurrent(), _Actor):
            actor.next_call = _touched(model.name, json.loads(params["body"]))
            actor.parent.switch()

    dynamodb.meta.events.register_first("before-call.dynamodb", stop)
    yield
    dynamodb.meta.events.unregister("before-call.dynamodb", stop)


def _touched(operation: str, request: Json) -> Call:
    match operation:
        case "Query":
            return {"": "read"}
        case "TransactWriteItems":
            calls = [next(iter(each.items())) for each in request["TransactItems"]]
            return {_key(call): "write" if name == "Put" else "read" for name, call in calls}
    return {_key(request): {"GetItem": "read", "DeleteItem": "delete"}.get(operation, "write")}


def _key(request: Json) -> str:
    return str((request.get("Key") or request["Item"])["sk"]["S"])


def _commute(one: Call, other: Call) -> bool:
    return not any(
        (mine, theirs) not in (("read", "read"), ("delete", "delete")) and (key == another or "" in (key, another))
        for key, mine in one.items()
        for another, theirs in other.items()
    )


class Played(NamedTuple):
    """A schedule that was played: who made each call, results or errors, the items and the stream after it."""

    calls: list[str]
    results: dict[str, Any]
    items: list[Json]
    records: list[Json]


class _Turn:
    """A point at which several actors might go on."""

    def __init__(self, calls: dict[str, Call], asleep: set[str]) -> None:
        self._calls, self._asleep = calls, asleep
        self.left = [name for name in calls if name not in asleep]
        self._done: set[str] = set()

    def asleep(self) -> set[str]:
        """Actors whose call was tried here already, or earlier, and would meet the same as then."""
        chosen = self._calls[self.left[0]]
        return {name for name in self._asleep | self._done if _commute(self._calls[name], chosen)}

    def choose_another(self) -> None:
        self._done.add(self.left.pop(0))


class Room:
    """The table as it is now is where every schedule begins."""

    def __init__(self) -> None:
        self._begin = deepcopy(_table().items)

    def play(self, actors: dict[str, Work], choose: Choose) -> Played | None:
        """Play one schedule; None where `choose` has given it up."""
        empty()
        _table().items = deepcopy(self._begin)
        cast = {name: _Actor(work) for name, work in actors.items()}
        for actor in cast.values():
            actor.switch()
        calls: list[str] = []
        while ready := {name: actor.next_call for name, actor in cast.items() if actor.next_call}:
            chosen = choose(len(calls), ready)
            if not chosen:
                return None
            calls.append(chosen)
            cast[chosen].switch()
        return Played(
            calls,
            {name: actor.result for name, actor in cast.items()},
            stored(),
            [record.to_json() for record in _table().stream_shard.items],
        )

    def every_order(self, actors: dict[str, Work]) -> Iterator[Played]:
        """Each order in which the actors' calls may come, once, depth first."""
        path: list[_Turn] = []

        def choose(at: int, calls: dict[str, Call]) -> str | None:
            if at == len(path):
                path.append(_Turn(calls, path[-1].asleep() if path else set()))
            return next(iter(path[at].left), None)

        while True:
            if played := self.play(actors, choose):
                yield played
            while path and len(path[-1].left) <= 1:
                path.pop()
            if not path:
                return
            path[-1].choose_another()


def empty() -> None:
    """Begin with an empty table, as functions that have just started."""
    table = _table()
    table.items.clear()
    table.stream_shard.items.clear()
    service.start_anew()
    for models in model_data.values():  # moto remembers a copy of the table for each transaction.
        for model in models.values():
            getattr(model, "instances_tracked", []).clear()


def stored() -> list[Json]:
    return [item.to_json()["Attributes"] for item in _table().all_items()]


def _table() -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"].get_table(TABLE_NAME)
