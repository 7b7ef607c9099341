"""Tell events from JSON Lines, over the bus or over HTTPS: a whole cloud on day one.

A line is {"detail_type": "…", "detail": {…}}, or one of a reject file with its text mended. Each is validated first,
by the models that the functions use. A line that is not valid, or that is not taken after all retries, goes to
the reject file with its number and the reason. Stopping and running again does no harm: an event that has been taken in
changes nothing the second time.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import httpx
from rich.progress import wrap_file

from devkit.stage import stack
from extending import inbound
from extending.inbound import SOURCE, NotAnEvent
from ops import console

BATCH = 10
MOST_BYTES = 200_000
"""PutEvents takes ten entries and 256 KB; an entry has more to it than its detail."""

MOST_CHANGES = 100
"""What one POST /changes takes."""

WORKERS = 8
TRIES = 6
"""How often an entry is put, with waits of 0.2 s to 6.4 s between, before it is rejected."""


class Line(NamedTuple):
    number: int
    text: str
    detail_type: str
    detail: str


class Reject(NamedTuple):
    number: int
    text: str
    reason: str


Put = Callable[[list[Line]], list[str | None]]
"""Tells a batch of lines; for each, None or the reason why it was not taken."""


def validated(lines: Iterable[bytes], now: datetime) -> Iterator[Line | Reject]:
    """Each line that is not blank, as an event or as what is wrong with it."""
    for number, raw in enumerate(lines, 1):
        text = raw.decode(errors="replace").strip()
        if not text:
            continue
        try:
            detail_type, detail = _parts(raw)
            inbound.read(detail_type, detail, now)
        except NotAnEvent as error:
            yield Reject(number, text, str(error))
        except Exception as error:  # Whatever one line does, the others are loaded.
            yield Reject(number, text, f"not understood: {type(error).__name__}: {error}")
        else:
            yield Line(number, text, detail_type, json.dumps(detail))


def _parts(raw: bytes | str) -> tuple[str, Any]:
    """Detail type and detail of a line; raises NotAnEvent."""
    try:
        event = json.loads(raw)
    except UnicodeDecodeError:
        raise NotAnEvent({"": "not UTF-8"}) from None
    except RecursionError:
        raise NotAnEvent({"": "not an event: nested too deeply"}) from None
    except ValueError as error:
        raise NotAnEvent({"": f"not JSON: {error}"}) from None
    match event:
        case {"text": str(text), "reason": str()}:  # a line of a reject file
            return _parts(text)
        case {"detail_type": str(detail_type), "detail": detail}:
            return detail_type, detail
        case {"detail_type": _, "detail": _}:
            raise NotAnEvent({"": "detail_type is not a text"})
        case dict():
            raise NotAnEvent({"": f"{'detail' if 'detail_type' in event else 'detail_type'} is missing"})
    raise NotAnEvent({"": 'not an event: {"detail_type": "…", "detail": {…}} is expected'})


def put_all(batch: list[Line], put: Put, pause: Callable[[float], None]) -> list[Reject]:
    """Put a batch, again what the bus did not take; what it never took is rejected."""
    reasons: list[str | None] = []
    for attempt in range(TRIES):
        try:
            reasons = put(batch)
        except Exception as error:
            reasons = [f"{type(error).__name__}: {error}"] * len(batch)
        batch, reasons = (
            [line for line, reason in zip(batch, reasons, strict=True) if reason],
            [reason for reason in reasons if reason],
        )
        if not batch:
            return []
        if attempt < TRIES - 1:
            pause(0.2 * 2**attempt)
    return [Reject(line.number, line.text, f"not taken: {why}") for line, why in zip(batch, reasons, strict=True)]


class UnderWay:
    """Batches that are being put, and what has come of those before."""

    def __init__(
        self, pool: ThreadPoolExecutor, put: Put, rejects: Callable[[Reject], None], pause: Callable[[float], None]
    ) -> None:
        self._pool, self._put, self._rejects, self._pause = pool, put, rejects, pause
        self._running: dict[Future[list[Reject]], int] = {}
        self.loaded = self.rejected = 0

    def send(self, batch: list[Line]) -> None:
        self._running[self._pool.submit(put_all, batch, self._put, self._pause)] = len(batch)

    def reject(self, line: Reject) -> None:
        self.rejected += 1
        self._rejects(line)

    def settle(self, most: int) -> None:
        """Wait until no more than so many batches are under way."""
        while len(self._running) > most:
            done, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in done:
                refused = future.result()
                self.loaded += self._running.pop(future) - len(refused)
                for line in refused:
                    self.reject(line)


def load(
    lines: Iterable[bytes],
    put: Put,
    rejects: Callable[[Reject], None],
    now: datetime,
    workers: int = WORKERS,
    most: int = BATCH,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[int, int]:
    """Load lines; returns how many were loaded and how many rejected. Memory does not grow with the file."""
    with ThreadPoolExecutor(workers) as pool:
        under_way = UnderWay(pool, put, rejects, pause)
        batch: list[Line] = []
        size = 0
        for line in validated(lines, now):
            if isinstance(line, Reject):
                under_way.reject(line)
                continue
            length = len(line.detail)
            if batch and (len(batch) == most or size + length > MOST_BYTES):
                under_way.send(batch)
                under_way.settle(2 * workers)
                batch, size = [], 0
            batch.append(line)
            size += length
        if batch:
            under_way.send(batch)
        under_way.settle(0)
    return under_way.loaded, under_way.rejected


def to_bus(events: Any, bus: str) -> Put:
    """Put lines on a bus as the service manager does."""

    def put(batch: list[Line]) -> list[str | None]:
        entries = [
            {"EventBusName": bus, "Source": SOURCE, "DetailType": line.detail_type, "Detail": line.detail}
            for line in batch
        ]
        answer = events.put_events(Entries=entries)
        return [f"{entry['ErrorCode']}" if "ErrorCode" in entry else None for entry in answer["Entries"]]

    return put


def to_url(url: str, token: str) -> Put:
    """Post lines as a service manager does that speaks no AWS."""
    client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=40)

    def put(batch: list[Line]) -> list[str | None]:
        changes = [{"detail_type": line.detail_type, "detail": json.loads(line.detail)} for line in batch]
        answer = client.post(f"{url.rstrip('/')}/changes", json={"changes": changes})
        if not answer.is_success:
            return [f"HTTP {answer.status_code} {answer.text[:200]}"] * len(batch)
        return [_left(result) for result in answer.json()["results"]]

    return put


def _left(result: dict[str, Any]) -> str | None:
    match result:
        case {"result": "stored" | "stale"}:
            return None
        case {"result": "invalid", "fields": fields}:
            return "; ".join(f"{name}: {why}" for name, why in fields.items())
    return str(result["result"])


def to_function(lambda_: Any, function: str) -> Put:
    """Hand lines to sync itself, one at a time, and see what it answers.

    The local bus starts a process for every event that waits, and forgets what its function fails on: it can neither
    be hurried nor trusted.
    """

    def put(batch: list[Line]) -> list[str | None]:
        return [_refusal(lambda_.invoke(FunctionName=function, Payload=_event(line))) for line in batch]

    return put


def _event(line: Line) -> bytes:
    """A line as the bus hands it to a function."""
    known = {"id": f"line-{line.number}", "source": SOURCE, "detail-type": line.detail_type}
    return json.dumps(known | {"detail": json.loads(line.detail)}).encode()


def _refusal(answer: Any) -> str | None:
    said = answer["Payload"].read().decode()
    return said[:300] if "FunctionError" in answer else None


def to_file(file: TextIO) -> Callable[[Reject], None]:
    def write(reject: Reject) -> None:
        line = {"line": reject.number, "reason": reject.reason, "text": reject.text}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")

    return write


def target_of(stage: str, url: str) -> tuple[Put, int, int]:
    """How lines are told, how many batches at once, and how many lines in each; raises NoStack."""
    if url:
        return to_url(url, os.environ["TOKEN"]), 2, MOST_CHANGES
    target = stack(stage)
    if target.endpoint:
        return to_function(target.client("lambda"), target.resource("SyncFunctionAliaslive")), 2, BATCH
    return to_bus(target.client("events"), target.outputs["BusName"]), WORKERS, BATCH


def main() -> int:
    parser = console.Arguments(prog="make load", description=__doc__)
    parser.add_argument("file", help="FILE=….jsonl")
    parser.add_argument("--stage", default="local", help="STAGE=local, dev, prod")
    parser.add_argument("--url", default="", help="URL=https://…: over HTTPS, with the access token in TOKEN")
    arguments = parser.parse_args()
    if not arguments.file:
        raise console.Trouble("Name a file: make load FILE=cloud.jsonl STAGE=local")
    if arguments.url and not os.environ.get("TOKEN"):
        raise console.Trouble("Put the service manager's access token into TOKEN: export TOKEN=eyJ…")
    out = console.beside()
    file = Path(arguments.file)
    reject_file = file.with_suffix(".rejects.jsonl")
    put, workers, most = target_of(arguments.stage, arguments.url)
    with file.open("rb") as source, reject_file.open("w", encoding="utf-8") as rejects:
        lines = wrap_file(source, file.stat().st_size, description=f"Loading {file.name}", console=out)
        with lines as progress:
            try:
                loaded, rejected = load(progress, put, to_file(rejects), datetime.now(UTC), workers, most)
            except KeyboardInterrupt:
                out.print("Stopped. Run it again to load the rest: what was loaded is not changed by it.")
                return console.STOPPED
    out.print(f"{loaded} loaded, {rejected} rejected")
    if not rejected:
        reject_file.unlink()
        return 0
    out.print(
        console.cell(f"Why, and which lines: {reject_file}")
        + "\nMend the texts there and load that file; nothing else is lost."
    )
    return 1


if __name__ == "__main__":
    console.run(main)
