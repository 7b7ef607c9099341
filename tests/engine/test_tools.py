"""What the operator's tools ask of the table, on the real engine: names, conditions, order, what a page consumed."""

from typing import TYPE_CHECKING

import httpx
import pytest

from devkit.project import Trouble
from devkit.service import Service
from ops import console, repair, report, table
from ops.announce import announcements
from ops.report.facts import Facts
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


def test_the_tools_read_and_repair_the_real_engine(target: Operated) -> None:
    """A scan brings every account once and whole, in however many pages; each page says what it has consumed."""
    spent: list[float] = []
    facts = Facts(console.now())
    found = table.scan(
        target, lambda page: spent.append(page["ConsumedCapacity"]["CapacityUnits"]), **report.WANTED, Limit=7
    )
    calls = list(facts.read(found))
    assert (facts.accounts, facts.extensions, facts.unreadable) == (ACCOUNTS + 1, ACCOUNTS, 0)
    assert {(call.account_name, call.tariff) for call in calls} == {("ООО «Ромашка»", "Базовый")}
    assert len({call.account_id for call in calls}) == ACCOUNTS
    assert len(spent) > 1
    assert max(spent) < report.PAGE_UNITS
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
