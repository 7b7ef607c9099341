"""The bulk loader: every good line goes out, every bad one is named with its number and the reason."""

import io
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

import ops.load
from devkit.builders import NOW, account_changed, iso
from devkit.project import Trouble
from extending import inbound
from extending.inbound import Change
from ops.load import STORED, TRIES, Answer, Line, Put, Reject, summary, to_file, to_url


def a_line(account_id: str = "A-1", **detail: Any) -> bytes:
    event = {"detail_type": "AccountChanged", "detail": account_changed(account_id=account_id, **detail)}
    return json.dumps(event).encode() + b"\n"


def lines(count: int) -> list[bytes]:
    return [a_line(f"A-{number}") for number in range(1, count + 1)]


class FakeBus:
    """Accepts lines, or refuses them as often as a test wants."""

    def __init__(self, refuse: Callable[[Line, int], bool] = lambda _line, _try: False) -> None:
        self.accepted: list[int] = []
        self.batches: list[list[int]] = []
        self._refuse = refuse

    def put(self, batch: list[Line]) -> list[Answer]:
        assert 0 < len(batch) <= 10
        self.batches.append([line.number for line in batch])
        refused = [self._refuse(line, self.tries(line.number)) for line in batch]
        self.accepted += [line.number for line, no in zip(batch, refused, strict=True) if not no]
        return [Answer("try again", "not taken: ThrottlingException") if no else STORED for no in refused]

    def tries(self, number: int) -> int:
        return sum(batch.count(number) for batch in self.batches)


def load(lines: Iterable[bytes], put: Put) -> tuple[int, list[tuple[int, str]]]:
    """Load without pauses; the number of lines that were stored, and the others with their reasons."""
    rejects = list[Reject]()
    counts = ops.load.load(lines, put, rejects.append, NOW, pause=lambda _: None)
    assert counts["refused"] == len(rejects)
    return counts["stored"], [(reject.number, reject.reason) for reject in rejects]


def test_good_lines_are_loaded_and_each_bad_one_costs_only_itself() -> None:
    """Reasons are in words: whoever corrects a line may never have seen Python."""
    expected = 'not an event: {"detail_type": "…", "detail": {…}} is expected'
    soon = "changed_at is more than five minutes ahead of the clock: load the line again later"
    twice = a_line().replace(b'"name"', b'"time_zone": null, "name"')
    bad = {
        b"{oops\n": "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        b'{"x": NaN}\n': "not JSON: NaN is not JSON",
        b"\xff\xfe\n": "not UTF-8",
        b'["AccountChanged"]\n': expected,
        b'{"text": "null", "reason": ""}\n': expected,
        b'{"reason": 1, "text": null}\n': "detail_type is missing",
        b'{"detail_type": 5, "detail": {}}\n': "detail_type is not a text",
        b'{"detail_type": "Unheard", "detail": {}}\n': f"detail_type: one of {', '.join(inbound.CHANGES)} is expected",
        twice: "detail.time_zone: given more than once",
        a_line(name=7): "name: a text is expected",
        a_line(note="\ud800"): "detail.note: a text of Unicode characters is expected",
        a_line(changed_at=iso(NOW + timedelta(hours=1))): soon,
    }
    bus = FakeBus()
    stored, rejects = load([a_line(), b"\n", *bad, b"\xef\xbb\xbf" + a_line("A-2")], bus.put)
    assert (stored, bus.accepted) == (2, [1, 15])
    assert rejects == list(zip(range(3, 15), (reason.replace("detail.", "") for reason in bad.values()), strict=True))


def test_what_nobody_foresaw_of_one_line_is_the_reject_of_that_line(monkeypatch: pytest.MonkeyPatch) -> None:
    original = inbound.read

    def read(detail_type: object, detail: Any, now: datetime) -> Change:
        if detail["account_id"] == "A-2":
            raise OverflowError("date value out of range")
        return original(detail_type, detail, now)

    monkeypatch.setattr(inbound, "read", read)
    reason = "not understood: OverflowError: date value out of range"
    assert load(lines(3), FakeBus().put) == (2, [(2, reason)])


