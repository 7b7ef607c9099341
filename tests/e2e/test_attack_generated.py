"""The description against the running API: what schemathesis makes of openapi.yaml, with all of its checks.

The seed is fixed and so is the number of cases. `STRANGER` is in every name
of an account that the attacker has no role in.
"""

import base64
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from devkit.builders import CONTACT, account_changed, subscription_changed
from devkit.project import ROOT
from generate.openapi import closed
from tests.conftest import PATIENCE, Cloud

STRANGER = "ЧужоеИмя"
SEED = 20_261_122
RUNS = {
    "reads": ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "450", "--exclude-tag", "machines"],
    "extend": ["--phases", "fuzzing", "--max-examples", "1000", "--include-operation-id", "extend_subscription"],
    "machines": ["--phases", "coverage,fuzzing", "--max-examples", "80", "--include-tag", "machines"],
}
RUNS["machines"] += ["--exclude-checks", "unsupported_method"]  # To API Gateway another method is another route.
"""Processes of their own: among others in one process a POST would get a tenth of its cases, and machines have tokens
of their own."""

LEAST_CASES = 2_000
MOST_SECONDS = 1800
"""When it surely hangs; alone it takes less than a minute, on a machine that does much else it took 240 s."""

# An opaque token is any text to the description; that it is one of ours, only the API knows.
EXPECTED = {
    "list_subscriptions": ["2xx", 400, 404],
    "list_extensions": ["2xx", 400, 404],
    "extend_subscription": ["2xx", 404, 409, 422],
}


@pytest.fixture(scope="module")
def told(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what schemathesis is told: description, two users, and ids, offers and tokens that are real."""
    folder = tmp_path_factory.mktemp("schemathesis")
    mine, other = cloud.an_account(), cloud.an_account(name=STRANGER, number=STRANGER)
    contact = CONTACT | {"name": STRANGER}
    cloud.event("AccountChanged", account_changed(account_id=other.id, name=STRANGER, servicing_organization=contact))
    own = [mine.subscription, *(f"{mine.subscription}.{n}" for n in range(3))]
    for subscription in own[1:]:
        cloud.event("SubscriptionChanged", subscription_changed(account_id=mine.id, subscription_id=subscription))
    path = f"/accounts/{mine.id}/subscriptions"
    cloud.until(lambda: len(cloud.api(mine.owner, "GET", path).json()["subscriptions"]) == len(own))
    offers = [cloud.api(mine.owner, "GET", f"{path}/{s}/extension-offer").json()["offer_id"] for s in own]
    pages = [cloud.api(mine.owner, "GET", f"{path}?limit={n}").json()["next_token"] for n in (1, 2, 3)]

    description = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    description["components"]["schemas"] = closed(description["components"]["schemas"])
    (folder / "openapi.json").write_text(json.dumps(description))
    users = {"owner": mine.owner, "stranger": other.owner}
    headers = {name: f"Bearer {cloud.token(user)}" for name, user in users.items()}
    auth = [
        {"name": name, "fixedHeaders": [{"name": "Authorization", "value": value}]} for name, value in headers.items()
    ]
    (folder / "users.json").write_text(json.dumps({"auth": auth}))
    machine = [{"name": "Authorization", "value": f"Bearer {cloud.machine_token()}"}]
    both = [{"name": name, "fixedHeaders": machine} for name in headers]
    (folder / "machines.json").write_text(json.dumps({"auth": both}))
    values = {
        "path.account_id": [mine.id, mine.id, mine.id, other.id],
        "path.subscription_id": [*own, other.subscription],
        "query.next_token": pages,
        "body.offer_id": offers,
    }
    lines = [
        f"base-url = {cloud.url + '/api'!r}",
        "workers = 3",
        f"request-timeout = {PATIENCE}",
        f"checks.max_response_time = {PATIENCE}",
        "continue-on-failure = true",
        "[generation]",
        "database = 'none'",
        "[auth.wfc]",
        f"path = {str(folder / 'users.json')!r}",
        "user = 'owner'",
        "peers = ['owner', 'stranger']",
    ]
    for name, known in values.items():
        lines += [f"[dictionaries.{name.replace('.', '-')}]", f"values = {known!r}"]
    lines.append("[parameters]")
    lines += [f"{name!r} = {{dictionary = {name.replace('.', '-')!r}, probability = 0.7}}" for name in values]
    # A wrong change among others is no wrong request: it has a result of its own.
    lines += ["[[operations]]", "include-operation-id = 'store_changes'"]
    lines.append("checks.negative_data_rejection.expected-statuses = ['2xx', 400, 401, 403, 404, 405, 422]")
    for operation, statuses in EXPECTED.items():
        lines += ["[[operations]]", f"include-operation-id = {operation!r}"]
        lines.append(f"checks.positive_data_acceptance.expected-statuses = {statuses!r}")
    (folder / "extend.toml").write_text("\n".join(lines))
    # The last table is that of the POST.
    (folder / "reads.toml").write_text("\n".join([*lines, "phases.fuzzing.enabled = false"]))
    (folder / "machines.toml").write_text("\n".join(lines).replace("users.json", "machines.json"))
    return folder


def test_whatever_the_description_can_generate_is_answered_as_described(told: Path) -> None:
    """No 5xx, nothing undescribed, nothing valid refused, nothing invalid accepted, nothing of a stranger shown."""
    runs = {}
    for name, arguments in RUNS.items():
        command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", f"{name}.toml", "run"]
        command += ["openapi.json", "--checks", "all", "--seed", str(SEED), *arguments, "--no-color"]
        command += ["--report", "ndjson", "--report-ndjson-path", f"{name}.ndjson"]
        with (told / f"{name}.log").open("w") as log:
            runs[name] = subprocess.Popen(command, cwd=told, stdout=log, stderr=subprocess.STDOUT)
    try:
        failed = [name for name, run in runs.items() if run.wait(timeout=MOST_SECONDS)]
    finally:
        for run in runs.values():
            run.kill()
            run.wait()
    assert not failed, "\n".join((told / f"{name}.log").read_text()[-6000:] for name in failed)

    answers = [answer for name in RUNS for answer in interactions(told / f"{name}.ndjson")]
    statuses = Counter(answer["status_code"] for answer in answers)
    print(f"{len(answers)} cases: {dict(sorted(statuses.items()))}")
    assert len(answers) >= LEAST_CASES
    # It got through to every kind of answer, and did not only knock at the door; the local gateway answers
    # OPTIONS with 403 and methods of its own invention with 405, and now and then a tag is guessed (304).
    assert set(statuses) - {304, 403, 405} == {200, 201, 400, 401, 404, 409, 422}, statuses
    for answer in answers:
        assert STRANGER not in body(answer), answer


def interactions(report: Path) -> list[dict[str, Any]]:
    """Every answer that one run got."""
    found = []
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder") or {}
        found += [each["response"] for each in recorder.get("interactions", {}).values() if each["response"]]
    return found


def body(answer: dict[str, Any]) -> str:
    content = answer.get("content")
    return base64.b64decode(content["$base64"]).decode() if content else ""
