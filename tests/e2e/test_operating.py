"""What operators and integrators do by hand, against the local cloud."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from devkit.builders import account_changed, iso, member_changed, usage_changed
from devkit.project import FUNCTIONS, ROOT
from tests.conftest import PATIENCE, Cloud
from tests.support.shell import shell
from tests.support.stack import stack_of


def call(cloud: Cloud, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a script of the operator's does, for the running local cloud: nobody answers questions."""
    environment = shell() | {"USER": "root", "PORT": str(urlsplit(cloud.url).port)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def extending(cloud: Cloud, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the operator's program."""
    return call(cloud, f"{ROOT}/.venv/bin/extending", *arguments)


def test_an_event_that_does_not_validate_waits_in_the_failure_queue_and_the_others_go_on(cloud: Cloud) -> None:
    """`extending redrive` shows it with its error, puts it back, and finds it again: it still cannot be read."""
    cloud.event("AccountChanged", {"account_id": "A#poison"})
    account = cloud.an_account()
    assert account.id
    shown = cloud.until(lambda: said_of_failures(extending(cloud, "redrive", "--dry-run")))
    assert shown
    assert "account_id" in shown
    asked = extending(cloud, "redrive")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    redriven = extending(cloud, "redrive", "--yes")
    assert "put back, 0 kept" in redriven.stdout, redriven.stdout + redriven.stderr
    again = cloud.until(lambda: said_of_failures(extending(cloud, "redrive", "--dry-run")))
    # What can never be read is dropped by its id; an id that there is not drops nothing.
    assert extending(cloud, "redrive", "--drop", "nothing", "--yes").returncode != 0
    id_ = re.findall(r"│ ([0-9a-f]{8}) +│", again or "")[0]
    dropped = extending(cloud, "redrive", "--drop", id_, "--yes")
    assert "dropped: " in dropped.stdout, dropped.stdout + dropped.stderr
    assert id_ not in extending(cloud, "redrive", "--dry-run").stdout


def said_of_failures(done: subprocess.CompletedProcess[str]) -> str | None:
    assert done.returncode == 0, done.stderr
    return done.stdout if "AccountChanged" in done.stdout else None


def test_a_whole_file_is_loaded_and_bad_lines_are_told(cloud: Cloud, tmp_path: Path) -> None:
    """Good lines arrive; the reject file names the others; loading again changes nothing."""
    events: list[Any] = [
        {"detail_type": "AccountChanged", "detail": account_changed(account_id="A-load", name="Загружена")},
        {"detail_type": "AccountChanged", "detail": account_changed(account_id="A#load")},
        {"detail_type": "MemberChanged", "detail": member_changed(account_id="A-load", user_id="U-load")},
    ]
    file = tmp_path / "cloud.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    for said in ("2 stored, 1 refused", "2 known already, 1 refused"):
        done = extending(cloud, "load", str(file))
        assert said in done.stderr, done.stderr
        assert done.returncode != 0
        (reject,) = map(json.loads, (tmp_path / "cloud.rejects.jsonl").read_text().splitlines())
        assert (reject["line"], reject["reason"].split(":")[0]) == (2, "account_id")
    answer = cloud.until(
        lambda: ok(cloud.api("U-load", "GET", "/accounts/A-load/subscriptions"), "Загружена"), timeout=PATIENCE
    )
    assert answer["role"] == "owner"


def ok(answer: Any, name: str) -> Any:
    return answer.json() if answer.is_success and answer.json()["account"]["name"] == name else None


def test_the_seed_can_be_loaded_again(cloud: Cloud) -> None:
    """Every event that has been taken in changes nothing the second time, though today's periods are not the file's."""
    done = extending(cloud, "load", "local/seed.jsonl")
    assert " known already, 0 refused" in done.stderr, done.stderr
    assert not (ROOT / "local" / "seed.rejects.jsonl").exists()
    (row,) = cloud.api("U-6", "GET", "/accounts/A-400/subscriptions").json()["subscriptions"]
    assert row["state"] == "active"


def test_a_file_is_loaded_over_https_as_well(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a machine's token and no AWS; the line that is wrong is told, and the token is in no list of processes."""
    told = [("AccountChanged", account_changed(account_id="A-https", name="По проводам"))]
    told += [("MemberChanged", member_changed(account_id="A-https", user_id=f"U-https-{n}")) for n in range(120)]
    lines = [json.dumps({"detail_type": detail_type, "detail": detail}) for detail_type, detail in told]
    file = tmp_path / "cloud.jsonl"
    file.write_text("\n".join([*lines, '{"detail_type": "UsageChanged", "detail": {}}']))
    arguments = ("load", str(file), "--url", f"{cloud.url}/api")
    monkeypatch.delenv("TOKEN", raising=False)
    assert "access token into TOKEN" in extending(cloud, *arguments).stderr
    monkeypatch.setenv("TOKEN", cloud.machine_token("changes:write"))
    done = extending(cloud, *arguments)
    assert "121 stored, 1 refused" in done.stderr, done.stderr
    assert cloud.api("U-https-119", "GET", "/accounts/A-https/subscriptions").json()["account"]["name"] == "По проводам"
    (reject,) = map(json.loads, (tmp_path / "cloud.rejects.jsonl").read_text().splitlines())
    assert (reject["line"], "account_id" in reject["reason"]) == (122, True)


OFFERED_OR_USED = [(200, None), (409, "already_used")]
CREATED_OR_RUNNING = [(201, True), (200, False)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_answers_its_sample_event(cloud: Cloud, function: str) -> None:
    """Through the real Runtime API: Docker's or the emulator's."""
    done = call(cloud, sys.executable, "-m", "local.invoke", function)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    expected: dict[str, Any] = {
        # Another test may have extended the seed's subscription before.
        "offer": lambda: (answer["statusCode"], answer["body"].get("code")) in OFFERED_OR_USED,
        "extend": lambda: (answer["statusCode"], answer["body"]["created"]) in CREATED_OR_RUNNING,
        "expire": lambda: answer["failed"] == 0,
        # The first time it is newer than the seed, and then no longer new.
        "sync": lambda: answer in ({"stored": True}, {"stored": False}),
        "publish": lambda: answer == {"batchItemFailures": []},
        "changes": lambda: {each["result"] for each in answer["body"]["results"]} <= {"stored", "stale"},
    }
    assert expected.get(function, lambda: answer["statusCode"] == 200)(), answer


def test_a_stage_that_does_not_exist_is_told_with_what_to_do(cloud: Cloud) -> None:
    """No traceback."""
    for tool in (["redrive"], ["load", "local/seed.jsonl"]):
        done = extending(cloud, *tool, "--stage", "moon")
        assert done.returncode == 2
        assert "samconfig.toml has no stage moon" in done.stderr


def test_many_lines_all_arrive(cloud: Cloud, tmp_path: Path) -> None:
    """The local bus would start a process for each and lose some: there the loader goes over HTTPS."""
    stack = stack_of(cloud)
    users = [f"U-many-{number}" for number in range(120)]
    file = tmp_path / "many.jsonl"
    lines = ({"detail_type": "MemberChanged", "detail": member_changed(account_id="A-many", user_id=u)} for u in users)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = extending(cloud, "load", str(file))
    assert "120 stored, 0 refused" in done.stderr, done.stderr
    table = stack.session.resource("dynamodb", endpoint_url=stack.endpoint).Table(stack.outputs["TableName"])
    assert [table.get_item(Key={"pk": "A#A-many", "sk": f"~{user}"})["Item"]["r"] for user in users] == ["owner"] * 120


def test_the_logs_of_one_request_are_found_by_its_id(cloud: Cloud) -> None:
    """By function and by correlation id, without metrics and without Lambda's own lines."""
    account = cloud.an_account()

    def listed() -> list[str]:
        """What was refused before the account had arrived is logged too; MiniStack may log a call with the next one."""
        assert cloud.api(account.owner, "GET", f"/accounts/{account.id}/subscriptions").status_code == 200
        lines = lines_of(extending(cloud, "logs", "list", "--once"), account.id)
        return [line for line in lines if "listed" in line]

    request_id = cloud.until(listed)[0].split()[-1]
    (line,) = lines_of(extending(cloud, "logs", "--id", request_id, "--once"), account.id)
    assert " list " in line
    assert "listed" in line


def lines_of(done: subprocess.CompletedProcess[str], account_id: str) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if account_id in line]


def test_a_story_can_be_played_again(cloud: Cloud) -> None:
    """One reset for all that the seed has made, whatever samples and people did to it; other accounts stay."""
    other = cloud.an_account()
    seeded = SimpleNamespace(id="A-400", subscription="S-40", owner="U-6")
    path = f"/accounts/{seeded.id}/subscriptions"

    def reset() -> dict[str, Any]:
        assert httpx.post(f"{cloud.url}/reset", timeout=PATIENCE).is_success
        listed = cloud.api(seeded.owner, "GET", path)
        assert listed.is_success, listed.text
        return dict(listed.json())

    began = reset()
    assert began["limits"]["sessions"]["used"] == 4
    for _ in range(2):
        cloud.extend(seeded)
        told = [
            ("UsageChanged", usage_changed(account_id=seeded.id, sessions=9, changed_at=iso(datetime.now(UTC)))),
            ("MemberChanged", member_changed(account_id=seeded.id, user_id="U-new", changed_at=iso(datetime.now(UTC)))),
        ]
        changes = [{"detail_type": detail_type, "detail": detail} for detail_type, detail in told]
        assert cloud.machine("POST", "/changes", {"changes": changes}).is_success
        assert cloud.api("U-new", "GET", path).json()["limits"]["sessions"]["used"] == 9
        assert reset() == began
        assert cloud.api("U-new", "GET", path).status_code == 404
    assert cloud.extend(other)


USAGE = '{"detail_type": "UsageChanged", "detail": {"account_id": "A-1"%s}}'
NO_EVENTS = ["5", "null", "[]", "{}", '{"detail_type": 5, "detail": {}}', '{"detail_type": "Unheard"}']
NO_JSON = [USAGE % ', "x": NaN', USAGE % ', "account_id": "A-2"', (USAGE % "").encode("utf-16")]


@pytest.mark.parametrize("body", [*NO_EVENTS, *NO_JSON])
def test_what_the_local_bus_cannot_deliver_is_refused_with_what_it_takes(cloud: Cloud, body: str | bytes) -> None:
    """Not 500, and not 202 for what nobody listens to."""
    answer = httpx.post(f"{cloud.url}/events", content=body, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "AccountChanged, MemberChanged, SubscriptionChanged" in answer.json()["error"]
