"""When the component asks by itself: at the instants it shows, ever more rarely where that changes nothing."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from devkit.builders import DAY, iso
from tests.browser.answers import AVAILABLE, END, FREE, IDLE, NOON, a_list, extended, row
from tests.browser.conftest import Cabinet, OpenPage

# The API inside of the page, so that its clock can run through an hour: window.answer makes a response, window.asked
# holds the instants of the requests. It answers within the instant of the request, without a Date.
API = """([answer, luck]) => {
  window.asked = [];
  window.answer = answer;
  if (luck !== null) Math.random = () => luck;
  window.respond = ({ status = 200, headers = {}, body, never, unreachable }) => {
    if (never) return new Promise(() => {});
    if (unreachable) throw new TypeError('Failed to fetch');
    return { ok: status < 300, status, headers: new Headers(headers), json: async () => structuredClone(body) };
  };
  window.fetch = async (url) => {
    if (String(url).startsWith('/token')) return window.respond({ body: { access_token: 'opaque' } });
    if (String(url).includes('/extensions?')) return window.respond({ body: { extensions: [], next_token: null } });
    if (String(url).endsWith('/extension-offer')) return window.respond(window.answer.offer);
    window.asked.push(Date.now());
    return window.respond(window.answer);
  };
}"""


def subscriptions(**extension: Any) -> dict[str, Any]:
    """The list of an owner whose extension ends tomorrow."""
    granted = {"granted_at": iso(NOON - 6 * DAY), "ends_at": iso(NOON + DAY)} | extension
    rows = [row(extension=extended(**granted))]
    return a_list(after=None, rows=rows, account={"time_zone": "UTC"}, used_at=None)


class Watched:
    """A page whose clock and API are the test's."""

    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet
        self.page = cabinet.page

    def asked(self) -> list[float]:
        """Times of the list's requests, in seconds after noon."""
        return [at / 1000 - NOON.timestamp() for at in self.page.evaluate("window.asked")]

    def answers(self, body: Any = None, **more: Any) -> None:
        """From now on the API answers so."""
        self.page.evaluate("(answer) => { window.answer = answer }", {"body": body} | more)

    def passes(self, **time: float) -> None:
        self.page.clock.run_for(int(timedelta(**time).total_seconds() * 1000))

    def wakes(self, event: str, times: int = 100) -> None:
        self.page.evaluate("([event, times]) => { while (times--) dispatchEvent(new Event(event)) }", [event, times])
        self.passes(milliseconds=100)


Watch = Callable[..., Watched]


@pytest.fixture
def watch(open_page: OpenPage) -> Watch:
    """Opens a page with an answer of the list, usually at noon: watch(body, luck=…, at=…, status=…)."""

    def opened(body: Any, *, luck: float | None = None, at: datetime = NOON, **more: Any) -> Watched:
        def before(page: Page) -> None:
            page.clock.install(time=at - timedelta(hours=1))
            page.clock.pause_at(at)
            page.add_init_script(f"({API})({json.dumps([{'body': body} | more, luck])})")

        watched = Watched(open_page("U-1", "A-1", before=before))
        watched.passes(milliseconds=100)
        assert len(watched.asked()) == 1
        return watched

    return opened


def test_a_fast_clock_asks_ever_more_rarely(watch: Watch) -> None:
    """Ten minutes fast, no Date: the extension looks ended and the service says that it runs, with every answer."""
    watched = watch(subscriptions(ends_at=iso(NOON - timedelta(minutes=5))))
    watched.passes(hours=1)
    asked = watched.asked()
    assert 4 <= len(asked) <= 20
    watched.passes(days=1)
    later = watched.asked()[len(asked) :]
    assert 24 * 3 <= len(later) <= 24 * 6, "every ten to twenty minutes in the end, and never not at all"


