"""Clients that generators make of openapi.yaml, and the snippets of the documents that use them."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devkit.project import ROOT, environment, free_port
from tests.conftest import Cloud
from tests.outside.conftest import DESCRIPTION, PARTS, Clients, access, run, tool

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


def test_a_typescript_client_compiles_strictly_and_plays_the_story(cloud: Cloud, clients: Clients) -> None:
    """openapi-generator, typescript-fetch; the snippet of integrating.md is compiled and run beside the story."""
    (clients.folder / "snippet.ts").write_text(snippet("typescript"))
    clients.compile()
    given = access(cloud)
    assert json.loads(clients.node("story.js", **given)) == MET
    assert clients.node("snippet.js", **given).split() == ["stored", "2"]


def test_a_python_client_plays_the_story(cloud: Cloud, clients: Clients) -> None:
    """openapi-generator, python; the snippet of integrating.md is run after it."""
    given = access(cloud)
    assert json.loads(clients.python(PARTS / "story.py", **given)) == MET
    written = clients.folder / "snippet.py"
    written.write_text(snippet("python"))
    assert clients.python(written, **given).split() == ["stored", "2"]


def test_a_client_of_attrs_plays_the_story(cloud: Cloud, clients: Clients) -> None:
    """openapi-python-client leaves out what it does not understand, with a warning: there is none."""
    command = [tool("openapi-python-client"), "generate", "--meta", "none", "--path", DESCRIPTION]
    said = run([*command, "--output-path", clients.folder / "attrs_client"])
    assert not re.findall("WARNING.*", said)
    assert json.loads(clients.python(PARTS / "attrs_story.py", **access(cloud))) == MET


def snippet(language: str) -> str:
    """The program of a language in integrating.md that uses a generated client."""
    text = (ROOT / "docs" / "integrating.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if "MachinesApi" in block)
    return str(found)


@pytest.fixture
def prism(cloud: Cloud, tmp_path: Path) -> Iterator[str]:
    """A proxy between client and API that answers 500 where either of them departs from the description."""
    port = free_port()
    command = [tool("prism"), "proxy", "--errors", "--port", str(port), DESCRIPTION, f"{cloud.url}/api"]
    with (
        (tmp_path / "prism.log").open("w") as log,
        subprocess.Popen(command, env=environment(), stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            cloud.until(lambda: "Prism is listening" in (tmp_path / "prism.log").read_text())
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_client_and_api_keep_to_the_description(cloud: Cloud, clients: Clients, prism: str) -> None:
    """Prism looks at every request and every answer of the story; a 304 without a body it cannot read."""
    met = json.loads(clients.python(PARTS / "story.py", **access(cloud, url=prism)))
    assert met == MET | {"unchanged": 500}


def test_the_description_has_no_warnings() -> None:
    """Spectral with the rules for OpenAPI."""
    ruleset = PARTS / "spectral.yaml"
    run([tool("spectral"), "lint", "--ruleset", ruleset, "--fail-severity", "hint", DESCRIPTION])
