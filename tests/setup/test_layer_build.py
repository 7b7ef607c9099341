"""The layer's build leaves out nothing that the functions call."""

import ast
import gzip
import json
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import xform_name

import build_layer
from devkit.project import ROOT

SHIPPED = [*ROOT.glob("functions/*/app.py"), *ROOT.glob("layers/shared/extending/*.py")]
CLIENTS = {"dynamodb": "dynamodb", "_events": "events", "_sqs": "sqs"}
"""What the code calls its clients."""

INSTALLED = Path(botocore.__file__).parent

CHECKED_HASH = 0b11
"""The flags of bytecode (PEP 552) that is valid while the hash of its source is."""


def model(service: str) -> dict[str, Any]:
    packed = max((INSTALLED / "data" / service).glob("*/service-2.json.gz"))
    return dict(json.loads(gzip.decompress(packed.read_bytes())))


def calls_of_clients() -> set[tuple[str, str]]:
    """Service and method of every method of a client that the shipped code names; a paginator is what it calls."""
    found = set()
    for file in SHIPPED:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                found.add((node.value, node.attr))
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get_paginator"
            ):
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{file}: which operation is paged must be plain to see"
                found.add((node.func.value, str(argument.value)))
    return {(CLIENTS[name], method) for owner, method in found if (name := name_of(owner)) in CLIENTS}


def name_of(owner: ast.expr) -> str:
    return owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""


def made_clients() -> set[str]:
    """Every service for which the shipped code makes a client."""
    return {
        str(node.args[0].value)
        for file in SHIPPED
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "client"
        if isinstance(node.args[0], ast.Constant)
    }


def unused_data(folder: str, names: list[str]) -> set[str]:
    """Most services, so that copying the SDK is quick."""
    kept = {*build_layer.CALLED, "s3"}
    return {name for name in names if Path(folder).name == "data" and "." not in name and name not in kept}


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer of the installed SDK alone, trimmed."""
    target = tmp_path_factory.mktemp("layer")
    shutil.copytree(INSTALLED, target / "botocore", ignore=unused_data)
    build_layer.trim(target)
    return target


def test_every_client_that_is_made_is_in_the_list() -> None:
    """A service whose data the build leaves out has no client."""
    assert made_clients() == set(build_layer.CALLED)
    assert set(CLIENTS.values()) == set(build_layer.CALLED)


def test_every_operation_that_is_called_is_in_the_list_and_no_other() -> None:
    """CALLED is what the code calls: one that is missing fails on AWS alone, one too many costs every cold start."""
    methods = {
        (service, xform_name(operation)) for service in build_layer.CALLED for operation in model(service)["operations"]
    }
    called = calls_of_clients() & methods
    assert called == {(service, xform_name(name)) for service, names in build_layer.CALLED.items() for name in names}


def test_a_client_of_the_trimmed_sdk_has_every_operation_with_its_shapes(layer: Path) -> None:
    """What is kept is whole: each operation finds the shapes of its request, answer and errors, and a real endpoint."""
    code = """
import botocore.session, botocore.stub, json, sys
session = botocore.session.Session()
session.set_credentials("a", "b")
methods = {}
for service in sys.argv[1:]:
    client = session.create_client(service, region_name="eu-central-1")
    methods[service] = [sorted(client.meta.method_to_api_mapping), client.meta.endpoint_url]
    for operation in client.meta.service_model.operation_names:
        shapes = client.meta.service_model.operation_model(operation)
        shapes.input_shape.members, shapes.output_shape.members, [e.members for e in shapes.error_shapes]
