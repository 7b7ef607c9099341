"""The bulk loader: every good line goes out, every bad one is rejected with its number."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

import ops.load
from devkit.builders import NOW, account_changed, iso
from devkit.project import ROOT
from extending import inbound
from extending.inbound import Change
from ops.load import STORED, TRIES, Answer, Denied, Line, Put, Reject, summary, to_file, to_url


def lines(*accounts: str) -> list[bytes]:
    return [
        json.dumps({"detail_type": "AccountChanged", "detail": account_changed(account_id=id_)}).encode() + b"\n"
        for id_ in accounts
    ]


class FakeBus:
    """Takes lines, or refuses them as often as a test wants."""

    def __init__(self, refuse: Callable[[Line, int], bool] = lambda _line, _try: False) -> None:
        self.taken: list[int] = []
        self.tries: dict[int, int] = {}
        self._refuse = refuse

    def put(self, batch: list[Line]) -> list[Answer]:
        assert 0 < len(batch) <= 10
        answers = []
        for line in batch:
            self.tries[line.number] = self.tries.get(line.number, 0) + 1
            refused = self._refuse(line, self.tries[line.number])
            answers.append(Answer("try again", "not accepted: ThrottlingException") if refused else STORED)
            if not refused:
                self.taken.append(line.number)
        return answers


def unexpected(reject: Reject) -> None:
    raise AssertionError(reject)


def load(lines: Iterable[bytes], put: Put, rejects: Callable[[Reject], None]) -> tuple[int, int]:
    """Load without pauses; how many lines were stored and how many refused."""
    counts = ops.load.load(lines, put, rejects, NOW, pause=lambda _: None)
    return counts["stored"], counts["refused"]


def test_good_lines_are_loaded_and_bad_ones_are_rejected_with_number_and_reason() -> None:
    """A bad line costs only itself."""
    file = [
        *lines("A-1"),
        b"\n",
        b"{oops\n",
        b'["AccountChanged"]\n',
        b'{"detail_type": "AccountChanged"}\n',
        b'{"detail_type": "Unheard", "detail": {}}\n',
        b'{"detail_type": ["x"], "detail": {}}\n',
        *lines("A#1"),
        b"\xff\xfe\n",
        b"\xef\xbb\xbf" + lines("A-2")[0],
    ]
    bus, rejects = FakeBus(), list[Reject]()
    assert load(file, bus.put, rejects.append) == (2, 7)
    assert bus.taken == [1, 10]
    assert [reject.number for reject in rejects] == [3, 4, 5, 6, 7, 8, 9]
    assert "account_id: a text that matches ^" in rejects[5].reason
    assert rejects[2].reason == "detail is missing"
    assert json.loads(rejects[5].text)["detail"]["account_id"] == "A#1"


def test_a_reason_is_in_words_and_not_in_those_of_the_interpreter() -> None:
    """Whoever mends a line may never have seen Python."""
    file = [b"null\n", b"[]\n", b"1\n", b'"text"\n', b"[" * 100_000 + b"\n", b'{"reason": 1, "text": null}\n']
    file += [b'{"detail_type": 5, "detail": {}}\n', b"\xff\n", b'{"text": "null", "reason": ""}\n']
    rejects = list[Reject]()
    assert load(file, FakeBus().put, rejects.append) == (0, len(file))
    expected = 'not an event: {"detail_type": "…", "detail": {…}} is expected'
    assert [reject.reason for reject in rejects] == [
        *([expected] * 4),
        "not JSON: nested too deeply",
        "detail_type is missing",
        "detail_type is not a text",
        "not UTF-8",
        expected,
    ]


def test_a_change_that_is_to_come_later_is_said_so() -> None:
    """The API would answer try_again: there is nothing to correct in the line."""
    early = json.dumps(
        {"detail_type": "AccountChanged", "detail": account_changed(changed_at=iso(NOW + timedelta(hours=1)))}
    )
    rejects = list[Reject]()
    assert load([early.encode()], FakeBus().put, rejects.append) == (0, 1)
    assert rejects[0].reason == "changed_at is more than five minutes ahead of the clock: load the line again later"


def test_what_nobody_foresaw_of_one_line_is_that_lines_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines before and after it are loaded."""
    original = inbound.read

    def read(detail_type: object, detail: Any, now: datetime) -> Change:
        if detail["account_id"] == "A-2":
            raise OverflowError("date value out of range")
        return original(detail_type, detail, now)

    monkeypatch.setattr(inbound, "read", read)
    rejects = list[Reject]()
    assert load(lines("A-1", "A-2", "A-3"), FakeBus().put, rejects.append) == (2, 1)
    assert rejects[0].reason == "not understood: OverflowError: date value out of range"


def test_what_the_bus_does_not_take_at_first_is_put_again() -> None:
    """Throttling is waited out; what was taken is not put twice."""
    bus = FakeBus(lambda line, attempt: line.number % 3 == 0 and attempt < 4)
    assert load(lines(*(f"A-{n}" for n in range(1, 101))), bus.put, unexpected) == (100, 0)
    assert sorted(bus.taken) == list(range(1, 101))


