"""The component as a part of somebody's page: its weight, attributes, events, text, keyboard, and its looks."""

import gzip
import re
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from devkit.builders import iso
from tests.browser.answers import AVAILABLE, END, EXTENDABLE, NOON, a_list, extended, past, row
from tests.browser.conftest import (
    CABINET,
    HISTORY,
    LIST,
    NARROW,
    Held,
    OpenPage,
    Show,
    Sound,
    answer_pages,
    answering,
    arriving,
    box,
)
from tests.conftest import Cloud

MODULE = CABINET / "extending-subscription.js"


@pytest.mark.parametrize(("file", "kib"), [(MODULE, 13), (CABINET / "extending-subscription-extras.js", 8)])
def test_the_component_is_small(file: Any, kib: int) -> None:
    """Each file with both languages and its style, gzipped as a server would."""
    assert len(gzip.compress(file.read_bytes(), 9)) <= kib * 1024


def test_the_first_table_costs_two_requests_and_no_other_host_is_asked(cloud: Cloud, open_page: OpenPage) -> None:
    """After the page: the token and the list; all of it under a policy that allows nothing inline."""
    cabinet = open_page("U-4", "A-200")
    expect(cabinet.table).to_be_visible()
    files = ("/example.", "/icon.svg", "/extending-subscription.js")  # not the second one: it waits to be asked for
    after = [line for line in cabinet.asked if not any(name in line for name in files)]
    policy = cabinet.page.request.get(cabinet.page.url).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert after == [f"GET {cloud.url}/token?user=U-4", f"GET {cloud.url}/api/accounts/A-200/subscriptions"]
    assert all(line.split()[1].startswith(f"{cloud.url}/") for line in cabinet.asked)


def test_another_account_closes_windows_history_and_summary_and_shows_its_own_list(show: Show) -> None:
    """Nothing of the former account stays, and late answers to it are dropped."""
    cabinet = show(EXTENDABLE)
    page = cabinet.page
    cabinet.summary.click()
    expect(page.get_by_role("textbox")).to_be_visible()
    held = Held(page, HISTORY)
    cabinet.history.click()
    expect(cabinet.status("Загружаем…")).to_be_visible()
    history = held.route()
    cabinet.open_offer()
    page.route("**/A-2/subscriptions", answering(json=a_list(account={"id": "A-2"})))
    cabinet.go_to("A-2")
    expect(page.get_by_text("A-2", exact=True)).to_be_visible()
    expect(cabinet.dialog).to_be_hidden()
    expect(page.get_by_text("A-1", exact=True)).to_have_count(0)
    expect(page.get_by_role("textbox")).to_have_count(0)
    with arriving(page, "/extensions?"):
        history.fulfill(json={"extensions": [past(1)], "next_token": None})
    expect(page.get_by_role("table")).to_have_count(1)
    expect(cabinet.history).to_have_attribute("aria-expanded", "false")

    held = Held(page, "**/A-1/subscriptions")
    cabinet.go_to("A-1")
    expect(cabinet.table).to_have_count(0)
    list_ = held.route()
    cabinet.go_to("A-2")
    with arriving(page, "/A-1/subscriptions"):
        list_.fulfill(json=EXTENDABLE)
    expect(page.get_by_text("A-2", exact=True)).to_be_visible()


def test_the_module_may_come_late_and_twice(open_page: OpenPage) -> None:
    """A token function that was set before is used; a second copy by another name is no error."""

    def late(page: Page) -> None:
        page.route("**/extending-subscription.js", answering(body="", content_type="text/javascript"))
        page.route("**/later.js", answering(body=MODULE.read_text(), content_type="text/javascript"))

    cabinet = open_page("U-4", "A-200", before=late)
    assert cabinet.page.evaluate("typeof document.querySelector('extending-subscription').getToken") == "function"
    cabinet.page.evaluate("import('/later.js')")
    expect(cabinet.table).to_contain_text("ПРОФ")
    cabinet.page.evaluate("import('/extending-subscription.js?v=2')")
    expect(cabinet.extend).to_be_visible()


