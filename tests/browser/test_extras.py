"""The second file: what a window tells, history and summary, loaded when they are asked for."""

import gzip
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from devkit.builders import TERMS
from devkit.project import ROOT
from tests.browser.conftest import NARROW, Cabinet, Held, OpenPage, Sound, arriving, box, from_the_api, now, refusal
from tests.conftest import Cloud

FILE = ROOT / "cabinet" / "extending-subscription-extras.js"
EXTRAS = re.compile("extending-subscription-extras")
HISTORY = re.compile(r"/extensions\?")
WORDS: dict[str, dict[str, Any]] = {
    "ru": {
        "history": "История расширений",
        "summary": "Скопировать сводку",
        "heads": ["Подписка", "Расширение", "Действует до", "Завершено"],
        "gain": "+2 сеанса и +8 баз на 7 дней",
        "you": "(вы)",
        "runs": "ещё действует",
        "copied": "Сводка скопирована.",
        "left": "лимит станет 1 база, занято 5 — на 4 больше; новые создать будет нельзя, данные сохранятся",
        "lines": [
            "Абонент: ООО «Проба», ",
            "Сводка на ",
            "Базы: 1 по тарифу + 8 по расширению; занято 5 из 9, свободно 4",
            "Данные на ",
            "№ 000000123: Расширена до ",
            "Обслуживающая организация: ООО «Учёт и Сервис», Москва, +7 495 123-45-67, help@uchet.example",
        ],
    },
    "en": {
        "history": "History of extensions",
        "summary": "Copy a summary",
        "heads": ["Subscription", "Extension", "Lasts until", "Ended"],
        "gain": "+2 sessions and +8 databases for 7 days",
        "you": "(you)",
        "runs": "still running",
        "copied": "The summary is copied.",
        "left": "The limit drops to 1 database; 5 are in use, 4 too many; no new ones can be made, your data is kept",
        "lines": [
            "Account: ООО «Проба», ",
            "Summary as of ",
            "Databases: 1 from the tariff + 8 from the extension; in use 5 of 9, 4 free",
            "Usage as of ",
            "No. 000000123: Extended until ",
            "Servicing organisation: ООО «Учёт и Сервис», Москва, +7 495 123-45-67, help@uchet.example",
        ],
    },
}


def button(cabinet: Cabinet, name: str) -> Any:
    return cabinet.page.get_by_role("button", name=WORDS[cabinet.lang][name])


def past(number: int, **change: Any) -> dict[str, Any]:
    """An extension of the history."""
    return {
        "id": f"e-{number}",
        "subscription_id": "S-20",
        "subscription_number": f"00000{number}",
        "period_starts_at": "2026-01-01T00:00:00Z",
        "state": "used",
        "terms": TERMS,
        "granted_at": "2026-02-01T09:00:00Z",
        "granted_by": f"U-{number}",
        "ends_at": "2026-02-08T09:00:00Z",
        "revoked_at": "2026-02-08T09:00:40Z",
    } | change


def pages(*answers: dict[str, Any]) -> Any:
    """Answers the history page by page."""
    waiting = list(answers)

    def prepared(page: Page) -> None:
        page.route(HISTORY, lambda route: route.fulfill(json=waiting.pop(0)))

    return prepared


