"""The layer's build leaves out nothing that the functions call; what they call is held by the test of their rights."""

import os
import shutil
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest
from botocore import xform_name
from botocore.loaders import Loader

import build_layer

INSTALLED = Path(botocore.__file__).parent

CHECKED_HASH = 0b11
"""The flags of bytecode (PEP 552) that is valid while the hash of its source is."""


def unused_data(folder: str, names: list[str]) -> set[str]:
    """Most services, so that copying the SDK is quick."""
    kept = {*build_layer.CALLED, "s3"}
    return {name for name in names if Path(folder).name == "data" and "." not in name and name not in kept}


def test_trimming_keeps_what_a_client_reads_and_changes_no_file_that_others_share(tmp_path: Path) -> None:
    """Each operation, and a real endpoint.

    uv links what it installs to its cache, so a file written in place would change every environment. Its lists of
    files have the hash of scripts, which name the folder of the builder's Python.
    """
    installed, layer = tmp_path / "installed" / "botocore", tmp_path / "layer"
    shutil.copytree(INSTALLED, installed, ignore=unused_data)
    shutil.copytree(installed, layer / "botocore", copy_function=os.link)
    contents = {file: file.read_bytes() for file in installed.rglob("*") if file.is_file()}
    record = layer / "jmespath-1.1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.touch()
    build_layer.trim(layer)
    assert {file: file.read_bytes() for file in contents} == contents
    assert not record.exists()

    session = botocore.session.Session()
    data = Loader(extra_search_paths=[str(layer / "botocore" / "data")], include_default_search_paths=False)
    session.register_component("data_loader", data)
    assert set(data.list_available_services("service-2")) == set(build_layer.CALLED)
    for service, operations in build_layer.CALLED.items():
        client = session.create_client(service, region_name="eu-central-1")
        assert sorted(client.meta.method_to_api_mapping) == sorted(map(xform_name, operations))
        assert client.meta.endpoint_url == f"https://{service}.eu-central-1.amazonaws.com"
    assert session.create_client("dynamodb", region_name="eu-central-1").can_paginate("query")


def shapes_named(value: Any) -> Iterator[str]:
    """The shapes that are named anywhere in a JSON value."""
    if isinstance(value, dict) and isinstance(value.get("shape"), str):
        yield value["shape"]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from shapes_named(inner)


@pytest.mark.parametrize("service", build_layer.CALLED)
def test_cutting_keeps_the_shapes_that_an_operation_reaches_and_no_others(service: str) -> None:
    """Those of requests, answers and errors, and what is nested in them."""
    whole = build_layer.read(max((INSTALLED / "data" / service).glob("*/service-2.json.gz")))
    cut = build_layer.cut(whole, build_layer.CALLED[service])
    assert set(shapes_named(cut)) == set(cut["shapes"]) < set(whole["shapes"])


def test_endpoints_of_every_partition_are_kept_and_no_other_services() -> None:
    """The layer works in every region; endpoints of services that nothing calls are most of what a client parses."""
    whole = build_layer.read(INSTALLED / "data" / "endpoints.json")
    cut = build_layer.only_called(whole)
    for before, after in zip(whole["partitions"], cut["partitions"], strict=True):
        called = {name: found for name, found in before["services"].items() if name in build_layer.CALLED}
        assert after == before | {"services": called}


def test_the_authorities_that_sign_for_aws_are_kept() -> None:
    """The bundle is valid, and holds every Amazon root and Starfield's, which AWS asks its clients to trust."""
    kept = build_layer.roots((INSTALLED / "cacert.pem").read_text())
    names = [str(authority["subject"]) for authority in ssl.create_default_context(cadata=kept).get_ca_certs()]
    amazon = [f"'Amazon Root CA {number}'" for number in range(1, 5)]
    for wanted in (*amazon, "'Starfield Services Root Certificate Authority - G2'"):
        assert any(wanted in name for name in names)
    assert len(names) < 30


def test_bytecode_ships_whatever_the_builder_has_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its source, checked by content, and with the paths of Lambda in it."""
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "module.py").write_text("answer = 42\n")
    build_layer.compile_bytecode(layer, f"{sys.version_info[0]}.{sys.version_info[1]}")
    content = (layer / "__pycache__" / f"module.{sys.implementation.cache_tag}.pyc").read_bytes()
    assert int.from_bytes(content[4:8], "little") == CHECKED_HASH
    assert b"/opt/python/module.py" in content
