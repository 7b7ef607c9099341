"""A frozen record is unblocked, and an account is removed, each shown to be so."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from devkit.builders import NOW, iso, usage_changed
from devkit.project import Trouble
from devkit.service import Service
from extending import items
from ops import remove_account, repair, table
from tests.support.operated import Operated, printed_json, run

if TYPE_CHECKING:
    from types_boto3_dynamodb.service_resource import Table

MINUTE = timedelta(minutes=1)


def test_a_frozen_member_is_unblocked(
    target: Operated, service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the version is another: the role stays until it is sent again."""
    service.member(user_id="U-3", role="owner", changed_at=iso(NOW + 4 * MINUTE))
    assert not service.member(user_id="U-3", role="user", changed_at=iso(NOW + MINUTE))
    arguments = ["A-100", "member:U-3"]
    with pytest.raises(Trouble, match="in the future"):
        run(repair, target, monkeypatch, *arguments)
    assert run(repair, target, monkeypatch, *arguments, "--yes", "--json") == 0
    printed = printed_json(capsys.readouterr().out)
    assert (printed["before"]["r"], printed["after"]["r"], printed["after"]["changed_at"]) == (
        "owner",
        "owner",
        "1970-01-01T00:00:00Z",
    )
    assert service.list("U-3").status == 200
    assert service.member(user_id="U-3", role="user", changed_at=iso(NOW + MINUTE))


def test_each_kind_of_record_can_be_named(target: Operated, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was repaired needs no second repair."""
    service.report("UsageChanged", usage_changed())
    for record in ("account", "subscription:S-1", "member:U-1", "usage"):
        before = repair.fetch(target, repair.key_of(record, "A-100"))
        assert before
        assert run(repair, target, monkeypatch, "A-100", record, "--yes") == 0
        assert repair.fetch(target, repair.key_of(record, "A-100")) == before | {items.VERSION: {"N": "0"}}
        with pytest.raises(Trouble, match="nothing to repair"):
            run(repair, target, monkeypatch, "A-100", record, "--yes")


def test_a_record_that_the_removal_is_about_to_delete_is_left_to_it(
    target: Operated, service: Service, table: "Table", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repaired, it would be newer than the removal, and a subscription of the dead account would stay."""
    table.put_item(Item={"pk": "A#A-100", "sk": "R", "t": "removed", "v": int(NOW.timestamp()) * 1_000_000})
    with pytest.raises(Trouble, match="nothing to repair"):
        run(repair, target, monkeypatch, "A-100", "subscription:S-1", "--yes")


def test_a_record_that_is_not_there_is_named(target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that there cannot be is refused before anything is read."""
    for record in ("", "member", "member:", "subscription:A#1", "account:1", "extension:S-1"):
        with pytest.raises(Trouble, match="is not a record"):
            repair.key_of(record, "A-100")
    with pytest.raises(Trouble, match="has no record member:U-9"):
        run(repair, target, monkeypatch, "A-100", "member:U-9")


def test_an_account_is_removed_and_shown_to_be(
    target: Operated, service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the very code that applies AccountRemoved; a run that ends half-way is followed by another."""
    service.extend()
    with pytest.raises(Trouble, match="7 records, 1 extensions among them"):
        run(remove_account, target, monkeypatch, "A-100")
    target.fail = 2
    assert run(remove_account, target, monkeypatch, "A-100", "--yes", "--json") == 0
    printed = printed_json(capsys.readouterr().out)
    assert (len(printed["before"]), printed["after"], printed["reason"]) == (7, [], None)
    assert [item["sk"]["S"] for item in table.of_account(target, "A-100")] == ["R"]
    with pytest.raises(Trouble, match="has no account A-100"):
        run(remove_account, target, monkeypatch, "A-100")


def test_a_record_that_a_removal_leaves_is_named(
    target: Operated, service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record dated later stays, and the exit code says so."""
    service.member(user_id="U-3", role="user", changed_at=iso(NOW + 4 * MINUTE))
    assert run(remove_account, target, monkeypatch, "A-100", "--yes") == 1
    assert "Left: member:U-3" in capsys.readouterr().out
    target.fail = remove_account.TRIES
    assert run(remove_account, target, monkeypatch, "A-100", "--yes") == 1
    assert "sync: failed again" in capsys.readouterr().out