def test_the_second_file_is_small_and_comes_when_it_is_asked_for(open_page: OpenPage) -> None:
    """Nothing of it before; then the file and one page of the history; closing and opening again asks the history."""
    assert len(gzip.compress(FILE.read_bytes(), 9)) <= 8 * 1024
    cabinet = open_page("U-4", "A-200")
    expect(cabinet.table).to_be_visible()
    assert (cabinet.count("GET", "-extras.js"), cabinet.count("GET", "/extensions")) == (0, 0)
    history = button(cabinet, "history")
    expect(history).to_have_attribute("aria-expanded", "false")
    history.click()
    expect(history).to_have_attribute("aria-expanded", "true")
    expect(cabinet.page.get_by_text("Подписки ещё не расширяли.")).to_be_visible()
    history.click()
    expect(history).to_have_attribute("aria-expanded", "false")
    expect(cabinet.page.get_by_text("Подписки ещё не расширяли.")).to_have_count(0)
    assert (cabinet.count("GET", "-extras.js"), cabinet.count("GET", "/extensions")) == (1, 1)


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_an_owner_extends_reads_the_history_and_copies_the_summary(
    cloud: Cloud, open_page: OpenPage, sound: Sound, lang: str
) -> None:
    """The story on the real cloud: extended, five databases told, who and until when, and all of it as text."""
    word = WORDS[lang]
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id, lang=lang, permissions=["clipboard-read", "clipboard-write"])
    page = cabinet.page
    button(cabinet, "history").click()
    expect(button(cabinet, "history")).to_have_attribute("aria-expanded", "true")
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()

    # an open history follows what the list tells
    history = page.get_by_role("table", name=word["history"])
    expect(history.get_by_role("columnheader")).to_have_text(word["heads"])
    expect(history.get_by_role("row")).to_have_count(2)
    for text in ("Базовый", "000000123", word["gain"], f"{account.owner} {word['you']}", word["runs"]):
        expect(history.get_by_role("row").last).to_contain_text(text.replace("2 ", "2\u00a0").replace("8 ", "8\u00a0"))
    sound(page)

    cloud.event("UsageChanged", {"account_id": account.id, "sessions": 1, "databases": 5, "changed_at": now()})
    path = f"/accounts/{account.id}/subscriptions"
    cloud.until(lambda: cloud.api(account.owner, "GET", path).json()["limits"]["databases"]["used"] == 5)
    cabinet.element.evaluate("element => element.refresh()")
    expect(page.get_by_role("region")).to_contain_text(word["left"].replace("1 ", "1\u00a0", 1))
    button(cabinet, "summary").click()
    expect(page.get_by_role("status").filter(has_text=word["copied"])).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    for line in [*word["lines"], account.id, word["left"]]:
        assert line in copied.replace("\u00a0", " ")
    expect(page.get_by_role("textbox")).to_have_value(copied)
    sound(page)


def test_the_history_has_a_heading_and_stands_above_the_contact(open_page: OpenPage) -> None:
    """Right below its button: what it is, the table, then whom to turn to."""
    cabinet = open_page("U-4", "A-200", before=pages({"extensions": [past(1)], "next_token": None}))
    button(cabinet, "history").click()
    heading = cabinet.page.get_by_role("heading", name="История расширений")
    history = cabinet.page.get_by_role("table", name="История расширений")
    contact = cabinet.page.get_by_role("heading", name="Нужно больше или на постоянной основе?")
    expect(history).to_be_visible()
    tops = [box(one)["y"] for one in (button(cabinet, "history"), heading, history, contact)]
    assert tops == sorted(tops)


@pytest.mark.parametrize("contact", [None, dict.fromkeys(("name", "city", "phone", "email", "site"))])
def test_a_summary_of_an_account_without_a_contact_has_no_line_for_it(open_page: OpenPage, contact: Any) -> None:
    """It ends in the last thing that there is to say."""

    def without(page: Page) -> None:
        def answer(route: Route) -> None:
            reply = route.fetch()
            body = reply.json()
            body["account"]["servicing_organization"] = contact
            route.fulfill(response=reply, json=body)

        page.route("**/subscriptions", answer)

    cabinet = open_page("U-4", "A-200", before=without)
    button(cabinet, "summary").click()
    text = cabinet.page.get_by_role("textbox").input_value()
    assert "Абонент: " in text
    assert "Обслуживающая организация" not in text
    assert text == text.strip()


