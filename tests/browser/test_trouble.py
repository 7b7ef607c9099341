"""Obstacles between an owner and an extension: others, changes, refusals, and the network."""

import re
from http import HTTPStatus
from typing import Any

from playwright.sync_api import Route, expect

from devkit.builders import iso
from extending.api import PROBLEMS
from extending.errors import Code
from tests.browser.answers import EXTENDABLE, NOON, a_list, extended, offer, past, row
from tests.browser.conftest import (
    EXTEND,
    EXTRAS,
    LIST,
    OFFER,
    Held,
    OpenPage,
    Show,
    Sound,
    answering,
    box,
    refusal,
)

UNSURE = "дважды подписка не расширится"


def test_a_double_click_asks_once(show: Show, sound: Sound) -> None:
    """A slow answer: the button shows that it works, a second click and Escape do nothing, and the focus stays."""
    cabinet = show(EXTENDABLE)
    held = Held(cabinet.page, EXTEND)
    cabinet.extend.click()
    cabinet.confirm.dblclick()
    working = cabinet.dialog.get_by_role("button", name="Расширяем…")
    expect(working).to_have_attribute("aria-disabled", "true")
    assert cabinet.focused() == "confirm"
    sound(cabinet.page)
    working.click(force=True)
    cabinet.dialog.get_by_role("button", name="Отмена").click(force=True)
    for _ in range(4):
        cabinet.page.keyboard.press("Escape")
    cabinet.page.wait_for_timeout(200)  # A second Escape closes a dialog in Chromium, whatever the page says to it.
    expect(working).to_be_visible()
    cabinet.page.route(LIST, answering(json=a_list()))
    held.route().fallback()
    expect(cabinet.extended).to_be_visible()
    assert cabinet.count("POST", "/extension") == len(held.routes) == 1
    assert cabinet.focused() == "x-S-1"


def test_the_second_click_of_a_double_click_confirms_nothing(show: Show) -> None:
    """On a small screen the window's button may stand where the link was: a double tap would spend it unread."""
    cabinet = show(EXTENDABLE)
    cabinet.page.route(EXTEND, refusal("try_again", 503))
    cabinet.open_offer()
    place, mouse = box(cabinet.confirm), cabinet.page.mouse
    mouse.move(place["x"] + 5, place["y"] + 5)
    mouse.down(click_count=2)
    mouse.up(click_count=2)
    cabinet.page.wait_for_timeout(300)
    assert cabinet.count("POST", "/extension") == 0
    mouse.down()
    mouse.up()
    expect(cabinet.message).to_contain_text(UNSURE)
    assert cabinet.count("POST", "/extension") == 1


def test_an_extension_that_another_owner_has_granted_meanwhile_is_shown(show: Show, sound: Sound) -> None:
    """By the answer to the request, or to the offer, which brings the running extension: in the window and the row."""
    cabinet = show(EXTENDABLE)
    other = extended(granted_by="U-44", granted_at=iso(NOON))
    extended_by_other = answering(json=a_list(rows=[row(extension=other)]))
    cabinet.page.route(EXTEND, answering(json={"created": False, "extension": other}))
    cabinet.open_offer()
    cabinet.page.route(LIST, extended_by_other)
    cabinet.confirm.click()
    notice = cabinet.page.get_by_role("paragraph").filter(has_text="Другой владелец (U-44) расширил")
    expect(notice).to_contain_text("только что")
    sound(cabinet.page)

    cabinet.show(EXTENDABLE)
    expect(notice).to_have_count(0)
    cabinet.page.route(OFFER, refusal("already_used", 409, extension=other))
    cabinet.page.route(LIST, extended_by_other)
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("Другой владелец (U-44)")
    expect(cabinet.dialog.get_by_role("heading", name="Параметры расширения")).to_be_visible()
    expect(cabinet.confirm).to_have_count(0)
    sound(cabinet.page)
    cabinet.escape()
    expect(cabinet.extended).to_be_visible()
    assert cabinet.focused() == "x-S-1", "though the link is another than the one pressed"


