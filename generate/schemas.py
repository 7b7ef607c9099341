"""JSON Schemas of the events, in and out, made from the models that the functions use."""

import json
import os
from pathlib import Path
from typing import Any

from devkit.project import ROOT
from extending.inbound import CHANGES
from extending.model import ExtensionEvent
from generate.shapes import model

FOLDER = ROOT / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each event's `detail`, by detail type."""
    os.environ.setdefault("TABLE_NAME", "none")
    os.environ.setdefault("EVENT_BUS_NAME", "none")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from extending.bus import Detail, EndsSoonDetail  # noqa: PLC0415 - it makes a client of the bus

    found = {name: change.model_json_schema() for name, change in CHANGES.items()}
    shapes = dict.fromkeys(ExtensionEvent, Detail) | {ExtensionEvent.ENDS_SOON: EndsSoonDetail}
    for event, shape in shapes.items():
        found[event.value] = model(shape).model_json_schema(mode="serialization") | {"title": event.value}
    return {name: {"$schema": DIALECT} | schema for name, schema in found.items()}


def write(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (folder / f"{name}.json").write_text(json.dumps(schema, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    write()