@pytest.mark.parametrize("window", ["offer", "details"])
def test_a_window_without_the_second_file_can_be_tried_again(
    cloud: Cloud, open_page: OpenPage, sound: Sound, window: str
) -> None:
    """It opens, says that there is no connection, and asks again for the file: nothing is granted unseen."""
    account = cloud.an_account()
    if window == "details":
        cloud.extend(account)
    cabinet = open_page(account.owner, account.id)
    cabinet.page.route(EXTRAS, lambda route: route.abort())
    (cabinet.extended if window == "details" else cabinet.extend).click()
    expect(cabinet.dialog).to_contain_text("Нет связи с сервисом")
    expect(cabinet.confirm).to_have_count(0)
    sound(cabinet.page)
    cabinet.page.keyboard.press("Escape")
    expect(cabinet.dialog).to_be_hidden()
    (cabinet.extended if window == "details" else cabinet.extend).click()
    expect(cabinet.dialog).to_contain_text("Нет связи с сервисом")
    from_the_api(cabinet.page, EXTRAS)
    cabinet.dialog.get_by_role("button", name="Повторить").click()
    expect(cabinet.dialog).to_contain_text("+8\u00a0баз")
    expect(cabinet.dialog).not_to_contain_text("Нет связи")
    expect(cabinet.confirm).to_have_count(0 if window == "details" else 1)
    assert cabinet.count("GET", "/extension-offer") == (0 if window == "details" else 3)


def test_a_refusal_that_comes_before_the_second_file_is_told_with_all_it_brings(open_page: OpenPage) -> None:
    """The extension that another owner has taken is drawn by that file."""
    used = past(1)
    cabinet = open_page("U-4", "A-200")
    held = Held(cabinet.page, "**/extending-subscription-extras*")
    body = {"code": "already_used", "status": 409, "extension": used}
    cabinet.page.route("**/extension-offer", lambda route: route.fulfill(status=409, json=body))
    with cabinet.page.expect_response("**/extension-offer"):
        cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("Загружаем…")
    held.first().continue_()
    expect(cabinet.dialog.get_by_role("heading", name="Расширение уже использовано")).to_be_visible()
    expect(cabinet.dialog).to_contain_text(used["granted_by"])


def test_the_history_has_pages(open_page: OpenPage, sound: Sound) -> None:
    """The next one is asked for on demand; a subscription that is gone and one not taken back yet have their words."""
    first = {"extensions": [past(1), past(2, subscription_id="S-9", subscription_number=None)], "next_token": "a b"}
    second = {"extensions": [past(3, revoked_at=None)], "next_token": "c"}
    third = {"extensions": [past(4)], "next_token": None}
    cabinet = open_page("U-4", "A-200", before=pages(first, second, third), viewport=NARROW)
    button(cabinet, "history").click()
    history = cabinet.page.get_by_role("table", name="История расширений")
    expect(history.get_by_role("row")).to_have_count(3)
    sound(cabinet.page)
    more = cabinet.page.get_by_role("button", name="Показать ещё")
    more.click()
    expect(history.get_by_role("row")).to_have_count(4)
    assert cabinet.count("GET", "next_token=a%20b") == 1
    rows = history.get_by_role("row")
    for text in (
        "ПРОФ",
        "000001",
        "период с 1 янв. 2026 г.",
        "U-1",
        "1 февраля 2026 г., 14:00 (Екатеринбург)",
        "8 февраля",
    ):
        expect(rows.nth(1)).to_contain_text(text)
    expect(rows.nth(2)).to_contain_text("S-9")
    expect(rows.nth(3)).to_contain_text("срок истёк, в лимитах не учитывается")
    more.click()
    expect(rows).to_have_count(5)
    assert cabinet.count("GET", "next_token=c") == 1, "the page that follows the last, not the second once more"
    expect(more).to_have_count(0)
    assert cabinet.focused() == "title", "the button is gone, the focus is not lost"


def test_a_refusal_is_told_without_the_second_file(open_page: OpenPage) -> None:
    """It needs nothing of it, and is what the owner must know."""
    cabinet = open_page("U-4", "A-200")
    cabinet.page.route(EXTRAS, lambda route: route.abort())
    cabinet.page.route("**/extension-offer", refusal("finished", 409))
    cabinet.extend.click()
    expect(cabinet.dialog.get_by_role("heading", name="Подписка завершена")).to_be_visible()


def test_two_presses_while_the_second_file_comes_open_the_history_once(open_page: OpenPage) -> None:
    """The second one closes nothing; that something comes is said meanwhile."""
    cabinet = open_page("U-4", "A-200")
    held = Held(cabinet.page, EXTRAS)
    button(cabinet, "history").dblclick()
    expect(cabinet.page.get_by_role("status").filter(has_text="Загружаем…")).to_be_visible()
    held.first().continue_()
    expect(cabinet.page.get_by_text("Подписки ещё не расширяли.")).to_be_visible()
    assert cabinet.count("GET", "/extensions") == 1


