"""The component as a part of somebody's page: its weight, attributes, events, text, keyboard, and its looks."""

import gzip
import re
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.answers import AVAILABLE, BASE, NOON, a_list, extended, offer, past, row
from tests.browser.conftest import (
    CABINET,
    EXTEND,
    HISTORY,
    LIST,
    NARROW,
    OFFER,
    Held,
    OpenPage,
    Show,
    Sound,
    answering,
    arriving,
    box,
    until,
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


def test_another_account_closes_windows_history_and_summary_and_shows_its_own_list(open_page: OpenPage) -> None:
    """Nothing of the former account stays, and late answers to it are dropped."""
    cabinet = open_page("U-4", "A-200")
    page = cabinet.page
    cabinet.summary.click()
    expect(page.get_by_role("textbox")).to_be_visible()
    held = Held(page, HISTORY)
    cabinet.history.click()
    expect(cabinet.status("Загружаем…")).to_be_visible()
    history = held.first()
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    cabinet.go_to_another_account()
    expect(cabinet.dialog).to_be_hidden()
    expect(page.get_by_text("A-200")).to_have_count(0)
    expect(page.get_by_role("textbox")).to_have_count(0)
    with arriving(page, "/extensions?"):
        history.fulfill(json={"extensions": [past(1)], "next_token": None})
    expect(page.get_by_role("table")).to_have_count(1)
    expect(cabinet.history).to_have_attribute("aria-expanded", "false")

    held = Held(page, "**/A-200/subscriptions")
    cabinet.element.evaluate("element => element.setAttribute('account-id', 'A-200')")
    expect(cabinet.table).to_have_count(0)
    list_ = held.first()
    cabinet.go_to_another_account()
    with arriving(page, "/A-200/subscriptions"):
        list_.continue_()
    expect(page.get_by_text("A-300")).to_be_visible()


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


def test_a_refresh_takes_no_button_from_under_a_click(open_page: OpenPage) -> None:
    """Parts that have not changed stay the same elements; another language is another text, and no request."""
    cabinet = open_page("U-4", "A-200")
    link = cabinet.extend.element_handle()
    cabinet.extend.focus()
    cabinet.refresh()
    assert cabinet.count("GET", "/api/") == 2
    assert link.evaluate("link => link.isConnected && link.matches(':focus')")
    asked = len(cabinet.asked)
    cabinet.speak("en")
    assert not link.evaluate("link => link.isConnected"), "the check can fail"
    expect(cabinet.page.get_by_role("heading", name="Tariff subscriptions")).to_be_visible()
    expect(cabinet.extend).to_be_visible()
    assert len(cabinet.asked) == asked


def test_the_focus_stays_in_the_component_when_what_had_it_is_drawn_anew(show: Show) -> None:
    """A link of the contact, whose phone has changed since."""
    cabinet = show(a_list())
    cabinet.page.get_by_role("link", name="+7 495 123-45-67").focus()
    cabinet.show(a_list(account={"servicing_organization": {"phone": "+7 343 000-00-00"}}))
    expect(cabinet.page.get_by_role("link", name="+7 343 000-00-00")).to_be_visible()
    assert cabinet.focused() == "title"


def test_pages_of_a_long_list_are_added_one_by_one(open_page: OpenPage, sound: Sound) -> None:
    """next_token brings the next rows; those already shown stay. Of two presses the last one counts."""

    def short(page: Page) -> None:
        def one(route: Route) -> None:
            url = route.request.url
            route.continue_(url=url + ("&" if "?" in url else "?") + "limit=1")

        page.route("**/subscriptions*", one)

    cabinet = open_page("U-4", "A-200", before=short)
    page, rows = cabinet.page, cabinet.table.get_by_role("row")
    more = page.get_by_role("button", name="Показать ещё")
    for shown in (1, 2, 3):
        expect(rows).to_have_count(shown + 1)
        if shown == 1:
            sound(page)
        more.click()
    expect(rows).to_have_count(5)
    expect(more).to_have_count(0)

    page.reload()
    expect(rows).to_have_count(2)
    held = Held(page, re.compile(r"/subscriptions\?next_token"))
    more.click()
    held.first()
    more.click()
    until(page, lambda: held.routes[1:])
    with arriving(page, "next_token"):
        held.routes[0].fallback()
    assert len(held.routes) == 2
    held.routes[1].fallback()
    until(page, lambda: held.routes[2:])


def test_an_account_of_which_nothing_has_been_reported_yet_has_no_subscriptions(show: Show, sound: Sound) -> None:
    """Name, zone and contact may still be null: the empty state, and no "null" on the screen."""
    cabinet = show(a_list(rows=[], account=dict.fromkeys(("name", "time_zone", "servicing_organization"))))
    expect(cabinet.page.get_by_role("heading", name="Нет подписок")).to_be_visible()
    text = cabinet.element.evaluate("element => element.shadowRoot.textContent")
    assert not [word for word in ("null", "undefined") if word in text]
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
    page.route(OFFER, answering(json=offer()))
    page.route(EXTEND, answering(json={"created": True, "extension": extended()}))
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text(STRANGE)
    sound(page)
    rows[0]["extension"] = extended()
    cabinet.confirm.click()
    expect(page.get_by_text(f"\u2068{tariff['name']}\u2069» расширена").first).to_be_visible()
    expect(cabinet.element.locator(".edge")).to_have_count(3)
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


def test_everything_can_be_done_with_the_keyboard(cloud: Cloud, open_page: OpenPage) -> None:
    """Tab to the link, Enter, the focus goes into the window, stays in it, and comes back; history and summary too."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id, permissions=["clipboard-read", "clipboard-write"])
    page, keys = cabinet.page, cabinet.page.keyboard
    link = f"x-{account.subscription}"
    expect(cabinet.extend).to_be_visible()
    keys.press("Tab")
    assert cabinet.focused() == link
    keys.press("Enter")
    expect(cabinet.confirm).to_be_visible()
    assert cabinet.focused() == "heading"
    visited = []
    for _ in range(4):
        keys.press("Tab")
        visited.append(cabinet.focused())
    assert visited[:2] == ["confirm", "close"]
    assert set(visited) <= {"confirm", "close", ""}, "never behind the window"
    keys.press("Escape")
    expect(cabinet.dialog).to_be_hidden()
    assert cabinet.focused() == link

    keys.press("Enter")
    expect(cabinet.confirm).to_be_visible()
    keys.press("Tab")
    keys.press("Enter")
    expect(cabinet.extended).to_be_visible()
    assert cabinet.focused() == link
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Параметры расширения")).to_be_visible()
    keys.press("Tab")
    assert cabinet.focused() == "close"
    keys.press("Enter")
    assert cabinet.focused() == link

    keys.press("Tab")
    assert cabinet.focused() == "history"
    keys.press("Enter")
    expect(cabinet.past).to_be_visible()
    assert cabinet.focused() == "history"
    keys.press("Tab")
    keys.press("Space")
    expect(cabinet.status("Сводка скопирована.")).to_be_visible()
    assert cabinet.focused() == "summary"


def test_a_window_that_is_closed_or_opened_again_at_once_stays_so(open_page: OpenPage) -> None:
    """A dialog's `close` event comes after it has closed: the next window, an answer or a language may come before."""
    cabinet = open_page("U-4", "A-200")
    again = """async (element, how) => {
      const find = (selector) => element.shadowRoot.querySelector(selector);
      const closed = new Promise((done) => find('dialog').addEventListener('close', done, { once: true }));
      if (how === 'Escape') find('dialog').close(); // all that the browser does before it sends the event
      else find('#close').click();
      find('.extend').click();
      await closed;
    }"""
    for how in ("Escape", "the button"):
        cabinet.extend.click()
        expect(cabinet.confirm).to_be_visible()
        cabinet.element.evaluate(again, how)
        expect(cabinet.confirm).to_be_visible()
        cabinet.page.keyboard.press("Escape")
        expect(cabinet.dialog).to_be_hidden()

    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    drawn = """element => {
      const dialog = element.shadowRoot.querySelector('dialog');
      dialog.close();
      element.lang = 'en';
      return dialog.open;
    }"""
    assert cabinet.element.evaluate(drawn) is False
    expect(cabinet.page.get_by_role("heading", name="Tariff subscriptions")).to_be_visible()
    expect(cabinet.dialog).to_be_hidden()


def test_a_table_read_aloud_is_a_table_on_a_narrow_screen_too(open_page: OpenPage) -> None:
    """Rows become cards for the eye; roles, headings, what a link extends and why a row has none stay, in words."""
    cabinet = open_page("U-4", "A-200", viewport=NARROW)
    expect(cabinet.table).to_have_accessible_name("Подписки на тарифы")
    expect(cabinet.table.get_by_role("columnheader")).to_have_text(["Тариф", "Период", "Лимиты", "Расширение"])
    expect(cabinet.table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(4)
    expect(cabinet.extend).to_have_accessible_description("ПРОФ")
    for reason in ("Расширить можно только основную подписку", "Подписка ещё не началась", "Подписка завершена"):
        cabinet.table.get_by_text(reason).scroll_into_view_if_needed()
        expect(cabinet.table.get_by_text(reason)).to_be_in_viewport()
    assert cabinet.element.evaluate("element => element.shadowRoot.querySelectorAll('[title]').length") == 0


def test_a_small_screen_shows_the_confirmation_or_that_there_is_more(show: Show) -> None:
    """At 360 px the note on "Cancel" stands above the buttons; where they cover it, what is below fades.

    At 200 % zoom of a small window nothing scrolls sideways, and the buttons are reached.
    """
    cabinet = show(a_list(*BASE, None, [row(extension=AVAILABLE)]), viewport={"width": 360, "height": 780})
    cabinet.page.route(OFFER, answering(json=offer()))
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    note = cabinet.dialog.get_by_text("Если нажать «Отмена», право на расширение сохранится.")

    def room() -> float:
        return box(cabinet.confirm)["y"] - box(note)["y"] - box(note)["height"]

    assert room() >= 16
    cabinet.page.set_viewport_size({"width": 360, "height": 560})
    assert room() < 16
    gradient, height = cabinet.element.evaluate(
        """element => {
          const actions = element.shadowRoot.querySelector('.actions');
          const { backgroundImage, height } = getComputedStyle(actions, '::before');
          return [backgroundImage.includes('gradient'), parseFloat(height)];
        }"""
    )
    assert gradient
    assert height >= 16
    cabinet.dialog.evaluate("dialog => dialog.scrollTo(0, dialog.scrollHeight)")
    assert room() >= 16
    cabinet.page.set_viewport_size({"width": 512, "height": 384})
    assert cabinet.page.evaluate("document.documentElement.scrollWidth") <= 512
    cabinet.dialog.get_by_role("button", name="Отмена").scroll_into_view_if_needed()
    expect(cabinet.dialog.get_by_role("button", name="Отмена")).to_be_in_viewport(ratio=1)


def test_its_looks_are_the_pages_to_choose_and_its_direction_is_not(open_page: OpenPage) -> None:
    """Custom properties, ::part, the page's color-scheme. Both languages are read from left to right: 2 → 4 rises."""
    cabinet = open_page("U-4", "A-200", color_scheme="dark")
    expect(cabinet.extend).to_be_visible()
    style = """(css) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      document.adoptedStyleSheets = [sheet];
      document.documentElement.dir = 'rtl';
    }"""
    cabinet.page.evaluate(
        style,
        """extending-subscription { --es-accent: rgb(1, 2, 3); color-scheme: light }
           extending-subscription::part(heading) { color: rgb(4, 5, 6) }
           extending-subscription::part(extend) { letter-spacing: 7px }""",
    )
    expect(cabinet.extend).to_have_css("color", "rgb(1, 2, 3)")
    expect(cabinet.extend).to_have_css("letter-spacing", "7px")
    expect(cabinet.page.get_by_role("heading", name="Подписки на тарифы")).to_have_css("color", "rgb(4, 5, 6)")
    expect(cabinet.table).to_have_css("color", "rgb(28, 37, 48)")
    cabinet.extend.click()
    for shown in (cabinet.dialog, cabinet.table):
        expect(shown).to_have_css("direction", "ltr")
