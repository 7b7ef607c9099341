"""Sources of items: a scan of the table at a bounded rate, or an export of it to S3 or a folder."""

import contextlib
import gzip
import io
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import boto3

from devkit.project import Trouble
from devkit.stage import PATIENT, Stack
from extending import items
from extending.items import Item
from extending.model import Account
from ops import table
from ops.console import now

SEGMENTS = 4
"""Pages of a scan that are under way at the same time."""

PAGE_UNITS = 128
"""Read units of a page of 1 MB, for a cloud that does not say what one has consumed."""

BATCH = 100
"""What one BatchGetItem takes."""

KINDS = ("account", "subscription", "extension", "usage")
"""The items that are read; members are not."""

READ = (
    *(items.PARTITION, items.SORT, items.TYPE, items.VERSION),
    *(items.NUMBER, items.KIND, items.TARIFF_ID, items.TARIFF_NAME, items.STARTS_AT, items.PERIOD_ID, items.ENDS_AT),
    *(items.SESSIONS, items.DATABASES, items.USED_SESSIONS, items.USED_DATABASES),
    *(items.EXTRA_SESSIONS, items.EXTRA_DATABASES, items.DURATION, items.SECONDS),
    *(items.GRANTED_AT, items.GRANTED_BY, items.REMINDED_AT, items.REVOKED_AT),
)
"""The attributes that are read: no names and no contacts."""

Seen = Callable[[int], object]
"""Receives the progress of the reading."""


class Source(Protocol):
    """Items of the kinds above, in any order, and the few accounts whose names are wanted."""

    now: datetime
    """The instant of the items."""
    total: int
    """The sum of the steps that `seen` receives, about."""

    def read(self, seen: Seen) -> Iterator[Item]: ...

    def accounts(self, wanted: set[str], seen: Seen) -> Iterator[Account]: ...