def test_each_of_two_buttons_pressed_while_the_second_file_comes_does_its_part(open_page: OpenPage) -> None:
    """And what one of them tells is not wiped out by the other's answer."""
    cabinet = open_page("U-4", "A-200", permissions=["clipboard-read", "clipboard-write"])
    file, history = Held(cabinet.page, EXTRAS), Held(cabinet.page, HISTORY)
    button(cabinet, "history").click()
    button(cabinet, "summary").click()
    file.first().continue_()
    late = history.first()
    copied = cabinet.page.get_by_role("status").filter(has_text="Сводка скопирована.")
    expect(copied).to_be_visible()
    late.fulfill(json={"extensions": [past(1)], "next_token": None})
    expect(cabinet.page.get_by_role("table", name="История расширений")).to_be_visible()
    expect(copied).to_be_visible()


def test_a_second_file_that_failed_for_another_account_says_nothing_here(open_page: OpenPage) -> None:
    """What it was wanted for is gone."""
    cabinet = open_page("U-4", "A-200")
    held = Held(cabinet.page, EXTRAS)
    button(cabinet, "history").click()
    late = held.first()
    cabinet.element.evaluate("element => element.setAttribute('account-id', 'A-300')")
    expect(cabinet.page.get_by_text("A-300")).to_be_visible()
    with arriving(cabinet.page, "extending-subscription-extras", "requestfailed"):
        late.abort()
    expect(cabinet.page.get_by_text("Нет связи с сервисом")).to_have_count(0)


def test_a_history_that_fails_can_be_asked_for_again(open_page: OpenPage, sound: Sound) -> None:
    """What is there stays; the page that failed is asked for again."""
    cabinet = open_page("U-4", "A-200")
    cabinet.page.route(HISTORY, lambda route: route.abort())
    button(cabinet, "history").click()
    said = cabinet.page.get_by_role("status").filter(
        has_text="Нет связи с сервисом. Проверьте подключение и повторите."
    )
    expect(said).to_be_visible()
    sound(cabinet.page)
    pages({"extensions": [past(1)], "next_token": "2"})(cabinet.page)
    cabinet.retry.click()
    history = cabinet.page.get_by_role("table", name="История расширений")
    expect(history.get_by_role("row")).to_have_count(2)
    expect(said).to_have_count(0)

    cabinet.page.route(HISTORY, lambda route: route.fulfill(status=503, json={}))
    cabinet.page.get_by_role("button", name="Показать ещё").click()
    expect(cabinet.page.get_by_role("status").filter(has_text="Сервис временно не отвечает")).to_be_visible()
    pages({"extensions": [past(2)], "next_token": None})(cabinet.page)
    cabinet.retry.click()
    expect(history.get_by_role("row")).to_have_count(3)


def test_a_history_that_is_refused_says_why(open_page: OpenPage) -> None:
    """No retry: it would help nothing."""
    cabinet = open_page("U-4", "A-200")
    cabinet.page.route(HISTORY, refusal("view_not_allowed", 403))
    button(cabinet, "history").click()
    expect(cabinet.page.get_by_role("status").filter(has_text="Нет доступа к подпискам")).to_be_visible()
    expect(cabinet.retry).to_have_count(0)


def test_a_second_file_that_did_not_come_is_asked_for_again(open_page: OpenPage) -> None:
    """The page says so; the next press loads it."""
    cabinet = open_page("U-4", "A-200")
    cabinet.page.route(EXTRAS, lambda route: route.abort())
    button(cabinet, "history").click()
    expect(cabinet.page.get_by_role("paragraph").filter(has_text="Нет связи с сервисом")).to_be_visible()
    from_the_api(cabinet.page, EXTRAS)
    button(cabinet, "history").click()
    expect(cabinet.page.get_by_text("Подписки ещё не расширяли.")).to_be_visible()
    expect(cabinet.page.get_by_text("Нет связи с сервисом")).to_have_count(0)


