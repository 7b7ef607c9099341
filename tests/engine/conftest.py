"""Amazon's own DynamoDB engine behind the real store and the real handlers; the table is that of the template."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from devkit.engine import dynamodb_local
from devkit.service import Service
from tests.engine.client import connect, fresh_table, use
from tests.support.started import started

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """Address of the engine, one for all tests."""
    with started("engine", dynamodb_local) as url:
        yield url


@pytest.fixture(scope="session")
def raw(engine: str) -> Iterator["DynamoDBClient"]:
    """A client of the test's own, which no fault is injected into."""
    client = connect(engine)
    yield client
    client.close()


@pytest.fixture
def table(raw: "DynamoDBClient") -> Iterator[str]:
    """Name of a fresh table."""
    with fresh_table(raw) as name:
        yield name


@pytest.fixture
def dynamodb(engine: str, table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator["DynamoDBClient"]:
    """The client that the store uses in this test, with the test's own table."""
    client = connect(engine)
    use(client, table, monkeypatch.setattr)
    yield client
    client.close()


@pytest.fixture
def service(dynamodb: "DynamoDBClient") -> Service:
    return Service().settle()
