"""Call one function with its sample event, on the table of a running local cloud.

Where Docker runs that is `sam local invoke`; elsewhere Amazon's Runtime Interface Emulator runs the same handler.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from devkit.project import FUNCTIONS, ROOT, Trouble, bypass_proxies, emulator, free_port
from devkit.stage import Stack, stack
from local import sam_local


def with_docker(function: str, event: Path, target: Stack, address: str) -> Any:
    """Run the function as it is packaged, in a container; returns its answer."""
    invoke = ["invoke", sam_local.name_in_template(function), "--event", str(event)]
    with sam_local.command(target, address, [function], *invoke) as command:
        done = sam_local.run(command, target, stdout=subprocess.PIPE)
    if done.returncode or not done.stdout.strip():
        # The SAM CLI ends well even where the function was stopped at its timeout.
        raise Trouble("sam local invoke brought no answer; what it said is above.")
    return json.loads(done.stdout)


def with_emulator(function: str, event: Path, target: Stack) -> Any:
    """Run the handler behind the real Runtime API and send it the event; returns its answer."""
    port = free_port()
    layer = sam_local.state() / "build" / "SharedLayer" / "python"
    process = subprocess.Popen(
        emulator(port, sys.executable, "-m", "awslambdaric", "app.handler"),
        cwd=ROOT / "functions" / function,
        stdout=sys.stderr,  # the function's log and the emulator's own
        env={
            **sam_local.as_aws(target),
            **sam_local.variables(target, function),
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "25",
            "PYTHONPATH": str(layer),
        },
    )
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                return httpx.post(url, content=event.read_bytes(), timeout=60).json()
            except httpx.ConnectError:
                time.sleep(0.05)
        raise Trouble("The emulator did not start.")
    finally:
        process.terminate()  # It ends the function's process first.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()


def main() -> int:
    bypass_proxies()
    parser = argparse.ArgumentParser(prog="python -m local.invoke", description=__doc__)
    parser.add_argument("function", choices=FUNCTIONS)
    parser.add_argument("event", nargs="?", type=Path, help="a file; without one events/FUNCTION.json")
    arguments = parser.parse_args()
    file = arguments.event or ROOT / "events" / f"{arguments.function}.json"
    if not file.is_file():
        parser.error(f"there is no event {file}")
    return sam_local.ended(lambda: invoke(arguments.function, file), interrupted=130)


def invoke(function: str, file: Path) -> int:
    target, address = stack("local"), sam_local.bridge()
    answer = with_docker(function, file, target, address) if address else with_emulator(function, file, target)
    if isinstance(answer, dict) and isinstance(answer.get("body"), str):
        answer["body"] = json.loads(answer["body"])
    print(json.dumps(answer, ensure_ascii=False, indent=2))
    return 1 if isinstance(answer, dict) and "errorMessage" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