def test_a_history_that_could_not_follow_the_list_begins_anew(cloud: Cloud, open_page: OpenPage) -> None:
    """A retry asks for what failed, the newest, and not for the page after those that are there."""
    account = cloud.an_account()
    old = {"extensions": [past(1)], "next_token": "b"}
    cabinet = open_page(account.owner, account.id, before=pages(old))
    button(cabinet, "history").click()
    rows = cabinet.page.get_by_role("table", name="История расширений").get_by_role("row")
    expect(rows).to_have_count(2)
    cabinet.page.route(HISTORY, lambda route: route.abort())
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    expect(cabinet.page.get_by_role("status").filter(has_text="Нет связи с сервисом")).to_be_visible()
    pages({"extensions": [past(2), past(1)], "next_token": None})(cabinet.page)
    cabinet.retry.click()
    expect(rows).to_have_count(3)
    assert cabinet.count("GET", "next_token=b") == 0


def test_another_account_closes_history_and_summary(open_page: OpenPage) -> None:
    """And a late page of the former one is dropped."""
    cabinet = open_page("U-4", "A-200")
    button(cabinet, "summary").click()
    expect(cabinet.page.get_by_role("textbox")).to_be_visible()
    held = Held(cabinet.page, "**/extensions?*")
    button(cabinet, "history").click()
    expect(cabinet.page.get_by_role("status").filter(has_text="Загружаем…")).to_be_visible()
    late = held.first()
    cabinet.element.evaluate("element => element.setAttribute('account-id', 'A-300')")
    expect(cabinet.page.get_by_text("A-300")).to_be_visible()
    expect(cabinet.page.get_by_role("textbox")).to_have_count(0)
    with arriving(cabinet.page, "/extensions?"):
        late.fulfill(json={"extensions": [past(1)], "next_token": None})
    expect(cabinet.page.get_by_role("table")).to_have_count(1)
    expect(button(cabinet, "history")).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_where_there_is_no_clipboard_the_text_is_selected(open_page: OpenPage, sound: Sound, lang: str) -> None:
    """An insecure page, or one that may not write: the owner is told, and copies by hand."""

    def without(page: Page) -> None:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")

    cabinet = open_page("U-4", "A-200", lang=lang, before=without)
    button(cabinet, "summary").click()
    told = {"ru": "Скопировать не удалось. Текст выделен", "en": "It could not be copied. The text is selected"}[lang]
    expect(cabinet.page.get_by_role("status").filter(has_text=told)).to_be_visible()
    text = cabinet.page.get_by_role("textbox")
    selected = "text => text.value.slice(text.selectionStart, text.selectionEnd)"
    assert text.evaluate(selected) == text.input_value()
    assert "A-200" in text.input_value()
    sound(cabinet.page)


def test_another_language_takes_the_summary_of_the_former_one_away(open_page: OpenPage) -> None:
    """The history is drawn again and asks nothing."""
    cabinet = open_page("U-4", "A-200", before=pages({"extensions": [past(1)], "next_token": None}))
    button(cabinet, "summary").click()
    expect(cabinet.page.get_by_role("textbox")).to_be_visible()
    button(cabinet, "history").click()
    expect(cabinet.page.get_by_role("table")).to_have_count(2)
    asked = len(cabinet.asked)
    cabinet.element.evaluate("element => { element.lang = 'en' }")
    expect(cabinet.page.get_by_role("table", name="History of extensions")).to_be_visible()
    expect(cabinet.page.get_by_role("textbox")).to_have_count(0)
    assert len(cabinet.asked) == asked


def test_history_and_summary_are_reached_with_the_keyboard(open_page: OpenPage) -> None:
    """A button each, and the focus stays where it was."""
    cabinet = open_page("U-4", "A-200", permissions=["clipboard-read", "clipboard-write"])
    expect(cabinet.table).to_be_visible()
    button(cabinet, "history").focus()
    cabinet.page.keyboard.press("Enter")
    expect(cabinet.page.get_by_text("Подписки ещё не расширяли.")).to_be_visible()
    assert cabinet.focused() == "history"
    cabinet.page.keyboard.press("Tab")
    cabinet.page.keyboard.press("Space")
    expect(cabinet.page.get_by_text("Сводка скопирована.")).to_be_visible()
    assert cabinet.focused() == "summary"
