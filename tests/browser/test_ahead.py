"""Limits in use, and what the next change will leave of them: shown from the first day on, without colour too."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from devkit.builders import DAY, iso, limit
from tests.browser.answers import AVAILABLE, BASE, END, NOON, a_list, extended, row
from tests.browser.conftest import Show, Sound, box

CONTACT = "Нужно больше или на постоянной основе?"
NO_NEW = {
    "ru": {
        "sessions": "новые сеансы начать нельзя, пока занято не меньше лимита, текущие не прервутся",
        "databases": "новые создать нельзя, пока занято не меньше лимита, данные сохранятся",
    },
    "en": {
        "sessions": "no new sessions can start until fewer than the limit are in use, those open go on",
        "databases": "no new ones can be made until fewer than the limit are in use, your data is kept",
    },
}
"""On the card of a limit that is exceeded now."""
# The answer; what the cards of sessions and databases say; what the next change leaves; in Russian and in English.
STATES: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "over after": (
        a_list(limit(2, 2, 3), limit(1, 8, 5)),
        {
            "ru": [
                "занято3 из 4свободно 12 по тарифу + 2 по расширению",
                "занято5 из 9свободно 41 по тарифу + 8 по расширению",
                "лимит станет 2 сеанса, занято 3 — на 1 больше; новые сеансы начать будет нельзя, текущие не прервутся",
                "лимит станет 1 база, занято 5 — на 4 больше; новые создать будет нельзя, данные сохранятся",
            ],
            "en": [
                "in use3 of 41 free2 from the tariff + 2 from the extension",
                "in use5 of 94 free1 from the tariff + 8 from the extension",
                "The limit drops to 2 sessions; 3 are in use, 1 too many; no new sessions can start, those open go on",
                "The limit drops to 1 database; 5 are in use, 4 too many; no new ones can be made, your data is kept",
            ],
        },
    ),
    "unknown": (
        a_list(limit(2, 2), limit(1, 8), used_at=None),
        {
            "ru": [
                "42 по тарифу + 2 по расширению",
                "91 по тарифу + 8 по расширению",
                "лимит станет 2 сеанса",
                "лимит станет 1 база",
            ],
            "en": [
                "42 from the tariff + 2 from the extension",
                "91 from the tariff + 8 from the extension",
                "The limit drops to 2 sessions",
                "The limit drops to 1 database",
            ],
        },
    ),
    "full": (
        a_list(limit(5, 0, 5), limit(21, 0, 21), (5, 21), [row()]),
        {
            "ru": [
                "занято5 из 5свободных нет5 по тарифу",
                "занято21 из 21свободных нет21 по тарифу",
                "лимит не изменится: 5 сеансов, занято 5",
                "лимит не изменится: 21 база, занято 21",
            ],
            "en": [
                "in use5 of 5none free5 from the tariff",
                "in use21 of 21none free21 from the tariff",
                "The limit stays at 5 sessions; 5 are in use",
                "The limit stays at 21 databases; 21 are in use",
            ],
        },
    ),
    "over": (
        a_list(limit(2, 0, 3), limit(1, 0, 5), None, [row()]),
        {
            "ru": [
                "занято3 при лимите 2больше лимита на 12 по тарифу",
                "занято5 при лимите 1больше лимита на 41 по тарифу",
            ],
            "en": [
                "in use3 with a limit of 21 over the limit2 from the tariff",
                "in use5 with a limit of 14 over the limit1 from the tariff",
            ],
        },
    ),
    "unlimited": (
        a_list(limit(None, 2, 7), limit(None, 8), (None, None)),
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
    "no main": (
        a_list(limit(0, 0, 1), limit(0, 0, 0), rows=[row(state="future", starts_at=iso(END))]),
        {
            "ru": [
                "занято1 при лимите 0больше лимита на 10 по тарифу",
                "занято0 из 0свободных нет0 по тарифу",
                "лимит станет 2 сеанса, занято 1",
                "лимит станет 1 база, занято 0",
            ],
            "en": [
                "in use1 with a limit of 01 over the limit0 from the tariff",
                "in use0 of 0none free0 from the tariff",
                "The limit rises to 2 sessions; 1 is in use",
                "The limit rises to 1 database; 0 are in use",
            ],
        },
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_bars_and_what_is_left_say_it_in_words(show: Show, sound: Sound, state: str) -> None:
    """In use of how many, where they come from, what cannot be done now, what the next change leaves."""
    body, words = STATES[state]
    cabinet = show(body)
    for lang, (sessions, databases, *ahead) in words.items():
        cabinet.speak(lang)
        cards = cabinet.limits.get_by_role("definition").all()
        for card, name, text in zip(cards, ("sessions", "databases"), (sessions, databases), strict=True):
            expect(card).to_have_text(text + (NO_NEW[lang][name] if body["limits"][name]["over"] else ""))
        lines = cabinet.limits.locator(".ahead").get_by_role("listitem")
        expect(lines).to_have_text(ahead)
        expect(cabinet.limits.locator("li.over")).to_have_count(sum("больше" in a or "too many" in a for a in ahead))
        as_of = {"ru": "Данные на 09:00", "en": "Usage as of 09:00"}[lang]
        expect(cabinet.limits.get_by_text(as_of)).to_have_count(0 if state == "unknown" else 1)
        if ahead:
            after = {"ru": "После 29 ноября, 17:23", "en": "After 29 November, 17:23"}[lang]
            expect(cabinet.limits).to_contain_text(after)
        else:
            expect(cabinet.limits).not_to_contain_text("29")
    sound(cabinet.page)


def test_a_change_far_away_is_no_alarm_and_what_is_over_now_is_said_still(show: Show) -> None:
    """From 100 days on: no line of time, no sign of what will be over."""
    cabinet = show(a_list())
    expect(cabinet.element.locator(".line")).to_have_count(1)
    for days, shown in ((99, True), (100, False)):
        at = iso(NOON + days * DAY)
        used = extended(state="used", ends_at=iso(NOON - DAY))
        rows = [row(ends_at=at, extension=used)]
        cabinet.show(a_list(limit(2, 0, 2), limit(1, 0, 5), (0, 0), rows, next_change_at=at))
        expect(cabinet.element.locator(".line")).to_have_count(int(shown))
        expect(cabinet.element.locator("li.over")).to_have_count(2 * int(shown))
        expect(cabinet.limits).to_contain_text("лимит станет 0")
        expect(cabinet.limits.get_by_text("новые создать нельзя")).to_have_count(1)
        expect(cabinet.limits.get_by_text("новые сеансы начать нельзя")).to_have_count(0)


def test_the_pieces_of_a_bar_are_as_long_as_what_they_stand_for(show: Show) -> None:
    """In use of the tariff, in use of the extension, free; above the limit a piece of its own."""
    cabinet = show(a_list())
    pieces = cabinet.element.locator(".bar").last.locator("i")
    for state, lengths in {
        "over after": [["base on", "1"], ["extra on", "4"], ["extra", "4"]],
        "unknown": [["base", "1"], ["extra", "8"]],
        "over": [["base on", "1"], ["above on", "4"]],
        "full": [["base on", "21"]],
    }.items():
        cabinet.show(STATES[state][0])
        assert pieces.evaluate_all("all => all.map((i) => [i.className, i.style.flexGrow])") == lengths


@pytest.mark.parametrize("colours", ["none", "active"])
def test_what_bars_and_dots_show_does_not_hang_on_colours(show: Show, colours: Any) -> None:
    """In forced colours too, in use is filled and free is not; now is a filled dot, the others are hollow."""
    element = show(STATES["over after"][0], forced_colors=colours).element
    look = "piece => { const look = getComputedStyle(piece); return look.backgroundColor + look.backgroundImage; }"
    assert len({piece.evaluate(look) for piece in element.locator(".bar").last.locator("i").all()}) == 3
    edges = element.locator(".edge")
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
    cabinet = show(a_list(used_at=iso(NOON - timedelta(hours=14))))
    expect(cabinet.limits).to_contain_text("Данные на 01:00")
    cabinet.show(a_list(used_at=iso(NOON - timedelta(hours=16))))
    expect(cabinet.limits).to_contain_text("Данные на 23 нояб. 2026 г., 23:00")


def test_the_line_of_time_reads_as_a_list(show: Show) -> None:
    """Beginning and end of the extension, now, the end of the subscription, the next one: in order, a week ahead."""
    rows = [
        row(1, extension=extended(), ends_at=iso(END + 3 * DAY)),
        row(2, state="future", starts_at=iso(END + 3 * DAY), tariff={"id": "prof", "name": "ПРОФ"}),
        row(3, state="future", starts_at=iso(END + 8 * DAY)),
    ]
    cabinet = show(a_list(rows=rows))
    items = cabinet.limits.get_by_role("list").first.get_by_role("listitem")
    for lang, words in {
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
    }.items():
        cabinet.speak(lang)
        expect(items).to_have_count(4)
        assert [item.get_by_role("paragraph").all_inner_texts() for item in items.all()] == words


def test_an_extension_of_an_earlier_period_that_still_runs_ends_on_the_line(show: Show) -> None:
    """It stands in no row: renewed and not extended again, or extended again until later."""
    again = row(extension=extended(granted_at=iso(NOON - DAY), ends_at=iso(NOON + 6 * DAY)))
    cabinet = show(a_list())
    items = cabinet.limits.get_by_role("list").first.get_by_role("listitem")
    for body, edges in (
        (a_list(rows=[row(extension=AVAILABLE)]), ["Now", "Limits change"]),
        (
            a_list(limit(2, 4, 1), limit(1, 16, 1), (4, 9), rows=[again]),
            ["Начало расширения Базовый", "Сейчас", "Лимиты изменятся", "Конец расширения Базовый"],
        ),
    ):
        cabinet.speak("en" if edges[0] == "Now" else "ru")
        cabinet.show(body)
        expect(items).to_have_count(len(edges))
        assert [item.get_by_role("paragraph").first.inner_text() for item in items.all()] == edges
        changes = items.filter(has_text=re.compile("Limits change|Лимиты изменятся"))
        expect(changes.get_by_role("time")).to_have_attribute("datetime", iso(END))
        doubled = items.evaluate_all("all => all.map((item) => getComputedStyle(item).borderTopStyle)")
        assert doubled[:-1] == ["double"] * (len(edges) - 1), "until there the extension runs"


def test_now_stands_on_the_line_where_it_is_in_time(show: Show) -> None:
    """Between beginning and end of the extension, to a dot's width; the dots sit on the line, the word above it."""
    cabinet = show(a_list())
    items = cabinet.limits.get_by_role("list").first.get_by_role("listitem")
    expect(items).to_have_count(3)
    for hours, share in ((1 / 60, 0), (24, 1 / 7), (84, 1 / 2), (167, 1)):
        start = NOON - timedelta(hours=hours)
        end = start + 7 * DAY
        extension = extended(granted_at=iso(start), ends_at=iso(end))
        cabinet.show(a_list(rows=[row(extension=extension)], next_change_at=iso(end)))
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
    cabinet = show(a_list())
    expect(cabinet.page.get_by_text("Конец расширения")).to_have_count(1)
    for days, shown in ((8, 0), (2, 1)):
        ended = extended(state="used", granted_at=iso(NOON - 9 * DAY), ends_at=iso(NOON - days * DAY))
        cabinet.show(a_list(*BASE, None, [row(extension=ended)]))
        expect(cabinet.page.get_by_text("Конец расширения")).to_have_count(shown)


