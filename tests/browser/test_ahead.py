"""What is in use, and what the next change will leave: told on the first day, in both languages, without colour."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from devkit.builders import CONTACT, TERMS, iso
from tests.browser.conftest import NARROW, Cabinet, OpenPage, Sound, box, now
from tests.conftest import Cloud

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
END = datetime(2026, 11, 29, 14, 23, tzinfo=UTC)  # 17:23 in Moscow
LIST = "**/subscriptions"


def limit(base: int | None, extra: int = 0, used: int | None = None) -> dict[str, Any]:
    """As the API tells it."""
    total = None if base is None else base + extra
    over = None if used is None else 0 if total is None else max(0, used - total)
    return {"base": base, "extra": extra, "total": total, "used": used, "over": over}


def left(now: dict[str, Any], total: int | None) -> dict[str, Any]:
    """What the next change leaves of a limit."""
    after = limit(total, used=now["used"])
    return {"total": after["total"], "over": after["over"]}


def row(number: int, **change: Any) -> dict[str, Any]:
    """A subscription of the list: main, active for a year, not to be extended."""
    return {
        "id": f"S-{number}",
        "number": f"00000000{number}",
        "kind": "main",
        "tariff": {"id": "basic", "name": "Базовый"},
        "starts_at": iso(NOON - 30 * DAY),
        "ends_at": iso(NOON + 335 * DAY),
        "state": "active",
        "limits": {"sessions": 2, "databases": 1},
        "extension": {"state": "unavailable", "reason": "tariff_not_extendable"},
    } | change


def extended(**change: Any) -> dict[str, Any]:
    """An extension that began two days ago."""
    granted = {"granted_at": iso(END - 7 * DAY), "granted_by": "U-1", "ends_at": iso(END), "revoked_at": None}
    return {"state": "active", "id": "e-1", "terms": TERMS} | granted | change


def answer(
    sessions: dict[str, Any],
    databases: dict[str, Any],
    after: tuple[int | None, int | None] | None = (2, 1),
    rows: list[dict[str, Any]] | None = None,
    **limits: Any,
) -> dict[str, Any]:
    """The list of an owner."""
    told = {
        "sessions": sessions,
        "databases": databases,
        "used_at": iso(NOON - timedelta(hours=6)),  # 09:00 in Moscow
        "next_change_at": iso(END) if after else None,
        "after_change": {"sessions": left(sessions, after[0]), "databases": left(databases, after[1])}
        if after
        else None,
    }
    account = {"id": "A-1", "name": "ООО «Проба»", "time_zone": "Europe/Moscow", "servicing_organization": CONTACT}
    return {
        "account": account,
        "role": "owner",
        "limits": told | limits,
        "subscriptions": [row(1, extension=extended())] if rows is None else rows,
        "next_token": None,
    }


Show = Callable[..., Cabinet]


@pytest.fixture
def show(open_page: OpenPage) -> Show:
    """Opens a page at noon with an answer of the list: show(answer, lang=…)."""

    def shown(told: dict[str, Any], lang: str = "ru", at: datetime = NOON, **options: Any) -> Cabinet:
        def before(page: Page) -> None:
            page.clock.set_fixed_time(at)
            page.route(LIST, lambda route: route.fulfill(json=told))

        cabinet = open_page("U-1", "A-1", lang=lang, before=before, **options)
        expect(cabinet.page.get_by_role("region")).to_be_visible()
        return cabinet

    return shown


# The answer; what the cards of sessions and databases say; what the next change leaves; in Russian and in English.
STATES: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "free": (
        answer(limit(2, 2, 1), limit(1, 8, 1)),
        {
            "ru": [
                "занято1 из 4свободно 32 по тарифу + 2 по расширению",
                "занято1 из 9свободно 8",
                "лимит станет 2 сеанса, занято 1",
                "лимит станет 1 база, занято 1",
            ],
            "en": [
                "in use1 of 43 free2 from the tariff + 2 from the extension",
                "in use1 of 98 free",
                "The limit drops to 2 sessions; 1 is in use",
                "The limit drops to 1 database; 1 is in use",
            ],
        },
    ),
    "over after": (
        answer(limit(2, 2, 3), limit(1, 8, 5)),
        {
            "ru": [
                "занято3 из 4свободно 1",
                "занято5 из 9свободно 4",
                "лимит станет 2 сеанса, занято 3 — на 1 больше; новые сеансы начать будет нельзя, текущие не прервутся",
                "лимит станет 1 база, занято 5 — на 4 больше; новые создать будет нельзя, данные сохранятся",
            ],
            "en": [
                "in use3 of 41 free",
                "in use5 of 94 free",
                "The limit drops to 2 sessions; 3 are in use, 1 too many; no new sessions can start, those open go on",
                "The limit drops to 1 database; 5 are in use, 4 too many; no new ones can be made, your data is kept",
            ],
        },
    ),
    "unknown": (
        answer(limit(2, 2), limit(1, 8), used_at=None),
        {
            "ru": [
                "42 по тарифу + 2 по расширению",
                "91 по тарифу",
                "лимит станет 2 сеанса",
                "лимит станет 1 база",
            ],
            "en": [
                "42 from the tariff + 2 from the extension",
                "91 from the tariff",
                "The limit drops to 2 sessions",
                "The limit drops to 1 database",
            ],
        },
    ),
    "full": (
        answer(limit(5, 0, 5), limit(21, 0, 21), (5, 21), [row(1)]),
        {
            "ru": [
                "занято5 из 5свободных нет5 по тарифу",
                "занято21 из 21свободных нет21 по тарифу",
                "лимит не изменится: 5 сеансов, занято 5",
                "лимит не изменится: 21 база, занято 21",
            ],
            "en": [
                "in use5 of 5none free5 from the tariff",
                "in use21 of 21none free",
                "The limit stays at 5 sessions; 5 are in use",
                "The limit stays at 21 databases; 21 are in use",
            ],
        },
    ),
    "over": (
        answer(limit(2, 0, 3), limit(1, 0, 5), None, [row(1)]),
        {
            "ru": ["занято3 при лимите 2больше лимита на 12 по тарифу", "занято5 при лимите 1больше лимита на 4"],
            "en": [
                "in use3 with a limit of 21 over the limit2 from the tariff",
                "in use5 with a limit of 14 over the limit",
            ],
        },
    ),
    "unlimited": (
        answer(limit(None, 2, 7), limit(None, 8), (None, None)),
        {
            "ru": [
                "занято7без ограничений",
                "без ограничений",
                "Сеансы: без ограничений, занято 7",
                "Базы: без ограничений",
            ],
            "en": [
                "in use7unlimited",
                "unlimited",
                "Sessions: unlimited; 7 are in use",
                "Databases: unlimited",
            ],
        },
    ),
    "two mains and an add-on": (
        answer(limit(9, 2, 3), limit(2, 8, 0), (12, 3), [row(1, extension=extended()), row(2), row(3, kind="add_on")]),
        {
            "ru": [
                "занято3 из 11свободно 89 по тарифу + 2 по расширению",
                "занято0 из 10свободно 10",
                "лимит станет 12 сеансов, занято 3",
                "лимит станет 3 базы, занято 0",
            ],
            "en": [
                "in use3 of 118 free9 from the tariff + 2 from the extension",
                "in use0 of 1010 free",
                "The limit rises to 12 sessions; 3 are in use",
                "The limit drops to 3 databases; 0 are in use",
            ],
        },
    ),
    "no main": (
        answer(limit(0, 0, 1), limit(0, 0, 0), (2, 1), [row(1, state="future", starts_at=iso(END))]),
        {
            "ru": [
                "занято1 при лимите 0больше лимита на 10 по тарифу",
                "занято0 из 0свободных нет",
                "лимит станет 2 сеанса, занято 1",
                "лимит станет 1 база, занято 0",
            ],
            "en": [
                "in use1 with a limit of 01 over the limit0 from the tariff",
                "in use0 of 0none free",
                "The limit rises to 2 sessions; 1 is in use",
                "The limit rises to 1 database; 0 are in use",
            ],
        },
    ),
}


@pytest.mark.parametrize("lang", ["ru", "en"])
@pytest.mark.parametrize("state", STATES)
def test_bars_and_what_is_left_say_it_in_words(show: Show, state: str, lang: str) -> None:
    """How many are in use of how many there are, where they come from, and what the next change leaves."""
    told, words = STATES[state]
    cabinet = show(told, lang)
    region = cabinet.page.get_by_role("region")
    sessions, databases, *ahead = words[lang]
    for card, text in zip(region.get_by_role("definition").all(), (sessions, databases), strict=True):
        expect(card).to_contain_text(text)
    lines = [line.replace("\u00a0", " ") for line in region.locator(".ahead").get_by_role("listitem").all_inner_texts()]
    if ahead:
        assert lines == ahead
        expect(region).to_contain_text("После 29 ноября, 17:23" if lang == "ru" else "After 29 November, 17:23")
    else:
        expect(region).not_to_contain_text("29")
    as_of = {"ru": "Данные на 09:00", "en": "Usage as of 09:00"}[lang]
    expect(region.get_by_text(as_of)).to_have_count(0 if state == "unknown" else 1)
    alarms = region.locator("li.over")
    assert alarms.count() == sum("больше" in line or "too many" in line for line in ahead), "nothing alarming else"


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_what_is_over_now_says_what_cannot_be_done_and_until_when(show: Show, lang: str) -> None:
    """On the card of what is over, however far the next change is, and on no other."""
    sessions, databases = {
        "ru": (
            "новые сеансы начать нельзя, пока занято не меньше лимита, текущие не прервутся",
            "новые создать нельзя, пока занято не меньше лимита, данные сохранятся",
        ),
        "en": (
            "no new sessions can start until fewer than the limit are in use, those open go on",
            "no new ones can be made until fewer than the limit are in use, your data is kept",
        ),
    }[lang]
    far = {"next_change_at": iso(NOON + 335 * DAY)}
    for in_use, said in (((3, 5), (1, 1)), ((2, 5), (0, 1)), ((2, 1), (0, 0))):
        told = answer(limit(2, 0, in_use[0]), limit(1, 0, in_use[1]), (0, 0), [row(1)], **far)
        cards = show(told, lang).page.get_by_role("region").get_by_role("definition")
        for card, text, times in zip(cards.all(), (sessions, databases), said, strict=True):
            expect(card.get_by_text(text, exact=True)).to_have_count(times)


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_sound(show: Show, sound: Sound, state: str) -> None:
    """axe in light and dark, nothing sticks out at 320 px."""
    sound(show(STATES[state][0]).page)


def test_the_pieces_of_a_bar_are_as_long_as_what_they_stand_for(show: Show) -> None:
    """In use of the tariff, in use of the extension, free; above the limit a piece of its own."""

    def pieces(told: dict[str, Any]) -> list[tuple[str, str]]:
        bars = show(told).element.locator(".bar").last.locator("i")
        return [tuple(piece) for piece in bars.evaluate_all("all => all.map((i) => [i.className, i.style.flexGrow])")]

    assert pieces(STATES["over after"][0]) == [("base on", "1"), ("extra on", "4"), ("extra", "4")]
    assert pieces(STATES["unknown"][0]) == [("base", "1"), ("extra", "8")]
    assert pieces(STATES["over"][0]) == [("base on", "1"), ("above on", "4")]
    assert pieces(STATES["full"][0]) == [("base on", "21")]


def test_forced_colours_keep_what_the_bars_tell(show: Show) -> None:
    """In use is filled, free is not, whatever colours there are."""
    cabinet = show(STATES["over after"][0], forced_colors="active")
    pieces = cabinet.element.locator(".bar").last.locator("i")
    looks = [
        piece.evaluate("piece => [getComputedStyle(piece).backgroundColor, getComputedStyle(piece).backgroundImage]")
        for piece in pieces.all()
    ]
    assert len({tuple(look) for look in looks}) == 3


@pytest.mark.parametrize("colours", ["none", "active"])
def test_now_is_a_filled_dot_and_the_others_are_hollow(show: Show, colours: Any) -> None:
    """In forced colours too."""
    edges = show(STATES["over after"][0], forced_colors=colours).element.locator(".edge")
    expect(edges).to_have_count(3)  # The line comes with the second file.
    dots = edges.evaluate_all(
        """all => all.map((edge) => {
          const { backgroundColor, borderTopColor } = getComputedStyle(edge, '::before');
          return [edge.matches('.now'), backgroundColor === borderTopColor];
        })"""
    )
    assert dots == [[False, False], [True, True], [False, False]]


def test_nothing_moves(show: Show) -> None:
    """Neither transition nor animation nor smooth scrolling: there is nothing for reduced motion to stop."""
    cabinet = show(STATES["over after"][0])
    cabinet.extended.click()
    expect(cabinet.dialog.get_by_role("term").first).to_be_visible()
    moving = cabinet.element.evaluate(
        """element => {
          const moves = (one) => ['', '::before', '::backdrop'].some((part) => {
            const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(one, part);
            return transitionDuration !== '0s' || animationName !== 'none' || scrollBehavior !== 'auto';
          });
          return [...element.shadowRoot.querySelectorAll('*')].filter(moves).length;
        }"""
    )
    assert moving == 0


def test_usage_of_another_day_has_its_date(show: Show) -> None:
    """In the account's zone: 22:00 UTC of yesterday is today in Moscow, 20:00 is not."""
    for told, said in (
        (NOON - timedelta(hours=14), "на 01:00"),
        (NOON - timedelta(hours=16), "на 23 нояб. 2026 г., 23:00"),
    ):
        cabinet = show(answer(limit(2, 2, 1), limit(1, 8, 1), used_at=iso(told)))
        expect(cabinet.page.get_by_role("region")).to_contain_text(f"Данные {said}")


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_the_line_of_time_reads_as_a_list(show: Show, lang: str) -> None:
    """Beginning and end of the extension, now, the end of the subscription, the next one: in order, a week ahead."""
    rows = [
        row(1, extension=extended(), ends_at=iso(END + 3 * DAY)),
        row(2, state="future", starts_at=iso(END + 3 * DAY), tariff={"id": "prof", "name": "ПРОФ"}),
        row(3, state="future", starts_at=iso(END + 8 * DAY)),
    ]
    cabinet = show(answer(limit(2, 2, 1), limit(1, 8, 1), rows=rows), lang)
    items = cabinet.page.get_by_role("region").get_by_role("list").first.get_by_role("listitem")
    words = {
        "ru": [
            ["Начало расширения Базовый", "22 ноября 2026 г., 17:23 (Москва)"],
            ["Сейчас"],
            ["Конец расширения Базовый", "29 ноября 2026 г., 17:23 (Москва)"],
            ["Конец подписки Базовый", "Начало подписки ПРОФ", "2 декабря 2026 г., 17:23 (Москва)"],
        ],
        "en": [
            ["Start of the extension Базовый", "22 November 2026, 17:23 (Moscow)"],
            ["Now"],
            ["End of the extension Базовый", "29 November 2026, 17:23 (Moscow)"],
            ["End of the subscription Базовый", "Start of the subscription ПРОФ", "2 December 2026, 17:23 (Moscow)"],
        ],
    }[lang]
    expect(items).to_have_count(4)
    for item, lines in zip(items.all(), words, strict=True):
        assert item.get_by_role("paragraph").all_inner_texts() == lines


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_an_extension_of_an_earlier_period_that_still_runs_ends_on_the_line(show: Show, lang: str) -> None:
    """It stands in no row: renewed and not extended again, or extended again until later."""
    available = row(1, extension={"state": "available", "terms": TERMS})
    again = row(1, extension=extended(granted_at=iso(NOON - DAY), ends_at=iso(NOON + 6 * DAY)))
    now, change, start, end = {
        "ru": ("Сейчас", "Лимиты изменятся", "Начало расширения Базовый", "Конец расширения Базовый"),
        "en": ("Now", "Limits change", "Start of the extension Базовый", "End of the extension Базовый"),
    }[lang]
    for told, edges in (
        (answer(limit(2, 2, 1), limit(1, 8, 1), rows=[available]), [now, change]),
        (answer(limit(2, 4, 1), limit(1, 16, 1), (4, 9), rows=[again]), [start, now, change, end]),
    ):
        items = show(told, lang).page.get_by_role("region").get_by_role("list").first.get_by_role("listitem")
        expect(items).to_have_count(len(edges))
        assert [item.get_by_role("paragraph").first.inner_text() for item in items.all()] == edges
        changes = items.filter(has_text=change)
        expect(changes.get_by_role("time")).to_have_attribute("datetime", iso(END))
        doubled = items.evaluate_all("all => all.map((item) => getComputedStyle(item).borderTopStyle)")
        assert doubled[:-1] == ["double"] * (len(edges) - 1), "until there the extension runs"


