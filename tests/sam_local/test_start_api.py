"""`sam local start-api`, started as CONTRIBUTING says: routes and packaging, without a cloud."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from devkit.project import ROOT
from tests.sam_local.conftest import Service, serving

PATHS: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
METHODS = {"get", "put", "post", "delete", "patch"}
ROUTES = [(method.upper(), path) for path, item in PATHS.items() for method in METHODS & item.keys()]


@pytest.fixture(scope="module")
def api(project: Path, readme: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("start-api") / "log"
    with serving(lambda port: f"{readme[1]} --port {port}", log, project) as service:
        yield service


@pytest.mark.parametrize(("method", "path"), sorted(ROUTES))
def test_a_route_without_verified_claims_answers_401(api: Service, method: str, path: str) -> None:
    """SAM checks no tokens, so the function itself refuses, whatever token comes."""
    path = path.format(account_id="A-100", subscription_id="S-1", extension_id="E-1")
    answer = httpx.request(method, api.url + path, headers={"Authorization": "Bearer token"}, json={}, timeout=60)
    assert answer.status_code == 401, api.log.read_text()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthorized"
