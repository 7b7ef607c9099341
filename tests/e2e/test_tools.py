"""The operator's tools, against the local cloud."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devkit.builders import iso, member_changed
from tests.conftest import Cloud
from tests.e2e.test_operating import extending


def told(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_an_account_is_explained_repaired_and_removed(cloud: Cloud) -> None:
    """The shell's own USER is nobody's question; nothing is written without a yes."""
    account = cloud.an_account()
    extension = cloud.extend(account)
    explained = told(extending(cloud, "explain", account.id, "--json"))
    assert explained["user"] is None
    assert explained["extensions"][0]["id"] == extension["id"]
    asked = extending(cloud, "explain", account.id, "--user", account.administrator)
    assert f"{account.administrator} is administrator and may view, not extend" in asked.stdout, asked.stderr

    ahead = iso(datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=4))
    detail = member_changed(account_id=account.id, user_id=account.user, role="operator", changed_at=ahead)
    cloud.event("MemberChanged", detail)
    record = f"member:{account.user}"

    def frozen() -> bool:
        records = told(extending(cloud, "explain", account.id, "--json"))["records"]
        return any(each["frozen"] for each in records)

    cloud.until(frozen)
    refused = extending(cloud, "repair", account.id, record)
    assert "--yes" in refused.stderr
    assert refused.returncode == 2
    repaired = told(extending(cloud, "repair", account.id, record, "--yes", "--json"))
    assert (repaired["before"]["r"], repaired["after"]["changed_at"]) == ("operator", "1970-01-01T00:00:00Z")

    removed = told(extending(cloud, "remove-account", account.id, "--yes", "--json"))
    assert len(removed["before"]) == 7
    assert removed["after"] == []
    gone = extending(cloud, "explain", account.id)
    assert "was removed at" in gone.stderr
    assert gone.returncode == 2


def test_what_was_granted_is_announced_again_with_its_old_id(cloud: Cloud) -> None:
    """Consumers see nothing new."""
    since = iso(datetime.now(UTC).replace(microsecond=0))
    account = cloud.an_account()
    cloud.extend(account)
    cloud.until(lambda: cloud.deliveries(account.id))
    assert told(extending(cloud, "announce", since, "--yes", "--json"))["announced"] >= 1
    again = cloud.until(lambda: (found := cloud.deliveries(account.id))[1:] and found)
    assert len({event["detail"]["event_id"] for event in again}) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain", "A-unheard"], "The stage local has no account A-unheard"),
        (["explain", "A 1"], "is not an account id"),
        (["explain", "A-100", "--stage", "moon"], "samconfig.toml has no stage moon"),
        (["announce", "yesterday"], "is not an instant"),
    ],
)
def test_what_cannot_be_is_one_line(cloud: Cloud, arguments: list[str], said: str) -> None:
    """No traceback, and an exit code that a script sees."""
    done = extending(cloud, *arguments)
    (line,) = done.stderr.splitlines()
    assert said in line
    assert done.returncode == 2


def test_a_report_is_made_of_the_table_and_the_stage_is_watched(cloud: Cloud, tmp_path: Path) -> None:
    """What was granted a moment ago is in both."""
    account = cloud.an_account(name="ООО «Отчёт»")
    cloud.extend(account)
    page, rows = tmp_path / "report.html", tmp_path / "calls.csv"
    done = extending(cloud, "report", "--html", str(page), "--csv", str(rows))
    assert done.returncode == 0, done.stderr
    assert "ООО «Отчёт»" in page.read_text()
    assert account.id in rows.read_text()

    def watched() -> bool:
        looks = told(extending(cloud, "watch", "--json"))
        within_reach = not [name for name, look in looks.items() if "out_of_reach" in look]
        return within_reach and any(
            row["metric"] == "ExtensionsGranted" and row["in 1 hour"] for row in looks["metrics"]
        )

    cloud.until(watched)
    assert "none of" in extending(cloud, "watch", "--once").stdout
