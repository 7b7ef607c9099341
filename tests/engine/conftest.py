"""Amazon's own DynamoDB engine behind the real store and the real handlers; the table is that of the template."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from devkit.engine import dynamodb_local
from devkit.service import Service
from devkit.template import table_definition
from tests.engine.client import connect, use
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
def streamed() -> bool:
    """True gives the table its stream. The engine gets slower with every record that any stream has ever held."""
    return False


@pytest.fixture
def table(raw: "DynamoDBClient", streamed: bool) -> Iterator[str]:
    """Name of a fresh table."""
    name = f"test-{uuid4()}"
    definition = table_definition()
    if not streamed:
        del definition["StreamSpecification"]
    raw.create_table(TableName=name, **definition)
    yield name
    raw.delete_table(TableName=name)


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
