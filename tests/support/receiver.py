"""A receiver of webhooks: a real HTTP server that checks the key and keeps the events."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from devkit.stage import Stack
from local.webhook import Receiver, Webhook

KEY = "the key of the tests"

Answering = Callable[[dict[str, Any]], int]
"""The status that answers an event."""


class Inbox:
    """The events posted so far, and their answers."""

    def __init__(self) -> None:
        self.answering: Answering = lambda _: 204
        self.refused: list[dict[str, Any]] = []
        self.accepted: list[dict[str, Any]] = []
        self.raw: list[dict[str, Any]] = []
        """Headers and bodies as they came."""

    def receive(self, headers: Any, body: bytes) -> int:
        self.raw.append({"headers": dict(headers), "body": body.decode()})
        if headers["X-Api-Key"] != KEY:
            return 401
        event = json.loads(body)
        status = self.answering(event)
        (self.accepted if status < 300 else self.refused).append(event)
        return status

    def of(self, account: str) -> list[dict[str, Any]]:
        """The events of an account, each once."""
        return list({event["id"]: event for event in self.accepted if event["subject"] == account}.values())


@contextmanager
def webhook(stack: Stack, inbox: Inbox, key: str = KEY, gives_up_after: float | None = None) -> Iterator[None]:
    """Has the events out of a local cloud posted to an inbox."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status = inbox.receive(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/events"
    posting = Webhook(stack, Receiver(url, "X-Api-Key", key))
    posting.slowest_retry = 1
    if gives_up_after is not None:
        posting.gives_up_after = gives_up_after
    over = threading.Event()
    thread = threading.Thread(target=posting.run, args=(over,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        posting.close()
        server.shutdown()
        server.server_close()
