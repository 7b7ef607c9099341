"""What is measured: the run time's Python, layer and functions as `sam build` makes them, and others beside them."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import build_layer as layer
from devkit.project import FUNCTIONS, ROOT

TRACER = "aws-xray-sdk==2.15.0"
"""What Powertools' Tracer needs; only the typical handler has it."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "EVENT_BUS_NAME": "bench",
    "TABLE_NAME": "bench",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "bench",
    "FAILURE_QUEUE_URL": "http://127.0.0.1/bench",
    "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's /opt and /var/task cannot be written to: nothing gets warm.
}


@dataclass
class Setup:
    """Where things are built and with how many repetitions they are measured."""

    folder: Path
    quick: bool

    @cached_property
    def wanted(self) -> str:
        """The minor version that the template names."""
        (version,) = set(re.findall(r"Runtime: python(\S+)", (ROOT / "template.yaml").read_text()))
        return str(version)

    @cached_property
    def python(self) -> str:
        """The run time's own Python; where this machine has none, the one that runs this."""
        return layer.interpreter(self.wanted) or sys.executable

    @cached_property
    def version(self) -> str:
        ask = [self.python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()

    @cached_property
    def built(self) -> Path:
        """What `sam build` makes: a folder for each function, and one for the layer."""
        target = self.folder / "sam"
        environment = os.environ | {"LAYER_PYTHON": self.version, "LAYER_PLATFORM": "linux", "SAM_CLI_TELEMETRY": "0"}
        sam = str(ROOT / ".venvs/sam/bin/sam")
        command = [sam, "build", "--config-env", "local", "--build-dir", str(target)]
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
        return target

    @property
    def layer(self) -> Path:
        return self.built / "SharedLayer" / "python"

    def function(self, name: str) -> Path:
        """What is built of a function: its source alone, without the bytecode that lies beside it here."""
        return self.built / f"{name.capitalize()}Function"

    @cached_property
    def default(self) -> Path:
        """The same libraries as pip would leave them: all of the SDK's data, dated bytecode."""
        return self._group("layer", TRACER)

    @cached_property
    def peers(self) -> Path:
        """What one would pick instead, as pip would leave it."""
        return self._group("peers")

    def _group(self, name: str, *more: str) -> Path:
        """A group of uv.lock in a folder of its own."""
        requirements = self.folder / f"{name}.txt"
        export = ["uv", "export", "--frozen", "--only-group", name, "--no-hashes", "--quiet", "-o", str(requirements)]
        subprocess.run(export, cwd=ROOT, capture_output=True, check=True)
        self._install(self.folder / name, "--requirements", str(requirements), *more)
        return self.folder / name

    @cached_property
    def interface_client(self) -> Path:
        """Lambda's own runtime interface client, of the version that the project is locked to."""
        target = self.folder / "interface-client"
        pinned = re.search(r'name = "awslambdaric"\nversion = "(.+)"', (ROOT / "uv.lock").read_text())
        assert pinned
        self._install(target, f"awslambdaric=={pinned[1]}")
        return target

    def _install(self, target: Path, *what: str) -> None:
        where = ["--python", self.python, "--target", str(target), "--link-mode", "copy"]
        subprocess.run(["uv", "pip", "install", "--quiet", "--compile-bytecode", *where, *what], check=True)

    @cached_property
    def shipped(self) -> Path:
        """Layer and functions zipped as `sam package` does, every file dated 1980, and unzipped as on Lambda."""
        target = self.folder / "shipped"
        _ship(self.layer, target / "layer")
        for name in FUNCTIONS:
            _ship(self.function(name), target / name)
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
        """The layer as shipped, had its bytecode been dated, as pip leaves it."""
        compiled, target = self.folder / "dated-layer", self.folder / "dated"
        shutil.copytree(self.layer, compiled, ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run([self.python, "-m", "compileall", "-q", "-j", "0", str(compiled)], check=True)
        _ship(compiled, target)
        return target

    def environment(self, *path: Path, **more: str) -> dict[str, str]:
        """The variables of a process that imports from these folders; nothing of ours leaks into it."""
        base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return base | ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(map(str, path))} | more


def _ship(source: Path, target: Path) -> None:
    """Zip a folder and unzip it; a file's date is the zip's."""
    archive = target.with_suffix(".zip")
    target.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in sorted(source.rglob("*")):
            if file.is_file():
                info = zipfile.ZipInfo(str(file.relative_to(source)))  # dated 1980-01-01
                info.external_attr = 0o100755 << 16
                zipped.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)
    shutil.unpack_archive(archive, target)
    dated_1980 = 315_532_800
    for file in target.rglob("*"):
        os.utime(file, (dated_1980, dated_1980))