def test_what_the_bus_refuses_at_first_is_put_again_and_what_it_accepted_is_not_put_twice() -> None:
    bus = FakeBus(lambda line, attempt: line.number == 7 or (line.number % 3 == 0 and attempt < 4))
    assert load(lines(100), bus.put) == (99, [(7, "not taken: ThrottlingException")])
    assert sorted(bus.accepted) == [number for number in range(1, 101) if number != 7]
    assert bus.tries(7) == TRIES


def test_a_bus_that_cannot_be_reached_rejects_everything() -> None:

    def put(_: list[Line]) -> list[Answer]:
        raise ConnectionError("down")

    assert load(lines(2), put) == (0, [(1, "ConnectionError: down"), (2, "ConnectionError: down")])


def test_a_file_of_rejects_can_be_loaded_once_its_texts_are_corrected() -> None:
    """Its lines hold the text, so nothing has to be looked up in the first file."""
    written = io.StringIO()
    ops.load.load([a_line("A#1")], FakeBus().put, to_file(written), NOW)
    assert load([written.getvalue().replace("A#1", "A-1").encode()], FakeBus().put) == (1, [])


def test_large_events_go_out_in_smaller_batches() -> None:
    """PutEvents takes 256 KB in all."""
    bus = FakeBus()
    assert load([a_line(f"A-{n}", more="x" * 90_000) for n in range(6)], bus.put) == (6, [])
    assert list(map(len, bus.batches)) == [2, 2, 2]


def over_https(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, Any]) -> tuple[Put, list[int]]:
    """The way over HTTPS to an API with these answers, the last of which stays; and the size of each request."""
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(len(json.loads(request.content)["changes"]))
        status, body = answers[min(len(sizes), len(answers)) - 1]
        return httpx.Response(status, json=body)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(httpx, "Client", lambda **_: client)
    return to_url("https://api.example", "token"), sizes


def test_the_summary_says_what_was_stored_what_was_known_and_what_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changes nothing is not loaded, and one that the API refuses need not be corrected by guessing."""
    invalid = {"result": "invalid", "fields": {"detail.ends_at": "why"}}
    ignored = {"result": "stored", "ignored": {"detail.time_zone": "not a zone"}}
    put, _ = over_https(monkeypatch, (200, {"results": [{"result": "stored"}, {"result": "stale"}, invalid, ignored]}))
    rejects = list[Reject]()
    counts = ops.load.load(lines(4), put, rejects.append, NOW, pause=lambda _: None)
    assert summary(counts) == (
        "2 stored, 1 known already, 1 refused; in 1 of them something that is only for display was left out"
    )
    assert [reject.reason for reject in rejects] == ["detail.ends_at: why"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_opens_nothing_stops_the_load(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other line would be refused too, and none of them is wrong."""
    put, sizes = over_https(monkeypatch, (status, {"message": "Unauthorized"}))
    with pytest.raises(Trouble, match=f"Stopped at HTTP {status}: the token in TOKEN"):
        load(lines(10), put)
    assert sizes == [10]


@pytest.mark.parametrize(("status", "tries"), [(429, TRIES), (503, TRIES), (422, 1), (404, 1)])
def test_only_what_may_pass_later_is_sent_again(status: int, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    put, sizes = over_https(monkeypatch, (status, {"code": "no"}))
    stored, ((_, reason),) = load(lines(1), put)
    assert (stored, len(sizes)) == (0, tries)
    assert reason.startswith(f"HTTP {status} ")


def test_what_is_to_be_tried_again_over_https_is_sent_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of one line is not that of another."""
    first = (200, {"results": [{"result": "stored"}, {"result": "try_again"}]})
    put, sizes = over_https(monkeypatch, first, (200, {"results": [{"result": "stored"}]}))
    assert load(lines(2), put) == (2, [])
    assert sizes == [2, 1]
