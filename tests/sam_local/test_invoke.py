"""`local.invoke` where Docker runs: what a function answers in a container is what it answers without one."""

import json
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from devkit.builders import member_changed
from devkit.project import FUNCTIONS
from devkit.service import sample
from extending.batch import MOST
from tests.conftest import Cloud
from tests.sam_local.conftest import NO_DOCKER, calling, containers, invoke

IN_A_CONTAINER = "inside runtime container"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def both(cloud: Cloud, *arguments: str) -> list[subprocess.CompletedProcess[str]]:
    """The same in the emulator and in a container, at the same time."""
    with ThreadPoolExecutor() as pool:
        emulated, contained = pool.map(lambda variables: invoke(cloud, *arguments, **variables), [NO_DOCKER, {}])
    assert IN_A_CONTAINER not in emulated.stderr
    assert IN_A_CONTAINER in contained.stderr, contained.stderr
    return [emulated, contained]


@pytest.mark.usefixtures("extended")
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_answers_in_a_container_as_it_does_in_the_emulator(cloud: Cloud, function: str) -> None:
    """On the same table, with the same exit status, and no container is left."""
    if function in ("changes", "sync"):
        invoke(cloud, function, **NO_DOCKER)  # Of two at once one would be stored, the other stale.
    emulated, contained = both(cloud, function)
    assert (emulated.returncode, contained.returncode) == (0, 0), emulated.stderr + contained.stderr
    answers = [INSTANT.sub("instant", done.stdout) for done in (emulated, contained)]
    # The sweep counts what is due and how late it is, which is another number a moment later.
    assert answers[0] == answers[1] or function == "expire"
    assert containers(contained.stderr) == set()


def test_a_function_that_fails_makes_the_command_fail(cloud: Cloud, tmp_path: Path) -> None:
    """The SAM CLI itself ends with 0; the answer and the exit status are those of the emulator."""
    event = tmp_path / "event.json"
    event.write_text("{}")
    emulated, contained = both(cloud, "list", str(event))
    assert (emulated.returncode, contained.returncode) == (1, 1), emulated.stderr + contained.stderr
    said = [json.loads(done.stdout) for done in (emulated, contained)]
    assert [(answer["errorType"], answer["errorMessage"]) for answer in said] == [("KeyError", "'requestContext'")] * 2
    assert said[0].keys() == said[1].keys()


@pytest.mark.parametrize("runs", [False, True])
def test_ctrl_c_ends_a_call_at_any_moment(cloud: Cloud, tmp_path: Path, runs: bool) -> None:
    """The SAM CLI itself leaves a container that it has not started, and waits for the timeout of one that runs."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps(long_call()))
    with calling(cloud, "changes", str(event)) as process:
        assert process.stderr
        said = ""
        while "SAM_CONTAINER_ID" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        # Asked of Docker: where much else runs, what a function says first may be lost to the SAM CLI.
        while runs and not running(said.split()[-1]):
            assert process.poll() is None, said
        process.send_signal(signal.SIGINT)
        interrupted = time.monotonic()
        process.stderr.read()
        assert process.wait() == 130
    assert containers(said) == set()
    assert time.monotonic() - interrupted < 25  # The function's timeout is 28 s.


def long_call() -> dict[str, Any]:
    """A request of as many changes as there may be: some seconds, in a container."""
    event = sample("changes")
    members = [member_changed(account_id="A-interrupted", user_id=f"U-{number}") for number in range(MOST)]
    changes = [{"detail_type": "MemberChanged", "detail": member} for member in members]
    return event | {"body": json.dumps({"changes": changes})}


def running(container: str) -> bool:
    command = ["docker", "inspect", "--format", "{{.State.Running}}", container]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout == "true\n"


def test_variables_of_aws_in_the_caller_s_environment_do_not_get_into_a_function(cloud: Cloud) -> None:
    """SAM prefers the shell's variables to the template's; these would lead astray."""
    own = {"AWS_ENDPOINT_URL": "http://198.51.100.1", "AWS_DEFAULT_REGION": "eu-west-9", "TABLE_NAME": "elsewhere"}
    done = invoke(cloud, "list", **own)
    assert IN_A_CONTAINER in done.stderr, done.stderr
    assert json.loads(done.stdout)["statusCode"] == 200
