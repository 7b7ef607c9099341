"""When the component asks by itself: at the instants it shows, ever more rarely where that changes nothing."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from devkit.builders import CONTACT, TERMS, iso, limit
from tests.browser.conftest import Cabinet, OpenPage

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
# The API inside of the page, so that its clock can run through an hour: window.answer makes a response, window.asked
# holds the instants of the requests. It answers within the instant of the request, and tells no Date.
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
    """The list of an owner with one extended subscription, as the service answers it."""
    granted = {
        "state": "active",
        "id": "e-1",
        "terms": TERMS,
        "granted_at": iso(NOON - timedelta(days=6)),
        "granted_by": "U-1",
        "ends_at": iso(NOON + timedelta(days=1)),
        "revoked_at": None,
    } | extension
    of_each = limit(2, 2)
    return {
        "account": {"id": "A-1", "name": "ООО «Проба»", "time_zone": "UTC", "servicing_organization": CONTACT},
        "role": "owner",
        "limits": {
            "sessions": of_each,
            "databases": of_each,
            "used_at": None,
            "next_change_at": None,
            "after_change": None,
        },
        "subscriptions": [
            {
                "id": "S-1",
                "number": "000000001",
                "kind": "main",
                "tariff": {"id": "basic", "name": "Базовый"},
                "starts_at": iso(NOON - timedelta(days=30)),
                "ends_at": iso(NOON + timedelta(days=300)),
                "state": "active",
                "limits": {"sessions": 2, "databases": 2},
                "extension": granted,
            }
        ],
        "next_token": None,
    }


class Watched:
    """A page whose clock and API are the test's."""

    def __init__(self, cabinet: Cabinet) -> None:
        self.cabinet = cabinet
        self.page = cabinet.page

    def asked(self) -> list[float]:
        """When the list was asked for, in seconds after noon."""
        return [at / 1000 - NOON.timestamp() for at in self.page.evaluate("window.asked")]

    def answers(self, body: Any = None, **more: Any) -> None:
        """From now on the API answers so."""
        self.page.evaluate("(answer) => { window.answer = answer }", {"body": body} | more)

    def passes(self, **time: float) -> None:
        self.page.clock.run_for(int(timedelta(**time).total_seconds() * 1000))

    def hears(self, event: str, times: int = 100) -> None:
        self.page.evaluate("([event, times]) => { while (times--) dispatchEvent(new Event(event)) }", [event, times])
        self.passes(milliseconds=100)


Watch = Callable[..., Watched]


@pytest.fixture
def watch(open_page: OpenPage) -> Watch:
    """Opens a page at noon with an answer of the list: watch(body, luck=…, status=…)."""

    def opened(body: Any, *, luck: float | None = None, **more: Any) -> Watched:
        def before(page: Page) -> None:
            page.clock.install(time=NOON - timedelta(hours=1))
            page.clock.pause_at(NOON)
            page.add_init_script(f"({API})({json.dumps([{'body': body} | more, luck])})")

        watched = Watched(open_page("U-1", "A-1", before=before))
        watched.passes(milliseconds=100)
        assert len(watched.asked()) == 1
        return watched

    return opened


def gaps(instants: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(instants)]


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
    body["limits"]["next_change_at"] = iso(NOON - timedelta(days=1))
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


@pytest.mark.parametrize("event", ["focus", "online"])
def test_a_hundred_wakings_while_the_service_is_away_are_not_a_hundred_requests(watch: Watch, event: str) -> None:
    """The first of them is served after a pause, all others with it; the pause grows while the failure lasts."""
    watched = watch(None, status=503)
    watched.hears(event)
    assert len(watched.asked()) == 1
    watched.passes(seconds=11)
    assert len(watched.asked()) == 2
    for _ in range(60):
        watched.hears(event, times=10)
        watched.passes(seconds=60)
    assert len(watched.asked()) <= 20
    assert max(gaps(watched.asked())) <= 21 * 60


def test_a_waking_while_an_answer_is_awaited_asks_nothing(watch: Watch) -> None:
    """The answer that is under way is the one that was wanted."""
    watched = watch(None, status=503)
    watched.answers(never=True)
    watched.cabinet.retry.click()
    watched.hears("focus")
    watched.passes(minutes=1)
    assert len(watched.asked()) == 2


