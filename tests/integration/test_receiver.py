"""The receiver of webhooks that docs/integrating.md prints: it runs, as it stands there."""

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from devkit.project import ROOT, free_port

PRINTED = (ROOT / "docs" / "integrating.md").read_text()


class Receiver(NamedTuple):
    """Its address, and the database in which it keeps deliveries."""

    url: str
    database: Path

    def post(self, body: str, key: str | None) -> int:
        headers = {b"Content-Type": b"application/cloudevents+json"}
        headers |= {b"X-Api-Key": key.encode()} if key else {}
        return httpx.post(f"{self.url}/events", content=body, headers=headers, timeout=60).status_code

    @property
    def kept(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.database) as database:
            return database.execute("SELECT id, body FROM event").fetchall()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """The receiver as it is printed, but for its port, which may be in use here."""
    (source,) = [block for block in re.findall(r"```python\n(.*?)```", PRINTED, re.DOTALL) if "Receiver" in block]
    port = free_port()
    assert source.count("9000") == 1
    (tmp_path / "receiver.py").write_text(source.replace("9000", str(port)))
    process = subprocess.Popen([sys.executable, "receiver.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        answers(f"http://127.0.0.1:{port}")
        yield Receiver(f"http://127.0.0.1:{port}", tmp_path / "events.db")
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(url, timeout=60)
        except httpx.ConnectError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def printed_event() -> str:
    """The body of the delivery that the document shows."""
    (body,) = re.findall(r"^(\{\"specversion\": .*\})$", PRINTED, re.MULTILINE)
    return str(body)


def test_a_delivery_with_the_key_is_kept_once(receiver: Receiver) -> None:
    """A repeat changes nothing; both are answered with 2xx, or EventBridge would come again for a day."""
    body = printed_event()
    for key in ("another", "the-key-and-more", "thé-key", None):
        assert receiver.post(body, key) == 401
    assert receiver.kept == []
    assert [receiver.post(body, "the-key") for _ in range(2)] == [204, 204]
    assert receiver.kept == [(json.loads(body)["id"], body)]
