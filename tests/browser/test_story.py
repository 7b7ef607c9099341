"""The way of an owner through the windows, on the local cloud with its real API."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Sound
from tests.conftest import Cloud

MONTHS = {
    "ru": "- января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "en": "- January February March April May June July August September October November December",
}
WORDS: dict[str, dict[str, Any]] = {
    "ru": {
        "apps": "Мои приложения",
        "cabinet": "Личный кабинет",
        "active": "Активные подписки",
        "all": "показать все",
        "window": "Подписки на тарифы",
        "confirmation": "Расширение подписки",
        "terms": ["+2 сеанса", "+8 баз", "7 дней"],
        "cancel": "Отмена",
        "details": "Параметры расширения",
        "close": "Закрыть",
        "sessions": ["Сеансы", "4", "2 по тарифу + 2 по расширению"],
        "databases": ["Базы", "9", "1 по тарифу + 8 по расширению"],
        "left": "ещё 6 дней 23 часа",
        "place": "Москва",
        "once": "один раз за период действия подписки",
        "fixed": "изменить их нельзя",
    },
    "en": {
        "apps": "My applications",
        "cabinet": "My account",
        "active": "Active subscriptions",
        "all": "show all",
        "window": "Tariff subscriptions",
        "confirmation": "Extend the subscription",
        "terms": ["+2 sessions", "+8 databases", "7 days"],
        "cancel": "Cancel",
        "details": "The extension",
        "close": "Close",
        "sessions": ["Sessions", "4", "2 from the tariff + 2 from the extension"],
        "databases": ["Databases", "9", "1 from the tariff + 8 from the extension"],
        "left": "6 days 23 hours left",
        "place": "Moscow",
        "once": "once in the period of a subscription",
        "fixed": "they cannot be changed",
    },
}


def moment(instant: str, lang: str) -> str:
    """As the cabinet writes it: 29 ноября 2026 г., 13:00 (Москва)."""
    at = datetime.fromisoformat(instant).astimezone(ZoneInfo("Europe/Moscow"))
    year = f"{at.year} г." if lang == "ru" else at.year
    return f"{at.day} {MONTHS[lang].split()[at.month]} {year}, {at:%H:%M} ({WORDS[lang]['place']})"


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_an_owner_goes_from_the_applications_to_an_extended_subscription(
    cloud: Cloud, open_page: OpenPage, sound: Sound, lang: str
) -> None:
    """Steps 1 to 7: cabinet, list, link, confirmation, decline, extend, till when, parameters."""
    word = WORDS[lang]
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id, lang=lang, path="/")
    page, dialog = cabinet.page, cabinet.dialog

    # 1, 2: from the applications to the window with the subscriptions
    expect(page.get_by_role("heading", name=word["apps"])).to_be_visible()
    sound(page)
    page.get_by_role("link", name=word["cabinet"]).click()
    expect(page.get_by_text(word["active"])).to_be_visible()
    assert cabinet.count("GET", "/api/") == 0
    page.get_by_role("link", name=word["all"]).click()
    expect(page.get_by_role("heading", name=word["window"])).to_be_visible()

    # 3, 4: the link, and what it asks
    cabinet.extend.click()
    expect(dialog.get_by_role("heading", name=word["confirmation"])).to_be_visible()
    expect(dialog.get_by_role("listitem").filter(has_text="+")).to_have_count(2)
    for text in [*word["terms"], "2 → 4", "1 → 9", word["once"], word["fixed"]]:
        expect(dialog).to_contain_text(text)
    sound(page)

    # 5: declining leaves no trace
    dialog.get_by_role("button", name=word["cancel"]).click()
    expect(dialog).to_be_hidden()
    assert cabinet.focused() == f"x-{account.subscription}"
    listed = f"/accounts/{account.id}/subscriptions"
    assert cloud.api(account.owner, "GET", listed).json()["subscriptions"][0]["extension"]["state"] == "available"
    cabinet.extend.click()
    cabinet.confirm.click()

    # 6: the column says till when, and so do the limits
    expect(cabinet.extended).to_be_visible()
    extension = cloud.api(account.owner, "GET", listed).json()["subscriptions"][0]["extension"]
    till = moment(extension["ends_at"], lang)
    expect(cabinet.extended).to_contain_text(till)
    expect(cabinet.table).to_contain_text(word["left"])
    limits = page.get_by_role("region")
    for text in [*word["sessions"], *word["databases"], till]:
        expect(limits).to_contain_text(text)
    assert cabinet.focused() == f"x-{account.subscription}"
    sound(page)

    # 7: and a click on it tells the parameters
    cabinet.extended.click()
    expect(dialog.get_by_role("heading", name=word["details"])).to_be_visible()
    for text in [*word["terms"], till, moment(extension["granted_at"], lang), account.owner]:
        expect(dialog).to_contain_text(text)
    sound(page)
    dialog.get_by_role("button", name=word["close"]).click()
    assert cabinet.focused() == f"x-{account.subscription}"


def test_an_extension_is_watched_until_the_schedule_has_taken_it_back(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """The row turns to "was extended" and the limits fall at the end itself; the revocation is told once it has run."""
    # Not the seed's «Демо»: the demo page's own tests play with that one.
    account = cloud.an_account(name="Демо", extension_terms={"sessions": 2, "databases": 8, "duration": "PT90S"})
    cabinet = open_page(account.owner, account.id)
    page = cabinet.page
    page.evaluate("window.same = true")
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("90 секунд")
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    expect(cabinet.table).to_contain_text(re.compile("минут|секунд"))
    expect(page.get_by_role("region")).to_contain_text("2 по расширению")
    notice = cabinet.element.locator(".notice.good")
    expect(notice).to_contain_text("расширена до")

    used = cabinet.table.get_by_role("button", name="Была расширена до")
    expect(used).to_be_visible(timeout=150_000)
    expect(page.get_by_role("region")).not_to_contain_text("по расширению")
    expect(notice).to_have_count(0)
    sound(page)
    assert page.evaluate("window.same"), "without a reload"

    def expired() -> bool:
        return any(event["detail_type"] == "ExtensionExpired" for event in cloud.events_out(account.id))

    cloud.until(expired)
    used.click()
    revoked = cabinet.dialog.locator("dl > div", has_text="Завершено").get_by_role("time")
    expect(revoked).to_be_visible()
    sound(page)


def test_an_administrator_sees_everything_but_the_link(cloud: Cloud, open_page: OpenPage, sound: Sound) -> None:
    """Viewing is an administrator's right too; extending is the owner's."""
    account = cloud.an_account()
    cabinet = open_page(account.administrator, account.id)
    expect(cabinet.table).to_contain_text("Базовый")
    expect(cabinet.extend).to_have_count(0)
    expect(cabinet.table.get_by_text("Расширить может только владелец")).to_be_attached()
    expect(cabinet.page.get_by_text("Попросите владельца абонента открыть эту страницу")).to_be_visible()
    sound(cabinet.page)


def test_a_plain_user_is_told_who_may_look(cloud: Cloud, open_page: OpenPage, sound: Sound) -> None:
    """403 view_not_allowed: no list, and a next step."""
    account = cloud.an_account()
    cabinet = open_page(account.user, account.id)
    expect(cabinet.page.get_by_role("heading", name="Нет доступа к подпискам")).to_be_visible()
    expect(cabinet.page.get_by_text("Их видят владелец и администраторы абонента")).to_be_visible()
    expect(cabinet.table).to_have_count(0)
    sound(cabinet.page)


def test_a_stranger_learns_nothing_of_an_account(cloud: Cloud, open_page: OpenPage, sound: Sound) -> None:
    """Of an existing account a user without a role sees what is seen of one that does not exist."""
    account = cloud.an_account()
    seen = []
    for account_id in (account.id, "A-that-never-was"):
        cabinet = open_page("U-9", account_id)
        expect(cabinet.page.get_by_role("heading", name="Абонент не найден")).to_be_visible()
        seen.append(cabinet.element.evaluate("element => element.shadowRoot.textContent"))
    assert seen[0] == seen[1]
    assert account.id not in seen[0]
    sound(cabinet.page)


def test_a_user_of_two_accounts_changes_between_them(open_page: OpenPage, sound: Sound) -> None:
    """Each account has its own subscriptions, limits and reasons; what was of the other is gone."""
    cabinet = open_page("U-4", "A-200", path="/")
    page = cabinet.page
    page.get_by_role("link", name="Личный кабинет").click()
    page.get_by_role("link", name="показать все").click()
    expect(cabinet.table).to_contain_text("ПРОФ")
    for reason in ("Расширить можно только основную подписку", "Подписка ещё не началась", "Подписка завершена"):
        expect(cabinet.table.get_by_text(reason)).to_be_attached()
    sound(page)

    page.get_by_role("link", name="Личный кабинет").click()
    page.get_by_label("Абонент", exact=True).select_option("A-300")
    page.get_by_role("link", name="показать все").click()
    expect(page.get_by_text("ИП Морозова").last).to_be_visible()
    expect(cabinet.table.get_by_text("Для этого тарифа расширение не предусмотрено")).to_be_attached()
    expect(cabinet.table).not_to_contain_text("ПРОФ")


def test_no_limit_is_shown_in_words(open_page: OpenPage) -> None:
    """null in the API is "unlimited", not zero and not an empty place."""
    cabinet = open_page("U-6", "A-400", lang="en")
    expect(cabinet.page.get_by_role("region")).to_contain_text("unlimited")
    expect(cabinet.table).to_contain_text("Databases: unlimited")


def test_the_bench_of_the_demo_page_sends_an_event_and_shows_what_comes_out(
    cloud: Cloud, open_page: OpenPage, sound: Sound
) -> None:
    """A service-manager event goes in, the component follows, and a granted extension is seen on the bus."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id, path="/")
    page = cabinet.page
    page.get_by_role("link", name="Личный кабинет").click()
    page.get_by_role("link", name="показать все").click()
    page.get_by_text("Для разработчика: события").click()
    event = page.get_by_label("Событие", exact=True)
    expect(event).to_have_value(re.compile(account.subscription))
    sound(page)
    page.get_by_role("button", name="Отправить").click()
    expect(page.get_by_role("status").filter(has_text="Принято: 202")).to_be_visible()
    path = f"/accounts/{account.id}/subscriptions"
    cloud.until(
        lambda: cloud.api(account.owner, "GET", path).json()["subscriptions"][0]["extension"]["terms"]["sessions"] == 3
    )

    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("+3 сеанса")
    cabinet.confirm.click()
    granted = page.get_by_role("listitem").filter(has_text="ExtensionGranted").filter(has_text=account.id)
    cloud.until(lambda: cloud.events_out(account.id))
    expect(granted.first).to_be_visible()  # Another test may have had all of them announced again.
    expect(
        page.get_by_role("listitem").filter(has_text="extension-granted").filter(has_text=account.id)
    ).to_be_visible()


