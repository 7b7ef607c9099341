"""What is shown is true: ends, periods, zones and names, by the clock and not only by the last answer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from playwright.sync_api import Page, expect

from devkit.builders import TERMS, iso
from tests.browser.conftest import Cabinet, OpenPage
from tests.browser.test_ahead import DAY, END, LIST, NOON, Show, answer, extended, limit, row, show
from tests.browser.test_extras import pages, past

__all__ = ["show"]

EARLY = iso(END - DAY)  # 28 November, 17:23 in Moscow


def window(cabinet: Cabinet, link: str) -> Any:
    """The window behind a link of the table."""
    cabinet.table.get_by_role("button", name=link).first.click()
    expect(cabinet.dialog.get_by_role("term").first).to_be_visible()
    return cabinet.dialog


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("ru", "Расширение прекращено 28 ноября 2026 г., 17:23 (Москва)"),
        ("en", "Extension ended early, 28 November 2026, 17:23 (Moscow)"),
    ],
)
def test_an_early_end_is_shown_as_what_it_is(show: Show, lang: str, words: str) -> None:
    """In the row, the details, the history and the summary; the line of time ends there."""
    ended = extended(state="used", revoked_at=EARLY)
    told = answer(limit(2, 0, 1), limit(1, 0, 1), None, [row(1, extension=ended)])
    entry = past(1, subscription_id="S-1", granted_at=ended["granted_at"], ends_at=ended["ends_at"], revoked_at=EARLY)
    cabinet = show(told, lang, END - DAY / 2)
    expect(cabinet.table.get_by_role("button", name=words)).to_be_visible()
    edges = cabinet.element.locator(".edge").get_by_role("time")
    expect(edges).to_have_count(2)
    assert [edge.get_attribute("datetime") for edge in edges.all()] == [ended["granted_at"], EARLY]
    pages({"extensions": [entry], "next_token": None})(cabinet.page)
    cabinet.page.get_by_role("button", name={"ru": "История расширений", "en": "History of extensions"}[lang]).click()
    history = cabinet.page.get_by_role("table").last
    expect(history.get_by_role("cell").last).to_contain_text(words)
    cabinet.page.get_by_role("button", name={"ru": "Скопировать сводку", "en": "Copy a summary"}[lang]).click()
    assert words in cabinet.page.get_by_role("textbox").input_value()
    dialog = window(cabinet, words[:10])
    term, moment = words.split(" 28", 1)
    expect(dialog.locator("dl > div", has_text=term)).to_contain_text(f"28{moment}")
    expect(dialog).not_to_contain_text({"ru": "Была расширена", "en": "Was extended"}[lang])


def test_a_page_that_stays_open_learns_of_an_early_end(open_page: OpenPage) -> None:
    """Within twenty minutes: nothing announces it."""
    told = [answer(limit(2, 2, 1), limit(1, 8, 1))]

    def before(page: Page) -> None:
        page.clock.install(time=NOON)
        page.route(LIST, lambda route: route.fulfill(json=told[0]))

    cabinet = open_page("U-1", "A-1", before=before)
    expect(cabinet.extended).to_be_visible()
    ended = extended(state="used", revoked_at=iso(NOON))
    told[0] = answer(limit(2, 0, 1), limit(1, 0, 1), None, [row(1, extension=ended)])
    link = cabinet.table.get_by_role("button", name="Расширение прекращено")
    for _ in range(80):  # a step is shorter than the time that an answer has
        cabinet.page.clock.run_for(15_000)
        if link.count():
            break
    expect(link).to_be_visible()


IDLE = "Сейчас не действует: нет действующей подписки."


def test_an_extension_that_does_not_count_says_so_everywhere(show: Show) -> None:
    """In the row, the details, the history and the summary, and nothing of it is green."""
    silent = extended(counts=False)
    finished = row(1, state="finished", ends_at=iso(NOON - DAY), extension=silent)
    cabinet = show(answer(limit(0, 0, 1), limit(0, 0, 1), None, [finished]))
    expect(cabinet.table.get_by_role("cell").last).to_contain_text(IDLE)
    expect(cabinet.element.locator(".edge.extra, .link.active")).to_have_count(0)
    entry = past(
        1, id="e-1", state="active", granted_at=silent["granted_at"], ends_at=silent["ends_at"], revoked_at=None
    )
    pages({"extensions": [entry], "next_token": None})(cabinet.page)
    cabinet.page.get_by_role("button", name="История расширений").click()
    expect(cabinet.page.get_by_role("table").last.get_by_role("cell").last).to_contain_text(IDLE)
    cabinet.page.get_by_role("button", name="Скопировать сводку").click()
    assert IDLE in cabinet.page.get_by_role("textbox").input_value()
    expect(window(cabinet, "Расширена до")).to_contain_text(IDLE)


@pytest.mark.parametrize("carrier", [{"kind": "prolonging"}, {"ends_at": None}, {"ends_at": iso(END + DAY)}])
def test_an_extension_counts_while_something_carries_it(show: Show, carrier: dict[str, Any]) -> None:
    """An API that does not say whether it counts is taken at its periods."""
    rows = [row(1, state="finished", ends_at=iso(NOON - DAY), extension=extended()), row(2, **carrier)]
    cabinet = show(answer(limit(2, 2, 1), limit(1, 8, 1), rows=rows))
    expect(cabinet.extended).to_be_visible()
    expect(cabinet.page.get_by_text(IDLE)).to_have_count(0)


def test_at_the_end_of_the_subscription_limits_and_row_change_together(open_page: OpenPage) -> None:
    """To the second, before the next answer: nothing is available, and the extension does not count."""
    soon = NOON + timedelta(minutes=1)
    told = answer(
        limit(2, 2, 1),
        limit(1, 8, 1),
        (0, 0),
        [row(1, ends_at=iso(soon), extension=extended())],
        next_change_at=iso(soon),
    )

    def before(page: Page) -> None:
        page.clock.install(time=NOON - timedelta(hours=1))
        page.clock.pause_at(NOON)
        page.add_init_script("Math.random = () => 0.9")
        page.route(LIST, lambda route: route.fulfill(json=told))

    cabinet = open_page("U-1", "A-1", before=before)
    limits = cabinet.page.get_by_role("region")
    expect(limits).to_contain_text("занято1 из 9")
    cabinet.page.clock.run_for(62_000)
    expect(limits).to_contain_text("занято1 при лимите 0")
    expect(limits).not_to_contain_text("по расширению")
    expect(cabinet.table).to_contain_text(IDLE)
    assert cabinet.count("GET", "/subscriptions") == 1


def offer(**change: Any) -> dict[str, Any]:
    """What an owner may accept at noon."""
    limits = answer(limit(2, 0, 1), limit(1, 0, 1), (0, 0))["limits"]
    after = answer(limit(2, 2, 1), limit(1, 8, 1))["limits"]
    return {"offer_id": "o", "subscription_id": "S-1", "terms": TERMS, "ends_at_if_accepted_now": iso(NOON + 7 * DAY),
            "limits_before": limits, "limits_after": after, "servicing_organization": None} | change  # fmt: skip


AVAILABLE = {"state": "available", "terms": TERMS}


def ahead(**change: Any) -> dict[str, Any]:
    """The next period of a subscription: the same for ever, from tomorrow on."""
    same = {"tariff": {"id": "basic", "name": "Базовый"}, "limits": {"sessions": 2, "databases": 1}}
    return {"starts_at": iso(NOON + DAY), "ends_at": None} | same | change


def until(end: datetime | None, **change: Any) -> dict[str, Any]:
    """A subscription that can be extended."""
    return row(1, ends_at=end and iso(end), extension=AVAILABLE, **change)


FOLLOWS = {"state": "future", "kind": "prolonging", "starts_at": iso(NOON + DAY), "ends_at": iso(NOON + 2 * DAY)}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([until(NOON + 6.5 * DAY)], "подписка заканчивается раньше: 1 декабря, 03:00"),
        ([until(NOON + 7 * DAY)], None),
        ([until(None)], None),
        ([until(NOON + DAY, next_period=ahead())], None),
        ([until(NOON + DAY), row(2, **FOLLOWS)], "26 ноября, 15:00"),
        ([until(NOON + DAY), row(2, kind="add_on")], "25 ноября, 15:00"),
    ],
    ids=["ends before", "ends with it", "no end", "renewed", "prolonged for a day", "an add-on carries nothing"],
)
def test_an_offer_that_outlives_its_subscription_says_until_when_it_helps(
    show: Show, rows: list[dict[str, Any]], said: str | None
) -> None:
    """In the confirmation, before it is spent."""
    cabinet = show(answer(limit(2, 0, 1), limit(1, 0, 1), (0, 0), rows, next_change_at=rows[0]["ends_at"]))
    cabinet.page.route("**/extension-offer", lambda route: route.fulfill(json=offer()))
    cabinet.extend.click()
    till = cabinet.dialog.locator("dl > div", has_text="Действует до")
    expect(till).to_contain_text("1 декабря 2026 г., 15:00 (Москва)")
    if said:
        expect(till).to_contain_text(said)
    else:
        expect(till).not_to_contain_text("раньше")


@pytest.mark.parametrize(("lang", "words"), [
    ("ru", "следующий период с 1 янв. 2027 г. без срока, ПРОФ, 5 сеансов, Базы: без ограничений"),
    ("en", "next period from 1 Jan 2027 no end, ПРОФ, 5 sessions, Databases: unlimited"),
])  # fmt: skip
def test_a_period_ahead_stands_in_the_row_and_on_the_line(show: Show, lang: str, words: str) -> None:
    """With what changes; the running one stays as it is."""
    start = datetime(2026, 12, 31, 21, tzinfo=UTC)
    next_tariff, next_limits = {"id": "prof", "name": "ПРОФ"}, {"sessions": 5, "databases": None}
    following = ahead(starts_at=iso(start), tariff=next_tariff, limits=next_limits)
    rows = [row(1, ends_at=iso(start), next_period=following, extension=extended())]
    cabinet = show(answer(limit(2, 2, 1), limit(1, 8, 1), (5, None), rows, next_change_at=iso(start)), lang)
    period = cabinet.table.get_by_role("row").last.get_by_role("cell").nth(1)
    expect(period.get_by_role("paragraph").last).to_have_text(
        words.replace("5 с", "5\u00a0с")
        .replace("5 s", "5\u00a0s")
        .replace(" с 1", " с\u00a01")
        .replace("from 1", "from\u00a01")
    )
    edges = cabinet.element.locator(".edge")
    expect(edges.last).to_contain_text(
        {"ru": "Новый период подписки ПРОФ", "en": "New period of the subscription ПРОФ"}[lang]
    )
    expect(cabinet.element.get_by_text({"ru": "Конец подписки", "en": "End of the subscription"}[lang])).to_have_count(
        0
    )


def test_a_subscription_without_an_end_says_so(show: Show) -> None:
    """Null is no date."""
    cabinet = show(answer(limit(2, 0, 1), limit(1, 0, 1), None, [row(1, ends_at=None)]))
    expect(cabinet.table.get_by_role("cell").nth(1)).to_contain_text("без срока")


def test_who_extended_is_called_by_name_where_it_is_known(show: Show) -> None:
    """In the history and the window; else by the id."""
    cabinet = show(answer(limit(2, 2, 1), limit(1, 8, 1), rows=[row(1, extension=extended(granted_by="U-7"))]))
    page = cabinet.page
    entries = [
        past(1, id="e-1", granted_by="U-7", granted_by_name="Жанна Демидова"),
        past(2, granted_by="U-8", granted_by_name=None),
    ]
    page.route("**/extensions?*", lambda route: route.fulfill(json={"extensions": entries, "next_token": None}))
    who = window(cabinet, "Расширена до").locator("dl > div", has_text="Кто оформил")
    expect(who).to_contain_text("Жанна Демидова")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="История расширений").click()
    rows = page.get_by_role("table").last.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Жанна Демидова")
    expect(rows.nth(2)).to_contain_text("U-8")


@pytest.mark.parametrize(("next_change", "shown"), [(99 * DAY, True), (100 * DAY, False)])
def test_a_change_far_away_is_no_alarm(show: Show, next_change: timedelta, shown: bool) -> None:
    """No line of time and no sign of what will be over."""
    at = iso(NOON + next_change)
    rows = [row(1, ends_at=at, extension=extended(state="used", ends_at=iso(NOON - DAY)))]
    cabinet = show(answer(limit(2, 0, 2), limit(1, 0, 1), (0, 0), rows, next_change_at=at))
    # An answer of the service would bring its own time with it.
    cabinet.page.route("**/extensions?*", lambda route: route.fulfill(json={"extensions": [], "next_token": None}))
    cabinet.page.get_by_role("button", name="История расширений").click()  # has the second file loaded
    expect(cabinet.page.get_by_role("heading", name="История расширений")).to_be_visible()
    expect(cabinet.element.locator(".line")).to_have_count(int(shown))
    expect(cabinet.element.locator("li.over")).to_have_count(2 * int(shown))
    expect(cabinet.page.get_by_role("region")).to_contain_text("лимит станет 0")


def test_every_zone_of_the_list_is_named_as_it_was_reported_and_its_time_is_right(open_page: OpenPage) -> None:
    """The city that was reported, in Russian where readers of Russian live; a fixed offset with the sign in use."""
    nobody = {"Factory", "localtime", "posixrules"}
    zones = sorted(zone for zone in available_timezones() - nobody if not zone.startswith(("posix/", "right/")))
    fixed = {
        "UTC+3": (3, "UTC+3"),
        "UTC+05:30": (5.5, "UTC+05:30"),
        "UTC-3": (-3, "UTC-3"),
        "UTC": (0, "UTC"),
        "GMT+3": (3, "UTC+3"),
        "+03:00": (3, "UTC+3"),
    }
    at = datetime(2024, 11, 29, 14, 23, tzinfo=UTC)  # long ago: not all browsers know this year's changes
    told = answer(
        limit(2, 0, 1),
        limit(1, 0, 1),
        None,
        [row(1, extension=extended(state="used", granted_at=iso(at - 7 * DAY), ends_at=iso(at)))],
    )
    cabinet = open_page("U-1", "A-1", before=lambda page: page.route(LIST, lambda route: route.fulfill(json=told)))
    expect(cabinet.table).to_be_visible()
    read = """async (element, [told, zones]) => {
      const shown = {};
      window.fetch = async () => new Response(JSON.stringify(told));
      for (const zone of zones) {
        told.account.time_zone = zone;
        await element.refresh();
        shown[zone] = element.shadowRoot.querySelector('td:last-child time').textContent;
      }
      return shown;
    }"""
    shown = cabinet.element.evaluate(read, [told, [*zones, *fixed]])
    for zone in zones:
        moment, place = shown[zone][:-1].split(" (")
        assert moment.endswith(f", {at.astimezone(ZoneInfo(zone)):%H:%M}"), zone
        offset = at.astimezone(ZoneInfo(zone)).utcoffset()
        if zone.startswith("Etc/GMT") and offset:
            assert place == f"UTC{offset / timedelta(hours=1):+.0f}"
        elif place.isascii() and not place.startswith("UTC"):
            assert place == zone.rsplit("/")[-1].replace("_", " ")
    for zone, (hours, place) in fixed.items():
        assert shown[zone].endswith(f", {at + timedelta(hours=hours):%H:%M} ({place})")
    russian = {
        "Europe/Kirov": "Киров",
        "Europe/Saratov": "Саратов",
        "Europe/Minsk": "Минск",
        "Asia/Almaty": "Алматы",
        "Asia/Tashkent": "Ташкент",
        "Europe/Kyiv": "Киев",
    }
    for zone, place in russian.items():
        assert shown[zone].endswith(f"({place})")
    assert shown["Asia/Kathmandu"].endswith("(Kathmandu)")
