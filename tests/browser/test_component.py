"""The component as a part of somebody's page: its weight, attributes, events, text, keyboard, and its looks."""

import gzip
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from devkit.builders import iso, member_changed
from devkit.project import ROOT
from tests.browser.conftest import NARROW, Cabinet, Held, OpenPage, Rename, Sound, Tell, arriving, box, now, until
from tests.conftest import Cloud

MODULE = ROOT / "cabinet" / "extending-subscription.js"
LIST = "**/subscriptions"


def test_the_component_weighs_no_more_than_13_kib() -> None:
    """The first file, with both languages and the style, gzipped as a server would."""
    assert len(gzip.compress(MODULE.read_bytes(), 9)) <= 13 * 1024


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


def test_a_grant_is_announced_to_the_page_around(cloud: Cloud, open_page: OpenPage) -> None:
    """extension-granted bubbles out of the shadow tree with account, subscription, created and extension."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id)
    cabinet.page.evaluate("document.addEventListener('extension-granted', (event) => { window.heard = event.detail })")
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    heard = cabinet.page.evaluate("window.heard")
    assert (heard["account_id"], heard["subscription_id"], heard["created"]) == (account.id, account.subscription, True)
    listed = cloud.api(account.owner, "GET", f"/accounts/{account.id}/subscriptions").json()["subscriptions"][0]
    assert heard["extension"] == listed["extension"]


def test_another_language_is_another_text_and_no_request(open_page: OpenPage) -> None:
    """`lang` may change at any time."""
    cabinet = open_page("U-4", "A-200")
    expect(cabinet.table).to_be_visible()
    before = len(cabinet.asked)
    cabinet.element.evaluate("element => { element.lang = 'en' }")
    expect(cabinet.page.get_by_role("heading", name="Tariff subscriptions")).to_be_visible()
    expect(cabinet.table.get_by_role("button", name="Extend", exact=True)).to_be_visible()
    assert len(cabinet.asked) == before


def test_another_account_closes_the_window_and_shows_its_own_list(open_page: OpenPage) -> None:
    """Nothing of the former account stays, and a late answer to it is dropped."""
    cabinet = open_page("U-4", "A-200")
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    cabinet.element.evaluate("element => element.setAttribute('account-id', 'A-300')")
    expect(cabinet.dialog).to_be_hidden()
    expect(cabinet.page.get_by_text("A-300")).to_be_visible()
    expect(cabinet.page.get_by_text("A-200")).to_have_count(0)

    held = Held(cabinet.page, "**/A-200/subscriptions")
    cabinet.element.evaluate("element => element.setAttribute('account-id', 'A-200')")
    expect(cabinet.table).to_have_count(0)
    late = held.first()
    cabinet.element.evaluate("element => element.setAttribute('account-id', 'A-300')")
    expect(cabinet.page.get_by_text("A-300")).to_be_visible()
    with arriving(cabinet.page, "/A-200/subscriptions"):
        late.continue_()
    expect(cabinet.page.get_by_text("A-300")).to_be_visible()


def test_a_token_function_that_was_set_before_the_module_came_is_used(cloud: Cloud, open_page: OpenPage) -> None:
    """The page's script may be faster than the component's."""

    def late(page: Page) -> None:
        page.route("**/extending-subscription.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.route("**/later.js", lambda route: route.fulfill(body=MODULE.read_text(), content_type="text/javascript"))

    cabinet = open_page("U-4", "A-200", before=late)
    assert cabinet.page.evaluate("typeof document.querySelector('extending-subscription').getToken") == "function"
    cabinet.page.evaluate("import('/later.js')")
    expect(cabinet.table).to_contain_text("ПРОФ")


def test_a_refresh_takes_no_button_from_under_a_click(open_page: OpenPage) -> None:
    """What has not changed stays the same element: a click, a selection or the focus on it survives."""
    cabinet = open_page("U-4", "A-200")
    link = cabinet.extend.element_handle()
    cabinet.extend.focus()
    cabinet.element.evaluate("element => element.refresh()")
    assert cabinet.count("GET", "/api/") == 2
    assert link.evaluate("link => link.isConnected && link.matches(':focus')")
    cabinet.element.evaluate("element => { element.lang = 'en' }")
    assert not link.evaluate("link => link.isConnected"), "the check can fail"


def test_pages_of_a_long_list_are_added_one_by_one(open_page: OpenPage, sound: Sound) -> None:
    """next_token brings the next rows; those already shown stay."""

    def short(page: Page) -> None:
        def one(route: Route) -> None:
            url = route.request.url
            route.continue_(url=url + ("&" if "?" in url else "?") + "limit=1")

        page.route("**/subscriptions*", one)

    cabinet = open_page("U-4", "A-200", before=short)
    rows = cabinet.table.get_by_role("row")
    more = cabinet.page.get_by_role("button", name="Показать ещё")
    for shown in (1, 2, 3):
        expect(rows).to_have_count(shown + 1)
        sound(cabinet.page) if shown == 1 else None
        more.click()
    expect(rows).to_have_count(5)
    expect(more).to_have_count(0)


def test_pages_of_a_list_that_is_asked_for_anew_are_left_alone(open_page: OpenPage) -> None:
    """Of three presses the last one counts."""

    def endless(page: Page) -> None:
        def one(route: Route) -> None:
            listed = route.fetch(url=route.request.url.partition("?")[0]).json()
            route.fulfill(json=listed | {"subscriptions": listed["subscriptions"][:1], "next_token": "more"})

        page.route("**/subscriptions*", one)

    cabinet = open_page("U-4", "A-200", before=endless)
    expect(cabinet.table).to_be_visible()
    held = Held(cabinet.page, re.compile(r"/subscriptions\?next_token"))
    more = cabinet.page.get_by_role("button", name="Показать ещё")
    more.click()
    held.first()
    more.click()
    until(cabinet.page, lambda: held.routes[1:])
    with arriving(cabinet.page, "next_token"):
        held.routes[0].fallback()
    assert len(held.routes) == 2
    held.routes[1].fallback()
    until(cabinet.page, lambda: held.routes[2:])


def test_the_focus_stays_in_the_component_when_what_had_it_is_drawn_anew(open_page: OpenPage) -> None:
    """A link of the contact, which the list has told otherwise since."""
    cabinet = open_page("U-4", "A-200")
    cabinet.page.get_by_role("link", name="+7 343 765-43-21").focus()

    def other(route: Route) -> None:
        listed = route.fetch().json()
        listed["account"]["servicing_organization"]["phone"] = "+7 343 000-00-00"
        route.fulfill(json=listed)

    cabinet.page.route("**/subscriptions", other)
    cabinet.element.evaluate("element => element.refresh()")
    expect(cabinet.page.get_by_role("link", name="+7 343 000-00-00")).to_be_visible()
    assert cabinet.focused() == "title"


def test_an_account_of_which_nothing_has_been_told_yet_has_no_subscriptions(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """Name, zone and contact may still be null: the empty state, and no "null" on the screen."""
    number = iso(datetime.now(UTC)).translate(str.maketrans("", "", ":+"))
    account, user = f"A-{number}", f"U-{number}"
    cloud.event("MemberChanged", member_changed(account_id=account, user_id=user, changed_at=now()))
    cloud.until(lambda: cloud.api(user, "GET", f"/accounts/{account}/subscriptions").status_code == 200)
    cabinet = open_page(user, account)
    expect(cabinet.page.get_by_role("heading", name="Нет подписок")).to_be_visible()
    text = cabinet.element.evaluate("element => element.shadowRoot.textContent")
    assert "null" not in text
    assert "undefined" not in text
    sound(cabinet.page)


def test_the_first_answer_is_waited_for_in_sight(open_page: OpenPage, sound: Sound) -> None:
    """Loading is a state of its own, told to a screen reader too."""
    held: list[Held] = []
    cabinet = open_page("U-4", "A-200", before=lambda page: held.append(Held(page, LIST)))
    expect(cabinet.page.get_by_role("status").first).to_have_text("Загружаем…")
    sound(cabinet.page)
    held[0].first().continue_()
    expect(cabinet.table).to_be_visible()
    expect(cabinet.page.get_by_role("status").first).to_have_text("")


MARKUP = "<img src=x onerror=alert(1)>&amp;<b>Рога</b>"
BACKWARDS = "\u202eשלום عالم"


def test_names_full_of_markup_and_right_to_left_text_stay_text(
    cloud: Cloud, open_page: OpenPage, tell: Tell, rename: Rename, sound: Sound
) -> None:
    """In the table, the windows and the messages; and no address is built from what is none."""
    account = cloud.an_account()
    contact = {
        "name": f"{MARKUP} {BACKWARDS}",
        "city": BACKWARDS,
        "phone": "+7 495 <script>",
        "email": "a@b.example?bcc=c@d.example",
        "site": "javascript:alert(1)",
    }
    rename(account, name=f"{MARKUP} {BACKWARDS}", servicing_organization=contact)
    tell(
        account,
        lambda row: row["tariff"]["name"].startswith("<"),
        tariff={"id": "t", "name": f"{MARKUP} {BACKWARDS}"},
        number="<i>1</i>",
    )
    cabinet = open_page(account.owner, account.id)
    page = cabinet.page
    expect(page.get_by_text(MARKUP).first).to_be_visible()
    for text in contact.values():
        expect(page.get_by_text(text).first).to_be_visible()
    expect(cabinet.element.get_by_role("link")).to_have_count(0)
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text(MARKUP)
    sound(page)
    cabinet.confirm.click()
    expect(page.get_by_text(f"\u2068{MARKUP} {BACKWARDS}\u2069» расширена").first).to_be_visible()
    strange = "element => element.shadowRoot.querySelectorAll('img, script, svg, object, [onerror], main b b').length"
    assert cabinet.element.evaluate(strange) == 0
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


def test_a_site_becomes_a_link_only_where_it_leads_where_it_says(open_page: OpenPage) -> None:
    """No user info, no backslash, nothing that is not seen: what is read is where the link leads."""
    shown: dict[str, Any] = {}

    def with_site(page: Page) -> None:
        def answer(route: Route) -> None:
            reply = route.fetch()
            body = reply.json()
            body["account"]["servicing_organization"] |= shown
            route.fulfill(response=reply, json=body)

        page.route(LIST, answer)

    shown["site"] = "https://first.example"
    cabinet = open_page("U-4", "A-200", before=with_site)
    site = cabinet.page.get_by_role("listitem").last
    for text, href in LINKS.items():
        shown["site"] = text
        cabinet.element.evaluate("element => element.refresh()")
        expect(site).to_have_text(text)
        links = site.get_by_role("link").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
        assert links == ([href] if href else []), text


@pytest.mark.parametrize(
    ("zone", "place", "hours"),
    [
        ("Asia/Vladivostok", "(Владивосток)", 10),
        ("Europe/Berlin", "(Berlin)", None),
        (None, "(Tokyo)", 9),
        ("Mars/Base", "(Tokyo)", 9),
    ],
)
def test_moments_are_those_of_the_account(
    cloud: Cloud, open_page: OpenPage, zone: str | None, place: str, hours: int | None
) -> None:
    """The account's time zone, named; where it is not known, the browser's, named too."""

    def elsewhere(page: Page) -> None:
        def answer(route: Route) -> None:
            reply = route.fetch()
            body = reply.json()
            body["account"]["time_zone"] = zone
            route.fulfill(response=reply, json=body)

        page.route(LIST, answer)

    cabinet = open_page("U-4", "A-200", before=elsewhere)
    cabinet.extend.click()
    till = cabinet.dialog.get_by_role("time")
    expect(till).to_contain_text(place)
    if hours:
        instant = datetime.fromisoformat(till.get_attribute("datetime") or "") + timedelta(hours=hours)
        expect(till).to_contain_text(f"{instant:%H:%M}")


def test_a_wrong_clock_of_the_browser_does_not_end_an_extension(cloud: Cloud, open_page: OpenPage) -> None:
    """Where the service tells its time, that counts: with a clock ten days ahead the row still runs."""
    account = cloud.an_account()
    cloud.extend(account)

    def ahead(page: Page) -> None:
        page.clock.install(time=datetime.now(UTC) + timedelta(days=10))

        def dated(route: Route) -> None:
            route.fulfill(response=route.fetch(), headers={"date": format_datetime(datetime.now(UTC), usegmt=True)})

        page.route(LIST, dated)

    cabinet = open_page(account.owner, account.id, before=ahead)
    expect(cabinet.extended).to_be_visible()
    expect(cabinet.table).to_contain_text("ещё 6 дней 23 часа")


def test_everything_can_be_done_with_the_keyboard(cloud: Cloud, open_page: OpenPage) -> None:
    """Tab to the link, Enter, the focus goes into the window, stays in it, and comes back."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id)
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


