"""Build the layer: locked libraries for the run time's platform, the SDK cut to what is called, bytecode.

Called by `sam build` through the Makefile beside this file. Needs `uv`, and no Docker on any platform.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

CALLED = {
    "dynamodb": ["DeleteItem", "GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"],
    "events": ["PutEvents"],
    "sqs": ["SendMessage"],
}
"""The operations that the functions call; the SDK's model of anything else is left out."""

KINDS = {"service-2", "endpoint-rule-set-1", "paginators-1"}
"""The files of a service that a client reads."""

AUTHORITIES = ("Amazon", "DigiCert", "Starfield")
"""The authorities that sign for AWS's endpoints; AWS_CA_BUNDLE names another bundle, as behind a proxy."""


def install(target: Path, python: str, platform: str) -> None:
    """Install what `uv.lock` names, hashes checked, as wheels for the run time."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        export = ["uv", "export", "--frozen", "--only-group", "layer", "--quiet", "--output-file", str(requirements)]
        subprocess.run(export, cwd=ROOT, check=True)
        subprocess.run(
            [
                *("uv", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"),
                *("--python-version", python, "--python-platform", platform),
                *("--target", str(target), "--requirements", str(requirements)),
            ],
            check=True,
        )
    package = target / "extending"
    package.mkdir()
    for module in (HERE / "extending").glob("*.py"):  # and nothing else that may lie there
        shutil.copy(module, package)


def trim(target: Path) -> None:
    """Cut the SDK's data to the services and operations in CALLED; keep every licence."""
    data = target / "botocore" / "data"
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in CALLED:
            shutil.rmtree(folder)
    for service, operations in CALLED.items():
        *outdated, newest = sorted((data / service).iterdir())
        for folder in outdated:
            shutil.rmtree(folder)
        for file in sorted(newest.iterdir()):
            kind = file.name.partition(".")[0]
            if kind in KINDS:
                model = read(file)
                replace(file, file.with_name(f"{kind}.json"), cut(model, operations) if "shapes" in model else model)
            else:
                file.unlink()
    endpoints = data / "endpoints.json"
    replace(endpoints, endpoints, only_called(read(endpoints)))
    bundle = target / "botocore" / "cacert.pem"
    replace(bundle, bundle, roots(bundle.read_text()))
    # Of tzdata only the list of names is read: zones.py.
    for unused in ("boto3/data", "boto3/examples", "bin", "tzdata/zoneinfo"):
        shutil.rmtree(target / unused, ignore_errors=True)
    # What was installed: not true any more, and with the hash of a script that names the builder's own folder.
    for record in target.glob("*.dist-info/RECORD"):
        record.unlink()


def read(file: Path) -> dict[str, Any]:
    raw = file.read_bytes()
    value: dict[str, Any] = json.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
    return value


def replace(old: Path, new: Path, content: Any) -> None:
    """Put a text, or else a value as JSON, into a new file: the old one is linked to uv's cache and must not change."""
    old.unlink()
    new.write_text(content if isinstance(content, str) else json.dumps(content, separators=(",", ":")))


def only_called(endpoints: dict[str, Any]) -> dict[str, Any]:
    """The endpoints of the services in CALLED, in every partition and region: the rest is 1.2 MB to parse."""
    partitions = [
        {**partition, "services": {k: v for k, v in partition["services"].items() if k in CALLED}}
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def roots(bundle: str) -> str:
    """The authorities in AUTHORITIES out of a bundle in which each certificate follows its comments."""
    end = "-----END CERTIFICATE-----\n"
    return "".join(f"{block}{end}" for block in bundle.split(end) if any(f"O={name}" in block for name in AUTHORITIES))


def cut(model: dict[str, Any], operations: list[str]) -> dict[str, Any]:
    """A service model with these operations and the shapes they reach, without documentation."""
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    to_see: list[Any] = [kept]
    while to_see:
        seen = to_see.pop()
        if isinstance(seen, list):
            to_see += seen
        elif isinstance(seen, dict):
            name = seen.get("shape")
            if isinstance(name, str) and name in model["shapes"] and name not in shapes:
                shapes[name] = model["shapes"][name]
                to_see.append(shapes[name])
            to_see += seen.values()
    return {**model, "operations": undocumented(kept), "shapes": undocumented(shapes)}


def undocumented(value: Any) -> Any:
    """The same without what only people read."""
    if isinstance(value, dict):
        # A member of a structure may itself be called "documentation"; what documents is always text.
        return {k: undocumented(v) for k, v in value.items() if not (k == "documentation" and isinstance(v, str))}
    return [undocumented(v) for v in value] if isinstance(value, list) else value


def compile_bytecode(target: Path, python: str) -> None:
    """Leave bytecode that is checked by content: SAM's zip dates every file 1980, which makes dated bytecode stale.

    The functions' own modules are left to the run time: compiling one takes less than a millisecond.
    """
    found = interpreter(python)
    if not found:
        # On stdout: `sam build` shows nothing else of a build that succeeds.
        print(
            f"\nWARNING: no Python {python} here, so the layer ships WITHOUT BYTECODE: every cold start will compile "
            f"all of it anew and take more than twice as long. Run `uv python install {python}` and build again.\n"
        )
        return
    # Isolated: a builder's PYTHONPYCACHEPREFIX would put it elsewhere, and nobody would see that it is missing.
    command = [found, "-I", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "checked-hash"]
    # Tracebacks name the paths on Lambda, and the build is the same from any folder.
    subprocess.run([*command, "-s", str(target), "-p", "/opt/python", str(target)], check=True)


def interpreter(version: str) -> str | None:
    """A Python of this minor version on this machine, be it in no use; None where there is none."""
    find = ["uv", "python", "find", "--no-project", "--no-python-downloads", version]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        sys.executable,
        # pyenv's stand-in for a version that is not switched on fails, and makes uv fail with it.
        *map(str, sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True)),
        shutil.which(f"python{version}"),
        subprocess.run(find, capture_output=True, text=True, check=False).stdout.strip(),
    ]
    ask = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    for candidate in filter(None, candidates):
        answer = subprocess.run([candidate, *ask], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return candidate
    return None


def main() -> None:
    target = Path(sys.argv[1])
    python, platform = os.environ["LAYER_PYTHON"], os.environ["LAYER_PLATFORM"]
    install(target, python, platform)
    trim(target)
    compile_bytecode(target, python)


if __name__ == "__main__":
    main()
