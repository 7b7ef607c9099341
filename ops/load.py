"""Load events from a file of JSON Lines, over the bus or over HTTPS: a whole cloud on day one.

A line is {"detail_type": "…", "detail": {…}}, or one of a reject file with its text corrected. Each is validated first,
by the models of the functions. A line that is invalid, or refused after all retries, goes to the reject file with its
number and the reason. Loading a file twice does no harm: what is stored already does not change.
"""

import json
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

import click
import httpx
from rich.progress import wrap_file

from devkit.project import Trouble, bypass_proxies
from devkit.stage import stack
from extending import inbound, wire
from extending.inbound import SOURCE, AheadOfClock, NotAnEvent
from ops import console

BATCH = 10
MOST_BYTES = 200_000
"""PutEvents accepts ten entries and 256 KB; an entry has more to it than its detail."""

MOST_CHANGES = 100
"""Changes in one POST /changes."""

WORKERS = 8
TRIES = 6
"""Attempts for an entry, with waits of 0.2 s to 6.4 s between, before it is rejected."""


class Line(NamedTuple):
    number: int
    text: str
    detail_type: str
    detail: str


class Reject(NamedTuple):
    number: int
    text: str
    reason: str


class Answer(NamedTuple):
    """The result of one line; `reason` where it was refused or is to be tried again."""

    result: Literal["stored", "known already", "on the bus", "refused", "try again"]
    reason: str = ""
    ignored: bool = False
    """Stored without a value that is only for display and could not be used."""


STORED = Answer("stored")

Put = Callable[[list[Line]], list[Answer]]
"""Sends a batch of lines; answers each."""


def validated(lines: Iterable[bytes], now: datetime) -> Iterator[Line | Reject]:
    """Each line that is not blank, as an event or with its error."""
    for number, raw in enumerate(lines, 1):
        text = raw.decode("utf-8-sig", errors="replace").strip()
        if not text:
            continue
        try:
            detail_type, detail = _parts(raw)
            inbound.read(detail_type, detail, now)
        except NotAnEvent as error:
            yield Reject(number, text, str(error))
        except AheadOfClock as error:
            yield Reject(number, text, f"{error}: load the line again later")
        except Exception as error:  # One line keeps no other from being loaded.
            yield Reject(number, text, f"not understood: {type(error).__name__}: {error}")
        else:
            yield Line(number, text, detail_type, json.dumps(detail))


def _parts(raw: bytes | str) -> tuple[str, Any]:
    """Detail type and detail of a line; raises NotAnEvent."""
    try:
        event = wire.plain(wire.parse(raw))
    except UnicodeDecodeError:
        raise NotAnEvent({"": "not UTF-8"}) from None
    except wire.Unreadable as error:
        raise NotAnEvent({error.field: error.why}) from None
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


