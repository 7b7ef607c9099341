"""The description against the running API: what schemathesis makes of openapi.yaml, with all of its checks.

The seed is fixed and so is the number of cases. `STRANGER` is in every name of an account that the caller has no role
in.
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

from devkit.builders import CONTACT, subscription_changed
from devkit.project import ROOT
from generate.openapi import closed
from tests.conftest import PATIENCE, Cloud
from tests.e2e.attacker import STRANGER

RUNS = {
    "users": "--phases examples,coverage,fuzzing,stateful --max-examples 60 --exclude-tag machines",
    # To API Gateway another method is another route.
    "machines": "--phases coverage,fuzzing --max-examples 20 --include-tag machines "
    "--exclude-checks unsupported_method",
}
"""Processes of their own: machines have tokens of their own."""

CONFIGURATION = f"""
workers = 3
request-timeout = {PATIENCE}
checks.max_response_time = {PATIENCE}
continue-on-failure = true
[generation]
database = 'none'
# A wrong change among others is no wrong request: it has a result of its own.
[[operations]]
include-operation-id = 'store_changes'
checks.negative_data_rejection.expected-statuses = ['2xx', 400, 401, 403, 404, 405, 422]
# An opaque token is any text to the description; that it is one of ours, only the API knows.
[[operations]]
include-operation-id = 'list_subscriptions'
checks.positive_data_acceptance.expected-statuses = ['2xx', 400, 404]
[[operations]]
include-operation-id = 'list_extensions'
checks.positive_data_acceptance.expected-statuses = ['2xx', 400, 404]
[[operations]]
include-operation-id = 'extend_subscription'
checks.positive_data_acceptance.expected-statuses = ['2xx', 404, 409, 422]
"""


@pytest.fixture(scope="module")
def folder(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that schemathesis reads: description, two users, and ids, offers and tokens that are real."""
    folder = tmp_path_factory.mktemp("schemathesis")
    mine = cloud.an_account()
    other = cloud.an_account(name=STRANGER, number=STRANGER, contact=CONTACT | {"name": STRANGER})
    own = [mine.subscription, *(f"{mine.subscription}.{n}" for n in range(3))]
    cloud.report(*(("SubscriptionChanged", subscription_changed(account_id=mine.id, subscription_id=s)) for s in own))
    path = f"/accounts/{mine.id}/subscriptions"
    values = {
        "path.account_id": [mine.id, mine.id, mine.id, other.id],
        "path.subscription_id": [*own, other.subscription],
        "query.next_token": [cloud.api(mine.owner, "GET", f"{path}?limit={n}").json()["next_token"] for n in (1, 2, 3)],
        "body.offer_id": [cloud.api(mine.owner, "GET", f"{path}/{s}/extension-offer").json()["offer_id"] for s in own],
    }
    known = ["[parameters]", *(f"'{name}' = {{dictionary = '{name}', probability = 0.7}}" for name in values)]
    known += [f"[dictionaries.'{name}']\nvalues = {found!r}" for name, found in values.items()]
    description = yaml.safe_load((ROOT / "openapi.yaml").read_text())
    description["components"]["schemas"] = closed(description["components"]["schemas"])
    (folder / "openapi.json").write_text(json.dumps(description))
    machine = dict.fromkeys(("owner", "stranger"), cloud.machine_token())
    users = {"owner": cloud.token(mine.owner), "stranger": cloud.token(other.owner)}
    for run, tokens in {"users": users, "machines": machine}.items():
        headers = {name: [{"name": "Authorization", "value": f"Bearer {token}"}] for name, token in tokens.items()}
        auth = [{"name": name, "fixedHeaders": fixed} for name, fixed in headers.items()]
        (folder / f"{run}.json").write_text(json.dumps({"auth": auth}))
        who = ["[auth.wfc]", f"path = '{folder / run}.json'", "user = 'owner'", "peers = ['owner', 'stranger']"]
        lines = [f"base-url = '{cloud.url}/api'", CONFIGURATION, *who, *known]
        (folder / f"{run}.toml").write_text("\n".join(lines))
    return folder


def test_whatever_the_description_can_generate_is_answered_as_described(folder: Path) -> None:
    """No 5xx, nothing undescribed, nothing valid refused, nothing invalid accepted, nothing of a stranger shown."""
    runs = {}
    for name, arguments in RUNS.items():
        command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", f"{name}.toml", "run"]
        command += ["openapi.json", "--checks", "all", "--seed", "20261122", *arguments.split(), "--no-color"]
        command += ["--report", "ndjson", "--report-ndjson-path", f"{name}.ndjson"]
        with (folder / f"{name}.log").open("w") as log:
            runs[name] = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        failed = [name for name, run in runs.items() if run.wait(timeout=1800)]  # It hangs then.
    finally:
        for run in runs.values():
            run.kill()
            run.wait()
    assert not failed, "\n".join((folder / f"{name}.log").read_text()[-6000:] for name in failed)

    answers = [answer for name in RUNS for answer in interactions(folder / f"{name}.ndjson")]
    statuses = Counter(answer["status_code"] for answer in answers)
    print(f"{len(answers)} cases: {dict(sorted(statuses.items()))}")
    assert len(answers) >= 500
    # It got through to every kind of answer, and did not only knock at the door; the local gateway answers
    # OPTIONS with 403 and methods of its own invention with 405, and now and then a tag is guessed (304).
    assert set(statuses) - {304, 403, 405} == {200, 201, 400, 401, 404, 409, 422}, statuses
    for answer in answers:
        content = answer.get("content")
        assert STRANGER not in (base64.b64decode(content["$base64"]).decode() if content else ""), answer


def interactions(report: Path) -> list[dict[str, Any]]:
    """Every answer that one run got."""
    found = []
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder") or {}
        found += [each["response"] for each in recorder.get("interactions", {}).values() if each["response"]]
    return found
