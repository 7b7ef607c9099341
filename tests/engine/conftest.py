"""Amazon's own DynamoDB engine behind the real store and the real handlers; the table is that of the template."""

from collections.abc import Iterator
from typing import Any

import pytest

from devkit.engine import dynamodb_local
from devkit.service import Service
from tests.engine.client import Table, connect, fresh_table, use
from tests.support.started import started


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """Address of the engine, one for all tests."""
    with started("engine", dynamodb_local) as url:
        yield url


@pytest.fixture(scope="session")
def raw(engine: str) -> Iterator[Any]:
    """A client of the test's own, which no fault is injected into."""
    client = connect(engine)
    yield client
    client.close()


@pytest.fixture
def table(raw: Any) -> Iterator[Table]:
    with fresh_table(raw) as table:
        yield table


@pytest.fixture
def dynamodb(engine: str, table: Table, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client that the store uses in this test, with the test's own table."""
    client = connect(engine)
    use(client, table.name, monkeypatch.setattr)
    yield client
    client.close()


@pytest.fixture(scope="session")
def settled(raw: Any) -> list[Any]:
    """Items of the usual account: to write them costs a tenth of reporting it anew."""
    with fresh_table(raw) as table, pytest.MonkeyPatch.context() as patch:
        use(raw, table.name, patch.setattr)
        Service().settle()
        return table.items()


@pytest.fixture
def service(dynamodb: Any, table: Table, settled: list[Any]) -> Service:
    table.put(settled)
    return Service()