def test_what_has_just_become_due_is_asked_for_soon(watch: Watch) -> None:
    """A new instant has its own pause, whatever older ones have come to; an answer that has changed ends the asking."""
    body = subscriptions(ends_at=iso(NOON + timedelta(minutes=10)))
    body["limits"]["next_change_at"] = iso(NOON - DAY)
    watched = watch(body)
    watched.passes(minutes=9, seconds=59)
    before = len(watched.asked())
    assert before <= 2
    watched.passes(seconds=31)
    assert before + 2 <= len(watched.asked()) <= before + 6
    watched.answers(subscriptions(state="used"))
    watched.passes(minutes=1)
    settled = len(watched.asked())
    watched.passes(minutes=30)
    assert len(watched.asked()) == settled


def test_an_early_end_is_shown_within_twenty_minutes(watch: Watch) -> None:
    """Nothing announces it."""
    watched = watch(subscriptions())
    watched.answers(subscriptions(state="used", revoked_at=iso(NOON)))
    watched.passes(minutes=21)
    expect(watched.cabinet.table.get_by_role("button", name="Расширение прекращено")).to_be_visible()


def test_at_the_end_of_the_subscription_limits_and_row_change_together(watch: Watch) -> None:
    """To the second, before the next answer: nothing is available, and the extension does not count."""
    soon = iso(NOON + timedelta(minutes=1))
    watched = watch(a_list(*FREE, (0, 0), [row(ends_at=soon, extension=extended())], next_change_at=soon), luck=0.9)
    limits = watched.cabinet.limits
    expect(limits).to_contain_text("занято1 из 9")
    watched.passes(seconds=62)
    expect(limits).to_contain_text("занято1 при лимите 0")
    expect(limits).not_to_contain_text("по расширению")
    expect(watched.cabinet.table).to_contain_text(IDLE)
    assert len(watched.asked()) == 1


def test_the_contact_moves_up_by_itself(watch: Watch) -> None:
    """At the beginning of the last day, on a page that has been open all the time, and without a request."""
    watched = watch(a_list(), at=END - timedelta(hours=24, seconds=3))
    order = """element => {
      const all = [...element.shadowRoot.querySelectorAll('.contact, .tools')];
      return all.map((one) => one.localName).join();
    }"""
    assert watched.cabinet.element.evaluate(order) == "div,section"
    watched.passes(seconds=5)
    assert watched.cabinet.element.evaluate(order) == "section,div"
    assert len(watched.asked()) == 1


def test_owners_do_not_all_ask_at_once(watch: Watch) -> None:
    """At an instant that many share their requests are ten seconds apart, and further apart with every repetition."""
    first, second = [], []
    for luck in (0, 0.5, 0.999):
        watched = watch(subscriptions(ends_at=iso(NOON + timedelta(minutes=1))), luck=luck)
        watched.passes(minutes=2)
        asked = [at - 60 for at in watched.asked()[1:]]
        assert asked[0] >= 0
        first.append(asked[0])
        second.append(asked[1])
    assert [round(at) for at in first] == [0, 5, 10]
    assert second[1] - second[0] > 5
    assert second[2] - second[1] > 5


def test_the_row_says_so_when_the_extension_ends_and_the_list_follows(watch: Watch) -> None:
    """To the second by the clock, without an answer; a window that was closed meanwhile does not matter."""
    watched = watch(subscriptions(ends_at=iso(NOON + timedelta(minutes=10))), luck=0.9)
    watched.cabinet.extended.click()
    watched.page.keyboard.press("Escape")
    expect(watched.cabinet.dialog).to_be_hidden()
    watched.passes(minutes=9, seconds=57)
    expect(watched.cabinet.table).to_contain_text(re.compile("ещё [23] секунды"))
    watched.passes(seconds=4)
    expect(watched.cabinet.table).to_contain_text("Была расширена до")
    assert len(watched.asked()) == 1
    watched.passes(seconds=10)
    assert len(watched.asked()) == 2


def test_a_hundred_wakings_while_the_service_is_away_are_not_a_hundred_requests(watch: Watch) -> None:
    """The first of them is served after a pause, all others with it; the pause grows while the failure lasts."""
    watched = watch(None, status=503)
    watched.wakes("focus")
    watched.wakes("online")
    assert len(watched.asked()) == 1
    watched.passes(seconds=11)
    assert len(watched.asked()) == 2
    for _ in range(60):
        watched.wakes("focus", times=10)
        watched.wakes("online", times=10)
        watched.passes(seconds=60)
    asked = watched.asked()
    assert len(asked) <= 20
    assert max(later - earlier for earlier, later in pairwise(asked)) <= 21 * 60