def test_being_online_again_forgets_how_long_it_was_not(watch: Watch) -> None:
    """After an hour without a network the list is there within ten seconds."""
    watched = watch(subscriptions())
    watched.answers(unreachable=True)
    watched.cabinet.element.evaluate("element => { element.refresh() }")
    for _ in range(60):
        watched.hears("focus")
        watched.passes(minutes=1)
    before = len(watched.asked())
    watched.hears("online")
    watched.passes(seconds=10)
    assert len(watched.asked()) == before + 1


@pytest.mark.parametrize("how", ["seconds", "a date"])
def test_retry_after_is_honoured(watch: Watch, how: str) -> None:
    """Nothing asks by itself before the time that the service has named, and no two owners at the same moment."""
    watched = watch(subscriptions(ends_at=iso(NOON - timedelta(seconds=1))), luck=0.5)
    named = "300" if how == "seconds" else format_datetime(NOON + timedelta(seconds=300), usegmt=True)
    watched.answers(status=429, headers={"Retry-After": named})
    watched.passes(seconds=30)
    assert len(watched.asked()) == 2
    (_, refused) = watched.asked()
    for _ in range(25):
        watched.hears("focus")
        watched.passes(seconds=10)
    assert len(watched.asked()) == 2
    watched.passes(seconds=60)
    (_, _, third) = watched.asked()
    assert third - (refused if how == "seconds" else 0) == pytest.approx(305, abs=1)


def test_an_owner_need_not_wait(watch: Watch) -> None:
    """The button asks at once: one press, one request."""
    watched = watch(None, status=503, headers={"Retry-After": "300"})
    watched.answers(subscriptions())
    watched.cabinet.retry.click()
    expect(watched.cabinet.table).to_be_visible()


def test_a_button_pressed_again_while_the_list_is_on_its_way_asks_nothing_more(watch: Watch) -> None:
    """The answer under way is the one that is wanted; a page's own refresh() knows of something newer, and asks."""
    watched = watch(None, status=503)
    watched.answers(never=True)
    for _ in range(3):
        watched.cabinet.retry.click()
    assert len(watched.asked()) == 2
    watched.cabinet.element.evaluate("element => { element.refresh() }")
    watched.passes(milliseconds=100)
    assert len(watched.asked()) == 3


@pytest.mark.parametrize("refused", [False, True], ids=["details", "a refusal"])
def test_an_open_window_learns_of_the_revocation(watch: Watch, refused: bool) -> None:
    """ "Not yet" is asked about again while it is on the screen, whether the window shows details or a refusal."""
    used = {"state": "used", "ends_at": iso(NOON - timedelta(seconds=1)), "revoked_at": None}
    watched = watch(subscriptions(**used))
    if refused:
        answer = subscriptions(**used)
        extension = answer["subscriptions"][0]["extension"]
        answer["subscriptions"][0]["extension"] = {"state": "available", "terms": TERMS}
        watched.answers(answer)
        watched.cabinet.element.evaluate("element => element.refresh()")
        refusal = {"status": 409, "body": {"code": "already_used", "extension": extension}}
        watched.answers(subscriptions(**used), offer=refusal)
        watched.cabinet.extend.click()
    else:
        watched.cabinet.table.get_by_role("button", name="Была расширена до").click()
    window = watched.cabinet.dialog
    expect(window).to_contain_text("срок истёк")
    watched.passes(seconds=50)
    expect(window).to_contain_text("срок истёк")
    asked = len(watched.asked())
    assert 4 <= asked <= 14

    watched.answers(subscriptions(**used | {"revoked_at": iso(NOON + timedelta(seconds=50))}))
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


def test_formats_are_made_once(watch: Watch) -> None:
    """A refresh, a window and an hour of counting down make no new Intl object."""
    count = """() => {
      window.made = 0;
      for (const name of ['DateTimeFormat', 'NumberFormat', 'PluralRules']) {
        Intl[name] = new Proxy(Intl[name], { construct: (to, list) => { window.made++; return new to(...list) } });
      }
    }"""
    watched = watch(subscriptions())
    watched.page.evaluate(count)
    watched.cabinet.element.evaluate("element => element.refresh()")
    watched.cabinet.extended.click()
    expect(watched.cabinet.dialog).to_contain_text("ещё 23 часа 59 минут")  # what the window tells is loaded
    watched.passes(hours=1)
    expect(watched.cabinet.dialog).to_contain_text("ещё 23 часа")
    assert watched.page.evaluate("window.made") == 0
    watched.cabinet.element.evaluate("element => { element.lang = 'en' }")
    assert watched.page.evaluate("window.made") > 0, "the check can fail"