def test_a_refresh_takes_no_button_from_under_a_click(show: Show) -> None:
    """Parts that have not changed stay the same elements; another language is another text, and no request.

    Where what had the focus is drawn anew, as a link of the contact, the focus stays in the component.
    """
    cabinet = show(EXTENDABLE)
    link = cabinet.extend.element_handle()
    cabinet.extend.focus()
    cabinet.refresh()
    assert cabinet.count("GET", "/api/") == 2
    assert link.evaluate("link => link.isConnected && link.matches(':focus')")
    asked = len(cabinet.asked)
    cabinet.speak("en")
    assert not link.evaluate("link => link.isConnected"), "the check can fail"
    expect(cabinet.page.get_by_role("heading", name="Tariff subscriptions")).to_be_visible()
    assert len(cabinet.asked) == asked

    cabinet.page.get_by_role("link", name="+7 495 123-45-67").focus()
    cabinet.show(a_list(account={"servicing_organization": {"phone": "+7 343 000-00-00"}}))
    expect(cabinet.page.get_by_role("link", name="+7 343 000-00-00")).to_be_visible()
    assert cabinet.focused() == "title"


def test_pages_of_a_long_list_are_added_one_by_one(show: Show, sound: Sound) -> None:
    """next_token brings the next rows; those already shown stay. Of two presses the last one counts."""
    cabinet = show(a_list())
    page, rows = cabinet.page, cabinet.table.get_by_role("row")
    more = page.get_by_role("button", name="Показать ещё")
    answer_pages(page, re.compile(r"/subscriptions(\?|$)"), *(a_list(rows=[row(number)]) for number in (1, 2, 3, 4)))
    cabinet.refresh()
    expect(rows).to_have_count(2)
    sound(page)
    for shown in (2, 3):
        more.click()
        expect(rows).to_have_count(shown + 1)

    held = Held(page, re.compile("next_token"))
    more.click()
    held.route()
    more.click()
    held.route(1)
    with arriving(page, "next_token"):
        held.routes[0].fallback()
    assert len(held.routes) == 2
    for number in (1, 2, 3):
        held.route(number).fallback()
    expect(rows).to_have_count(5)
    expect(more).to_have_count(0)


def test_what_an_answer_leaves_out_leaves_no_trace(show: Show, sound: Sound) -> None:
    """An account of which nothing has been reported yet, a contact without ways, an API of an earlier version."""
    nothing = a_list(rows=[], account=dict.fromkeys(("name", "time_zone", "servicing_organization")))
    contact = {"servicing_organization": dict.fromkeys(("name", "city", "phone", "email", "site"))}
    earlier = a_list(account=contact)
    limits = {"base": 2, "extra": 2, "total": 4}
    earlier["limits"] = {"sessions": limits, "databases": limits, "next_change_at": iso(END)}
    cabinet = show(nothing)
    for body, words in ((nothing, "Нет подписок"), (earlier, "нет данных об использовании")):
        cabinet.show(body)
        expect(cabinet.page.get_by_text(words)).to_be_visible()
        cabinet.summary.click()
        summary = cabinet.page.get_by_role("textbox").input_value()
        assert summary == summary.strip()
        assert "Обслуживающая организация" not in summary
        text = summary + cabinet.element.evaluate("element => element.shadowRoot.textContent")
        assert not [word for word in ("undefined", "NaN", "null") if word in text]
        sound(cabinet.page)


STRANGE = "<img src=x onerror=alert(1)>&amp;<b>Рога</b> \u202eשלום عالم"


def test_names_full_of_markup_and_right_to_left_text_stay_text(show: Show, sound: Sound) -> None:
    """In the table, on the line, in the windows and the messages; broken where they are long; no address from none."""
    contact = {
        "name": STRANGE,
        "city": "\u202eשלום عالم",
        "phone": "+7 495 <script>",
        "email": "a@b.example?bcc=c@d.example",
        "site": "javascript:alert(1)",
    }
    account = {"name": STRANGE, "servicing_organization": contact}
    tariff = {"id": "t", "name": STRANGE + "Оченьдлинныйтариф" * 4}
    rows = [row(tariff=tariff, extension=AVAILABLE) | {"number": "<i>1</i>"}]
    cabinet = show(a_list(rows=rows, account=account), viewport=NARROW)
    page = cabinet.page
    expect(page.get_by_text(STRANGE).first).to_be_visible()
    for text in contact.values():
        expect(page.get_by_text(text).first).to_be_visible()
    expect(cabinet.element.get_by_role("link")).to_have_count(0)
    cabinet.open_offer()
    expect(cabinet.dialog).to_contain_text(STRANGE)
    sound(page)
    rows[0]["extension"] = extended()
    cabinet.confirm.click()
    expect(page.get_by_text(f"\u2068{tariff['name']}\u2069» расширена").first).to_be_visible()
    expect(cabinet.edges).to_have_count(3)
    strange = "element => element.shadowRoot.querySelectorAll('img, script, svg, object, [onerror], main b b').length"
    assert cabinet.element.evaluate(strange) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    sound(page)


