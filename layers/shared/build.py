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
    "dynamodb": ["GetItem", "PutItem", "Query", "TransactWriteItems", "UpdateItem"],
    "events": ["PutEvents"],
    "sqs": ["SendMessage"],
}
"""The operations that the functions call; the SDK's model of anything else is left out."""


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
    shutil.copytree(HERE / "extending", target / "extending", ignore=shutil.ignore_patterns("__pycache__"))


def trim(target: Path) -> None:
    """Cut the SDK's data to the services and operations in CALLED; keep every licence."""
    data = target / "botocore" / "data"
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in CALLED:
            shutil.rmtree(folder)
    for service, operations in CALLED.items():
        for packed in data.glob(f"{service}/*/service-2.json.gz"):
            model = cut(json.loads(gzip.decompress(packed.read_bytes())), operations)
            packed.with_suffix("").write_text(json.dumps(model, separators=(",", ":")))
            packed.unlink()
    for unused in ("boto3/data", "boto3/examples", "bin"):
        shutil.rmtree(target / unused, ignore_errors=True)


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
    """Leave bytecode that is checked by content: SAM's zip dates every file 1980, which makes dated bytecode stale."""
    find = ["uv", "python", "find", "--no-python-downloads", python]
    found = subprocess.run(find, capture_output=True, text=True, check=False)
    if found.returncode:
        print(
            f"WARNING: no Python {python} here, so the layer ships without bytecode: every cold start will compile "
            f"all of it anew and take more than twice as long. Install Python {python} and build again.",
            file=sys.stderr,
        )
        return
    command = [found.stdout.strip(), "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "checked-hash"]
    subprocess.run([*command, str(target)], check=True)


def main() -> None:
    target = Path(sys.argv[1])
    python, platform = os.environ["LAYER_PYTHON"], os.environ["LAYER_PLATFORM"]
    install(target, python, platform)
    trim(target)
    compile_bytecode(target, python)


if __name__ == "__main__":
    main()
