"""JSON Schemas of TypedDicts, as pydantic makes them of models."""

from collections.abc import Sequence
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pydantic
from pydantic import BaseModel, create_model
from pydantic.json_schema import models_json_schema

from extending.answers import Field

Json = dict[str, Any]


def json_schema(shape: type) -> Json:
    """The schema of one shape."""
    return dict(_undefaulted(_model(shape, {}).model_json_schema(mode="serialization")))


def json_schemas(shapes: Sequence[type], reference: str) -> Json:
    """The schemas of shapes and of all shapes within them, by name."""
    known: dict[type, type[BaseModel]] = {}
    models = [(_model(shape, known), "serialization") for shape in shapes]
    _, made = models_json_schema(models, ref_template=reference)  # type: ignore[arg-type]
    return dict(enumerated(untitled(made["$defs"])))


def _model(shape: type, known: dict[type, type[BaseModel]]) -> type[BaseModel]:
    """A TypedDict as a model."""
    if shape not in known:
        fields: Json = {}
        for name, hint in get_type_hints(shape, include_extras=True).items():
            optional = get_origin(hint) is NotRequired
            inner = get_args(hint)[0] if optional else hint
            fields[name] = (_translated(inner, known), None if optional else ...)
        known[shape] = create_model(shape.__name__, __doc__=shape.__doc__, **fields)
    return known[shape]


def _translated(hint: Any, known: dict[type, type[BaseModel]]) -> Any:  # noqa: PLR0911 - one for each kind of hint
    """A type hint in pydantic's words: shapes as models, names of an enumeration as the texts that they are."""
    if is_typeddict(hint):
        return _model(hint, known)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Literal[*(member.value for member in hint)]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        inner, shown = arguments
        if shown.among is not None:
            inner = Literal[*(str(value) for value in shown.among)]
        return Annotated[_translated(inner, known), _field(shown)]
    if origin is Literal:
        return Literal[*(str(value) for value in arguments)]
    if origin in (Union, UnionType):
        literals = [value for part in arguments if get_origin(part) is Literal for value in get_args(part)]
        others = [_translated(part, known) for part in arguments if get_origin(part) is not Literal]
        return Union[*([Literal[*map(str, literals)]] if literals else []), *others]
    if origin is list:
        return list[_translated(arguments[0], known)]  # type: ignore[misc]
    return hint


def _field(shown: Field) -> Any:
    """What pydantic says of a field."""
    is_text = shown.longest is not None
    known: Json = {
        "description": shown.description,
        "examples": [shown.example] if shown.example else None,
        "pattern": f"^{shown.pattern}$" if shown.pattern else None,
        "json_schema_extra": {"format": shown.format} if shown.format else None,
        "min_length" if is_text else "ge": shown.least,
        "max_length" if is_text else "le": shown.longest if is_text else shown.most,
    }
    return pydantic.Field(**{name: value for name, value in known.items() if value is not None})


def untitled(value: Any) -> Any:
    """Without the titles that pydantic derives from names, and without defaults that say nothing."""
    if isinstance(value, dict):
        return {k: untitled(v) for k, v in _undefaulted(value).items() if not (k == "title" and isinstance(v, str))}
    return [untitled(v) for v in value] if isinstance(value, list) else value


def enumerated(value: Any) -> Any:
    """With an enumeration of one in place of a constant, which generators of clients do not know."""
    if isinstance(value, dict):
        known = {"enum": [value["const"]]} if isinstance(value.get("const"), str) else {}
        return {k: enumerated(v) for k, v in value.items() if not (known and k == "const")} | known
    return [enumerated(v) for v in value] if isinstance(value, list) else value


def _undefaulted(value: Any) -> Any:
    """Without the null that pydantic takes for the default of whatever may be left out."""
    if isinstance(value, dict):
        return {k: _undefaulted(v) for k, v in value.items() if not (k == "default" and v is None)}
    return [_undefaulted(v) for v in value] if isinstance(value, list) else value