@pytest.mark.parametrize("how", ["Escape", "the button"])
def test_a_window_opened_again_at_once_stays_open(open_page: OpenPage, how: str) -> None:
    """A dialog's `close` event comes after it has closed; by then the next window may be open."""
    cabinet = open_page("U-4", "A-200")
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    again = """async (element, how) => {
      const find = (selector) => element.shadowRoot.querySelector(selector);
      const heard = new Promise((done) => find('dialog').addEventListener('close', done, { once: true }));
      if (how === 'Escape') find('dialog').close(); // all that the browser does before it sends the event
      else find('#close').click();
      find('.extend').click();
      await heard;
    }"""
    cabinet.element.evaluate(again, how)
    expect(cabinet.confirm).to_be_visible()
    cabinet.page.keyboard.press("Escape")
    expect(cabinet.dialog).to_be_hidden()


def test_a_closed_window_is_not_opened_by_what_is_drawn_before_its_event_comes(open_page: OpenPage) -> None:
    """An answer or another language, at the very moment of Escape."""
    cabinet = open_page("U-4", "A-200")
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
    """Rows become cards for the eye; roles, headings and the name of what a link extends stay."""
    cabinet = open_page("U-4", "A-200", viewport=NARROW)
    expect(cabinet.table).to_have_accessible_name("Подписки на тарифы")
    expect(cabinet.table.get_by_role("columnheader")).to_have_text(["Тариф", "Период", "Лимиты", "Расширение"])
    expect(cabinet.table.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(4)
    expect(cabinet.extend).to_have_accessible_description("ПРОФ")
    reason = cabinet.table.get_by_text("Подписка завершена")
    reason.scroll_into_view_if_needed()
    expect(reason).to_be_in_viewport()


def test_a_row_that_cannot_be_extended_says_why(open_page: OpenPage) -> None:
    """In words, whatever the width, and without a mouse over it."""
    cabinet = open_page("U-4", "A-200")
    for reason in ("Расширить можно только основную подписку", "Подписка ещё не началась", "Подписка завершена"):
        expect(cabinet.table.get_by_text(reason)).to_be_visible()
    assert cabinet.element.evaluate("element => element.shadowRoot.querySelectorAll('[title]').length") == 0


def test_twice_the_size_still_fits(cloud: Cloud, open_page: OpenPage) -> None:
    """200 % zoom of a small window: no sideways scrolling, and the window's buttons are reached."""
    cabinet = open_page("U-4", "A-200", viewport={"width": 512, "height": 384}, device_scale_factor=2)
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    assert cabinet.page.evaluate("document.documentElement.scrollWidth") <= 512
    cabinet.dialog.get_by_role("button", name="Отмена").scroll_into_view_if_needed()
    expect(cabinet.dialog.get_by_role("button", name="Отмена")).to_be_in_viewport(ratio=1)


def test_a_phone_shows_the_whole_confirmation_and_a_small_one_that_there_is_more(
    cloud: Cloud, open_page: OpenPage
) -> None:
    """At 360 px the note on "Cancel" stands above the buttons; where they cover it, what is below fades."""
    account = cloud.an_account()
    for height, whole in ((780, True), (560, False)):
        cabinet = open_page(account.owner, account.id, viewport={"width": 360, "height": height})
        cabinet.extend.click()
        expect(cabinet.confirm).to_be_visible()
        note = cabinet.dialog.get_by_text("Если нажать «Отмена», право на расширение сохранится.")

        def room(note: Locator = note, cabinet: Cabinet = cabinet) -> float:
            return box(cabinet.confirm)["y"] - box(note)["y"] - box(note)["height"]

        assert (room() >= 16) is whole
        fade = cabinet.element.evaluate(
            """element => {
              const actions = element.shadowRoot.querySelector('.actions');
              const { backgroundImage, height } = getComputedStyle(actions, '::before');
              return [backgroundImage.includes('gradient'), parseFloat(height)];
            }"""
        )
        assert fade[0]
        assert fade[1] >= 16
        cabinet.dialog.evaluate("dialog => dialog.scrollTo(0, dialog.scrollHeight)")
        assert room() >= 16


def test_its_looks_are_the_pages_to_choose(open_page: OpenPage) -> None:
    """Custom properties, ::part, and the page's own color-scheme reach the component."""
    cabinet = open_page("U-4", "A-200", color_scheme="dark")
    expect(cabinet.extend).to_be_visible()
    style = """(css) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
      document.adoptedStyleSheets = [sheet];
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
