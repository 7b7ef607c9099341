"""The calls of the operator's tools on the real engine: names, conditions, order, the units that a page consumed."""

import httpx
import pytest

from devkit.project import Trouble
from devkit.service import Service
from ops import console, repair, report
from ops import table as tables
from ops.announce import announcements
from ops.report.facts import Facts
from tests.engine.client import Table
from tests.support.operated import Operated

ACCOUNTS = [f"A-{number}" for number in range(10)]


def test_the_engine_listens_to_this_machine_alone(engine: str) -> None:
    """DynamoDB Local by itself listens on every interface, and answers at each address of this machine."""
    assert httpx.get(engine).status_code == 400
    with pytest.raises(httpx.ConnectError):
        httpx.get(engine.replace("127.0.0.1", "127.0.0.2"))


def test_the_tools_read_and_repair_the_real_engine(service: Service, engine: str, table: Table) -> None:
    """A scan brings every account once and whole, in however many pages; each page reports its units."""
    for account in ACCOUNTS:
        service.account(account_id=account)
        service.subscription(account_id=account)
        service.member(account_id=account)
        assert service.extend(account=account).status == 201
    target = Operated()
    target.outputs["TableName"] = table.name
    target.endpoint = engine

    spent: list[float] = []
    facts = Facts(console.now())
    found = tables.scan(
        target, lambda page: spent.append(page["ConsumedCapacity"]["CapacityUnits"]), **report.WANTED, Limit=7
    )
    assert sorted(call.account_id for call in facts.read(found)) == ACCOUNTS
    assert (facts.accounts, facts.extensions, facts.unreadable) == (len(ACCOUNTS) + 1, len(ACCOUNTS), 0)
    assert len(spent) > 1
    assert max(spent) < report.PAGE_UNITS
    assert len(list(announcements(target, console.past("2020-01-01T00:00:00Z"), console.now()))) == len(ACCOUNTS)

    key = repair.key_of("account", "A-1")
    seen = repair.fetch(target, key)
    assert seen
    assert repair.repair(target, key, seen, 0)["v"] == {"N": "0"}
    with pytest.raises(Trouble):
        repair.repair(target, key, seen, 0)
    assert len(tables.of_account(target, "A-1")) == 4
    assert tables.size(target).items > 0
