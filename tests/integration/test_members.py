"""Members that were stored by the version before come to where this one looks for them."""

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from ops import console, members
from ops.members import Moved, move
from tests.integration.conftest import Service
from tests.support.builders import member_changed
from tests.support.operated import Operated, run

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

TABLE = "extending-subscription"


def as_before(table: "Table", user: str, account: str = "A-100") -> None:
    """Put a member back to where the version before stored it."""
    key = {"pk": f"A#{account}", "sk": f"~{user}"}
    item = table.get_item(Key=key)["Item"]
    table.delete_item(Key=key)
    table.put_item(Item=item | {"pk": f"U#{user}", "sk": f"A#{account}"})


def test_members_of_before_are_copied_and_later_deleted(service: Service, table: "Table") -> None:
    """Nobody loses a role, whatever is told between the two runs; what was told here stays."""
    for user in ("U-1", "U-2", "U-3"):
        as_before(table, user)
    service.tell("MemberChanged", member_changed(user_id="U-3", role=None, changed_at="2026-11-20T00:00:00Z"))
    dynamodb = boto3.client("dynamodb")
    assert service.list().status == 404
    assert move(dynamodb, TABLE, delete=False) == Moved(copied=2, known=1, deleted=0)
    assert service.list().json["role"] == "owner"
    assert service.list("U-2").json["role"] == "administrator"
    assert service.list("U-3").status == 404
    assert move(dynamodb, TABLE, delete=True) == Moved(copied=0, known=3, deleted=3)
    assert move(dynamodb, TABLE, delete=True) == Moved(0, 0, 0)
    assert service.extend().status == 201


def test_members_are_moved_after_a_yes_and_what_keeps_them_is_one_line(
    service: Service, table: "Table", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every tool that writes; a scan that is refused in the middle has no traceback."""
    as_before(table, "U-2")
    with pytest.raises(console.Trouble, match="YES=1 answers: Read all of any's table"):
        run(members, Operated(), monkeypatch, "--delete")
    assert service.list("U-2").status == 404
    assert run(members, Operated(), monkeypatch, "--yes") == 0
    assert service.list("U-2").status == 200
    table.delete()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):  # One line, as of every tool.
        run(members, Operated(), monkeypatch, "--yes")
