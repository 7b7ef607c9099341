"""Call one function with its sample event, on the table of a running local cloud.

Where Docker runs that is `sam local invoke`; elsewhere Amazon's Runtime Interface Emulator runs the same handler.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from local import emulator, free_port
from ops.stage import ROOT, NoStack, Stack, stack

FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


def environment(target: Stack) -> dict[str, str]:
    """What the template gives a function, with the local cloud as AWS."""
    return {
        "TABLE_NAME": target.outputs["TableName"],
        "EVENT_BUS_NAME": target.outputs["BusName"],
        "FAILURE_QUEUE_URL": target.outputs["FailureQueueUrl"],
        "POWERTOOLS_SERVICE_NAME": "extending-subscription-local",
        "AWS_ENDPOINT_URL": str(target.endpoint),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def docker_runs() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def with_docker(function: str, variables: dict[str, str]) -> int:
    """Build for the container's platform and run the function in it, on the network of this machine."""
    sam = str(ROOT / ".venvs" / "sam" / "bin" / "sam")
    name, machine = f"{function.capitalize()}Function", platform.machine()
    # SAM passes only what the template declares on to a function; the local cloud's address is not for AWS.
    declared = "".join(f'        {variable}: ""\n' for variable in variables if variable.startswith("AWS_"))
    source = (ROOT / "template.yaml").read_text()
    marker = "        EVENT_BUS_NAME: !Ref Bus\n"
    template = ROOT / ".invoke.yaml"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "variables.json"
        file.write_text(json.dumps({name: variables}))
        try:
            template.write_text(source.replace(marker, marker + declared))
            build = ["build", "--config-env", "local", "--template", str(template), "--build-dir", folder]
            platform_ = {"LAYER_PLATFORM": f"{machine}-unknown-linux-gnu"}
            done = subprocess.run([sam, *build], cwd=ROOT, env=os.environ | platform_, stdout=sys.stderr, check=False)
        finally:
            template.unlink(missing_ok=True)
        if done.returncode:
            return done.returncode
        architecture = "arm64" if machine == "aarch64" else "x86_64"
        invoke = ["local", "invoke", name, "--template", f"{folder}/template.yaml", "--docker-network", "host"]
        options = ["--event", f"events/{function}.json", "--env-vars", str(file)]
        options += ["--parameter-overrides", f"Architecture={architecture} JwtIssuer=https://id.example"]
        return subprocess.run([sam, *invoke, *options], cwd=ROOT, check=False).returncode


def with_emulator(function: str, variables: dict[str, str], layer: Path) -> int:
    """Run the handler behind the real Runtime API and send it the event."""
    port = free_port()
    process = subprocess.Popen(
        emulator(port, sys.executable, "-m", "awslambdaric", "app.handler"),
        cwd=ROOT / "functions" / function,
        stdout=sys.stderr,  # the function's log and the emulator's own
        env=os.environ
        | variables
        | {"AWS_LAMBDA_FUNCTION_NAME": function, "AWS_LAMBDA_FUNCTION_TIMEOUT": "25", "PYTHONPATH": str(layer)},
    )
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    event = (ROOT / "events" / f"{function}.json").read_bytes()
    try:
        for _ in range(100):
            try:
                answer = httpx.post(url, content=event, timeout=30)
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        else:
            print("The emulator did not start.", file=sys.stderr)
            return 1
    finally:
        process.terminate()
        process.wait(timeout=5)
    said: Any = answer.json()
    if isinstance(said, dict) and isinstance(said.get("body"), str):
        said["body"] = json.loads(said["body"])
    print(json.dumps(said, ensure_ascii=False, indent=2))
    return 1 if isinstance(said, dict) and "errorMessage" in said else 0


def main() -> int:
    function = sys.argv[1] if len(sys.argv) > 1 else ""
    if function not in FUNCTIONS:
        print(f"Name a function: make invoke fn={'|'.join(FUNCTIONS)}", file=sys.stderr)
        return 2
    try:
        target = stack("local")
    except NoStack as error:
        print(f"A function needs a table. {error}", file=sys.stderr)
        return 2
    if docker_runs():
        return with_docker(function, environment(target))
    port = os.environ.get("PORT", "8080")
    return with_emulator(
        function, environment(target), ROOT / ".local-cloud" / port / "build" / "SharedLayer" / "python"
    )


if __name__ == "__main__":
    sys.exit(main())