def test_changed_terms_are_shown_and_never_accepted_by_themselves(show: Show, sound: Sound) -> None:
    """offer_changed: the new offer, the old one beside it, and the question once more."""
    cabinet = show(EXTENDABLE)
    new = offer() | {"offer_id": "new", "terms": {"sessions": 1, "databases": 5, "duration": "PT36H"}}
    cabinet.page.route(EXTEND, refusal("offer_changed", 409, offer=new))
    cabinet.open_offer()
    cabinet.confirm.click()
    expect(cabinet.dialog).to_contain_text("Условия только что изменились")
    for text in ("Было предложено: +2 сеанса и +8 баз на 7 дней", "+1 сеанс", "+5 баз", "36 часов"):
        expect(cabinet.dialog).to_contain_text(text)
    sound(cabinet.page)
    assert cabinet.count("POST", "/extension") == 1
    held = Held(cabinet.page, EXTEND)
    cabinet.confirm.click()
    assert held.route().request.post_data_json == {"offer_id": "new"}


# What a component that works never asks for: the API answers it to those who make their requests by hand.
MISTAKES = {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNPROCESSABLE_ENTITY}
NOT_MET = {
    Code.ROUTE_NOT_FOUND,
    Code.EXTENSION_NOT_FOUND,
    Code.BODY_TOO_LARGE,
    Code.OFFER_CHANGED,  # It brings an offer.
}
MET = [code for code, problem in PROBLEMS.items() if problem.status not in MISTAKES and code not in NOT_MET]
UNKNOWN = ["a_code_of_tomorrow", "constructor", "__proto__"]


def test_each_refusal_says_why_and_what_next(show: Show, sound: Sound) -> None:
    """Every code that an owner can meet has a title and a next step of its own; the code itself is not shown.

    On the offer and on the extension alike, with the servicing organisation's contact; announced as a DOM event. A
    code that is not known is named: no word is taken for a text.
    """
    cabinet = show(EXTENDABLE)
    page, dialog = cabinet.page, cabinet.dialog
    heading = dialog.get_by_role("heading").first
    page.evaluate("document.addEventListener('extension-refused', (event) => { window.announced = event.detail })")
    unknown = {"ru": "Запрос не принят", "en": "The request was not accepted"}
    for code in (*UNKNOWN, *MET):
        status = PROBLEMS[Code(code)].status if code in MET else 409
        page.route(OFFER, refusal(code, status))
        cabinet.extend.click()
        expect(dialog).not_to_contain_text("Загружаем…")
        for lang in ("en", "ru"):
            cabinet.speak(lang)
            title, next_step = heading.inner_text(), dialog.get_by_role("paragraph").nth(1).inner_text()
            assert (title == unknown[lang]) is (code in UNKNOWN), f"{code} has no text of its own in {lang}.ts"
            assert next_step
            assert (code in next_step) is (code in UNKNOWN)
            assert all(bool(re.search("[А-Яа-я]", text)) is (lang == "ru") for text in (title, next_step)), code
        if status in {403, 404, 409}:
            links = dialog.get_by_role("link").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
            assert links == ["tel:+74951234567", "mailto:help@uchet.example", "https://uchet.example/"]
            assert cabinet.focused() == "heading"
            announced = {"account_id": "A-1", "subscription_id": "S-1", "code": code}
            assert page.evaluate("window.announced") == announced
        cabinet.escape()

    page.route(OFFER, answering(json=offer()))
    page.route(EXTEND, refusal("already_used", 409))
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(heading).to_have_text("Расширение уже использовано")
    assert page.evaluate("window.announced")["code"] == "already_used"
    sound(page)


def test_a_code_that_is_not_known_is_named_in_the_list_and_in_its_place(show: Show) -> None:
    """Whatever a later API may say."""
    cabinet = show(EXTENDABLE)
    for code in UNKNOWN:
        strange = row(kind=code, state=code, extension={"state": "unavailable", "reason": code})
        cabinet.show(a_list(rows=[strange]))
        expect(cabinet.table.get_by_role("cell").first).to_contain_text(f"· {code}")
        expect(cabinet.table.get_by_role("cell").last).to_contain_text("Запрос не принят")
        cabinet.page.route(LIST, refusal(code, 403))
        cabinet.refresh()
        expect(cabinet.page.get_by_role("heading", name="Запрос не принят")).to_be_visible()
        expect(cabinet.page.get_by_text(f"код: {code}")).to_be_visible()


