"""Redrive as an operator calls it: it shows, asks, hands over, and prints JSON; what is not handed over stays."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import click
import pytest

from devkit.builders import NOW, iso
from devkit.project import Trouble
from devkit.service import Service
from devkit.stage import Stack
from ops import redrive
from tests.support.operated import WAITING, Operated, message, printed_json, run


@pytest.fixture
def target(service: Service) -> Operated:
    return Operated(
        sqs_ReceiveMessage=[WAITING, {}],
        sqs_DeleteMessage=[{}],
        sqs_ChangeMessageVisibility=[{}],
        events_PutEvents=[{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}],
    )


LEFT = {"sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"}
"""Shown, and there again at once for the next redrive."""


def test_nothing_is_handed_over_or_deleted_without_a_yes(target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    question = r"Put back all 4 messages\? Batches of the stream take a read of the whole table \(.* read units"
    with pytest.raises(Trouble, match=f"--yes to answer: {question}"):
        run(redrive, target, monkeypatch)
    assert target.calls == LEFT | {"dynamodb:DescribeTable"}
    target.answer("sqs:ReceiveMessage", WAITING, {})
    with pytest.raises(Trouble, match="--yes to answer: Delete not JSON"):
        run(redrive, target, monkeypatch, "--drop", "0000dead")
    assert target.calls == LEFT | {"dynamodb:DescribeTable"}


def test_a_redrive_hands_over_and_prints_json(
    target: Operated, service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without what a message holds of a client."""
    assert run(redrive, target, monkeypatch, "--yes", "--json") == 1
    printed = printed_json(capsys.readouterr().out)
    assert (printed["put_back"], printed["kept"]) == (3, 1)
    waiting = printed["failed in a function"]
    assert waiting[0] == {"id": "0000cafe", "sent_at": "2026-11-22T10:00:00Z", "kind": "MemberChanged", "error": "Busy"}
    assert (waiting[-1]["kind"], waiting[-1]["error"]) == ("not JSON", None)
    assert printed["did not reach its function"] == []
    assert service.list("U-9").status == 200


def test_what_nobody_understands_stays_in_its_queue(target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    target.answer("sqs:ReceiveMessage", {"Messages": WAITING["Messages"][-1:]}, {})
    assert run(redrive, target, monkeypatch, "--yes") == 1
    assert target.calls == LEFT


def test_what_fails_again_stays_in_its_queue(target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    target.answer("sqs:ReceiveMessage", {"Messages": WAITING["Messages"][:1]}, {})
    target.fail = 1
    assert run(redrive, target, monkeypatch, "--yes") == 1
    assert target.calls == LEFT | {"lambda:InvokeFunction"}


def test_one_is_dropped_by_its_id_and_an_id_that_there_is_not_drops_nothing(
    target: Operated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unreadable one is shown without what a terminal would obey."""
    with pytest.raises(Trouble, match="0 messages have the id 1234abcd"):
        run(redrive, target, monkeypatch, "--drop", "1234abcd", "--yes")
    assert target.calls == LEFT
    target.answer("sqs:ReceiveMessage", WAITING, {})
    assert run(redrive, target, monkeypatch, "--drop", "0000dead", "--yes") == 0
    assert target.calls == LEFT | {"sqs:DeleteMessage"}
    out = capsys.readouterr().out
    assert "dropped: not JSON: garbage" in out
    assert "\x1b" not in out


def test_hidden_messages_show_up_again_when_reading_is_stopped(
    target: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the queues are read."""
    read = redrive.waiting

    def stopped(target: Stack) -> Iterator[redrive.Failure]:
        yield from read(target)
        raise KeyboardInterrupt

    monkeypatch.setattr(redrive, "waiting", stopped)
    with pytest.raises(click.Abort):
        run(redrive, target, monkeypatch, "--yes")
    assert target.calls == LEFT


def test_a_look_changes_nothing_and_deletes_nothing(target: Operated, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message is there again at once; a script may look every hour."""
    assert run(redrive, target, monkeypatch, "--dry-run") == 0
    assert target.calls == LEFT


def test_where_nothing_waits_nothing_is_asked(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script may look every hour."""
    assert run(redrive, Operated(sqs_ReceiveMessage=[{}]), monkeypatch) == 0


@pytest.mark.parametrize(("first", "last", "announced"), [(-10, -10, 1), (10, 10, 1), (-30, 30, 1), (-30, -11, 0)])
def test_a_batch_of_the_stream_is_announced_again_from_the_table(
    service: Service, monkeypatch: pytest.MonkeyPatch, first: int, last: int, announced: int
) -> None:
    """By the minutes in which it was written, with room for clocks that differ: items have the functions' time."""
    service.extend()
    batch = {
        "approximateArrivalOfFirstRecord": iso(NOW + timedelta(minutes=first)),
        "approximateArrivalOfLastRecord": iso(NOW + timedelta(minutes=last)),
    }
    waiting = {"Messages": [message("0000feed", {"DDBStreamBatchInfo": batch})]}
    records: list[Any] = []

    def announce(_: Stack, found: Iterable[Any]) -> tuple[int, None]:
        records.extend(found)
        return len(records), None

    monkeypatch.setattr(redrive, "announce", announce)
    target = Operated(sqs_ReceiveMessage=[waiting, {}], sqs_DeleteMessage=[{}])
    assert run(redrive, target, monkeypatch, "--yes") == 0
    assert len(records) == announced
    assert "sqs:DeleteMessage" in target.calls
