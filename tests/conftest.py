"""Shared by the tests: the environment of the functions, set before any of them is imported, and the local cloud."""

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import moto  # noqa: F401 - first: it hooks only into clients that are made after its import
import pytest

from devkit import nowhere
from devkit.builders import CONTACT, account_changed, member_changed, subscription_changed
from devkit.engine import dynamodb_local
from devkit.project import FUNCTIONS, ROOT, bypass_proxies, environment, free_port
from tests.support.schedule import WORKERS, Schedule, place
from tests.support.started import Start, Starter, finished, started

T = TypeVar("T")

nowhere.enter()
bypass_proxies()
# As the Makefile has it, for whoever calls pytest without it.
os.environ["PATH"] = f"{ROOT / '.venvs' / 'uv' / 'bin'}{os.pathsep}{os.environ['PATH']}"


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        cloud_tests = ("tests/e2e", "tests/browser", "tests/sam_local", "tests/outside")
        needs: dict[str, tuple[Start, Callable[[str], bool]]] = {
            "cloud": (local_cloud, lambda nodeid: nodeid.startswith(cloud_tests)),
            "engine": (dynamodb_local, lambda nodeid: nodeid.startswith("tests/engine")),
        }
        config.pluginmanager.register(Starter(needs))


def pytest_xdist_auto_num_workers() -> int:
    return WORKERS


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Schedule:
    config.option.loadscopereorder = False
    return Schedule(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.nodeid))
    for function in FUNCTIONS if config.getoption("cov_source") else ():
        import_module(f"functions.{function}.app")  # now, while coverage watches
    for item in items:
        # What runs on servers is not seen by coverage; what watches it would only be slower for it.
        if not item.nodeid.startswith(("tests/unit", "tests/integration")):
            item.add_marker(pytest.mark.no_cover)


_spent: dict[str, float] = defaultdict(float)
"""Seconds by folder of tests, set-up included."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _spent[str(Path(report.nodeid.split("::")[0]).parent)] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("seconds of tests, by room")
    for room, seconds in sorted(_spent.items(), key=lambda each: -each[1]):
        terminalreporter.write_line(f"{seconds:8.1f}  {room}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        finished(session.config.workerinput["workerid"])


PATIENCE = 120
"""Seconds that an answer may take where eight functions start at once and other things run on the two cores."""

ELSEWHERE = "https://elsewhere.example"
"""The origin of a page that may use the local cloud."""

SCOPES = "changes:write limits:read extensions:expire"
"""Scopes in the tokens of machines."""


class Cloud:
    """The local cloud as its users see it, through its one port."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=PATIENCE)
        self._numbers = count(1)
        self._run = uuid4().hex[:6]

    def __enter__(self) -> "Cloud":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def token(self, user: str) -> str:
        return str(self._http.get("/token", params={"user": user}).json()["access_token"])

    def api(self, user: str, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """Call the HTTP API as a user."""
        headers = {"Authorization": f"Bearer {self.token(user)}"} | options.pop("headers", {})
        return self._http.request(method, f"/api{path}", json=json, headers=headers, **options)

    def machine_token(self, scope: str = SCOPES) -> str:
        answer = self._http.get("/token", params={"client": "service-manager", "scope": scope})
        return str(answer.json()["access_token"])

    def machine(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """Call the HTTP API as a service manager or an application server does."""
        headers = {"Authorization": f"Bearer {self.machine_token()}"} | options.pop("headers", {})
        return self._http.request(method, f"/api{path}", json=json, headers=headers, **options)

    def report(self, *changes: tuple[str, dict[str, Any]]) -> None:
        """Report changes over HTTPS, each as type and detail; what a busy machine had no time for is sent again."""
        body = {"changes": [{"detail_type": type_, "detail": detail} for type_, detail in changes]}

        def results() -> set[str]:
            answer = self.machine("POST", "/changes", body)
            assert answer.status_code == 200 or answer.status_code >= 429, answer.text
            found = {each["result"] for each in answer.json()["results"]}
            return set() if "try_again" in found else found

        assert self.until(results) <= {"stored", "stale"}

    def event(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put an event on the bus as the service manager does."""
        answer = self._http.post("/events", json={"detail_type": detail_type, "detail": detail})
        assert answer.status_code == 202, answer.text

    def deliveries(self, account_id: str) -> list[dict[str, Any]]:
        """Events out of an account so far, repeats included."""
        events = self._http.get("/events").json()["events"]
        return [event for event in events if event["detail"]["account_id"] == account_id]

    def events_out(self, account_id: str) -> list[dict[str, Any]]:
        """The same, each event once: they come at least once, and another test may have all of them announced again."""
        return list({event["detail"]["event_id"]: event for event in self.deliveries(account_id)}.values())

    def until(self, true: Callable[[], T], timeout: float = 3 * PATIENCE) -> T:
        """Wait until something is true, and return it; an answer that is none counts as not yet.

        Fails after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            trouble: Exception | None = None
            try:
                if value := true():
                    return value
            except (KeyError, IndexError, httpx.TransportError) as error:
                trouble = error
            if time.monotonic() > deadline:
                raise AssertionError(f"not true within {timeout} s") from trouble
            time.sleep(0.2)

    def extend(self, account: SimpleNamespace) -> dict[str, Any]:
        """Accept the offer of an account's subscription as its owner; the extension as it was answered."""
        path = f"/accounts/{account.id}/subscriptions/{account.subscription}"
        offer = self.api(account.owner, "GET", f"{path}/extension-offer").json()
        answer = self.api(account.owner, "POST", f"{path}/extension", {"offer_id": offer["offer_id"]})
        assert answer.status_code == 201, answer.text
        extension: dict[str, Any] = answer.json()["extension"]
        return extension

    def an_account(self, *, name: str = "ООО «Проба»", contact: Any = CONTACT, **subscription: Any) -> SimpleNamespace:
        """A fresh account with a main subscription and one user of each role, reported over HTTPS.

        Keyword arguments are those of the SubscriptionChanged event's detail.
        """
        number = f"{self._run}-{next(self._numbers)}"
        account = SimpleNamespace(
            id=f"A-{number}",
            subscription=f"S-{number}",
            owner=f"U-{number}-owner",
            second_owner=f"U-{number}-second",
            administrator=f"U-{number}-administrator",
            user=f"U-{number}-user",
        )
        roles = {
            account.owner: "owner",
            account.second_owner: "owner",
            account.administrator: "administrator",
            account.user: "user",
        }
        detail = subscription_changed(account_id=account.id, subscription_id=account.subscription, **subscription)
        self.report(
            ("AccountChanged", account_changed(account_id=account.id, name=name, servicing_organization=contact)),
            ("SubscriptionChanged", detail),
            *(
                ("MemberChanged", member_changed(account_id=account.id, user_id=user, role=role))
                for user, role in roles.items()
            ),
        )
        return account


@contextmanager
def local_cloud() -> Iterator[str]:
    """The local cloud of `make run`, on a port of its own; LOCAL_CLOUD names one that runs."""
    if url := os.environ.get("LOCAL_CLOUD"):
        yield url
        return
    port = free_port()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "--port", str(port), "--origins", ELSEWHERE],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            assert process.stdout
            if process.stdout.readline() != f"ready http://127.0.0.1:{port}\n":
                said.seek(0)
                raise RuntimeError(f"the local cloud did not start. It said:\n{said.read().decode()}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=180)  # Each of its workers, some hundred in a whole run, leaves 1,600 files to delete.
            if process.stdout:
                process.stdout.close()


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """The local cloud, one for all tests that need it."""
    with started("cloud", local_cloud) as url, Cloud(url) as running:
        yield running