def test_a_lost_role_takes_the_window_along(show: Show, sound: Sound) -> None:
    """The page shows no more than the user may see, and says why; the focus is not lost."""
    cabinet = show(a_list())
    cabinet.extended.click()
    expect(cabinet.dialog.get_by_role("listitem").first).to_be_visible()
    cabinet.page.route(LIST, refusal("account_not_found", 404))
    cabinet.refresh()
    expect(cabinet.dialog).to_be_hidden()
    expect(cabinet.page.get_by_role("heading", name="Абонент не найден")).to_be_visible()
    assert "Базовый" not in cabinet.element.evaluate("element => element.shadowRoot.textContent")
    assert cabinet.focused() == "title"
    sound(cabinet.page)


def test_a_window_keeps_the_name_of_a_subscription_that_is_gone(show: Show) -> None:
    """The row has left the list while its window was open: the window still says which one it was."""
    cabinet = show(EXTENDABLE)
    cabinet.open_offer()
    cabinet.page.route(LIST, answering(json=a_list(rows=[])))
    cabinet.page.route(EXTEND, refusal("subscription_not_found", 404))
    cabinet.confirm.click()
    expect(cabinet.dialog.get_by_role("heading", name="Подписки больше нет")).to_be_visible()
    expect(cabinet.extend).to_have_count(0)
    expect(cabinet.dialog.get_by_role("paragraph").first).to_have_text("Базовый · № 000000001")
    cabinet.escape()
    assert cabinet.focused() == "title", "the link is gone, the focus is not lost"


def test_a_used_extension_is_refused_with_when_by_whom_and_until(show: Show, sound: Sound) -> None:
    """already_used brings the extension; the second file, which draws it, may come later."""
    cabinet = show(EXTENDABLE, lang="en")
    held = Held(cabinet.page, EXTRAS)
    cabinet.page.route(OFFER, refusal("already_used", 409, extension=past(44)))
    with cabinet.page.expect_response(OFFER):
        cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("Loading…")
    held.route().continue_()
    expect(cabinet.dialog.get_by_role("heading", name="The extension is already used")).to_be_visible()
    for text in ("U-44", "+2 sessions", "1 February 2026", "Was extended until", "8 February 2026", "Ended"):
        expect(cabinet.dialog).to_contain_text(text)
    sound(cabinet.page)


def test_the_token_of_a_user_who_has_gone_is_not_the_next_ones(show: Show) -> None:
    """A slow token function of the former user: its token arrives after the change and is used for nothing."""
    cabinet = show(EXTENDABLE)
    used = """async (element) => {
      const { fetch } = window, used = [];
      window.fetch = (url, options) => {
        used.push(options.headers.Authorization);
        return fetch(url, options);
      };
      let late;
      element.getToken = () => new Promise((give) => { late = give; });
      element.getToken = () => 'second';
      late('first');
      await new Promise((done) => setTimeout(done, 100));
      await element.refresh();
      return used;
    }"""
    assert set(cabinet.element.evaluate(used)) == {"Bearer second"}


def test_an_expired_token_is_asked_for_again_once(open_page: OpenPage) -> None:
    """The API's own 401 leads to a fresh token and the same request; the owner sees nothing of it.

    After a second one the owner is asked to sign in, and a retry is offered: no loop.
    """
    cabinet = open_page("U-4", "A-200")
    expect(cabinet.extend).to_be_visible()
    spoiled: list[str] = []

    def spoil(route: Route) -> None:
        if not spoiled:
            spoiled.append(route.request.headers["authorization"])
            route.continue_(headers=route.request.headers | {"authorization": "Bearer expired.long.ago"})
        else:
            route.continue_()

    cabinet.page.route(OFFER, spoil)
    cabinet.open_offer()
    assert (cabinet.count("GET", "/extension-offer"), cabinet.count("GET", "/token")) == (2, 2)
    cabinet.refresh()
    assert cabinet.count("GET", "/token") == 2

    cabinet.asked.clear()
    cabinet.page.route("**/token?*", answering(json={"access_token": "not.a.token"}))
    cabinet.page.reload()
    expect(cabinet.page.get_by_role("heading", name="Вход не подтверждён")).to_be_visible()
    assert (cabinet.count("GET", "/subscriptions"), cabinet.count("GET", "/token")) == (2, 2)
    cabinet.page.route("**/token?*", lambda route: route.continue_())
    cabinet.retry.click()
    expect(cabinet.table).to_be_visible()
    assert cabinet.focused() == "title"