def test_the_demo_page_lets_one_play_with_usage_and_begin_anew(cloud: Cloud, open_page: OpenPage, sound: Sound) -> None:
    """What is told to be in use is on the bars at once; the reset asks for the demo account's, and goes there."""
    account = cloud.an_account()
    cabinet = open_page(account.owner, account.id, path="/")
    page = cabinet.page
    page.get_by_role("link", name="Личный кабинет").click()
    page.get_by_role("link", name="показать все").click()
    page.get_by_text("Для разработчика: события").click()
    page.get_by_label("Занято сеансов").fill("3")
    page.get_by_label("Занято баз").fill("5")
    page.get_by_role("button", name="Применить").click()
    expect(page.get_by_role("status").filter(has_text="Применено")).to_be_visible()
    expect(page.get_by_role("region")).to_contain_text("больше лимита на 1")
    expect(page.get_by_role("region")).to_contain_text("больше лимита на 4")
    sound(page)

    # Not the real one: another test may be in the middle of the demo account's story.
    page.route("**/reset?account=A-500", lambda route: route.fulfill(json={"forgotten": 1}))
    page.get_by_role("button", name="Начать демо сначала").click()
    expect(page.get_by_role("status").filter(has_text="можно расширять снова")).to_be_visible()
    expect(page.get_by_label("Абонент", exact=True)).to_have_value("A-500")
    # The whole text: an id of an event, hidden beside it, may hold "a-500".
    expect(page.get_by_text("A-500", exact=True)).to_be_visible()