def test_what_the_bus_never_takes_is_rejected_with_its_reason() -> None:
    """Nothing is lost without a word."""
    rejects = list[Reject]()
    bus = FakeBus(lambda line, _: line.number == 7)
    assert load(lines(*(f"A-{n}" for n in range(1, 21))), bus.put, rejects.append) == (19, 1)
    assert bus.tries[7] == TRIES
    (reject,) = rejects
    assert (reject.number, reject.reason) == (7, "not accepted: ThrottlingException")


def test_a_reject_file_can_be_loaded_once_its_texts_are_mended() -> None:
    """Its lines hold the text, so nothing has to be looked up in the first file."""
    rejects = list[Reject]()
    load(lines("A#1"), FakeBus().put, rejects.append)
    written = io.StringIO()
    to_file(written)(rejects[0])
    mended = written.getvalue().replace("A#1", "A-1").encode()
    bus = FakeBus()
    assert load([mended], bus.put, unexpected) == (1, 0)
    assert bus.taken == [1]


def test_text_that_is_no_unicode_does_not_stop_the_load() -> None:
    """A lone surrogate, though nobody reads its field: the API would not take it."""
    odd = json.dumps({"detail_type": "AccountChanged", "detail": account_changed(note="\ud800")}).encode()
    rejects = list[Reject]()
    assert load([odd, *lines("A-2")], FakeBus().put, rejects.append) == (1, 1)
    assert rejects[0].reason == "note: a text of Unicode characters is expected"


def test_a_bus_that_cannot_be_reached_rejects_everything() -> None:
    """And the reject file can be loaded later."""

    def put(_: list[Line]) -> list[Answer]:
        raise ConnectionError("down")

    rejects = list[Reject]()
    assert load(lines("A-1", "A-2"), put, rejects.append) == (0, 2)
    assert rejects[0].reason == "ConnectionError: down"


def test_large_events_go_out_in_smaller_batches() -> None:
    """PutEvents takes 256 KB in all."""
    large = [
        json.dumps(
            {"detail_type": "AccountChanged", "detail": account_changed(account_id=f"A-{n}", more="x" * 90_000)}
        ).encode()
        for n in range(6)
    ]
    sizes: list[int] = []

    def put(batch: list[Line]) -> list[Answer]:
        sizes.append(len(batch))
        return [STORED] * len(batch)

    assert load(large, put, unexpected) == (6, 0)
    assert sizes == [2, 2, 2]


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
    results = [{"result": "stored"}, {"result": "stale"}, invalid, ignored]
    put, _ = over_https(monkeypatch, (200, {"results": results}))
    rejects = list[Reject]()
    counts = ops.load.load(lines("A-1", "A-2", "A-3", "A-4"), put, rejects.append, NOW, pause=lambda _: None)
    assert summary(counts) == (
        "2 stored, 1 known already, 1 refused; in 1 of them something that is only for display was left out"
    )
    assert rejects[0].reason == "detail.ends_at: why"


def test_a_line_is_read_as_the_api_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No JSON, or a name given twice, rejects that line alone: in a request it would cost a hundred lines."""
    good, zone = lines("A-1")[0], b'"time_zone": "Europe/Moscow"'
    file = [good, good.replace(zone, zone + b', "x": NaN'), good.replace(zone, zone + b', "name": "twice"'), good]
    put, _ = over_https(monkeypatch, (200, {"results": [{"result": "stored"}] * 2}))
    rejects = list[Reject]()
    assert load(file, put, rejects.append) == (2, 2)
    assert [reject.reason for reject in rejects] == ["not JSON: NaN is not JSON", "name: given more than once"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_opens_nothing_stops_the_load(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other line would be refused too, and none of them is wrong."""
    put, sizes = over_https(monkeypatch, (status, {"message": "Unauthorized"}))
    with pytest.raises(Denied, match=f"Stopped at HTTP {status}: the token in TOKEN"):
        load(lines(*(f"A-{n}" for n in range(10))), put, unexpected)
    assert sizes == [10]


@pytest.mark.parametrize(("status", "tries"), [(429, TRIES), (503, TRIES), (422, 1), (404, 1)])
def test_only_what_may_pass_later_is_sent_again(status: int, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong address answers the same each time."""
    put, sizes = over_https(monkeypatch, (status, {"code": "no"}))
    rejects = list[Reject]()
    assert load(lines("A-1"), put, rejects.append) == (0, 1)
    assert len(sizes) == tries
    assert rejects[0].reason.startswith(f"HTTP {status} ")


def test_what_is_to_be_tried_again_over_https_is_sent_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of one line is not that of another."""
    first = (200, {"results": [{"result": "stored"}, {"result": "try_again"}]})
    put, sizes = over_https(monkeypatch, first, (200, {"results": [{"result": "stored"}]}))
    assert load(lines("A-1", "A-2"), put, unexpected) == (2, 0)
    assert sizes == [2, 1]


def test_memory_does_not_grow_with_the_file() -> None:
    """200,000 lines need no more than 20,000, within 8 MB."""
    script = """
import itertools, json, resource, sys
from devkit.builders import NOW, account_changed, iso
from ops.load import STORED, load
line = json.dumps({"detail_type": "AccountChanged", "detail": account_changed()}).encode()
for count in (20_000, 200_000):
    loaded = load(itertools.repeat(line, count), lambda batch: [STORED] * len(batch), print, NOW)
    assert loaded["stored"] == count, loaded
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    small, large = map(int, done.stdout.split())
    assert large - small < 8 * 1024
