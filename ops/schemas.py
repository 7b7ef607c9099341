"""JSON Schemas of the events, in and out, made from the models that the functions use."""

import json
import os
from pathlib import Path
from typing import Any, get_type_hints, is_typeddict

from pydantic import BaseModel, create_model

from extending.inbound import CHANGES

FOLDER = Path(__file__).parent.parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each event's `detail`, by detail type."""
    os.environ.setdefault("TABLE_NAME", "none")
    os.environ.setdefault("EVENT_BUS_NAME", "none")
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from extending.bus import Detail, News  # noqa: PLC0415 - it makes a client of the bus

    found = {name: model.model_json_schema() for name, model in CHANGES.items()}
    found |= {news.value: _model(Detail).model_json_schema() | {"title": news.value} for news in News}
    return {name: {"$schema": DIALECT} | schema for name, schema in found.items()}


def _model(shape: Any) -> type[BaseModel]:
    """A TypedDict as a model, for its schema."""
    hints = get_type_hints(shape).items()
    fields: dict[str, Any] = {name: (_model(hint) if is_typeddict(hint) else hint, ...) for name, hint in hints}
    return create_model(shape.__name__, __doc__=shape.__doc__, **fields)


def write(folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (folder / f"{name}.json").write_text(json.dumps(schema, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    write()
