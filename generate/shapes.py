"""JSON Schemas of TypedDicts, as pydantic makes them of models: pydantic itself reads typing's only from 3.12 on."""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pydantic
from pydantic import BaseModel, create_model
from pydantic.json_schema import models_json_schema

from extending.answers import Field

Json = dict[str, Any]


@cache
def model(shape: type) -> type[BaseModel]:
    """A TypedDict as a model."""
    fields: Json = {}
    for name, hint in get_type_hints(shape, include_extras=True).items():
        if get_origin(hint) is NotRequired:
            fields[name] = Annotated[_translated(*get_args(hint)), pydantic.Field(default_factory=lambda: None)]
        else:
            fields[name] = _translated(hint)
    return create_model(shape.__name__, __doc__=shape.__doc__, **fields)


def _translated(hint: Any) -> Any:
    """A type hint in pydantic's words: shapes as models, names of an enumeration as the texts that they are."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return model(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Literal[*map(str, hint)]
    if origin is Annotated:
        inner, field = arguments
        inner = Literal[*map(str, field.among)] if field.among else _translated(inner)
        return Annotated[inner, _described(field)]
    if origin in (Union, UnionType):
        texts = [text for part in arguments if get_origin(part) is Literal for text in get_args(part)]
        others = [_translated(part) for part in arguments if get_origin(part) is not Literal]
        return Union[*([Literal[*map(str, texts)]] if texts else []), *others]
    return list[_translated(*arguments)] if origin is list else hint  # type: ignore[misc]


def _described(field: Field) -> Any:
    """A field's description, for pydantic."""
    is_text = field.longest is not None
    known: Json = {
        "description": field.description,
        "examples": [field.example] if field.example else None,
        "pattern": f"^{field.pattern}$" if field.pattern else None,
        "json_schema_extra": {"format": field.format} if field.format else None,
        "min_length" if is_text else "ge": field.least,
        "max_length" if is_text else "le": field.longest if is_text else field.most,
    }
    return pydantic.Field(**{name: value for name, value in known.items() if value is not None})


def json_schemas(
    models: Iterable[type[BaseModel]], mode: Literal["validation", "serialization"], reference: str
) -> Json:
    """The schemas of models and of all models within them, by name."""
    _, made = models_json_schema([(each, mode) for each in models], ref_template=reference)
    return dict(_plain(made["$defs"]))


def _plain(value: Any) -> Any:
    """A schema without titles that pydantic derives from names and defaults of null, and without constants.

    Generators of clients know an enumeration of one.
    """
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    constant = {"enum": [value["const"]]} if isinstance(value.get("const"), str) else {}
    kept = {key: each for key, each in value.items() if (key, each) != ("default", None)}
    kept = {key: each for key, each in kept.items() if key != "title" or not isinstance(each, str)}
    return {key: _plain(each) for key, each in kept.items() if key != "const" or not constant} | constant