client = session.create_client("dynamodb", region_name="eu-central-1")
assert client.can_paginate("query")
assert client.exceptions.TransactionCanceledException
print(json.dumps(methods))
"""
    libraries = [layer, INSTALLED.parent]  # the trimmed SDK first, then what it needs
    environment = {"PYTHONPATH": os.pathsep.join(map(str, libraries)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, *build_layer.CALLED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    assert json.loads(done.stdout) == {
        service: [sorted(map(xform_name, operations)), f"https://{service}.eu-central-1.amazonaws.com"]
        for service, operations in build_layer.CALLED.items()
    }


@pytest.mark.parametrize("service", build_layer.CALLED)
def test_cutting_keeps_the_shapes_that_an_operation_reaches(service: str) -> None:
    """Errors and nested members are kept with it; what only others use is gone."""
    whole = model(service)
    cut = build_layer.cut(whole, build_layer.CALLED[service])
    text = json.dumps(cut)
    assert all(json.dumps({"shape": name})[1:-1] in text for name in cut["shapes"])
    named = {found["shape"] for found in everything(cut) if isinstance(found.get("shape"), str)}
    assert named <= set(cut["shapes"])
    assert len(cut["shapes"]) < len(whole["shapes"])


def everything(value: Any) -> list[dict[str, Any]]:
    """Every object in a JSON value."""
    if isinstance(value, dict):
        return [value, *(inner for v in value.values() for inner in everything(v))]
    return [inner for v in value for inner in everything(v)] if isinstance(value, list) else []


def test_endpoints_of_every_partition_are_kept_and_no_other_services() -> None:
    """The layer works in every region; endpoints of services that nothing calls are most of what a client parses."""
    whole = json.loads((INSTALLED / "data" / "endpoints.json").read_text())
    cut = build_layer.only_called(whole)
    assert [p["partition"] for p in cut["partitions"]] == [p["partition"] for p in whole["partitions"]]
    assert [p["regions"] for p in cut["partitions"]] == [p["regions"] for p in whole["partitions"]]
    assert all(p["services"]["dynamodb"] for p in cut["partitions"][:2])
    assert all(set(p["services"]) <= set(build_layer.CALLED) for p in cut["partitions"])


def test_the_authorities_that_sign_for_aws_are_kept() -> None:
    """The bundle is valid, and holds every Amazon root and Starfield's, which AWS tells its clients to trust."""
    whole = (INSTALLED / "cacert.pem").read_text()
    kept = build_layer.roots(whole)
    context = ssl.create_default_context(cadata=kept)
    names = {str(authority["subject"]) for authority in context.get_ca_certs()}
    wanted = {f"Amazon Root CA {number}" for number in range(1, 5)}
    wanted |= {"Starfield Services Root Certificate Authority - G2"}
    assert all(any(f"'{one}'" in name for name in names) for one in wanted)
    assert len(names) < 30


def test_trimming_changes_no_file_that_others_share(tmp_path: Path) -> None:
    """uv links what it installs to its cache: a file written in place would change every environment."""
    before = tmp_path / "before" / "botocore"
    shutil.copytree(INSTALLED, before, ignore=unused_data)
    shutil.copytree(before, tmp_path / "layer" / "botocore", copy_function=os.link)
    files = [file for file in before.rglob("*") if file.is_file()]
    contents = [file.read_bytes() for file in files]
    build_layer.trim(tmp_path / "layer")
    assert [file.read_bytes() for file in files] == contents


def test_the_layer_is_the_same_wherever_it_is_built(tmp_path: Path) -> None:
    """pip's and uv's list of files has the hash of scripts, which name the folder of the builder's Python."""
    shutil.copytree(INSTALLED, tmp_path / "botocore", ignore=unused_data)
    record = tmp_path / "jmespath-1.1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("../../bin/jp.py,sha256=0J0wp2pZGNehjBWfslJnock9In4md_Hvk-tUX3Qyx3A,1706\n")
    build_layer.trim(tmp_path)
    assert not record.exists()


def test_bytecode_ships_whatever_the_builder_has_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its source, checked by content, and with the paths of Lambda in it."""
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    source = tmp_path / "layer" / "module.py"
    source.parent.mkdir()
    source.write_text("answer = 42\n")

    build_layer.compile_bytecode(source.parent, f"{sys.version_info[0]}.{sys.version_info[1]}")

    (compiled,) = source.parent.rglob("*.pyc")
    assert compiled == source.parent / "__pycache__" / f"module.{sys.implementation.cache_tag}.pyc"
    content = compiled.read_bytes()
    assert int.from_bytes(content[4:8], "little") == CHECKED_HASH
    assert b"/opt/python/module.py" in content