@pytest.mark.parametrize(
    ("gone", "share"),
    [(timedelta(minutes=1), 0), (DAY, 1 / 7), (3.5 * DAY, 1 / 2), (7 * DAY - timedelta(hours=1), 1)],
    ids=["just granted", "a day later", "half", "an hour to go"],
)
def test_now_stands_on_the_line_where_it_is_in_time(show: Show, gone: timedelta, share: float) -> None:
    """Between beginning and end of the extension, to a dot's width; the dots sit on the line, the word above it."""
    start, end = NOON - gone, NOON - gone + 7 * DAY
    extension = extended(granted_at=iso(start), ends_at=iso(end))
    told = answer(limit(2, 2, 3), limit(1, 8, 5), rows=[row(1, extension=extension)], next_change_at=iso(end))
    items = show(told).page.get_by_role("region").get_by_role("list").first.get_by_role("listitem")
    expect(items).to_have_count(3)
    began, now, ends = (box(item)["x"] for item in items.all())
    assert abs((now - began) - share * (ends - began)) <= 20
    lines, dots = zip(
        *items.evaluate_all(
            """all => all.map((item) => {
              const { top } = item.getBoundingClientRect(), { borderTopWidth } = getComputedStyle(item);
              const dot = getComputedStyle(item, '::before'), width = parseFloat(borderTopWidth);
              if (dot.boxSizing !== 'border-box') throw new Error('the height is not that of the dot');
              return [top + width / 2, top + width + parseFloat(dot.top) + parseFloat(dot.height) / 2];
            })"""
        ),
        strict=True,
    )
    assert max(*lines, *dots) - min(*lines, *dots) < 0.5
    words = box(items.nth(1).get_by_role("paragraph"))
    assert words["y"] + words["height"] <= lines[1]
    assert began <= words["x"]


