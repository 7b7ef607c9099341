"""`local.sam_local`: an ordinary SDK client calls the functions, claims and all, on the table of a local cloud."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from devkit.project import ROOT
from tests.conftest import Cloud
from tests.sam_local.conftest import Service, serving


@pytest.fixture
def functions(cloud: Cloud, tmp_path: Path) -> Iterator[Service]:
    local = urlsplit(cloud.url).port
    command = f"PORT={local} exec .venv/bin/python -m local.sam_local --port {{}}"
    with serving(command.format, tmp_path / "log", ROOT) as service:
        yield service


def call(service: Service, function: str, event: Any) -> tuple[Any, str | None]:
    """Call as a client of AWS Lambda does; the answer, and the kind of error if it is one."""
    client = boto3.client("lambda", endpoint_url=service.url, region_name="us-east-1")
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


@pytest.mark.usefixtures("extended")
def test_list_is_called_as_a_user_with_claims_and_ctrl_c_leaves_nothing(cloud: Cloud, functions: Service) -> None:
    """The same list that the API answers; a container is kept for the next call, and goes with the service."""
    event = json.loads((ROOT / "events" / "list.json").read_text())
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "U-1"
    for _ in range(2):
        answer, error = call(functions, "ListFunction", event)
        assert (answer["statusCode"], error) == (200, None), functions.log.read_text()
        assert json.loads(answer["body"]) == cloud.api("U-1", "GET", "/accounts/A-100/subscriptions").json()
    assert len(functions.containers()) == 1
    event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = "U-9"
    answer, _ = call(functions, "ListFunction", event)
    assert answer["statusCode"] == 404
    functions.ctrl_c()
    assert functions.containers() == set()
