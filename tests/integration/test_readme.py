"""The answers that README shows have the shape that the code gives them; its translation has the same code."""

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from devkit.project import ROOT

README = (ROOT / "README.md").read_text()
RUSSIAN = {"README.md": "README.ru.md", "docs/integrating.md": "docs/integrating.ru.md"}
DESCRIPTION = yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)


def blocks(text: str, languages: str = r"\w+") -> list[str]:
    return re.findall(rf"^```(?:{languages})\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


PASTED = [line for block in blocks(README, "json") for line in block.splitlines() if line]


def shape_of(answer: dict[str, Any]) -> str:
    """The name of the shape that a pasted answer, or a named part of the list, has."""
    if "created" in answer:
        return "Extended"
    return "AlreadyUsed" if "code" in answer else "Limits" if "limits" in answer else "row"


def test_a_pasted_answer_has_the_shape_that_is_described() -> None:
    """Field for field: nothing is left out, nothing is made up."""
    assert len(PASTED) == 7
    for line in PASTED:
        answer = json.loads(line if line.startswith("{") else "{" + line + "}")
        shape = shape_of(answer)
        schema = {"$ref": f"#/components/schemas/{shape}"}
        if shape in ("Limits", "row"):
            (answer,) = answer.values()
        if shape == "row":
            schema = {"$ref": "#/components/schemas/Subscription/properties/extension"}
        assert not [error.message for error in Draft202012Validator(DESCRIPTION | schema).iter_errors(answer)]
        if shape in ("Limits", "Extended"):
            assert set(answer) == set(DESCRIPTION["components"]["schemas"][shape]["properties"])


@pytest.mark.parametrize(("english", "russian"), RUSSIAN.items())
def test_the_russian_text_has_the_code_of_the_english_one(english: str, russian: str) -> None:

    def code(name: str) -> list[str]:
        text = (ROOT / name).read_text()
        return [re.sub(r"\s*(#|//).*", "", block) for block in blocks(text) if "flowchart" not in block]

    missing = [block for block in code(russian) if block not in code(english)]
    assert not missing
