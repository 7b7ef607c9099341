"""The JSON Schemas of the events are those of the code, and real events fit them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from devkit.builders import (
    account_changed,
    account_removed,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from devkit.project import ROOT
from generate.schemas import FOLDER, write


def valid(name: str, detail: Any) -> bool:
    return bool(Draft202012Validator(json.loads((FOLDER / f"{name}.json").read_text())).is_valid(detail))


def test_the_schemas_are_those_that_the_code_makes(tmp_path: Path) -> None:
    """`make generate` writes them."""
    write(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in FOLDER.iterdir()}


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("AccountChanged", account_changed()),
        ("MemberChanged", member_changed(role=None)),
        ("SubscriptionChanged", subscription_changed(ends_at=None, extension_terms=None)),
        ("UsageChanged", usage_changed()),
        ("SubscriptionRemoved", subscription_removed()),
        ("AccountRemoved", account_removed()),
    ],
)
def test_an_event_in_fits_its_schema(name: str, detail: Any) -> None:
    """And one without a field does not."""
    assert valid(name, detail)
    for field in detail:
        assert not valid(name, {key: value for key, value in detail.items() if key != field})


def test_every_instant_says_so() -> None:
    """Generators make a date of a date-time, and strict validators refuse what is none."""
    unsaid = [
        f"{path.stem}.{name}"
        for path in FOLDER.glob("*.json")
        for name, field in json.loads(path.read_text())["properties"].items()
        if name.endswith("_at") and '"date-time"' not in json.dumps(field)
    ]
    assert not unsaid


@pytest.mark.parametrize("name", ["integrating.md", "integrating.ru.md"])
def test_an_event_that_is_printed_for_integrators_fits_its_schema(name: str) -> None:
    """Alone, and as the webhook delivers it."""
    printed = (ROOT / "docs" / name).read_text()
    (event,) = re.findall(r'^\{\n  "event_id".*?^\}$', printed, re.MULTILINE | re.DOTALL)
    (delivery,) = re.findall(r'^\{"specversion": .*\}$', printed, re.MULTILINE)
    assert valid("ExtensionExpired", json.loads(event))
    posted = json.loads(delivery)
    assert valid(posted["type"], posted["data"])
