"""Serve the whole product on this machine: the real template, deployed with the SAM CLI to a local cloud."""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import uvicorn
from rich.console import Console
from rich.markup import escape

from local import free_port
from local.identity import AUDIENCE, Identity
from local.routes import serve_api
from local.server import LocalCloud, application

ROOT = Path(__file__).parent.parent
STACK = "extending-subscription-local"
REGION = "us-east-1"

console = Console(stderr=True, highlight=False)


class Trouble(Exception):
    """A start that failed, with what to tell the user."""


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Show what is going on and how long it took."""
    started = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - started:.1f} s[/]")


def state_folder(port: int) -> Path:
    """What one local cloud keeps while it runs; what runs on another port has another."""
    return ROOT / ".local-cloud" / str(port)


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Trouble(
                f"Port {port} of 127.0.0.1 is in use. End what listens there, or choose another: make run PORT=8081"
            ) from error


@contextlib.contextmanager
def ministack(port: int, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the local cloud on loopback and end it with all its workers."""
    log = state / "ministack.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environment |= {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "NO_PROXY": "127.0.0.1,localhost",
        "TMPDIR": str(state),
    }
    binary = ROOT / ".venvs" / "ministack" / "bin" / "ministack"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [binary], env=environment, cwd=state, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def wait_for_ministack(process: subprocess.Popen[bytes], endpoint: str, state: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{endpoint}/_ministack/health", timeout=2).is_success:
                return
        time.sleep(0.1)
    raise Trouble("The local cloud did not start. It said:\n" + (state / "ministack.log").read_text()[-3000:])


def sam(*arguments: str, **environment: str) -> None:
    """Run the SAM CLI; what it said is shown where it failed."""
    done = subprocess.run(
        [ROOT / ".venvs" / "sam" / "bin" / "sam", *arguments],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Trouble(f"sam {arguments[0]} failed. It said:\n{done.stdout[-6000:]}")


def seed(cloud: LocalCloud, file: Path) -> None:
    """Tell the seed as the service manager would, and wait until the API shows it."""
    events = [json.loads(line) for line in file.read_text().splitlines()]
    deadline = time.monotonic() + 60
    for told, event in enumerate(events, 1):
        # One at a time: the local cloud starts a new worker, a second of two cores, for each that overlaps.
        cloud.put_events([event])
        while cloud.items() < told:
            if time.monotonic() > deadline:
                raise Trouble(f"This event of the seed did not arrive within a minute: {event}")
            time.sleep(0.02)


def start(port: int, stack: contextlib.ExitStack) -> None:
    started = time.monotonic()
    check_port(port)
    state = state_folder(port)
    shutil.rmtree(state, ignore_errors=True)  # of a start that was killed
    state.mkdir(parents=True)
    stack.callback(shutil.rmtree, state, ignore_errors=True)
    gateway = free_port()
    endpoint = f"http://127.0.0.1:{gateway}"
    url = f"http://127.0.0.1:{port}"
    credentials = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    process = stack.enter_context(ministack(gateway, state))
    with step("Building the layer and the functions (sam build)"):
        # The local cloud runs functions on its own interpreter and platform, whatever the template says.
        runtime = f"{sys.version_info.major}.{sys.version_info.minor}"
        build = state / "build"
        sam(
            "build",
            "--config-env",
            "local",
            "--build-dir",
            str(build),
            LAYER_PYTHON=runtime,
            LAYER_PLATFORM=f"{platform.machine()}-unknown-linux-gnu",
        )
    with step("Starting the local cloud (MiniStack)"):
        wait_for_ministack(process, endpoint, state)
    session = boto3.Session("test", "test", region_name=REGION)
    session.client("s3", endpoint_url=endpoint).create_bucket(Bucket="artifacts")
    with step("Deploying template.yaml (sam deploy)"):
        parameters = {
            "Stage": "local",
            "JwtIssuer": url,
            "JwtAudience": AUDIENCE,
            "CabinetOrigins": url,
            "ReminderLeadSeconds": "60",
        }
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        template = str(build / "template.yaml")
        sam(
            *("deploy", "--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local", "-t", template),
            *("--parameter-overrides", *overrides),
            **credentials,
        )
    with step("Serving the routes of the API"):
        outputs = stack_outputs(session, endpoint)
        serve_api(session, endpoint, STACK, outputs["ApiId"], parameters)
    identity = Identity(url)
    cloud = LocalCloud(session, endpoint, outputs, identity)
    server = uvicorn.Server(
        uvicorn.Config(application(cloud), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    stack.callback(setattr, server, "should_exit", True)
    while not server.started:
        if not thread.is_alive():
            raise Trouble(f"The local server did not start on port {port}; what it says is above.")
        time.sleep(0.05)
    with step("Telling the seed over the bus"):
        seed(cloud, ROOT / "local" / "seed.jsonl")
    (state / "stack.json").write_text(json.dumps({"url": url, "endpoint": endpoint, "region": REGION, "stack": STACK}))
    console.print(f"  cabinet  {url}/\n  API      {url}/api\n  AWS      {endpoint}  [dim](aws --endpoint-url …)[/]")
    console.print(f"  [dim]up in {time.monotonic() - started:.0f} s, Ctrl-C ends it[/]")
    print(f"ready {url}", flush=True)
    while process.poll() is None:
        time.sleep(0.5)
    raise Trouble("The local cloud has ended. It said:\n" + (state / "ministack.log").read_text()[-3000:])


def stack_outputs(session: boto3.Session, endpoint: str) -> dict[str, str]:
    formation: Any = session.client("cloudformation", endpoint_url=endpoint)
    stack = formation.describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    # Set both: what is started in the background of a script begins with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        try:
            start(port, stack)
        except KeyboardInterrupt:
            console.print("ended")
        except Trouble as trouble:
            console.print(f"[red]✗[/] {escape(str(trouble))}", soft_wrap=True)
            return 1
        finally:
            # A second Ctrl-C, or the one that make passes on, must not stop the cleaning up.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