LINKS = {
    "https://uchet.example/help?a=1": "https://uchet.example/help?a=1",
    "uchet.example": "https://uchet.example/",
    "http://учёт.рф": "http://xn--r1abm4b.xn--p1ai/",
    "https://:good.example@evil.example/": None,
    "https://good.example@evil.example/": None,
    "https://good.example\\@evil.example/": None,
    "https://evil.example/\u202emoc.doog//:sptth": None,
    "https://good.example\u2060.evil.example/": None,
    "data:text/html,hello": None,
    "//evil.example": None,
    "https://": None,
}


def test_a_site_becomes_a_link_only_where_it_leads_where_it_says(show: Show) -> None:
    """No user info, no backslash, nothing that is not seen: what is read is where the link leads."""
    cabinet = show(a_list())
    site = cabinet.page.get_by_role("listitem").last
    for text, href in LINKS.items():
        cabinet.show(a_list(account={"servicing_organization": {"site": text}}))
        expect(site).to_have_text(text)
        links = site.get_by_role("link").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
        assert links == ([href] if href else []), text


def test_a_wrong_clock_of_the_browser_does_not_end_an_extension(show: Show) -> None:
    """The time in the service's answers counts: with a clock ten days ahead the row still runs."""
    cabinet = show(a_list(), NOON + timedelta(days=10))
    expect(cabinet.table.get_by_role("button", name="Была расширена до")).to_be_visible()
    cabinet.page.route(LIST, answering(json=a_list(), headers={"date": format_datetime(NOON, usegmt=True)}))
    cabinet.refresh()
    expect(cabinet.extended).to_be_visible()
    expect(cabinet.table).to_contain_text("ещё 5 дней 2 часа")


def test_everything_can_be_done_with_the_keyboard(show: Show) -> None:
    """Tab to the link, Enter, the focus goes into the window, stays in it, and comes back; history and summary too."""
    cabinet = show(EXTENDABLE, permissions=["clipboard-read", "clipboard-write"])
    page = cabinet.page
    page.route(LIST, answering(json=a_list()))
    for key, seen, focused in (
        ("Tab", cabinet.extend, "x-S-1"),
        ("Enter", cabinet.confirm, "heading"),
        ("Escape", cabinet.extend, "x-S-1"),
        ("Enter", cabinet.confirm, "heading"),
        ("Tab", cabinet.confirm, "confirm"),
        ("Tab", cabinet.confirm, "close"),
        ("Tab", cabinet.confirm, ""),  # never behind the window
        ("Tab", cabinet.confirm, "confirm"),
        ("Enter", cabinet.extended, "x-S-1"),
        ("Enter", page.get_by_role("heading", name="Параметры расширения"), "heading"),
        ("Tab", cabinet.dialog, "close"),
        ("Enter", cabinet.extended, "x-S-1"),
        ("Tab", cabinet.history, "history"),
        ("Enter", page.get_by_role("heading", name="История расширений"), "history"),
        ("Tab", cabinet.summary, "summary"),
        ("Space", cabinet.status("Сводка скопирована."), "summary"),
    ):
        page.keyboard.press(key)
        expect(seen).to_be_visible()
        assert cabinet.focused() == focused


