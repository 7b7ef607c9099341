"""Obstacles between an owner and an extension: others, changes, refusals, and the network."""

import re
from http import HTTPStatus
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from extending.api import PROBLEMS
from extending.errors import Code
from tests.browser.answers import AVAILABLE, BASE, a_list, extended, offer, past, row
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
    from_the_api,
    listed,
    refusal,
    report_subscription,
)
from tests.conftest import Cloud


def test_a_double_click_asks_once(cloud: Cloud, open_page: OpenPage, sound: Sound) -> None:
    """A slow answer: the button shows that it works, a second click and Escape do nothing, and the focus stays."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id)
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
    expect(cabinet.dialog).to_be_visible()
    expect(working).to_be_visible()
    assert len(held.routes) == 1

    held.first().continue_()
    expect(cabinet.extended).to_be_visible()
    assert cabinet.count("POST", "/extension") == 1
    assert cabinet.focused() == f"x-{account.subscription}"


def test_the_second_click_of_a_double_click_confirms_nothing(open_page: OpenPage) -> None:
    """On a small screen the window's button may stand where the link was: a double tap would spend it unread."""
    cabinet = open_page("U-4", "A-200")
    cabinet.page.route(EXTEND, refusal("try_again", 503))
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    place = box(cabinet.confirm)
    cabinet.page.mouse.move(place["x"] + 5, place["y"] + 5)
    cabinet.page.mouse.down(click_count=2)
    cabinet.page.mouse.up(click_count=2)
    cabinet.page.wait_for_timeout(300)
    assert cabinet.count("POST", "/extension") == 0
    cabinet.page.mouse.down()
    cabinet.page.mouse.up()
    expect(cabinet.dialog.get_by_role("status")).to_contain_text("дважды подписка не расширится")
    assert cabinet.count("POST", "/extension") == 1


