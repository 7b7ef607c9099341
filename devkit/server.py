"""A server that was started: what the local cloud and the engine have in common."""

import contextlib
import subprocess
import time

import httpx


def answers(process: subprocess.Popen[bytes], url: str, status: int, seconds: float, **headers: str) -> bool:
    """Wait until the server in a process answers with a status; False once it has ended, or after so many seconds."""
    deadline = time.monotonic() + seconds
    with httpx.Client(headers=headers, trust_env=False, timeout=2) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(url).status_code == status:
                    return True
            time.sleep(0.1)
    return False