def test_while_an_answer_is_awaited_neither_a_waking_nor_a_button_asks_again(watch: Watch) -> None:
    """The answer under way is the one that is wanted; a page's own refresh() knows of something newer, and asks."""
    watched = watch(None, status=503)
    watched.answers(never=True)
    for _ in range(3):
        watched.cabinet.retry.click()
    watched.wakes("focus")
    watched.passes(minutes=1)
    assert len(watched.asked()) == 2
    watched.cabinet.element.evaluate("element => { element.refresh() }")
    watched.passes(milliseconds=100)
    assert len(watched.asked()) == 3


def test_being_online_again_begins_with_short_pauses(watch: Watch) -> None:
    """After an hour without a network the list is there within ten seconds."""
    watched = watch(subscriptions())
    watched.answers(unreachable=True)
    watched.cabinet.element.evaluate("element => { element.refresh() }")
    for _ in range(60):
        watched.wakes("focus")
        watched.passes(minutes=1)
    before = len(watched.asked())
    watched.wakes("online")
    watched.passes(seconds=10)
    assert len(watched.asked()) == before + 1


def test_retry_after_is_honoured(watch: Watch) -> None:
    """Nothing asks by itself before the time that the service has named, and no two owners at the same moment.

    It may be named in seconds or as a date. The button asks at once: one press, one request.
    """
    watched = watch(subscriptions(ends_at=iso(NOON - timedelta(seconds=1))), luck=0.5)
    watched.answers(status=429, headers={"Retry-After": "300"})
    watched.passes(seconds=30)
    (_, refused) = watched.asked()
    watched.answers(status=429, headers={"Retry-After": format_datetime(NOON + timedelta(minutes=15), usegmt=True)})
    for _ in range(25):
        watched.wakes("focus")
        watched.passes(seconds=10)
    assert len(watched.asked()) == 2
    watched.passes(minutes=10)
    assert watched.asked()[2:] == [pytest.approx(refused + 305, abs=1)]
    watched.passes(minutes=5)
    assert watched.asked()[3:] == [pytest.approx(15 * 60 + 5, abs=1)]
    watched.cabinet.retry.click()
    assert len(watched.asked()) == 5


@pytest.mark.parametrize("refused", [False, True], ids=["details", "a refusal"])
def test_an_open_window_learns_of_the_revocation(watch: Watch, refused: bool) -> None:
    """ "Not yet" is asked about again while it is on the screen, whether the window shows details or a refusal."""
    over = iso(NOON - timedelta(seconds=1))
    watched = watch(subscriptions(state="used", ends_at=over))
    window = watched.cabinet.dialog
    if refused:
        answer = subscriptions()
        answer["subscriptions"][0]["extension"] = AVAILABLE
        watched.answers(answer)
        watched.cabinet.refresh()
        extension = extended(state="used", ends_at=over)
        refusal = {"status": 409, "body": {"code": "already_used", "extension": extension}}
        watched.answers(subscriptions(state="used", ends_at=over), offer=refusal)
        watched.cabinet.extend.click()
    else:
        watched.cabinet.table.get_by_role("button", name="Была расширена до").click()
    expect(window).to_contain_text("срок истёк")
    watched.passes(seconds=50)
    expect(window).to_contain_text("срок истёк")
    assert 4 <= len(watched.asked()) <= 14

    revoked_at = iso(NOON + timedelta(seconds=50))
    watched.answers(subscriptions(state="used", ends_at=over, revoked_at=revoked_at))
    watched.passes(seconds=30)
    expect(window).not_to_contain_text("срок истёк")
    expect(window).to_contain_text("12:00")
    settled = len(watched.asked())
    watched.passes(minutes=10)
    assert len(watched.asked()) == settled


def test_a_revocation_that_nobody_looks_at_is_not_asked_for(watch: Watch) -> None:
    """The table does not show it."""
    watched = watch(subscriptions(state="used", ends_at=iso(NOON - timedelta(seconds=1))))
    watched.passes(hours=2)
    assert len(watched.asked()) == 1