def test_a_window_that_is_closed_or_opened_again_at_once_stays_so(show: Show) -> None:
    """A dialog's `close` event comes after it has closed: the next window, an answer or a language may come before."""
    cabinet = show(EXTENDABLE)
    again = """async (element, how) => {
      const find = (selector) => element.shadowRoot.querySelector(selector);
      const closed = new Promise((done) => find('dialog').addEventListener('close', done, { once: true }));
      if (how === 'Escape') find('dialog').close(); // all that the browser does before it sends the event
      else find('#close').click();
      find('.extend').click();
      await closed;
    }"""
    for how in ("Escape", "the button"):
        cabinet.open_offer()
        cabinet.element.evaluate(again, how)
        expect(cabinet.confirm).to_be_visible()
        cabinet.escape()

    cabinet.open_offer()
    cabinet.element.evaluate("element => { element.shadowRoot.querySelector('dialog').close(); element.lang = 'en'; }")
    expect(cabinet.page.get_by_role("heading", name="Tariff subscriptions")).to_be_visible()
    expect(cabinet.dialog).to_be_hidden()


def test_a_table_read_aloud_is_a_table_on_a_narrow_screen_too(show: Show) -> None:
    """Rows become cards for the eye; roles, headings, what a link extends and why a row has none stay, in words."""
    reasons = {
        "not_main": "Расширить можно только основную подписку",
        "not_active_yet": "Подписка ещё не началась",
        "finished": "Подписка завершена",
    }
    refused = [row(i, extension={"state": "unavailable", "reason": reason}) for i, reason in enumerate(reasons, 2)]
    cabinet = show(a_list(rows=[row(extension=AVAILABLE), *refused]), viewport=NARROW)
    expect(cabinet.table).to_have_accessible_name("Подписки на тарифы")
    expect(cabinet.table.get_by_role("columnheader")).to_have_text(["Тариф", "Период", "Лимиты", "Расширение"])
    expect(cabinet.table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(4)
    expect(cabinet.extend).to_have_accessible_description("Базовый")
    for words in reasons.values():
        cabinet.table.get_by_text(words).scroll_into_view_if_needed()
        expect(cabinet.table.get_by_text(words)).to_be_in_viewport()
    assert cabinet.element.evaluate("element => element.shadowRoot.querySelectorAll('[title]').length") == 0


def test_a_small_screen_shows_the_confirmation_or_that_there_is_more(show: Show) -> None:
    """At 360 px the note on "Cancel" stands above the buttons; where they cover it, what is below fades.

    At 200 % zoom of a small window the buttons are reached.
    """
    cabinet = show(EXTENDABLE, viewport={"width": 360, "height": 780})
    cabinet.open_offer()
    note = cabinet.dialog.get_by_text("Если нажать «Отмена», право на расширение сохранится.")

    def room() -> float:
        return box(cabinet.confirm)["y"] - box(note)["y"] - box(note)["height"]

    assert room() >= 16
    cabinet.page.set_viewport_size({"width": 360, "height": 560})
    assert room() < 16
    fading = "actions => getComputedStyle(actions, '::before').backgroundImage"
    assert "gradient" in cabinet.element.locator(".actions").evaluate(fading)
    cabinet.dialog.evaluate("dialog => dialog.scrollTo(0, dialog.scrollHeight)")
    assert room() >= 16
    cabinet.page.set_viewport_size({"width": 512, "height": 384})
    expect(cabinet.dialog.get_by_role("button", name="Отмена")).to_be_in_viewport(ratio=1)


def test_its_looks_are_the_pages_to_choose_and_its_direction_is_not(show: Show) -> None:
    """Custom properties, ::part, the page's color-scheme. Both languages are read from left to right: 2 → 4 rises."""
    cabinet = show(EXTENDABLE, color_scheme="dark")
    cabinet.page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(`
            extending-subscription { --es-accent: rgb(1, 2, 3); color-scheme: light }
            extending-subscription::part(heading) { color: rgb(4, 5, 6) }
            extending-subscription::part(extend) { letter-spacing: 7px }`);
          document.adoptedStyleSheets = [sheet];
          document.documentElement.dir = 'rtl';
        }"""
    )
    expect(cabinet.extend).to_have_css("color", "rgb(1, 2, 3)")
    expect(cabinet.extend).to_have_css("letter-spacing", "7px")
    expect(cabinet.page.get_by_role("heading", name="Подписки на тарифы")).to_have_css("color", "rgb(4, 5, 6)")
    expect(cabinet.table).to_have_css("color", "rgb(28, 37, 48)")
    cabinet.extend.click()
    for shown in (cabinet.dialog, cabinet.table):
        expect(shown).to_have_css("direction", "ltr")
