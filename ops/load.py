"""Put events from JSON Lines on the bus: a whole cloud on day one.

A line is {"detail_type": "…", "detail": {…}}, or one of a reject file with its text mended. Each is validated first,
by the models that the functions use. A line that is not valid, or that the bus does not take after all retries, goes to
the reject file with its number and the reason. Stopping and running again does no harm: an event that has been taken in
changes nothing the second time.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from rich.console import Console
from rich.progress import wrap_file

from extending import inbound
from extending.inbound import SOURCE, NotAnEvent
from ops.stage import NoStack, stack

BATCH = 10
MOST_BYTES = 200_000
"""PutEvents takes ten entries and 256 KB; an entry has more to it than its detail."""

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
"""Puts up to ten lines on the bus; for each, None or the reason why the bus did not take it."""


def read(lines: Iterable[bytes], now: datetime) -> Iterator[Line | Reject]:
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
    return [
        Reject(line.number, line.text, f"the bus did not take it: {why}")
        for line, why in zip(batch, reasons, strict=True)
    ]


def load(
    lines: Iterable[bytes],
    put: Put,
    rejects: Callable[[Reject], None],
    now: datetime,
    workers: int = WORKERS,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[int, int]:
    """Load lines; returns how many were loaded and how many rejected. Memory does not grow with the file."""
    loaded = rejected = 0
    running: dict[Future[list[Reject]], int] = {}

    def settle(most: int) -> None:
        nonlocal loaded, rejected
        while len(running) > most:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                size = running.pop(future)
                refused = future.result()
                loaded += size - len(refused)
                rejected += len(refused)
                for reject in refused:
                    rejects(reject)

    with ThreadPoolExecutor(workers) as pool:
        batch: list[Line] = []
        size = 0

        def send() -> None:
            nonlocal batch, size
            if batch:
                running[pool.submit(put_all, batch, put, pause)] = len(batch)
                batch, size = [], 0
                settle(2 * workers)

        for line in read(lines, now):
            if isinstance(line, Reject):
                rejected += 1
                rejects(line)
                continue
            length = len(line.detail)
            if len(batch) == BATCH or size + length > MOST_BYTES:
                send()
            batch.append(line)
            size += length
        send()
        settle(0)
    return loaded, rejected


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


def main() -> int:
    parser = argparse.ArgumentParser(prog="make load", description="Put events from JSON Lines on the bus.")
    parser.add_argument("file", help="FILE=….jsonl")
    parser.add_argument("--stage", required=True, help="STAGE=local, dev, prod")
    arguments = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    if not arguments.file or not arguments.stage:
        console.print("✗ Name a file and a stage: make load FILE=cloud.jsonl STAGE=local", markup=False)
        return 2
    file = Path(arguments.file)
    reject_file = file.with_suffix(".rejects.jsonl")
    try:
        target = stack(arguments.stage)
        source: BinaryIO = file.open("rb")
    except (NoStack, OSError) as error:
        console.print(f"✗ {error}", markup=False)
        return 2
    with source, reject_file.open("w", encoding="utf-8") as rejects:
        lines = wrap_file(source, file.stat().st_size, description=f"Loading {file.name}", console=console)
        if target.endpoint:
            put, workers = to_function(target.client("lambda"), target.resource("SyncFunctionAliaslive")), 2
        else:
            put, workers = to_bus(target.client("events"), target.outputs["BusName"]), WORKERS
        with lines as progress:
            try:
                loaded, rejected = load(progress, put, to_file(rejects), datetime.now(UTC), workers)
            except KeyboardInterrupt:
                console.print("Stopped. Run it again to load the rest: what was loaded is not changed by it.")
                return 130
    console.print(f"{loaded} loaded, {rejected} rejected")
    if not rejected:
        reject_file.unlink()
        return 0
    console.print(
        f"Why, and which lines: {reject_file}\nMend the texts there and load that file; nothing else is lost."
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
