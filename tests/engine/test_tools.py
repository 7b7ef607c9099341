"""What the operator's tools ask of the table, on the real engine: names, conditions, segments, what a page consumed."""

from typing import TYPE_CHECKING

import httpx
import pytest

from devkit.project import Trouble
from devkit.service import Service
from ops import console, repair, report, table
from ops.announce import announcements
from ops.report import sources
from ops.report.spool import Spool
from tests.support.operated import Operated

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

ACCOUNTS = 10


@pytest.fixture
def target(service: Service, dynamodb: "DynamoDBClient", engine: str, request: pytest.FixtureRequest) -> Operated:
    """Some accounts that have extended."""
    for number in range(ACCOUNTS):
        account = {"account_id": f"A-{number}"}
        service.account(**account)
        service.subscription(**account)
        service.member(**account)
        assert service.extend(account=f"A-{number}").status == 201
    operated = Operated()
    operated.outputs["TableName"] = request.getfixturevalue("table")
    operated.endpoint = engine
    return operated


def test_the_engine_listens_to_this_machine_alone(engine: str) -> None:
    """What listens on every interface, as DynamoDB Local does by itself, answers at each address of this machine."""
    assert httpx.get(engine).status_code == 400
    with pytest.raises(httpx.ConnectError):
        httpx.get(engine.replace("127.0.0.1", "127.0.0.2"))


def test_the_tools_read_and_repair_the_real_engine(target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """All segments together hold every account once, and each page says what it has consumed."""
    spent: list[float] = []
    pace = sources.Pace(1e6)
    monkeypatch.setattr(pace, "spend", spent.append)
    with Spool() as spool:
        facts = report.gather(sources.TableScan(target, pace), spool)
        assert (facts.accounts, facts.extensions, len(spool.called())) == (ACCOUNTS + 1, ACCOUNTS, ACCOUNTS)
        ((_, count),) = spool.organizations()
        assert count == ACCOUNTS
    assert max(spent) < sources.PAGE_UNITS
    since, until = console.past("2020-01-01T00:00:00Z"), console.now()
    assert sum(1 for _ in announcements(target, since, until)) == ACCOUNTS
    key = repair.key_of("account", "A-1")
    seen = repair.fetch(target, key)
    assert seen
    assert repair.repair(target, key, seen, 0)["v"] == {"N": "0"}
    with pytest.raises(Trouble):
        repair.repair(target, key, seen, 0)
    assert len(table.of_account(target, "A-1")) == 4
    assert table.size(target).items > 0