class Pace:
    """Holds reading to a rate of units a second."""

    def __init__(
        self, rate: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._paid_until = clock()

    def spend(self, units: float) -> None:
        """Wait until what was read is within the rate."""
        self._paid_until = max(self._paid_until, self._clock()) + units / self._rate
        self._sleep(max(0.0, self._paid_until - self._clock()))


class TableScan:
    """The table of a stage, read once, eventually consistent."""

    def __init__(self, target: Stack, pace: Pace) -> None:
        self.now = now()
        self.size = table.size(target)
        self.total = self.size.items
        self._name = target.outputs["TableName"]
        self._dynamodb = target.client("dynamodb")
        self._pace = pace

    def read(self, seen: Seen) -> Iterator[Item]:
        """A parallel scan; a page of each segment in memory at a time."""
        names = {f"#{number}": name for number, name in enumerate(READ)}
        kinds = {f":{kind}": {"S": kind} for kind in KINDS}
        request: dict[str, Any] = {
            "TableName": self._name,
            "TotalSegments": SEGMENTS,
            "ProjectionExpression": ", ".join(names),
            "FilterExpression": f"#{READ.index(items.TYPE)} IN ({', '.join(kinds)})",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": kinds,
            "ReturnConsumedCapacity": "TOTAL",
        }
        with ThreadPoolExecutor(SEGMENTS) as pool:
            running: dict[Future[Any], int] = {
                pool.submit(self._dynamodb.scan, **request, Segment=segment): segment for segment in range(SEGMENTS)
            }
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    segment, answer = running.pop(future), future.result()
                    yield from answer["Items"]
                    seen(answer["ScannedCount"])
                    self._pace.spend(answer.get("ConsumedCapacity", {}).get("CapacityUnits", PAGE_UNITS))
                    if after := answer.get("LastEvaluatedKey"):
                        further = request | {"Segment": segment, "ExclusiveStartKey": after}
                        running[pool.submit(self._dynamodb.scan, **further)] = segment

    def accounts(self, wanted: set[str], seen: Seen) -> Iterator[Account]:
        """By their keys."""
        waiting = [items.account_key(account_id) for account_id in wanted]
        while waiting:
            asked, waiting = waiting[:BATCH], waiting[BATCH:]
            answer = self._dynamodb.batch_get_item(RequestItems={self._name: {"Keys": asked}})
            found = answer["Responses"].get(self._name, [])
            left = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            yield from map(items.account_from, found)
            seen(len(asked) - len(left))
            waiting += left
            self._pace.spend(max(1, len(found)) / 2)


# Exports


class File(NamedTuple):
    """A file of an export."""

    name: str
    size: int
    open: Callable[[], Any]


TYPED = re.compile(rb'"%b"\s*:\s*\{\s*"S"\s*:\s*"(\w+)"' % items.TYPE.encode())
"""The type in a line, found without reading all of it: half of the lines are members."""


class Export:
    """A full export to S3 as DynamoDB JSON, there or in a folder: AWSDynamoDB/…/data/*.json.gz."""

    def __init__(self, files: list[File], at: datetime | None) -> None:
        self.now = at or now()
        self.files = files
        self.total = sum(file.size for file in files)

    def read(self, seen: Seen) -> Iterator[Item]:
        for item in self._items(KINDS, seen):
            if items.type_of(item) == "account":
                yield {name: item[name] for name in (items.PARTITION, items.SORT, items.TYPE)}
            else:
                yield item

    def accounts(self, wanted: set[str], seen: Seen) -> Iterator[Account]:
        """Reads the files again."""
        for item in self._items(("account",), seen):
            if item[items.PARTITION]["S"].removeprefix("A#") in wanted:
                yield items.account_from(item)

    def _items(self, kinds: Sequence[str], seen: Seen) -> Iterator[Item]:
        """The items of these kinds; raises Trouble for a file that is damaged or not of an export."""
        wanted = {kind.encode() for kind in kinds}
        for file in self.files:
            number = 0
            try:
                for line in _lines(file, seen):
                    number += 1
                    typed = TYPED.search(line)
                    if typed and typed[1] not in wanted:
                        continue
                    if line.strip() and items.type_of(item := _item(line)) in kinds:
                        yield item
            except (EOFError, gzip.BadGzipFile, zlib.error, ValueError, KeyError) as error:
                raise Trouble(f"{file.name}, line {number}: {error or type(error).__name__}") from error


def _lines(file: File, seen: Seen) -> Iterator[bytes]:
    with contextlib.closing(file.open()) as raw:
        counted: Any = _Counted(raw, seen)
        yield from io.BufferedReader(gzip.GzipFile(mode="rb", fileobj=counted), 1 << 20)


class _Counted:
    """A file that counts what was read of it."""

    def __init__(self, raw: Any, seen: Seen) -> None:
        self._raw, self._seen = raw, seen

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._raw.read(size)
        self._seen(len(data))
        return data


def _item(line: bytes) -> Item:
    """The item in a line; raises ValueError for what is none."""
    match json.loads(line):
        case {"Item": {items.PARTITION: {"S": str()}, items.SORT: {"S": str()}, items.TYPE: {"S": str()}}} as told:
            item: Item = told["Item"]
            return item
    raise ValueError("not an item of a full export as DynamoDB JSON")


DATA = "/data/"


def folder(path: Path) -> Export:
    """An export that was copied to a folder, or the part of it that is there."""
    if not path.is_dir():
        raise Trouble(f"There is no folder {path}.")
    manifest = next(path.rglob("manifest-summary.json"), None)
    found = sorted(path.rglob("*.json.gz"))
    files = [File(str(each), each.stat().st_size, lambda each=each: each.open("rb")) for each in found]  # type: ignore[misc]
    return _export(str(path), files, manifest.read_bytes() if manifest else None)


def bucket(uri: str, s3: Any = None) -> Export:
    """An export where DynamoDB has written it: s3://bucket/prefix/AWSDynamoDB/…"""
    name, _, prefix = uri.removeprefix("s3://").partition("/")
    s3 = s3 or boto3.client("s3", config=PATIENT)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
    sizes = {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def opened(key: str) -> Any:
        return s3.get_object(Bucket=name, Key=key)["Body"]

    manifest = next((key for key in sizes if key.endswith("manifest-summary.json")), None)
    files = [
        File(f"s3://{name}/{key}", size, lambda key=key: opened(key))  # type: ignore[misc]
        for key, size in sorted(sizes.items())
        if key.endswith(".json.gz")
    ]
    if manifest is None:
        return _export(uri, files, None)
    with contextlib.closing(opened(manifest)) as told:
        return _export(uri, files, told.read())


def _export(where: str, files: list[File], manifest: bytes | None) -> Export:
    if not files:
        raise Trouble(f"{where} holds no file *.json.gz, as an export to S3 as DynamoDB JSON does.")
    exports = {file.name.rpartition(DATA)[0] for file in files}
    if len(exports) > 1:
        raise Trouble(f"{where} holds {len(exports)} exports: name one of them, such as {min(exports)}")
    try:
        at = json.loads(manifest)["exportTime"] if manifest else None
        return Export(files, datetime.fromisoformat(at).replace(microsecond=0) if at else None)
    except (ValueError, KeyError, TypeError) as error:
        raise Trouble(f"The manifest of {where} cannot be read: {error}") from error