def batches(lines: Iterable[Line | Reject], most: int, reject: Callable[[Reject], None]) -> Iterator[list[Line]]:
    """Lines in batches of no more than so many, and of no more bytes than the bus accepts."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if isinstance(line, Reject):
            reject(line)
            continue
        if batch and (len(batch) == most or size + len(line.detail) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.detail)
    if batch:
        yield batch


def put_all(batch: list[Line], put: Put, pause: Callable[[float], None]) -> list[tuple[Line, Answer]]:
    """Send a batch, and again what is to be tried again; returns each line with its last answer. Raises Trouble."""
    answered: list[tuple[Line, Answer]] = []
    for attempt in range(TRIES):
        try:
            answers = put(batch)
        except Trouble:  # No other line would fare better.
            raise
        except Exception as error:
            answers = [Answer("try again", f"{type(error).__name__}: {error}")] * len(batch)
        pairs = list(zip(batch, answers, strict=True))
        batch = [line for line, answer in pairs if answer.result == "try again"]
        if not batch or attempt == TRIES - 1:
            answered += pairs
            break
        answered += [(line, answer) for line, answer in pairs if answer.result != "try again"]
        pause(0.2 * 2**attempt)
    return answered


def load(
    lines: Iterable[bytes],
    put: Put,
    reject: Callable[[Reject], None],
    now: datetime,
    workers: int = WORKERS,
    most: int = BATCH,
    pause: Callable[[float], None] = time.sleep,
) -> Counter[str]:
    """Load lines; returns how many met each result. Memory does not grow with the file. Raises Trouble."""
    counts: Counter[str] = Counter()
    under_way: deque[Future[list[tuple[Line, Answer]]]] = deque()

    def refuse(line: Reject) -> None:
        counts["refused"] += 1
        reject(line)

    def settle(most_left: int) -> None:
        while len(under_way) > most_left:
            for line, answer in under_way.popleft().result():
                if answer.reason:
                    refuse(Reject(line.number, line.text, answer.reason))
                else:
                    counts[answer.result] += 1
                    counts["ignored"] += answer.ignored

    with ThreadPoolExecutor(workers) as pool:
        for batch in batches(validated(lines, now), most, refuse):
            under_way.append(pool.submit(put_all, batch, put, pause))
            settle(2 * workers)
        settle(0)
    return counts


def to_bus(events: Any, bus: str) -> Put:
    """Put lines on a bus as the service manager does; sync stores them later."""

    def put(batch: list[Line]) -> list[Answer]:
        common = {"EventBusName": bus, "Source": SOURCE}
        entries = [common | {"DetailType": line.detail_type, "Detail": line.detail} for line in batch]
        return [
            Answer("try again", f"not accepted: {entry['ErrorCode']}") if "ErrorCode" in entry else Answer("on the bus")
            for entry in events.put_events(Entries=entries)["Entries"]
        ]

    return put


def to_url(url: str, token: str) -> Put:
    """Post lines as a service manager does that has no AWS."""
    client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=40)

    def put(batch: list[Line]) -> list[Answer]:
        changes = [{"detail_type": line.detail_type, "detail": json.loads(line.detail)} for line in batch]
        answer = client.post(f"{url.rstrip('/')}/changes", json={"changes": changes})
        if answer.status_code in (401, 403):
            raise Trouble(
                f"Stopped at HTTP {answer.status_code}: the token in TOKEN does not open {url}, or lacks the scope "
                "changes:write. Get another one and load the file again."
            )
        if not answer.is_success:
            result: Any = "try again" if answer.status_code == 429 or answer.is_server_error else "refused"
            return [Answer(result, f"HTTP {answer.status_code} {answer.text[:200]}")] * len(batch)
        return [_result(result) for result in answer.json()["results"]]

    return put


def _result(result: dict[str, Any]) -> Answer:
    match result:
        case {"result": "stored" | "stale" as stored}:
            return Answer("stored" if stored == "stored" else "known already", ignored=bool(result.get("ignored")))
        case {"result": "invalid", "fields": fields}:
            return Answer("refused", "; ".join(f"{name}: {why}" for name, why in fields.items()))
    return Answer("try again", str(result["result"]))


def target_of(stage: str, url: str | None) -> tuple[Put, int, int]:
    """The way for lines, with the number of batches at once and of lines in each; raises Trouble."""
    if url:
        token = os.environ.get("TOKEN", "")
        if not token:
            raise Trouble("Put the service manager's access token into TOKEN: export TOKEN=eyJ…")
        return to_url(url, token), 2, MOST_CHANGES
    target = stack(stage)
    if target.endpoint:  # The local bus starts a process for each event and drops what its function fails on.
        bypass_proxies()
        local = f"http://127.0.0.1:{os.environ.get('PORT', '8080')}"
        query = {"client": SOURCE, "scope": "changes:write"}
        token = httpx.get(f"{local}/token", params=query, timeout=120).json()["access_token"]
        return to_url(f"{local}/api", token), 2, MOST_CHANGES
    return to_bus(target.client("events"), target.outputs["BusName"]), WORKERS, BATCH


def to_file(file: TextIO) -> Callable[[Reject], None]:
    def write(reject: Reject) -> None:
        line = {"line": reject.number, "reason": reject.reason, "text": reject.text}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")

    return write


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", metavar="URL", help="Send over HTTPS, with the service manager's access token in TOKEN.")
@console.STAGE
def command(file: Path, url: str | None, stage: str) -> int:
    """Load events from a FILE of JSON Lines.

    Lines that are refused go to a file of rejects beside it, with the reasons.

    \b
    extending load cloud.jsonl --stage prod
    TOKEN=eyJ… extending load cloud.jsonl --url https://api.example
    """
    out = console.notes()
    reject_file = file.with_suffix(".rejects.jsonl")
    put, workers, most = target_of(stage, url)
    with (
        file.open("rb") as source,
        open(reject_file, "w", encoding="utf-8", errors="backslashreplace", opener=console.private) as rejects,
    ):
        name = console.safe(file.name)
        lines = wrap_file(source, file.stat().st_size, description=f"Loading {name}", console=out)
        with lines as progress:
            try:
                counts = load(progress, put, to_file(rejects), datetime.now(UTC), workers, most)
            except KeyboardInterrupt:
                out.print("Stopped. Load the file again for the rest: what is stored already does not change.")
                return console.STOPPED
            finally:
                if not rejects.tell():
                    reject_file.unlink()
    out.print(summary(counts))
    if not counts["refused"]:
        return 0
    out.print(console.safe(f"{reject_file} has the refused lines with reasons: correct the texts and load that file."))
    return 1


def summary(counts: Counter[str]) -> str:
    """The results in one line."""
    shown = {name: counts[name] for name in ("stored", "known already", "on the bus") if counts[name]}
    said = ", ".join(f"{count} {name}" for name, count in (shown | {"refused": counts["refused"]}).items())
    ignored = counts["ignored"]
    return said + (f"; in {ignored} of them something that is only for display was left out" if ignored else "")
