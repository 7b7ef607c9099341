"""MiniStack behind a check of every request: it runs whatever it is sent, and any web page can send to its port.

Run with MiniStack's own Python, as a file: nothing else of ours is there. The key of this run stands where the AWS SDKs
and the AWS CLI put it by themselves, in the session token, so that no caller has to know of it. Presigned URLs, which
have it elsewhere, do not pass.

Once the process that has started it is no more, kill -9 included, MiniStack ends with all its workers.
"""

import contextlib
import hmac
import os
import shutil
import signal
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

HEADER = b"x-amz-security-token"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


def guarded(application: Application, key: str) -> Application:
    """An ASGI application that passes on what carries the key, without it, and answers anything else with 403."""

    async def guard(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
            return
        brought = [value for name, value in scope["headers"] if name == HEADER]
        if len(brought) == 1 and hmac.compare_digest(brought[0], key.encode()):
            others = [(name, value) for name, value in scope["headers"] if name != HEADER]
            await application({**scope, "headers": others}, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})

    return guard


def end_with(owner: int, folder: str) -> None:
    """Wait until the owner is no more, then delete the folder and end the group of this process."""
    own = os.stat(folder)
    while os.getppid() == owner:
        time.sleep(1)
    with contextlib.suppress(OSError):  # A new start on the same port may have made a folder of its own meanwhile.
        if os.path.samestat(own, os.stat(folder)):
            shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    from ministack import app as ministack

    threading.Thread(target=end_with, args=(int(os.environ["OWNER"]), os.environ["TMPDIR"]), daemon=True).start()
    ministack.app = guarded(ministack.app, os.environ["AWS_SESSION_TOKEN"])  # Its functions have the key from here.
    ministack.main()
