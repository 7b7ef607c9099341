"""template.yaml as the tests read it."""

from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

ROOT = Path(__file__).parent.parent


@cache
def template() -> dict[str, Any]:
    """The whole template, short forms such as !Ref written out."""
    parsed, errors = decode(str(ROOT / "template.yaml"))
    assert not errors, errors
    return dict(parsed)


def resources(type_: str) -> dict[str, Any]:
    """Resources of one type by logical id."""
    return {name: found for name, found in template()["Resources"].items() if found["Type"] == type_}


def table_definition() -> dict[str, Any]:
    """Arguments of CreateTable for the template's only table, so that no test has keys of its own."""
    (table,) = resources("AWS::DynamoDB::Table").values()
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    stream = {"StreamEnabled": True, **table["Properties"]["StreamSpecification"]}
    return {name: table["Properties"][name] for name in wanted} | {"StreamSpecification": stream}
