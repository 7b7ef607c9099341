"""The answers that README shows have the shape that the code gives them; its translation has the same code."""

import json
import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from devkit.project import ROOT
from generate.openapi import closed

DESCRIPTION = yaml.load((ROOT / "openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
PASTED = ["Limits", "ExtensionOfPeriod", "Extended", "Extended", "Limits", "ExtensionOfPeriod", "AlreadyUsed"]
"""Shapes of the answers, or named parts of the list, in the order in which README shows them."""


def blocks(page: str, languages: str = r"\w+") -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(rf"^```(?:{languages})\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def test_a_pasted_answer_has_the_shape_that_is_described() -> None:
    """Field for field: nothing is left out, nothing is made up."""
    shapes = {"components": {"schemas": closed(DESCRIPTION["components"]["schemas"])}}
    lines = [line for block in blocks("README.md", "json") for line in block.splitlines() if line]
    for line, shape in zip(lines, PASTED, strict=True):
        answer = json.loads(line if line.startswith("{") else "{" + line + "}")
        if not line.startswith("{"):
            (answer,) = answer.values()
        Draft202012Validator(shapes | {"$ref": f"#/components/schemas/{shape}"}).validate(answer)


@pytest.mark.parametrize("page", ["README", "docs/integrating"])
def test_the_russian_text_has_the_code_of_the_english_one(page: str) -> None:

    def code(name: str) -> list[str]:
        return [re.sub(r"\s*(#|//).*", "", block) for block in blocks(name) if "flowchart" not in block]

    english = code(f"{page}.md")
    assert not [block for block in code(f"{page}.ru.md") if block not in english]
