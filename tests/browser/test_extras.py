"""The second file: what a window shows, history and summary, loaded when they are asked for."""

from playwright.sync_api import Page, expect

from tests.browser.answers import BASE, EXTENDABLE, a_list, extended, offer, past, row
from tests.browser.conftest import (
    EXTRAS,
    HISTORY,
    NARROW,
    OFFER,
    Held,
    Show,
    Sound,
    answer_history,
    answering,
    arriving,
    box,
    refusal,
)

NONE = "Подписки ещё не расширяли."
OFFLINE = "Нет связи с сервисом"
MORE = "Показать ещё"


def test_the_second_file_comes_when_it_is_asked_for_and_once(show: Show) -> None:
    """Two presses while it comes open the history once; each of two buttons pressed meanwhile does its part.

    The page says that it loads, and the message of one button is not wiped out by the other's answer.
    """
    cabinet = show(EXTENDABLE, permissions=["clipboard-read", "clipboard-write"])
    assert (cabinet.count("GET", "-extras.js"), cabinet.count("GET", "/extensions")) == (0, 0)
    file, history = Held(cabinet.page, EXTRAS), Held(cabinet.page, HISTORY)
    expect(cabinet.history).to_have_attribute("aria-expanded", "false")
    cabinet.history.dblclick()
    cabinet.summary.click()
    expect(cabinet.status("Загружаем…")).to_be_visible()
    file.route().continue_()
    expect(cabinet.history).to_have_attribute("aria-expanded", "true")
    late = history.route()
    copied = cabinet.status("Сводка скопирована.")
    expect(copied).to_be_visible()
    late.fallback()
    expect(cabinet.page.get_by_text(NONE)).to_be_visible()
    expect(copied).to_be_visible()
    cabinet.history.click()
    expect(cabinet.history).to_have_attribute("aria-expanded", "false")
    expect(cabinet.page.get_by_text(NONE)).to_have_count(0)
    assert (cabinet.count("GET", "-extras.js"), cabinet.count("GET", "/extensions")) == (1, 1)


def test_a_second_file_that_did_not_come_is_asked_for_again(show: Show) -> None:
    """The page says so, and the next press loads it; after a change of account it says no more of it."""
    cabinet = show(EXTENDABLE)
    page = cabinet.page
    page.route(EXTRAS, lambda route: route.abort())
    cabinet.history.click()
    expect(page.get_by_role("paragraph").filter(has_text=OFFLINE)).to_be_visible()
    held = Held(page, EXTRAS)
    cabinet.history.click()
    late = held.route()
    cabinet.go_to("A-2")
    expect(cabinet.table).to_be_visible()
    with arriving(page, "extending-subscription-extras", "requestfailed"):
        late.abort()
    expect(page.get_by_text(OFFLINE)).to_have_count(0)
    page.route(EXTRAS, lambda route: route.continue_())
    cabinet.history.click()
    expect(page.get_by_text(NONE)).to_be_visible()


def test_a_window_without_the_second_file_can_be_tried_again(show: Show, sound: Sound) -> None:
    """It opens, says that there is no connection, and asks again for the file: nothing is granted unseen.

    A refusal needs nothing of it, and is what the owner must know.
    """
    used = a_list(*BASE, None, [row(extension=extended(state="used"))])
    cabinet = show(used, prepare=lambda page: page.route(EXTRAS, lambda route: route.abort()))
    cabinet.table.get_by_role("button", name="Была расширена до").click()
    expect(cabinet.dialog).to_contain_text(OFFLINE)
    cabinet.escape()

    cabinet.show(EXTENDABLE)
    cabinet.page.route(OFFER, refusal("finished", 409))
    cabinet.extend.click()
    expect(cabinet.dialog.get_by_role("heading", name="Подписка завершена")).to_be_visible()
    cabinet.page.route(OFFER, answering(json=offer()))
    for _ in range(2):
        cabinet.escape()
        cabinet.extend.click()
        expect(cabinet.dialog).to_contain_text(OFFLINE)
        expect(cabinet.confirm).to_have_count(0)
    sound(cabinet.page)
    cabinet.page.route(EXTRAS, lambda route: route.continue_())
    cabinet.retry.click()
    expect(cabinet.dialog).to_contain_text("+8\u00a0баз")
    expect(cabinet.dialog).not_to_contain_text(OFFLINE)
    expect(cabinet.confirm).to_be_visible()