def test_an_extension_that_has_just_ended_is_on_the_line_and_an_old_one_is_not(show: Show) -> None:
    """A week back, as a week ahead."""
    used = {"state": "used", "revoked_at": None}
    for days, shown in ((2, 1), (8, 0)):
        ended = extended(granted_at=iso(NOON - 9 * DAY), ends_at=iso(NOON - days * DAY), **used)
        cabinet = show(answer(limit(2, 0, 1), limit(1, 0, 1), None, [row(1, extension=ended)]))
        expect(cabinet.page.get_by_text("Конец расширения")).to_have_count(shown)


def test_an_earlier_api_tells_less_and_nothing_breaks(show: Show, sound: Sound) -> None:
    """Without usage and what is left: limits as ever, usage unknown."""
    told = answer(limit(2, 2), limit(1, 8))
    for what in ("sessions", "databases"):
        del told["limits"][what]["used"], told["limits"][what]["over"]
    del told["limits"]["used_at"], told["limits"]["after_change"]
    cabinet = show(told)
    region = cabinet.page.get_by_role("region")
    expect(region.get_by_text("нет данных об использовании")).to_have_count(1)
    text = region.inner_text()
    assert not [word for word in ("undefined", "NaN", "null") if word in text]
    sound(cabinet.page)


@pytest.mark.parametrize(
    ("told", "at", "up"),
    [
        (answer(limit(2, 2, 1), limit(1, 8, 1)), NOON, False),
        (answer(limit(2, 2, 1), limit(1, 8, 1)), END - timedelta(hours=23), True),
        (answer(limit(2, 2, 3), limit(1, 8, 1)), NOON, True),
        (answer(limit(2, 2), limit(1, 8), used_at=None), NOON, False),
        (answer(limit(2, 0, 1), limit(1, 0, 1), (0, 0), next_change_at=iso(NOON + 300 * DAY)), NOON, False),
        (answer(limit(2, 0, 3), limit(1, 0, 5), (0, 0), next_change_at=iso(NOON + 335 * DAY)), NOON, True),
        (answer(limit(2, 0, 3), limit(1, 0, 1), None), NOON, True),
    ],
    ids=["nothing over", "the last day", "something over", "usage unknown", "far away", "over now", "over for good"],
)
def test_the_contact_moves_up_when_it_is_the_next_step(show: Show, told: Any, at: datetime, up: bool) -> None:
    """In the last day before the change, as soon as something will be over, and while something is; never twice."""
    cabinet = show(told, at=at)
    contact = cabinet.page.get_by_role("heading", name="Нужно больше или на постоянной основе?")
    expect(contact).to_have_count(1)
    assert (box(contact)["y"] < box(cabinet.page.get_by_role("button", name="История расширений"))["y"]) is up