OFFLINE, AWAY, UNCLEAR = "Нет связи с сервисом", "Сервис временно не отвечает", "Ответ сервиса не распознан"
SHAPES: list[Any] = [[], {}, {"account": {}}, "text", 7]
FAILURES = [
    (lambda route: route.abort(), OFFLINE),
    (refusal("try_again", 503), AWAY),
    *((answering(json=shape), UNCLEAR) for shape in SHAPES),
    (answering(status=429, json={"message": "Too Many Requests"}), AWAY),
    (answering(body="<html>portal</html>"), AWAY),
]
"""What may come in place of an answer, and what an owner reads then."""


def test_a_list_that_fails_can_be_asked_for_again(show: Show, sound: Sound) -> None:
    """Loading, what is wrong with a retry button, then the table; once it is there a failure takes nothing away."""
    cabinet = show(EXTENDABLE)
    page, status = cabinet.page, cabinet.page.get_by_role("status").first
    held = Held(page, LIST)
    cabinet.go_to("A-2")
    expect(status).to_have_text("Загружаем…")
    sound(page)
    held.route().abort()
    expect(page.get_by_role("heading", name=OFFLINE)).to_be_visible()
    sound(page)
    for answer, title in FAILURES:
        page.route(LIST, answer)
        cabinet.refresh()
        expect(page.get_by_role("heading", name=title)).to_be_visible()
        expect(cabinet.retry).to_be_visible()
    page.route(LIST, answering(json=EXTENDABLE))
    cabinet.retry.click()
    expect(cabinet.table).to_be_visible()
    expect(status).to_have_text("")

    page.route(LIST, lambda route: route.abort())
    cabinet.refresh()
    expect(page.get_by_text(f"{OFFLINE}.").first).to_be_visible()
    expect(cabinet.table).to_be_visible()
    expect(cabinet.retry).to_be_visible()
    sound(page)


def test_a_window_that_fails_can_be_tried_again(show: Show, sound: Sound) -> None:
    """It stays open with the focus, says what is wrong with the offer or the extension, and has a retry button."""
    cabinet = show(EXTENDABLE)
    page, message = cabinet.page, cabinet.message
    held = Held(page, OFFER)
    cabinet.extend.click()
    expect(message).to_have_text("Загружаем…")
    held.route().abort()
    expect(message).to_contain_text(OFFLINE)
    sound(page)
    for answer, words in FAILURES:
        cabinet.escape()
        page.route(OFFER, answer)
        cabinet.extend.click()
        expect(message).to_contain_text(words)
        page.route(OFFER, answering(json=offer()))
        cabinet.retry.click()
        page.route(EXTEND, answer)
        cabinet.confirm.click()
        expect(message).to_contain_text(words)
        expect(message).to_contain_text(UNSURE)
        assert cabinet.focused() == "confirm"


def test_an_answer_that_got_lost_is_asked_for_again_without_harm(show: Show) -> None:
    """It may have been granted: the retry accepts the same offer, and who gives up sees what became of it."""
    cabinet = show(EXTENDABLE)
    lost = Held(cabinet.page, EXTEND)
    cabinet.open_offer()
    cabinet.confirm.click()
    lost.route().abort()
    expect(cabinet.message).to_contain_text(UNSURE)
    cabinet.page.route(LIST, answering(json=a_list()))
    cabinet.retry.click()
    lost.route(1).fulfill(json={"created": True, "extension": extended()})
    expect(cabinet.extended).to_be_visible()
    assert lost.routes[0].request.post_data == lost.routes[1].request.post_data

    cabinet.show(EXTENDABLE)
    cabinet.open_offer()
    cabinet.confirm.click()
    lost.route(2).abort()
    expect(cabinet.message).to_contain_text(UNSURE)
    cabinet.page.route(LIST, answering(json=a_list()))
    cabinet.dialog.get_by_role("button", name="Отмена").click()
    expect(cabinet.extended).to_be_visible()
