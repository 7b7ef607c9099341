"""The local cloud behind `make run`; nothing that is deployed knows of it."""

import os
import platform
import socket
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAM = ROOT / ".venvs" / "sam"
STACK = "extending-subscription-local"
REGION = "us-east-1"


# What runs here is never behind a proxy, whatever is.
for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), "127.0.0.1,localhost"]))


class Trouble(Exception):
    """Something that a user can mend, with what to do."""


def environment() -> dict[str, str]:
    """The caller's, without what it says of AWS: another account, or a profile that is not there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


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
