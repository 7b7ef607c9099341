"""The story that a rehearsal plays, over HTTPS with real tokens: on the local cloud, or on AWS (rehearse_aws.py)."""

import json
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx

from devkit.project import ROOT, Trouble
from extending import answers

T = TypeVar("T")
Json = dict[str, Any]

ACCOUNT = "A-rehearsal"
LIST, LIMITS, EXTENSIONS = (f"/accounts/{ACCOUNT}/{what}" for what in ("subscriptions", "limits", "extensions"))


def expect(true: object, seen: str) -> None:
    if not true:
        raise Trouble(seen)


def until(found: Callable[[], T], seconds: int, what: str) -> T:
    """Ask until the answer is true; raises Trouble."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        expect(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(2)
    return value


class Place(ABC):
    """A place to play a rehearsal, by owner, stranger and machine."""

    stage: str
    region: str
    question: str
    cents_an_hour: float
    api: str
    duration: str
    announces: frozenset[str]
    """Events out of an extension of this duration."""

    @abstractmethod
    def subject(self, who: str) -> str: ...

    @abstractmethod
    def token(self, who: str) -> str: ...

    @abstractmethod
    def announced(self) -> list[tuple[str, Json]]:
        """Events out so far, each with its type."""

    @abstractmethod
    def left(self) -> list[str]:
        """Stacks, tables or accounts that a rehearsal has made and not removed, known by their names."""

    @abstractmethod
    def remove(self) -> None: ...

    def ask(self, who: str, method: str, path: str, status: int, body: Json | None = None) -> Any:
        """Call the API; returns the JSON of the answer, raises Trouble where its status is another."""
        headers = {"Authorization": f"Bearer {self.token(who)}"} if who != "nobody" else {}
        answer = httpx.request(method, self.api + path, json=body, headers=headers, timeout=120)
        expect(answer.status_code == status, f"{who} {method} {path}: {answer.status_code} {answer.text}")
        return answer.json()

    def extras(self) -> tuple[int, int]:
        """Sessions and databases that extensions add now, as an application server reads them."""
        limits = self.ask("machine", "GET", LIMITS, 200)["limits"]
        return limits["sessions"]["extra"], limits["databases"]["extra"]

    def extension(self, subscription: str) -> Json:
        rows: list[Json] = self.ask("owner", "GET", EXTENSIONS, 200)["extensions"]
        return next(row for row in rows if row["subscription_id"] == subscription)

    def announced_of(self, subscription: str) -> dict[str, Json]:
        id_ = self.extension(subscription)["id"]
        return {kind: detail for kind, detail in self.announced() if detail["extension_id"] == id_}

    def tool(self, *arguments: str) -> None:
        """Run one of the operator's commands as a script does."""
        command = [str(Path(sys.executable).with_name("extending")), *arguments, "--stage", self.stage]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"extending {arguments[0]} ended with {done.returncode}: {done.stderr}")