def test_the_contact_moves_up_by_itself(open_page: OpenPage) -> None:
    """At the beginning of the last day, on a page that has been open all the time, and without a request."""

    def before(page: Page) -> None:
        page.clock.install(time=END - timedelta(hours=25))
        page.clock.pause_at(END - timedelta(hours=24, seconds=3))
        page.route(LIST, lambda route: route.fulfill(json=answer(limit(2, 2, 1), limit(1, 8, 1))))

    cabinet = open_page("U-1", "A-1", before=before)
    contact = cabinet.page.get_by_role("heading", name="Нужно больше или на постоянной основе?")
    expect(contact).to_be_visible()
    asked = len(cabinet.asked)
    order = """element => {
      const all = [...element.shadowRoot.querySelectorAll('.contact, .tools')];
      return all.map((one) => one.localName).join();
    }"""
    assert cabinet.element.evaluate(order) == "div,section"
    cabinet.page.clock.run_for(5_000)
    assert cabinet.element.evaluate(order) == "section,div"
    assert len(cabinet.asked) == asked


def test_long_names_and_right_to_left_ones_stay_on_the_line(show: Show, sound: Sound) -> None:
    """Isolated, broken where they must be, text and nothing else."""
    name = "\u202eשלום عالم <b>" + "Оченьдлинныйтариф" * 4
    rows = [row(1, extension=extended(), tariff={"id": "t", "name": name})]
    cabinet = show(answer(limit(2, 2, 3), limit(1, 8, 5), rows=rows), viewport=NARROW)
    assert cabinet.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    sound(cabinet.page)


