"""JSON as it comes in: one reader for the API, the bulk loader and whatever else."""

import pytest

from extending import wire


@pytest.mark.parametrize("raw", ['\ufeff{"a": 1}', '\ufeff{"a": 1}'.encode(), '{"a": 1}'])
def test_json_is_utf_8_with_or_without_a_byte_order_mark(raw: str | bytes) -> None:
    assert wire.plain(wire.parse(raw)) == {"a": 1}


@pytest.mark.parametrize(
    "raw",
    [
        b"\xcf\xf0\xe8",
        '{"a": "\u0430"}'.encode("cp1251"),
        "{}".encode("utf-16"),
        "NaN",
        "[Infinity]",
        "{",
        "[" * 99_999,
        "",
    ],
)
def test_what_is_no_json_in_utf_8_is_refused(raw: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of many kinds
        wire.parse(raw)


@pytest.mark.parametrize(
    ("raw", "field", "why"),
    [
        ('{"a": 1, "a": 2}', "a", "given more than once"),
        ('{"detail": {"b": [{"c": 1, "c": 1}]}}', "detail.b.c", "given more than once"),
        ('{"Имя": 1, "Имя": 2}', "?", "given more than once"),
        ('{"detail": {"x": "\\ud800"}}', "detail.x", "a text of Unicode characters is expected"),
    ],
)
def test_a_value_that_cannot_be_accepted_is_named_by_its_path(raw: str, field: str, why: str) -> None:
    with pytest.raises(wire.Unreadable) as error:
        wire.plain(wire.parse(raw))
    assert (error.value.field, error.value.why) == (field, why)
