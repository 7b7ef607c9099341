"""Serve the whole product on this machine: the real template, deployed with the SAM CLI to a local cloud."""

import argparse
import contextlib
import json
import re
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any, NoReturn

import httpx
import uvicorn
from rich.console import Console
from rich.markup import escape
from starlette.applications import Starlette

from devkit.project import ENDINGS, REGION, ROOT, Trouble, aws, bypass_proxies, free_port
from devkit.stage import Stack, local_session, outputs
from extending.inbound import SOURCE
from local import STACK, build, cloud
from local.identity import AUDIENCE, MACHINES, Identity
from local.routes import serve_api, serve_cors
from local.server import LocalCloud, application
from local.webhook import Receiver, Webhook

console = Console(stderr=True, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Show a step with the seconds that it took."""
    started = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - started:.1f} s[/]")


def check_port(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise Trouble(
            f"Port {port} of 127.0.0.1 is in use. End what listens there, or choose another: make run PORT=8081"
        ) from error


def seed(url: str, identity: Identity, now: datetime) -> None:
    """Report the seed as a service manager does over HTTPS."""
    lines = (ROOT / "local" / "seed.jsonl").read_text().splitlines()
    changes = {"changes": [as_of(now, json.loads(line)) for line in lines]}
    headers = {"Authorization": f"Bearer {identity.token(SOURCE, scope='changes:write')}"}
    for _ in range(6):  # A machine that does much else may answer try_again.
        try:
            answer = httpx.post(f"{url}/api/changes", json=changes, headers=headers, timeout=120)
        except httpx.HTTPError as error:
            raise Trouble(f"The seed was not stored: {error!r}") from error
        if answer.is_success and {each["result"] for each in answer.json()["results"]} <= {"stored", "stale"}:
            return
        time.sleep(1)
    raise Trouble(f"The seed was not stored: {answer.text}")


WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
"""The day as of which the seed is written."""


def as_of(now: datetime, event: dict[str, Any]) -> dict[str, Any]:
    """An event of the seed as it would be today: ends of periods stay as far ahead, and usage is that of now.

    What moves is newer by a second than the file has it: the file itself, loaded as it stands, changes nothing. Of a
    period that is ahead the file's own is over: one that ran would be stored as what runs until then.
    """
    detail = dict(event["detail"])
    for name in {"starts_at", "ends_at"} & set(detail):
        if (ahead := datetime.fromisoformat(detail[name]) - WRITTEN) > timedelta(0):
            detail[name] = f"{now + ahead:%Y-%m-%d}T00:00:00Z"
            detail["changed_at"] = f"{WRITTEN:%Y-%m-%d}T00:00:01Z"
    if event["detail_type"] == "UsageChanged":
        detail["changed_at"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    return event | {"detail": detail}


def start(port: int, origins: list[str], receiver: Receiver | None, stack: contextlib.ExitStack) -> None:
    started = time.monotonic()
    check_port(port)
    state = cloud.state_folder(port)
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700, parents=True)  # The key is in it.
    stack.callback(shutil.rmtree, state, ignore_errors=True)
    gateway, key = free_port(), token_urlsafe()
    endpoint = f"http://127.0.0.1:{gateway}"
    url = f"http://127.0.0.1:{port}"
    process = stack.enter_context(cloud.ministack(gateway, key, state))
    with step("Building the layer and the functions (sam build)"):
        build.built(state / "build")
    with step("Starting the local cloud (MiniStack)"):
        cloud.wait_until_it_answers(process, endpoint, key, state)
    session = local_session(key=key)
    session.client("s3", endpoint_url=endpoint).create_bucket(Bucket="artifacts")
    # As browsers name them: without the port where it is the usual one.
    own = [f"http://{name}:{port}".removesuffix(":80") for name in ("127.0.0.1", "localhost")]
    with step("Deploying template.yaml (sam deploy)"):
        parameters = {
            "Stage": "local",
            "JwtIssuer": url,
            "JwtAudience": AUDIENCE,
            "MachineAudience": MACHINES,
            "CabinetOrigins": ",".join(own + origins),
            "ReminderLeadSeconds": "80",  # longer than from one sweep to the next, which is a minute and a bit
        }
        build.deploy(state / "build" / "template.yaml", endpoint, key, parameters)
    with step("Serving the routes of the API"):
        target = Stack(STACK, outputs(session, endpoint, STACK), session, endpoint)
        serve_api(target, target.outputs["ApiId"], parameters)
        serve_cors(target, target.outputs["ApiId"], own + origins)
        identity = Identity(url)
        deployed = LocalCloud(target, key, identity)
    serve(application(deployed, own, origins), port, stack)
    if receiver:
        over = threading.Event()
        stack.callback(over.set)
        webhook = Webhook(target, receiver)
        threading.Thread(target=webhook.run, args=(over,), name="webhook", daemon=True).start()
    with step("Reporting the seed"):
        seed(url, identity, datetime.now(UTC))
    deployed.keep()
    about = {"url": url, "endpoint": endpoint, "key": key, "region": REGION, "stack": STACK}
    (state / "stack.json").write_text(json.dumps(about))
    console.print(f"  cabinet  {url}/\n  «Демо»   {url}/?user=U-7&account=A-500#subscriptions\n  API      {url}/api")
    console.print(
        "  AWS      " + " ".join(f"{name}={value}" for name, value in aws(endpoint, key).items()) + " aws …",
        soft_wrap=True,
    )
    console.print(f"  [dim]up in {time.monotonic() - started:.0f} s, Ctrl-C ends it[/]")
    print(f"ready {url}", flush=True)
    while process.poll() is None:
        time.sleep(0.5)
    raise Trouble("The local cloud has ended. It said:\n" + cloud.last_words(state))


def serve(surface: Starlette, port: int, stack: contextlib.ExitStack) -> None:
    """Serve the local surface in a thread, until the block ends."""
    configuration = uvicorn.Config(surface, host="127.0.0.1", port=port, log_level="warning", access_log=False)
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    stack.callback(setattr, server, "should_exit", True)
    while not server.started:
        if not thread.is_alive():
            raise Trouble(f"The local server did not start on port {port}; what it says is above.")
        time.sleep(0.05)


class Arguments(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        console.print("[red]✗[/] " + escape(re.sub(r"^argument --(\w+)", lambda name: name[1].upper(), message)))
        sys.exit(2)


def port_number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: PORT=… is a number from 1 to 65535")
    return int(text)


def page_origins(text: str) -> list[str]:
    """The origins in a list with commas, each as a browser names it."""
    origins = [origin.strip() for origin in text.split(",") if origin.strip()]
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?", origin):
            raise argparse.ArgumentTypeError(
                f"{origin!r} is not an origin: ORIGINS=http://localhost:3000,https://cabinet.example"
            )
    return origins


def http_url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL: WEBHOOK=http://127.0.0.1:9000/events")
    return text


def main() -> int:
    bypass_proxies()
    parser = Arguments(prog="make run", description=__doc__)
    parser.add_argument("--port", type=port_number, default=8080)
    parser.add_argument("--origins", type=page_origins, default=[])
    parser.add_argument("--webhook", type=http_url)
    parser.add_argument("--webhook-key", default="")
    arguments = parser.parse_args()
    receiver = Receiver(arguments.webhook, "X-Api-Key", arguments.webhook_key or "none") if arguments.webhook else None
    # Set all: what is started in the background of a script begins with SIGINT ignored.
    for ending in ENDINGS:
        signal.signal(ending, signal.default_int_handler)
    with contextlib.ExitStack() as stack:
        try:
            start(arguments.port, arguments.origins, receiver, stack)
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):  # The terminal may be gone.
                console.print("ended")
        except Trouble as trouble:
            console.print(f"[red]✗[/] {escape(str(trouble))}", soft_wrap=True)
            return 1
        finally:
            # A second Ctrl-C, or the one that make passes on, must not stop the cleaning up.
            for ending in ENDINGS:
                signal.signal(ending, signal.SIG_IGN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