def test_an_earlier_api_that_answers_less_breaks_nothing(show: Show) -> None:
    """Without usage and what is left: limits as ever, usage unknown."""
    body = a_list()
    for name in ("sessions", "databases"):
        body["limits"][name] = {"base": 2, "extra": 2, "total": 4}
    del body["limits"]["used_at"], body["limits"]["after_change"]
    limits = show(body).limits
    expect(limits.get_by_text("нет данных об использовании")).to_have_count(1)
    assert not [word for word in ("undefined", "NaN", "null") if word in limits.inner_text()]


def test_the_contact_moves_up_when_it_is_the_next_step(show: Show) -> None:
    """In the last day before the change, as soon as something will be over, and while something is; never twice."""
    over = limit(2, 0, 3)
    far: dict[str, Any] = {"next_change_at": iso(NOON + 335 * DAY)}
    last_day = END - timedelta(hours=23)
    cabinet = show(a_list())
    contact = cabinet.page.get_by_role("heading", name=CONTACT)
    for case, at, up, body in (
        ("nothing over", NOON, False, a_list()),
        ("the last day", last_day, True, a_list()),
        ("something over after the change", NOON, True, a_list(limit(2, 2, 3))),
        ("usage unknown", NOON, False, a_list(limit(2, 2), limit(1, 8), used_at=None)),
        ("a change far away", NOON, False, a_list(*BASE, (0, 0), [row()], **far)),
        ("over now", NOON, True, a_list(over, BASE[1], (0, 0), [row()], **far)),
        ("over for good", NOON, True, a_list(over, BASE[1], None, [row()])),
    ):
        cabinet.page.clock.set_fixed_time(at)
        cabinet.show(body)
        expect(contact).to_have_count(1)
        assert (box(contact)["y"] < box(cabinet.history)["y"]) is up, case