def test_two_owners_race_for_the_same_link_and_both_have_the_extension(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """One creates it, the other reads that it was granted just now, and by whom."""
    account = cloud.an_account()
    first, second = (open_page(owner, account.id) for owner in (account.owner, account.second_owner))
    for cabinet in (first, second):
        cabinet.extend.click()
        expect(cabinet.confirm).to_be_visible()
    for cabinet in (first, second):
        cabinet.element.evaluate("element => element.shadowRoot.getElementById('confirm').click()")
    for cabinet in (first, second):
        expect(cabinet.extended).to_be_visible()

    notices = [each.page.get_by_role("paragraph").filter(has_text="Другой владелец") for each in (first, second)]
    late = [notice.count() for notice in notices]
    assert sorted(late) == [0, 1]
    (winner, _), (loser, notice) = sorted(zip((first, second), notices, strict=True), key=lambda each: each[1].count())
    expect(winner.page.get_by_text("расширена до").first).to_be_visible()
    expect(notice).to_contain_text(account.owner if winner is first else account.second_owner)
    expect(notice).to_contain_text("только что")
    sound(loser.page)

    cloud.until(lambda: cloud.events_out(account.id))
    assert [event["detail_type"] for event in cloud.events_out(account.id)] == ["ExtensionGranted"]


def test_changed_terms_are_shown_and_never_accepted_by_themselves(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """offer_changed: the new offer, the old one beside it, and the question once more."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id)
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("+8 баз")
    terms = {"sessions": 1, "databases": 5, "duration": "PT36H"}
    report_subscription(cloud, account, lambda row: row["extension"].get("terms") == terms, extension_terms=terms)

    cabinet.confirm.click()
    expect(cabinet.dialog).to_contain_text("Условия только что изменились")
    for text in ("Было предложено: +2 сеанса и +8 баз на 7 дней", "+1 сеанс", "+5 баз", "36 часов", "1 → 6"):
        expect(cabinet.dialog).to_contain_text(text)
    sound(cabinet.page)
    assert listed(cloud, account)["subscriptions"][0]["extension"]["state"] == "available"

    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    assert listed(cloud, account)["subscriptions"][0]["extension"]["terms"] == terms


REFUSALS = {
    "already_used": ("Расширение уже использовано", "в новом периоде"),
    "not_active_yet": ("Подписка ещё не началась", "начнётся её период"),
    "finished": ("Подписка завершена", "Продлите её"),
    "not_main": ("Расширить можно только основную подписку", "Найдите в списке"),
    "tariff_not_extendable": ("Для этого тарифа расширение не предусмотрено", "другой тариф"),
    "owner_required": ("Расширить может только владелец", "Попросите владельца"),
    "subscription_not_found": ("Подписки больше нет", "закройте окно"),
}
# What a component that works never asks for: the API answers it to those who make their requests by hand.
MISTAKES = {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNPROCESSABLE_ENTITY}
NOT_MET = {
    Code.ROUTE_NOT_FOUND,
    Code.EXTENSION_NOT_FOUND,
    Code.BODY_TOO_LARGE,
    Code.OFFER_CHANGED,  # It brings an offer.
}
MET = [code for code, problem in PROBLEMS.items() if problem.status not in MISTAKES and code not in NOT_MET]


def test_each_refusal_says_why_and_what_next(open_page: OpenPage, sound: Sound) -> None:
    """Every code that an owner can meet has a title and a next step of its own; the code itself is not shown.

    On the offer and on the extension alike, with the servicing organisation's contact; announced as a DOM event.
    """
    cabinet = open_page("U-4", "A-200")
    page, dialog = cabinet.page, cabinet.dialog
    heading = dialog.get_by_role("heading").first
    page.evaluate("document.addEventListener('extension-refused', (event) => { window.announced = event.detail })")
    unknown: dict[str, str] = {}
    for code in ("a_code_of_tomorrow", *MET):
        status = PROBLEMS[Code(code)].status if code in MET else 409
        page.route(OFFER, refusal(code, status))
        cabinet.extend.click()
        expect(dialog).not_to_contain_text("Загружаем…")
        for lang in ("en", "ru"):
            cabinet.speak(lang)
            title, next_step = heading.inner_text(), dialog.get_by_role("paragraph").nth(1).inner_text()
            if code not in MET:
                unknown[lang] = title
                assert code in next_step
                continue
            assert title != unknown[lang], f"{code} has no text of its own in cabinet/src/{lang}.ts"
            assert next_step
            assert code not in next_step
            assert all(bool(re.search("[А-Яа-я]", text)) is (lang == "ru") for text in (title, next_step)), code
        if code in REFUSALS:
            assert title == REFUSALS[code][0]
            assert REFUSALS[code][1] in next_step
        if status in {403, 404, 409}:
            links = dialog.get_by_role("link").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
            assert links == ["tel:+74951234567", "mailto:help@uchet.example", "https://uchet.example/"]
            assert cabinet.focused() == "heading"
            assert page.evaluate("window.announced") == {
                "account_id": "A-200",
                "subscription_id": "S-20",
                "code": code,
            }
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

    from_the_api(page, OFFER)
    page.route(EXTEND, refusal("already_used", 409))
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(heading).to_have_text(REFUSALS["already_used"][0])
    assert page.evaluate("window.announced")["code"] == "already_used"
    sound(page)


@pytest.mark.parametrize("code", ["constructor", "__proto__", "a_code_of_tomorrow"])
def test_a_code_that_is_not_known_is_named(show: Show, code: str) -> None:
    """Whatever a later API may say, in the window, in place of the list, and in a row: no word is taken for a text."""
    strange = row(2, kind=code, state=code, extension={"state": "unavailable", "reason": code})
    cabinet = show(a_list(rows=[row(extension=AVAILABLE), strange]))
    cells = cabinet.table.get_by_role("row").nth(2).get_by_role("cell")
    expect(cells.first).to_contain_text(f"· {code}")
    expect(cells.last).to_contain_text("Запрос не принят")
    cabinet.page.route(OFFER, refusal(code, 409))
    cabinet.extend.click()
    expect(cabinet.dialog.get_by_role("heading", name="Запрос не принят")).to_be_visible()
    expect(cabinet.dialog).to_contain_text(f"сообщите обслуживающей организации код: {code}")
    cabinet.page.keyboard.press("Escape")
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
    cabinet = show(a_list(rows=[row(extension=AVAILABLE)]))
    cabinet.page.route(OFFER, answering(json=offer()))
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    cabinet.page.route(LIST, answering(json=a_list(rows=[])))
    cabinet.page.route(EXTEND, refusal("subscription_not_found", 404))
    cabinet.confirm.click()
    expect(cabinet.dialog.get_by_role("heading", name="Подписки больше нет")).to_be_visible()
    expect(cabinet.extend).to_have_count(0)
    expect(cabinet.dialog.get_by_role("paragraph").first).to_have_text("Базовый · № 000000001")
    cabinet.page.keyboard.press("Escape")
    expect(cabinet.dialog).to_be_hidden()
    assert cabinet.focused() == "title", "the link is gone, the focus is not lost"


def test_the_token_of_a_user_who_has_gone_is_not_the_next_ones(open_page: OpenPage) -> None:
    """A slow token function of the former user: its token arrives after the change and is used for nothing."""
    cabinet = open_page("U-4", "A-200")
    expect(cabinet.table).to_be_visible()
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


def test_a_used_extension_is_refused_with_when_by_whom_and_until(show: Show, sound: Sound) -> None:
    """already_used brings the extension; the second file, which draws it, may come later."""
    cabinet = show(a_list(*BASE, None, [row(extension=AVAILABLE)]), lang="en")
    held = Held(cabinet.page, EXTRAS)
    cabinet.page.route(OFFER, refusal("already_used", 409, extension=past(44)))
    with cabinet.page.expect_response(OFFER):
        cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("Loading…")
    held.first().continue_()
    expect(cabinet.dialog.get_by_role("heading", name="The extension is already used")).to_be_visible()
    for text in ("U-44", "+2 sessions", "1 February 2026", "Was extended until", "8 February 2026", "Ended"):
        expect(cabinet.dialog).to_contain_text(text)
    sound(cabinet.page)


def test_an_extension_that_another_owner_has_granted_meanwhile_is_shown(show: Show, sound: Sound) -> None:
    """The offer is refused with the running extension: the window shows it, and so does the row, at once."""
    cabinet = show(a_list(*BASE, None, [row(extension=AVAILABLE)]))
    running = extended(granted_by="U-44")
    cabinet.page.route(OFFER, refusal("already_used", 409, extension=running))
    cabinet.page.route(LIST, answering(json=a_list(rows=[row(extension=running)])))
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("Другой владелец (U-44)")
    expect(cabinet.dialog.get_by_role("heading", name="Параметры расширения")).to_be_visible()
    expect(cabinet.confirm).to_have_count(0)
    sound(cabinet.page)
    cabinet.page.keyboard.press("Escape")
    expect(cabinet.extended).to_be_visible()
    assert cabinet.focused() == "x-S-1", "though the link is another than the one pressed"


def test_an_expired_token_is_asked_for_again_once(open_page: OpenPage) -> None:
    """The API's own 401 leads to a fresh token and the same request; the owner sees nothing of it."""
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
    cabinet.extend.click()
    expect(cabinet.confirm).to_be_visible()
    assert (cabinet.count("GET", "/extension-offer"), cabinet.count("GET", "/token")) == (2, 2)
    cabinet.refresh()
    assert (cabinet.count("GET", "/subscriptions") - 2, cabinet.count("GET", "/token")) == (2, 2)


def test_a_token_that_stays_bad_ends_in_a_question_not_in_a_loop(open_page: OpenPage) -> None:
    """Asked again once, then the owner is asked to sign in; a retry is offered."""

    def bad(page: Page) -> None:
        page.route("**/token?*", answering(json={"access_token": "not.a.token"}))

    cabinet = open_page("U-4", "A-200", before=bad)
    expect(cabinet.page.get_by_role("heading", name="Вход не подтверждён")).to_be_visible()
    assert (cabinet.count("GET", "/token"), cabinet.count("GET", "/api/")) == (2, 2)
    from_the_api(cabinet.page, "**/token?*")
    cabinet.retry.click()
    expect(cabinet.table).to_be_visible()
    assert cabinet.focused() == "title"


SHAPES: list[Any] = [[], {}, {"account": {}}, "text", 7]


def test_a_list_that_fails_can_be_asked_for_again(open_page: OpenPage, sound: Sound) -> None:
    """Waited for in sight, down, and back: loading, what is wrong with a retry button, then the table."""
    holding: list[Held] = []
    cabinet = open_page("U-4", "A-200", before=lambda page: holding.append(Held(page, LIST)))
    status = cabinet.page.get_by_role("status").first
    expect(status).to_have_text("Загружаем…")
    sound(cabinet.page)
    holding[0].first().abort()
    expect(cabinet.page.get_by_role("heading", name="Нет связи с сервисом")).to_be_visible()
    sound(cabinet.page)
    for answer, title in (
        (refusal("try_again", 503), "Сервис временно не отвечает"),
        *((answering(json=shape), "Ответ сервиса не распознан") for shape in SHAPES),
        (answering(status=429, json={"message": "Too Many Requests"}), "Сервис временно не отвечает"),
        (answering(json=SHAPES[0]), "Ответ сервиса не распознан"),
        (answering(body="<html>portal</html>"), "Сервис временно не отвечает"),
    ):
        cabinet.page.route(LIST, answer)
        cabinet.refresh()
        expect(cabinet.page.get_by_role("heading", name=title)).to_be_visible()
        expect(cabinet.retry).to_be_visible()
    from_the_api(cabinet.page, LIST)
    cabinet.retry.click()
    expect(cabinet.table).to_be_visible()
    expect(status).to_have_text("")


def test_an_answer_of_another_shape_can_be_tried_again(show: Show) -> None:
    """A 200 of something else, for the offer or the extension: said in words, and asked for again."""
    cabinet = show(a_list(*BASE, None, [row(extension=AVAILABLE)]))
    page, status = cabinet.page, cabinet.dialog.get_by_role("status")
    for shape in SHAPES:
        page.route(OFFER, answering(json=shape))
        cabinet.extend.click()
        expect(status).to_contain_text("Ответ сервиса не распознан")
        page.route(OFFER, answering(json=offer()))
        cabinet.dialog.get_by_role("button", name="Повторить").click()
        page.route(EXTEND, answering(json=shape))
        cabinet.confirm.click()
        expect(status).to_contain_text("Ответ сервиса не распознан")
        page.keyboard.press("Escape")
        expect(cabinet.dialog).to_be_hidden()


def test_nothing_on_the_screen_is_lost_while_the_service_is_away(open_page: OpenPage, sound: Sound) -> None:
    """A failed refresh keeps the table and says so; being online again asks by itself."""
    cabinet = open_page("U-4", "A-200")
    expect(cabinet.table).to_be_visible()
    cabinet.page.context.set_offline(True)
    cabinet.refresh()
    expect(cabinet.page.get_by_text("Нет связи с сервисом.").first).to_be_visible()
    expect(cabinet.table).to_be_visible()
    expect(cabinet.retry).to_be_visible()
    sound(cabinet.page)
    cabinet.page.context.set_offline(False)
    expect(cabinet.retry).to_be_hidden()
    expect(cabinet.table).to_be_visible()


def test_an_offer_that_fails_can_be_asked_for_again(open_page: OpenPage, sound: Sound) -> None:
    """The window stays open with a retry button; so does the focus."""
    cabinet = open_page("U-4", "A-200")
    held = Held(cabinet.page, OFFER)
    cabinet.extend.click()
    expect(cabinet.dialog.get_by_role("status")).to_have_text("Загружаем…")
    assert cabinet.focused() == "heading"
    held.first().abort()
    expect(cabinet.dialog.get_by_role("status")).to_contain_text("Нет связи с сервисом")
    sound(cabinet.page)
    from_the_api(cabinet.page, OFFER)
    cabinet.dialog.get_by_role("button", name="Повторить").click()
    expect(cabinet.confirm).to_be_visible()
    assert cabinet.focused() == "heading"


def test_who_gives_up_on_a_lost_answer_sees_what_became_of_it(show: Show) -> None:
    """The page cannot know that it was granted, so the list is asked."""
    cabinet = show(a_list(*BASE, None, [row(extension=AVAILABLE)]))
    cabinet.page.route(OFFER, answering(json=offer()))
    cabinet.page.route(EXTEND, lambda route: route.abort())
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.dialog.get_by_role("status")).to_contain_text("дважды подписка не расширится")
    cabinet.page.route(LIST, answering(json=a_list()))
    cabinet.dialog.get_by_role("button", name="Отмена").click()
    expect(cabinet.extended).to_be_visible()


def test_an_answer_that_got_lost_is_asked_for_again_without_harm(cloud: Cloud, open_page: OpenPage) -> None:
    """The API has granted, the answer never came: the retry brings the same extension, shown as the owner's own."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    cabinet.page.route(EXTEND, lose)
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.dialog.get_by_role("status")).to_contain_text("дважды подписка не расширится")
    from_the_api(cabinet.page, EXTEND)
    cabinet.dialog.get_by_role("button", name="Повторить").click()
    expect(cabinet.extended).to_be_visible()
    expect(cabinet.page.get_by_text("Другой владелец")).to_have_count(0)
    cloud.until(lambda: cloud.events_out(account.id))
    assert len(cloud.events_out(account.id)) == 1
