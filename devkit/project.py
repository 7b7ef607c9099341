"""The checkout: its folders, the functions by name, processes on this machine."""

import os
import platform
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAM = ROOT / ".venvs" / "sam"
REGION = "us-east-1"
"""The region of the local cloud."""

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
"""The functions by name: one folder is one of them."""


ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, kill, a terminal that is closed."""


class Trouble(Exception):
    """A mistake or an obstacle that the user can remove; the text says how."""


def sam(*arguments: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the SAM CLI on this checkout with these variables; whatever it says is in `stdout`."""
    with tempfile.TemporaryDirectory() as folder:  # It leaves empty folders behind.
        return subprocess.run(
            [SAM / "bin" / "sam", *arguments],
            cwd=ROOT,
            env={**variables, "SAM_CLI_TELEMETRY": "0", "TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def environment() -> dict[str, str]:
    """Variables for a process on the local cloud: the caller's without AWS_*, and no proxy for loopback."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {name: _with_loopback(own.get(name)) for name in ("no_proxy", "NO_PROXY")}


def aws(endpoint: str, key: str) -> dict[str, str]:
    """Variables with which a local cloud is AWS for SDK and CLI; `key` is what its guard asks for."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": key,
        "AWS_DEFAULT_REGION": REGION,
    }


def bypass_proxies() -> None:
    """Reach loopback without a proxy from this process on; programs call it first, no import does."""
    os.environ.update({name: _with_loopback(os.environ.get(name)) for name in ("no_proxy", "NO_PROXY")})


def _with_loopback(hosts: str | None) -> str:
    return ",".join(filter(None, [hosts, "127.0.0.1,localhost"]))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def emulator(port: int, *runtime: str) -> list[str]:
    """The command that runs a runtime behind Amazon's Runtime Interface Emulator, which comes with the SAM CLI."""
    binary = "aws-lambda-rie-arm64" if platform.machine() == "aarch64" else "aws-lambda-rie-x86_64"
    (found,) = SAM.glob(f"lib/python3*/site-packages/samcli/local/rapid/{binary}")
    addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    addresses += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
    return [str(found), *addresses, *runtime]