def test_the_demo_page_lets_one_play_with_time(cloud: Cloud, open_page: OpenPage, sound: Sound) -> None:
    """The chosen account's subscription is renewed, so that it can be extended again, or ends in a minute."""
    account = cloud.an_account()
    path = f"/accounts/{account.id}/subscriptions"

    def listed() -> Any:
        return cloud.api(account.owner, "GET", path).json()["subscriptions"][0]

    before = listed()
    cabinet = open_page(account.owner, account.id, path="/")
    page, told = cabinet.page, cabinet.page.get_by_role("status").filter(has_text="Применено")
    page.get_by_role("link", name="Личный кабинет").click()
    page.get_by_role("link", name="показать все").click()
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    page.get_by_text("Для разработчика: события").click()
    page.get_by_role("button", name="Продлить подписку").click()
    expect(told).to_be_visible()
    expect(cabinet.extend).to_be_visible()
    expect(page.get_by_role("region")).to_contain_text("Лимиты изменятся")
    renewed = listed()
    assert renewed["starts_at"] > before["starts_at"]
    assert renewed["extension"] == {"state": "available", "terms": before["extension"]["terms"]}

    pressed = datetime.now(UTC).replace(microsecond=0)
    page.get_by_role("button", name="Завершить через минуту").click()
    expect(told).to_be_visible()
    expect(page.get_by_role("region")).to_contain_text("Конец подписки")
    ends_at = datetime.fromisoformat(listed()["ends_at"])
    assert pressed <= ends_at - timedelta(minutes=1) <= datetime.now(UTC)
    sound(page)
