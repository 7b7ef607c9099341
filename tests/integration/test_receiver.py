"""The receiver of webhooks that docs/integrating.md prints: it runs, as it stands there."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx

from devkit.project import ROOT, free_port


def test_a_delivery_with_the_key_is_kept_once(tmp_path: Path) -> None:
    """A repeat changes nothing; both are answered with 2xx, or EventBridge would come again for a day."""
    document = (ROOT / "docs" / "integrating.md").read_text()
    (source,) = [block for block in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "Receiver" in block]
    (event,) = re.findall(r"^(\{\"specversion\": .*\})$", document, re.MULTILINE)
    port = free_port()
    assert source.count("9000") == 1
    (tmp_path / "receiver.py").write_text(source.replace("9000", str(port)))
    process = subprocess.Popen([sys.executable, "receiver.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    # It may take a while until it listens.
    client = httpx.Client(transport=httpx.HTTPTransport(retries=9), timeout=60)

    def post(key: str | None) -> int:
        headers = {b"Content-Type": b"application/cloudevents+json"} | ({b"X-Api-Key": key.encode()} if key else {})
        return client.post(f"http://127.0.0.1:{port}/events", content=event, headers=headers).status_code

    def kept() -> list[tuple[str, str]]:
        with closing(sqlite3.connect(tmp_path / "events.db")) as database:
            return database.execute("SELECT id, body FROM event").fetchall()

    try:
        assert [post(key) for key in ("another", "the-key-and-more", "thé-key", None)] == [401] * 4
        assert kept() == []
        assert [post("the-key") for _ in range(2)] == [204, 204]
        assert kept() == [(json.loads(event)["id"], event)]
    finally:
        client.close()
        process.terminate()
        process.wait()