def test_twice_the_size_shows_bars_and_line_whole(show: Show) -> None:
    """200 % zoom of a small window."""
    cabinet = show(STATES["over after"][0], viewport={"width": 512, "height": 384}, device_scale_factor=2)
    assert cabinet.page.evaluate("document.documentElement.scrollWidth") <= 512


@pytest.mark.parametrize("lang", ["ru", "en"])
def test_an_owner_reads_on_the_first_day_what_the_end_will_leave(
    cloud: Cloud, open_page: OpenPage, sound: Sound, lang: str
) -> None:
    """On the real cloud: five databases are told, the confirmation says what will be left, and so does the list."""
    account = cloud.an_account()
    usage = {"account_id": account.id, "sessions": 1, "databases": 5, "changed_at": now()}
    cloud.event("UsageChanged", usage)
    path = f"/accounts/{account.id}/subscriptions"
    cloud.until(lambda: cloud.api(account.owner, "GET", path).json()["limits"]["databases"]["used"] == 5)
    cabinet = open_page(account.owner, account.id, lang=lang)
    region, dialog = cabinet.page.get_by_role("region"), cabinet.dialog
    words = {
        "ru": [
            "больше лимита на 4",
            "лимит станет 1 база, занято 5 — на 4 больше; новые создать будет нельзя, данные сохранятся",
        ],
        "en": [
            "4 over the limit",
            "The limit drops to 1 database; 5 are in use, 4 too many; no new ones can be made, your data is kept",
        ],
    }[lang]
    expect(region).to_contain_text(words[0])
    cabinet.extend.click()
    expect(dialog.get_by_role("listitem").filter(has_text="5")).to_have_text(words[1].replace("1 ", "1\u00a0", 1))
    sound(cabinet.page)
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    expect(region).to_contain_text({"ru": "занято5 из 9свободно 4", "en": "in use5 of 94 free"}[lang])
    expect(region.get_by_role("listitem").last).to_have_text(words[1].replace("1 ", "1\u00a0", 1))
    sound(cabinet.page)


def test_a_subscription_that_ends_before_its_extension_is_told_as_the_next_change(
    cloud: Cloud, open_page: OpenPage
) -> None:
    """Without an active main subscription the extension gives nothing: that end comes first."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    account = cloud.an_account(ends_at=iso(soon))
    cabinet = open_page(account.owner, account.id)
    cabinet.extend.click()
    expect(cabinet.dialog).to_contain_text("лимит станет 0\u00a0баз")
