"""The way of an owner through the windows, on the local cloud with its real API."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Locator, expect

from devkit.builders import CONTACT
from tests.browser.conftest import OpenPage, Sound, answering, listed, report_usage
from tests.conftest import Cloud

# In English, then in Russian, as the page goes on in the latter.
WORDS: dict[str, dict[str, Any]] = {
    "en": {
        "window": "Tariff subscriptions",
        "terms": ["Extend the subscription", "+2\u00a0sessions", "+8\u00a0databases", "7 days", "2 → 4", "1 → 9"],
        "left": "The limit drops to 1 database; 5 are in use, 4 too many; no new ones can be made, your data is kept",
        "limits": ["2 from the tariff + 2 from the extension", "in use5 of 94 free"],
        "time": "6 days 23 hours left",
        "past": ["000000123", "+2\u00a0sessions and +8\u00a0databases for 7 days", "(you)", "still running"],
        "copied": "The summary is copied.",
        "summary": ["Databases: 1 from the tariff + 8 from the extension; in use 5 of 9, 4 free", "Extended until "],
        "details": "The extension",
    },
    "ru": {
        "window": "Подписки на тарифы",
        "terms": ["Расширение подписки", "+2\u00a0сеанса", "+8\u00a0баз", "7 дней", "2 → 4", "1 → 9"],
        "left": "лимит станет 1 база, занято 5 — на 4 больше; новые создать будет нельзя, данные сохранятся",
        "limits": ["2 по тарифу + 2 по расширению", "занято5 из 9свободно 4"],
        "time": "ещё 6 дней 23 часа",
        "past": ["000000123", "+2\u00a0сеанса и +8\u00a0баз на 7 дней", "(вы)", "ещё действует"],
        "copied": "Сводка скопирована.",
        "summary": ["Базы: 1 по тарифу + 8 по расширению; занято 5 из 9, свободно 4", "Расширена до "],
        "details": "Параметры расширения",
    },
}


def instants(shown: Locator) -> list[str]:
    return list(shown.get_by_role("time").evaluate_all("all => all.map((time) => time.dateTime)"))


def test_an_owner_goes_from_the_applications_to_an_extended_subscription(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """List, link, confirmation, decline, extend, till when, parameters, history, summary, in both languages."""
    account = cloud.an_account()
    report_usage(cloud, account, sessions=1, databases=5)
    cabinet = open_page(account.owner, account.id, path="/", permissions=["clipboard-read", "clipboard-write"])
    page, dialog, link = cabinet.page, cabinet.dialog, f"x-{account.subscription}"
    page.evaluate("document.addEventListener('extension-granted', (event) => { window.announced = event.detail })")

    # From the applications to the window with the subscriptions.
    expect(page.get_by_role("heading", name="Мои приложения")).to_be_visible()
    sound(page)
    page.get_by_role("link", name="Личный кабинет").click()
    expect(page.get_by_text("Активные подписки")).to_be_visible()
    assert cabinet.count("GET", "/api/") == 0
    page.get_by_role("link", name="показать все").click()

    # The link, and what it asks. What the end will leave is shown before the extension is spent.
    cabinet.extend.click()
    for lang, word in WORDS.items():
        cabinet.speak(lang)
        expect(page.get_by_role("heading", name=word["window"], include_hidden=True)).to_be_attached()
        for text in [*word["terms"], word["left"]]:
            expect(dialog).to_contain_text(text)
    sound(page)

    # Declining leaves no trace.
    dialog.get_by_role("button", name="Отмена").click()
    assert cabinet.focused() == link
    assert listed(cloud, account)["subscriptions"][0]["extension"]["state"] == "available"
    cabinet.history.click()
    cabinet.extend.click()
    cabinet.confirm.click()

    # The column says till when, and so do the limits; the page around is informed, an open history follows.
    expect(cabinet.extended).to_be_visible()
    extension = listed(cloud, account)["subscriptions"][0]["extension"]
    assert instants(cabinet.extended) == [extension["ends_at"]]
    assert cabinet.focused() == link
    assert page.evaluate("window.announced") == {
        "account_id": account.id,
        "subscription_id": account.subscription,
        "created": True,
        "extension": extension,
    }
    for lang, word in WORDS.items():
        cabinet.speak(lang)
        expect(cabinet.table.first).to_contain_text(word["time"])
        for text in [*word["limits"], word["left"]]:
            expect(cabinet.limits).to_contain_text(text)
        for text in [*word["past"], account.owner]:
            expect(cabinet.past.get_by_role("row").last).to_contain_text(text)
        cabinet.summary.click()
        expect(cabinet.status(word["copied"])).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        for line in [*word["summary"], account.id, CONTACT["email"], word["left"]]:
            assert line in copied.replace("\u00a0", " ")
        expect(cabinet.element.get_by_role("textbox")).to_have_value(copied)
    sound(page)

    # A click on the column shows the parameters.
    cabinet.extended.click()
    for lang, word in WORDS.items():
        cabinet.speak(lang)
        expect(dialog.get_by_role("heading", name=word["details"])).to_be_visible()
        for text in [*word["terms"][1:4], account.owner]:
            expect(dialog).to_contain_text(text)
        assert instants(dialog) == [extension["granted_at"], extension["ends_at"]]
    sound(page)
    dialog.get_by_role("button", name="Закрыть").click()
    assert cabinet.focused() == link


def test_an_extension_is_watched_until_the_schedule_has_taken_it_back(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """The row turns to "was extended" and the limits fall at the end itself; the revocation follows."""
    # Not the seed's «Демо»: the demo page's own tests play with that one.
    account = cloud.an_account(name="Демо", extension_terms={"sessions": 2, "databases": 8, "duration": "PT90S"})
    cabinet = open_page(account.owner, account.id)
    page = cabinet.page
    page.evaluate("window.same = true")
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("90 секунд")
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    expect(cabinet.limits).to_contain_text("2 по расширению")
    notice = cabinet.element.locator(".notice.good")
    expect(notice).to_contain_text("расширена до")

    used = cabinet.table.get_by_role("button", name="Была расширена до")
    expect(used).to_be_visible(timeout=150_000)
    expect(cabinet.limits).not_to_contain_text("по расширению")
    expect(notice).to_have_count(0)
    sound(page)
    used.click()
    revoked = cabinet.dialog.locator("dl > div", has_text="Завершено").get_by_role("time")
    expect(revoked).to_be_visible(timeout=150_000)
    assert page.evaluate("window.same"), "without a reload"


def test_each_role_sees_what_it_may(cloud: Cloud, open_page: OpenPage, sound: Sound) -> None:
    """Viewing is an administrator's right too, extending is the owner's; others read who may look.

    A stranger sees of an existing account what is seen of one that does not exist.
    """
    account = cloud.an_account()
    administrator = open_page(account.administrator, account.id)
    expect(administrator.table).to_contain_text("Базовый")
    expect(administrator.extend).to_have_count(0)
    expect(administrator.table.get_by_text("Расширить может только владелец")).to_be_attached()
    expect(administrator.page.get_by_text("Попросите владельца абонента открыть эту страницу")).to_be_visible()
    sound(administrator.page)

    user = open_page(account.user, account.id)
    expect(user.page.get_by_role("heading", name="Нет доступа к подпискам")).to_be_visible()
    expect(user.page.get_by_text("Их видят владелец и администраторы абонента")).to_be_visible()
    expect(user.table).to_have_count(0)

    stranger, seen = open_page("U-9", account.id), []
    for account_id in (account.id, "A-that-never-was"):
        stranger.go_to(account_id)
        expect(stranger.page.get_by_role("heading", name="Абонент не найден")).to_be_visible()
        seen.append(stranger.element.evaluate("element => element.shadowRoot.textContent"))
    assert seen[0] == seen[1]
    assert account.id not in seen[0]


def test_the_demo_page_lets_one_play_with_events_usage_and_time(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """Reports of the service manager go in, the component follows, and events out are shown."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id, path="/")
    page = cabinet.page
    page.get_by_role("link", name="Личный кабинет").click()
    page.get_by_role("link", name="показать все").click()
    page.get_by_text("Для разработчика: события").click()
    expect(page.get_by_label("Событие", exact=True)).to_have_value(re.compile(account.subscription))
    page.get_by_role("button", name="Отправить").click()
    expect(cabinet.status("Принято: 202")).to_be_visible()
    cloud.until(lambda: listed(cloud, account)["subscriptions"][0]["extension"]["terms"]["sessions"] == 3)
    before = listed(cloud, account)["subscriptions"][0]

    page.get_by_label("Занято сеансов").fill("3")
    page.get_by_label("Занято баз").fill("5")
    page.get_by_role("button", name="Применить").click()
    expect(cabinet.status("Применено")).to_be_visible()
    expect(cabinet.limits).to_contain_text("больше лимита на 4")
    sound(page)

    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("+3 сеанса")
    cabinet.confirm.click()
    entries = page.get_by_role("listitem").filter(has_text=account.id)
    cloud.until(lambda: cloud.events_out(account.id))
    expect(entries.filter(has_text="ExtensionGranted").first).to_be_visible()  # Another test may have it repeated.
    expect(entries.filter(has_text="extension-granted")).to_be_visible()

    page.get_by_role("button", name="Продлить подписку").click()
    expect(cabinet.extend).to_be_visible()
    expect(cabinet.limits).to_contain_text("Лимиты изменятся")
    renewed = listed(cloud, account)["subscriptions"][0]
    assert renewed["starts_at"] > before["starts_at"]
    assert renewed["extension"] == {"state": "available", "terms": before["extension"]["terms"]}

    pressed = datetime.now(UTC).replace(microsecond=0)
    page.get_by_role("button", name="Завершить через минуту").click()
    expect(cabinet.limits).to_contain_text("Конец подписки")
    ends_at = datetime.fromisoformat(listed(cloud, account)["subscriptions"][0]["ends_at"])
    assert pressed <= ends_at - timedelta(minutes=1) <= datetime.now(UTC)

    # Not the real one: another test may be in the middle of the demo account's story.
    page.route("**/reset?account=A-500", answering(json={"restored": True}))
    page.get_by_role("button", name="Начать демо сначала").click()
    expect(cabinet.status("можно расширять снова")).to_be_visible()
    expect(page.get_by_label("Абонент", exact=True)).to_have_value("A-500")
    # The whole text: an id of an event, hidden beside it, may hold "a-500".
    expect(page.get_by_text("A-500", exact=True)).to_be_visible()

    # To another user, one of two accounts.
    page.get_by_label("Пользователь").select_option("U-4")
    page.get_by_role("link", name="Личный кабинет").click()
    page.get_by_label("Абонент", exact=True).select_option("A-300")
    page.get_by_role("link", name="показать все").click()
    expect(page.get_by_text("A-300", exact=True)).to_be_visible()
    expect(cabinet.table.get_by_text("Для этого тарифа расширение не предусмотрено")).to_be_attached()
