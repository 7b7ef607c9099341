"""A deployed stack, found by the name of its stage."""

import json
import os
import tomllib
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from devkit.project import REGION, ROOT, Trouble

PATIENT = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=16)


class NoStack(Trouble):
    """There is no such stack, or it cannot be reached; the text says what to do."""


@dataclass
class Stack:
    """Clients and the outputs of a stage's stack."""

    name: str
    outputs: dict[str, str]
    session: boto3.Session
    endpoint: str | None
    """Of the local cloud; None on AWS."""

    def client(self, service: str, config: Config = PATIENT) -> Any:
        return self.session.client(service, endpoint_url=self.endpoint, config=config)  # type: ignore[call-overload]

    def resource(self, logical_id: str) -> str:
        """The physical id of one of the stack's resources."""
        answer = self.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])


def stack(stage: str) -> Stack:
    """The stack of a stage: `local` is what `make run` serves (PORT=…), others are those of samconfig.toml."""
    if stage == "local":
        return local_stack(os.environ.get("PORT", "8080"))
    session, name = configured(stage)
    return Stack(name, outputs(session, None, name), session, None)


def configured(stage: str) -> tuple[boto3.Session, str]:
    """A session for a stage of samconfig.toml, and the name of its stack, which may not be there yet."""
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text())
    section = "default" if stage == "dev" else stage
    if section not in configuration:
        raise NoStack(f"samconfig.toml has no stage {stage}. Name one of it: --stage local, dev, prod")
    # `sam deploy --guided` keeps its answers in the block of deploy.
    blocks = [configuration[section].get(command, {}).get("parameters", {}) for command in ("global", "deploy")]
    parameters = blocks[0] | blocks[1]
    return boto3.Session(region_name=parameters.get("region")), parameters["stack_name"]


def local_stack(port: str) -> Stack:
    """The stack that `make run` serves on a port."""
    state = ROOT / ".local-cloud" / port / "stack.json"
    if not state.exists():
        raise NoStack(f"No local cloud runs on port {port}. Start it with: make run PORT={port}")
    found = json.loads(state.read_text())
    session = local_session(found["region"], found["key"])
    return Stack(found["stack"], outputs(session, found["endpoint"], found["stack"]), session, found["endpoint"])


def local_session(region: str = REGION, key: str | None = None) -> boto3.Session:
    """A session for the local cloud: past every proxy, without the profile of AWS_PROFILE, which is for AWS."""
    nobody = botocore.session.Session({"profile": (None, None, None, None)})
    nobody.set_default_client_config(Config(proxies={}))
    return boto3.Session("test", "test", key, region_name=region, botocore_session=nobody)


def outputs(session: boto3.Session, endpoint: str | None, name: str) -> dict[str, str]:
    """Outputs of a stack by name; raises NoStack."""
    try:
        formation: Any = session.client("cloudformation", endpoint_url=endpoint)
        described = formation.describe_stacks(StackName=name)["Stacks"][0]
    except (BotoCoreError, ClientError) as error:
        why = str(error).rstrip(".")
        raise NoStack(f"Stack {name} cannot be read: {why}. Are the AWS credentials and the region set?") from error
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