def test_the_history_has_pages(show: Show, sound: Sound) -> None:
    """The next one is asked for on demand; a subscription that is gone and one not revoked yet have their words.

    It stands below its button, with a heading, and above the contact.
    """
    cabinet = show(a_list(account={"time_zone": "Asia/Yekaterinburg"}), viewport=NARROW)
    page, rows = cabinet.page, cabinet.past.get_by_role("row")
    gone = past(2, subscription_id="S-9", subscription_number=None)
    answer_history(page, [past(1), gone], [past(3, revoked_at=None)], [past(4)])
    cabinet.history.click()
    expect(rows).to_have_count(3)
    heading = page.get_by_role("heading", name="История расширений")
    contact = page.get_by_role("heading", name="Нужно больше или на постоянной основе?")
    tops = [box(one)["y"] for one in (cabinet.history, heading, cabinet.past, contact)]
    assert tops == sorted(tops)
    sound(page)
    more = page.get_by_role("button", name=MORE)
    more.click()
    expect(rows).to_have_count(4)
    for text in ("Базовый", "000001", "период с 1 янв. 2026 г.", "U-1", "1 февраля 2026 г., 14:00 (Екатеринбург)"):
        expect(rows.nth(1)).to_contain_text(text)
    expect(rows.nth(2)).to_contain_text("S-9")
    expect(rows.nth(3)).to_contain_text("срок истёк, в лимитах не учитывается")
    more.click()
    expect(rows).to_have_count(5)
    assert [cabinet.count("GET", f"next_token={token}") for token in (1, 2)] == [1, 1]
    expect(more).to_have_count(0)
    assert cabinet.focused() == "title", "the button is gone, the focus is not lost"


def test_a_history_that_fails_can_be_asked_for_again(show: Show, sound: Sound) -> None:
    """The rows stay; the page that failed is asked for again, or the newest one where the list has changed since."""
    cabinet = show(a_list())
    page, rows = cabinet.page, cabinet.past.get_by_role("row")
    page.route(HISTORY, lambda route: route.abort())
    cabinet.history.click()
    offline = cabinet.status(f"{OFFLINE}. Проверьте подключение и повторите.")
    expect(offline).to_be_visible()
    sound(page)
    answer_history(page, [past(1)], [])
    cabinet.retry.click()
    expect(rows).to_have_count(2)
    expect(offline).to_have_count(0)

    page.route(HISTORY, answering(status=503, json={}))
    page.get_by_role("button", name=MORE).click()
    expect(cabinet.status("Сервис временно не отвечает")).to_be_visible()
    answer_history(page, [past(1)], [past(2)], [])
    cabinet.retry.click()
    expect(rows).to_have_count(3)
    assert cabinet.count("GET", "next_token=1") == 2

    page.route(HISTORY, lambda route: route.abort())
    cabinet.show(a_list(rows=[row(extension=extended(id="e-3"))]))
    expect(cabinet.status(OFFLINE)).to_be_visible()
    answer_history(page, [past(3), past(2), past(1)])
    cabinet.retry.click()
    expect(rows).to_have_count(4)
    assert cabinet.count("GET", "next_token=1") == 2

    page.route(HISTORY, refusal("view_not_allowed", 403))
    cabinet.history.click()
    cabinet.history.click()
    expect(cabinet.status("Нет доступа к подпискам")).to_be_visible()
    expect(cabinet.retry).to_have_count(0)


def test_where_there_is_no_clipboard_the_text_is_selected(show: Show, sound: Sound) -> None:
    """An insecure page, or one that may not write: the owner copies by hand. Another language takes the text away."""

    def without(page: Page) -> None:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")

    cabinet = show(a_list(), prepare=without)
    text = cabinet.page.get_by_role("textbox")
    answer_history(cabinet.page, [past(1)])
    cabinet.history.click()
    for lang, message in {
        "ru": "Скопировать не удалось. Текст выделен",
        "en": "It could not be copied. The text is selected",
    }.items():
        cabinet.speak(lang)
        expect(cabinet.past).to_be_visible()
        expect(text).to_have_count(0)
        cabinet.summary.click()
        expect(cabinet.status(message)).to_be_visible()
        assert text.evaluate("text => text.value.slice(text.selectionStart, text.selectionEnd)") == text.input_value()
        assert "A-1" in text.input_value()
    assert cabinet.count("GET", "/extensions") == 1
    sound(cabinet.page)
