"""Commands of operators and integrators, against the local cloud."""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from devkit.builders import account_changed, iso, member_changed, usage_changed
from devkit.project import FUNCTIONS, ROOT
from devkit.stage import Stack
from tests.conftest import PATIENCE, Cloud
from tests.e2e.conftest import called
from tests.support.shell import call, extending


def test_an_event_that_does_not_validate_waits_in_the_failure_queue_and_the_others_go_on(cloud: Cloud) -> None:
    """`extending redrive` shows it with its error, puts it back, finds it again, and drops it by its id."""
    account = cloud.an_account()
    cloud.event("AccountChanged", {"account_id": "A#poison"})
    cloud.event("MemberChanged", member_changed(account_id=account.id, user_id="U-after-it"))
    cloud.until(lambda: cloud.api("U-after-it", "GET", f"/accounts/{account.id}/subscriptions").is_success)

    def waiting() -> Any:
        shown = extending(cloud, "redrive", "--dry-run").stdout
        return "AccountChanged" in shown and shown

    assert "account_id" in cloud.until(waiting)
    asked = extending(cloud, "redrive")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    redriven = extending(cloud, "redrive", "--yes")
    assert "put back, 0 kept" in redriven.stdout, redriven.stdout + redriven.stderr
    id_ = re.findall(r"^ *([0-9a-f]{8}) ", cloud.until(waiting), re.MULTILINE)[0]
    dropped = extending(cloud, "redrive", "--drop", id_, "--yes")
    assert "dropped: " in dropped.stdout, dropped.stdout + dropped.stderr
    assert id_ not in extending(cloud, "redrive", "--dry-run").stdout


MEMBERS = 120
"""More than a batch of either way holds."""


@pytest.mark.parametrize("way", ["bus", "HTTPS"])
def test_a_whole_file_is_loaded_and_a_bad_line_is_named(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Good lines arrive, and the reject file has the other one. Over HTTPS a machine's token is enough, without AWS."""
    id_ = f"A-{uuid4().hex}"
    details = [member_changed(account_id=id_, user_id=f"U-{id_}-{number}") for number in range(MEMBERS)]
    reports = [
        {"detail_type": "AccountChanged", "detail": account_changed(account_id=id_, name="Загружена")},
        {"detail_type": "AccountChanged", "detail": account_changed(account_id="A#load")},
        *({"detail_type": "MemberChanged", "detail": detail} for detail in details),
    ]
    file = tmp_path / "cloud.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in reports))
    arguments = ["load", str(file)]
    monkeypatch.delenv("TOKEN", raising=False)
    if way == "HTTPS":
        arguments += ["--url", f"{cloud.url}/api"]
        assert "access token into TOKEN" in extending(cloud, *arguments).stderr
        monkeypatch.setenv("TOKEN", cloud.machine_token("changes:write"))
    done = extending(cloud, *arguments)
    assert f"{MEMBERS + 1} stored, 1 refused" in done.stderr, done.stderr
    assert done.returncode != 0
    (reject,) = map(json.loads, (tmp_path / "cloud.rejects.jsonl").read_text().splitlines())
    assert (reject["line"], "account_id" in reject["reason"]) == (2, True)
    answer = cloud.api(details[-1]["user_id"], "GET", f"/accounts/{id_}/subscriptions").json()
    assert (answer["account"]["name"], answer["role"]) == ("Загружена", "owner")


def test_the_seed_can_be_loaded_again(cloud: Cloud) -> None:
    """No event that is stored changes anything the second time, though today's periods are not the file's."""
    done = extending(cloud, "load", "local/seed.jsonl")
    assert " known already, 0 refused" in done.stderr, done.stderr
    assert not (ROOT / "local" / "seed.rejects.jsonl").exists()
    for user, account, rows in (("U-1", "A-100", 1), ("U-4", "A-200", 4), ("U-6", "A-400", 1)):
        listed = cloud.api(user, "GET", f"/accounts/{account}/subscriptions").json()["subscriptions"]
        assert (len(listed), listed[0]["state"]) == (rows, "active")
        assert {row["state"] for row in listed if row["id"] == "S-22"} <= {"future"}


def test_a_function_can_be_called_with_its_sample_event(cloud: Cloud) -> None:
    """Through the real Runtime API: Docker's or the emulator's."""
    done = call(cloud, sys.executable, "-m", "local.invoke", "list")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["body"]["account"]["id"] == "A-100"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_answers_its_sample_event(stack: Stack, function: str) -> None:
    answer = called(stack, function)
    assert answer.get("code") in (None, "already_used"), answer  # Another test may have extended the subscription.
    assert "invalid" not in json.dumps(answer)


def test_the_logs_of_one_request_are_found_by_its_id(cloud: Cloud) -> None:
    """By function and by correlation id, without metrics and without Lambda's own lines."""
    account = cloud.an_account()

    def lines(*arguments: str) -> list[str]:
        done = extending(cloud, "logs", *arguments, "--once")
        assert done.returncode == 0, done.stdout + done.stderr
        return [line for line in done.stdout.splitlines() if account.id in line]

    def listed() -> list[str]:
        """MiniStack may log a call with the next one."""
        assert cloud.api(account.owner, "GET", f"/accounts/{account.id}/subscriptions").status_code == 200
        return [line for line in lines("list") if "listed" in line]

    request_id = cloud.until(listed)[0].split()[-1]
    (line,) = lines("--id", request_id)
    assert " list " in line
    assert "listed" in line


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
    cloud.extend(seeded)
    of_now = {"account_id": seeded.id, "changed_at": iso(datetime.now(UTC))}
    cloud.report(
        ("UsageChanged", usage_changed(sessions=9, **of_now)),
        ("MemberChanged", member_changed(user_id="U-new", **of_now)),
    )
    assert cloud.api("U-new", "GET", path).json()["limits"]["sessions"]["used"] == 9
    assert reset() == began
    assert cloud.api("U-new", "GET", path).status_code == 404
    assert cloud.extend(other)
