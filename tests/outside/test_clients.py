"""Clients that generators make of openapi.yaml, and the snippets of the documents that use them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from devkit.project import ROOT
from tests.conftest import Cloud
from tests.outside.conftest import NODE_MODULES, PARTS, VENV, run, tool

DESCRIPTION = str(ROOT / "openapi.yaml")

MET: dict[str, Any] = {
    "results": ["stored"] * 6,
    "row": "available",
    "created": True,
    "conflict": ["already_used", True],
    "sessions": 4,
    "databases": None,
    "unchanged": 304,
    "expired": True,
    "history": ["used", "Анна Петрова"],
    "unauthorized": "Unauthorized",
    "too_large": "body_too_large",
}
"""Every story meets one of every change, an extension from its offer to its early end, 304, 401, 409, 413."""


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the clients, with the programs in TypeScript that use them."""
    folder = tmp_path_factory.mktemp("clients")
    for file in (*PARTS.glob("*.ts"), PARTS / "tsconfig.json"):
        shutil.copy(file, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(NODE_MODULES)
    for language, options, place in (
        ("python", "packageName=extending_client", folder),
        ("typescript-fetch", "importFileExtension=.ts", folder / "client"),
    ):
        command = [tool("openapi-generator-cli"), "generate", "-i", DESCRIPTION, "-g", language]
        run([*command, "-o", place, f"--additional-properties={options}"])
    return folder


def access(cloud: Cloud) -> dict[str, str]:
    """For a program: URL of the API, an account that nobody has reported yet, and tokens."""
    account = f"A-{uuid4().hex[:8]}"
    owner, machine = cloud.token(f"U-{account}"), cloud.machine_token()
    return {"URL": f"{cloud.url}/api", "ACCOUNT": account, "OWNER": owner, "MACHINE": machine, "TOKEN": machine}


def test_a_typescript_client_compiles_strictly_and_plays_the_story(cloud: Cloud, clients: Path) -> None:
    """openapi-generator, typescript-fetch; the snippet of integrating.md is compiled and run beside the story."""
    (clients / "snippet.ts").write_text(snippet("typescript"))
    run([tool("tsc"), "-p", clients])
    given = access(cloud)
    assert json.loads(run(["node", clients / "built" / "story.js"], **given)) == MET
    assert run(["node", clients / "built" / "snippet.js"], **given).split() == ["stored", "2"]


def test_a_python_client_plays_the_story(cloud: Cloud, clients: Path) -> None:
    """openapi-generator, python; the snippet of integrating.md is run after it."""
    given = access(cloud) | {"PYTHONPATH": str(clients)}
    python, written = VENV / "bin" / "python", clients / "snippet.py"
    assert json.loads(run([python, PARTS / "story.py"], **given)) == MET
    written.write_text(snippet("python"))
    assert run([python, written], **given).split() == ["stored", "2"]


def test_a_generator_that_leaves_out_what_it_does_not_understand_leaves_out_nothing(tmp_path: Path) -> None:
    """openapi-python-client warns of it."""
    command = [tool("openapi-python-client"), "generate", "--meta", "none", "--path", DESCRIPTION]
    assert "WARNING" not in run([*command, "--output-path", tmp_path / "client"])


def snippet(language: str) -> str:
    """The program of a language in integrating.md that uses a generated client."""
    text = (ROOT / "docs" / "integrating.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if "MachinesApi" in block)
    return str(found)
