"""Everything measured: the run time's Python, layer and functions as `sam build` makes them, others beside them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_python_version

import build_layer as layer
from devkit.project import FUNCTIONS, ROOT
from devkit.template import template

DATED_1980 = 315_619_200
"""Seconds: the date that SAM gives to every file that it zips."""

TRACER = "aws-xray-sdk==2.15.0"
"""The library of Powertools' Tracer; only the typical handler has it."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",  # of the emulator
    "EVENT_BUS_NAME": "bench",
    "TABLE_NAME": "bench",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
    "FAILURE_QUEUE_URL": "http://127.0.0.1/bench",
    "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's /opt and /var/task cannot be written to: nothing gets warm.
}


@dataclass
class Setup:
    """The folder in which all of it is built; `quick` is a few repetitions, to see that it works."""

    folder: Path
    quick: bool

    @cached_property
    def wanted(self) -> str:
        """The minor version that the template names."""
        return str(template()["Globals"]["Function"]["Runtime"]).removeprefix("python")

    @cached_property
    def python(self) -> str:
        """The run time's own Python; where this machine has none, the one that runs this."""
        return layer.interpreter(self.wanted) or sys.executable

    @property
    def version(self) -> str:
        """The minor version of that Python."""
        return self.wanted if self.python != sys.executable else get_python_version()

    @cached_property
    def layer(self) -> Path:
        return self._built / "SharedLayer" / "python"

    @cached_property
    def _built(self) -> Path:
        """The result of `sam build`: a folder for each function, and one for the layer."""
        target = self.folder / "sam"
        environment = os.environ | {"LAYER_PYTHON": self.version, "LAYER_PLATFORM": "linux", "SAM_CLI_TELEMETRY": "0"}
        sam = str(ROOT / ".venvs/sam/bin/sam")
        command = [sam, "build", "--config-env", "local", "--build-dir", str(target)]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        return target

    @cached_property
    def shipped(self) -> Path:
        """Layer and functions zipped as `sam package` does, every file dated 1980, and unzipped as on Lambda."""
        target = self.folder / "shipped"
        _ship(self.layer, target / "layer")
        for name in FUNCTIONS:
            _ship(self._built / f"{name.capitalize()}Function", target / name)
        return target

    @cached_property
    def fresh(self) -> Path:
        """The same tree with bytecode that was compiled right there."""
        target = self.folder / "fresh"
        shutil.copytree(self.shipped, target, ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run([self.python, "-m", "compileall", "-q", "-j", "0", str(target)], check=True)
        return target

    @cached_property
    def dated(self) -> Path:
        """The layer as shipped, had its bytecode been dated as pip leaves it, and the sources by the zip."""
        target = self.folder / "dated"
        shutil.copytree(self.fresh / "layer", target)
        for file in target.rglob("*.py"):
            os.utime(file)
        return target

    @cached_property
    def default(self) -> Path:
        """The same libraries as pip would leave them: all of the SDK's data, dated bytecode."""
        return self._installed("default", *_locked("layer"), TRACER)

    @cached_property
    def peers(self) -> Path:
        """The libraries that one would pick instead, as pip would leave them."""
        return self._installed("peers", *_locked("peers"))

    @cached_property
    def interface_client(self) -> Path:
        """Lambda's own runtime interface client, of the version that the project is locked to."""
        return self._installed("interface-client", f"awslambdaric=={version('awslambdaric')}")

    def _installed(self, name: str, *packages: str) -> Path:
        target = self.folder / name
        options = ["--python", self.python, "--target", str(target), "--link-mode", "copy"]
        subprocess.run(["uv", "pip", "install", "--quiet", "--compile-bytecode", *options, *packages], check=True)
        return target

    def environment(self, *path: Path, **more: str) -> dict[str, str]:
        """The variables of a process that imports from these folders; nothing of ours leaks into it."""
        base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return base | ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(map(str, path))} | more


def _locked(group: str) -> list[str]:
    """The packages of a group as uv.lock has them."""
    options = ["--frozen", "--quiet", "--no-hashes", "--no-annotate", "--no-header", "--only-group", group]
    return subprocess.check_output(["uv", "export", *options], cwd=ROOT, text=True).splitlines()


def _ship(source: Path, target: Path) -> None:
    """A folder as Lambda unzips it, and its zip beside it."""
    shutil.copytree(source, target)
    for file in target.rglob("*"):
        os.utime(file, (DATED_1980, DATED_1980))
    shutil.make_archive(str(target), "zip", target)