class Local(Place):
    """The local cloud of `make run` on a port."""

    stage, region, cents_an_hour, duration = "local", "this machine", 0.0, "PT10S"
    announces = frozenset(["ExtensionGranted", "ExtensionExpired"])
    question = "Play on the local cloud for two minutes, with an account that is removed at the end?"

    def __init__(self, port: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self.api = f"{self._url}/api"

    def subject(self, who: str) -> str:
        return f"rehearsal-{who}"

    def token(self, who: str) -> str:
        machine = {"client": self.subject(who), "scope": "changes:write limits:read extensions:expire"}
        query = machine if who == "machine" else {"user": self.subject(who)}
        return str(httpx.get(f"{self._url}/token", params=query, timeout=120).json()["access_token"])

    def announced(self) -> list[tuple[str, Json]]:
        events = httpx.get(f"{self._url}/events", timeout=120).json()["events"]
        return [(event["detail_type"], event["detail"]) for event in events]

    def left(self) -> list[str]:
        try:
            self.ask("machine", "GET", LIMITS, 404)
        except Trouble:
            return [f"account {ACCOUNT}"]
        return []

    def remove(self) -> None:
        self.tool("remove-account", ACCOUNT, "--yes")


def report(place: Place) -> str:
    sample: Json = json.loads((ROOT / "events" / "sync.json").read_text())["detail"]
    short = sample["extension_terms"] | {"duration": place.duration}
    reports: list[tuple[str, Json]] = [
        ("AccountChanged", {"name": "Rehearsal", "time_zone": None, "servicing_organization": None}),
        ("MemberChanged", {"user_id": place.subject("owner"), "role": "owner"}),
        ("SubscriptionChanged", sample | {"extension_terms": short}),
        ("SubscriptionChanged", sample | {"subscription_id": "S-2"}),
    ]
    common = {"account_id": ACCOUNT, "changed_at": answers.instant(datetime.now(UTC))}
    changes = {"changes": [{"detail_type": kind, "detail": detail | common} for kind, detail in reports]}

    def results() -> set[str]:
        found = {each["result"] for each in place.ask("machine", "POST", "/changes", 200, changes)["results"]}
        return set() if "try_again" in found else found

    seen = until(results, 120, "an answer without try_again")
    expect(seen <= {"stored", "stale"}, f"{seen}")  # Sent again, what was stored is stale.
    return f"200, {' or '.join(sorted(seen))}"


def try_doors(place: Place) -> str:
    wrong = ("stranger", LIST, 404), ("nobody", LIST, 401), ("machine", LIST, 401), ("owner", LIMITS, 401)
    for who, path, status in wrong:
        place.ask(who, "GET", path, status)
    return ", ".join(f"{who} {status}" for who, _, status in wrong)


def extend(place: Place, subscription: str = "S-1") -> str:
    path = f"{LIST}/{subscription}/extension"
    offer = {"offer_id": place.ask("owner", "GET", f"{path}-offer", 200)["offer_id"]}
    first = place.ask("owner", "POST", path, 201, offer)["extension"]
    again = place.ask("owner", "POST", path, 200, offer)["extension"]
    extras = place.extras()
    expect(first == again and extras == (2, 8), f"{first}, then {again}; extras {extras}")
    return f"201, 200, the same until {first['ends_at']}"


def let_end(place: Place) -> str:
    until(lambda: place.extras() == (0, 0), 600, "limits without the extras")
    until(lambda: place.extension("S-1")["revoked_at"], 180, "revoked")
    until(lambda: place.announces == set(place.announced_of("S-1")), 180, f"announced: {place.announces}")
    row = place.extension("S-1")
    late = (datetime.fromisoformat(row["revoked_at"]) - datetime.fromisoformat(row["ends_at"])).total_seconds()
    expect(late >= 0 and row["revoked_by"] is None, f"{row}")
    return f"revoked {late:.0f} s after its end; {', '.join(sorted(place.announces))}"


def end_early(place: Place) -> str:
    extend(place, "S-2")
    path = f"{EXTENSIONS}/{place.extension('S-2')['id']}"
    expired = [place.ask("machine", "DELETE", path, 200)["expired"] for _ in range(2)]
    extras = place.extras()
    expect(expired == [True, False] and extras == (0, 0), f"expired {expired}, extras {extras}")
    event = until(lambda: place.announced_of("S-2").get("ExtensionExpired", {}), 180, "announced: ExtensionExpired")
    expect(event["revoked_by"] == place.subject("machine"), f"{event}")
    return "expired true, then false; revoked_by is the machine"


def run_tools(place: Place) -> str:
    tools = [
        ["explain", ACCOUNT],
        ["report", "--json"],
        ["watch", "--once"],
        ["logs", "--once"],
        ["redrive", "--dry-run"],
        ["announce", place.extension("S-2")["granted_at"], "--yes"],
        ["remove-account", ACCOUNT, "--yes"],
    ]
    for arguments in tools:
        place.tool(*arguments)
    place.ask("owner", "GET", LIST, 404)
    return ", ".join(arguments[0] for arguments in tools)


def remove(place: Place) -> str:
    """Remove what is left; returns what that was."""
    if left := place.left():
        place.remove()
    still = place.left()
    expect(not still, f"left: {', '.join(still)}")
    return f"removed: {', '.join(left) or 'nothing was left'}"
