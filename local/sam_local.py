"""`sam local` on the table of a running local cloud: functions in Docker containers, and a way for them to reach it.

Run as a module it serves all functions to SDK clients, as Lambda does: `sam local start-lambda`.
"""

import contextlib
import ipaddress
import json
import os
import platform
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from devkit.project import ENDINGS, FUNCTIONS, ROOT, SAM, Trouble, aws, environment
from devkit.stage import NoStack, Stack, stack
from local.build import built, templates_python
from local.cloud import state_folder

ARCHITECTURE = "arm64" if platform.machine() == "aarch64" else platform.machine()


def state() -> Path:
    """The folder of the local cloud on PORT while it runs."""
    return state_folder(int(os.environ.get("PORT", "8080")))


def as_aws(target: Stack) -> dict[str, str]:
    """An environment in which the local cloud is AWS, whatever the caller's own says."""
    credentials = target.session.get_credentials()
    assert credentials
    return {**environment(), **aws(str(target.endpoint), str(credentials.token)), "SAM_CLI_TELEMETRY": "0"}


def name_in_template(function: str) -> str:
    return f"{function.capitalize()}Function"


def variables(target: Stack, function: str) -> dict[str, str]:
    """Environment variables of a deployed function."""
    deployed = target.client("lambda").get_function_configuration(
        FunctionName=target.resource(name_in_template(function))
    )
    return dict(deployed["Environment"]["Variables"])


def bridge() -> str | None:
    """This machine's own address on Docker's bridge; None where no engine answers, or where its bridge is elsewhere."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Subnet}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    if done.returncode:
        return None
    subnet = ipaddress.ip_network(done.stdout.strip())
    # Sends nothing; says from where it would. Docker Desktop and a rootless engine keep their bridge to themselves.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect((str(next(subnet.hosts())), 9))
        own = str(probe.getsockname()[0])
        return own if ipaddress.ip_address(own) in subnet else None
    return None


@contextlib.contextmanager
def relay(address: str, target: tuple[str, int]) -> Iterator[int]:
    """Pass on what comes to a port of this address; the local cloud itself listens on 127.0.0.1 alone."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(target) as there:
                back = threading.Thread(target=copy, args=(there, self.request), daemon=True)
                back.start()
                copy(self.request, there)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server((address, 0), Connection) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()


@contextlib.contextmanager
def command(target: Stack, address: str, functions: list[str], *arguments: str) -> Iterator[list[str]]:
    """A `sam local` command whose functions find the local cloud at a relay on this address."""
    cloud = urlsplit(str(target.endpoint))
    with (
        tempfile.TemporaryDirectory(prefix="container-", dir=state()) as name,
        relay(address, (str(cloud.hostname), int(cloud.port or 80))) as port,
    ):
        folder = Path(name)
        built(folder / "build", templates_python())
        # SAM passes on only variables that the template declares. The local cloud's address is none for AWS, so it is
        # declared in what was built.
        template = yaml.safe_load((folder / "build" / "template.yaml").read_text())
        template["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = ""
        (folder / "build" / "local.yaml").write_text(yaml.safe_dump(template))
        endpoint = {"AWS_ENDPOINT_URL": f"http://{address}:{port}"}
        given = {name_in_template(function): variables(target, function) | endpoint for function in functions}
        (folder / "variables.json").write_text(json.dumps(given))
        options = ["--template", f"{folder}/build/local.yaml", "--env-vars", f"{folder}/variables.json"]
        overrides = ["--parameter-overrides", f"Architecture={ARCHITECTURE}"]
        # It leaves empty files in the temporary folder.
        sam = ["env", f"TMPDIR={folder}", str(SAM / "bin" / "sam")]
        try:
            yield [*sam, "local", *arguments, *options, *overrides]
        finally:
            remove_containers(folder / "build")


def remove_containers(build: Path) -> None:
    """Remove those of a build: the SAM CLI leaves one that it is about to start when it is interrupted."""
    mounted = [f"--filter=volume={folder}" for folder in build.iterdir()]
    found = subprocess.run(
        ["docker", "ps", "--all", "--quiet", *mounted], stdout=subprocess.PIPE, text=True, check=False
    )
    if left := found.stdout.split():
        subprocess.run(["docker", "rm", "--force", *left], stdout=subprocess.DEVNULL, check=False)


def run(sam_local: list[str], target: Stack, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the SAM CLI with the local cloud as AWS. What ends us ends it too, with some time to tidy up."""
    for ending in ENDINGS:
        signal.signal(ending, signal.default_int_handler)
    # In a session of its own: a Ctrl-C of the terminal reaches it once, from here.
    with subprocess.Popen(
        sam_local, cwd=ROOT, env=as_aws(target), text=True, start_new_session=True, **options
    ) as process:
        try:
            said, _ = process.communicate()
        except KeyboardInterrupt:
            for ending in ENDINGS:
                signal.signal(ending, signal.SIG_IGN)
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=5)
            except subprocess.TimeoutExpired:  # It waits for the function's whole timeout.
                process.kill()
            raise
    return subprocess.CompletedProcess(sam_local, process.returncode, said)


def ended(call: Callable[[], int], interrupted: int) -> int:
    """The exit status of a call; an obstacle is one line. 2: there is nothing to call."""
    try:
        return call()
    except NoStack as error:
        print(f"Functions need a table. {error}", file=sys.stderr)
        return 2
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return interrupted


def start_lambda() -> int:
    target, address = stack("local"), bridge()
    if not address:
        print("No Docker engine answers that has its bridge on this machine.", file=sys.stderr)
        return 2
    # Containers stay for the next call, and go with the service.
    arguments = ["start-lambda", "--warm-containers", "LAZY", *sys.argv[1:]]
    with command(target, address, FUNCTIONS, *arguments) as sam_local:
        return run(sam_local, target).returncode


if __name__ == "__main__":
    sys.exit(ended(start_lambda, interrupted=0))
