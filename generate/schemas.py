"""The JSON Schemas of the events, in and out, made from the models that the functions use."""

import json
from pathlib import Path
from typing import Any

from devkit import nowhere
from devkit.project import ROOT
from generate.shapes import model

nowhere.enter()

# isort: split
from extending.bus import Detail, EndsSoonDetail  # noqa: E402 - it makes a client of the bus
from extending.inbound import CHANGES  # noqa: E402
from extending.model import ExtensionEvent  # noqa: E402

FOLDER = ROOT / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each event's `detail`, by detail type."""
    found = {name: change.model_json_schema() for name, change in CHANGES.items()}
    shapes = dict.fromkeys(ExtensionEvent, Detail) | {ExtensionEvent.ENDS_SOON: EndsSoonDetail}
    for event, shape in shapes.items():
        found[event.value] = model(shape).model_json_schema(mode="serialization") | {"title": event.value}
    return {name: {"$schema": DIALECT} | schema for name, schema in found.items()}


def write(folder: Path = FOLDER) -> None:
    for name, schema in schemas().items():
        (folder / f"{name}.json").write_text(json.dumps(schema, ensure_ascii=False, indent=2) + "\n")
