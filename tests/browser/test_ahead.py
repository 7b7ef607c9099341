"""Limits in use, and what the next change will leave of them: shown from the first day on, without colour too."""

from datetime import timedelta
from typing import Any, Literal

from playwright.sync_api import expect

from devkit.builders import DAY, iso, limit
from tests.browser.answers import AVAILABLE, BASE, END, NOON, a_list, extended, row
from tests.browser.conftest import Show, Sound, box

CONTACT = "Нужно больше или на постоянной основе?"
# On the card of a limit that is exceeded now.
NO_SESSIONS = "новые сеансы начать нельзя, пока занято не меньше лимита, текущие не прервутся"
NO_DATABASES = "новые создать нельзя, пока занято не меньше лимита, данные сохранятся"
# The answer; what the cards of sessions and databases say; what the next change leaves.
STATES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "over after": (
        a_list(limit(2, 2, 3), limit(1, 8, 5)),
        [
            "занято3 из 4свободно 12 по тарифу + 2 по расширению",
            "занято5 из 9свободно 41 по тарифу + 8 по расширению",
        ],
        [
            "лимит станет 2 сеанса, занято 3 — на 1 больше; новые сеансы начать будет нельзя, текущие не прервутся",
            "лимит станет 1 база, занято 5 — на 4 больше; новые создать будет нельзя, данные сохранятся",
        ],
    ),
    "unknown": (
        a_list(limit(2, 2), limit(1, 8), used_at=None),
        ["42 по тарифу + 2 по расширению", "91 по тарифу + 8 по расширению"],
        ["лимит станет 2 сеанса", "лимит станет 1 база"],
    ),
    "full": (
        a_list(limit(5, 0, 5), limit(21, 0, 21), (5, 21), [row()]),
        ["занято5 из 5свободных нет5 по тарифу", "занято21 из 21свободных нет21 по тарифу"],
        ["лимит не изменится: 5 сеансов, занято 5", "лимит не изменится: 21 база, занято 21"],
    ),
    "over": (
        a_list(limit(2, 0, 3), limit(1, 0, 5), None, [row()]),
        [
            f"занято3 при лимите 2больше лимита на 12 по тарифу{NO_SESSIONS}",
            f"занято5 при лимите 1больше лимита на 41 по тарифу{NO_DATABASES}",
        ],
        [],
    ),
    "unlimited": (
        a_list(limit(None, 2, 7), limit(None, 8), (None, None)),
        ["занято7без ограничений", "без ограничений"],
        ["Сеансы: без ограничений, занято 7", "Базы: без ограничений"],
    ),
    "no main": (
        a_list(limit(0, 0, 1), limit(0, 0, 0), rows=[row(state="future", starts_at=iso(END))]),
        [f"занято1 при лимите 0больше лимита на 10 по тарифу{NO_SESSIONS}", "занято0 из 0свободных нет0 по тарифу"],
        ["лимит станет 2 сеанса, занято 1", "лимит станет 1 база, занято 0"],
    ),
}


def test_bars_and_what_is_left_say_it_in_words(show: Show, sound: Sound) -> None:
    """In use of how many, where they come from, what cannot be done now, what the next change leaves."""
    cabinet = show(a_list())
    for state, (body, cards, ahead) in STATES.items():
        cabinet.show(body)
        expect(cabinet.limits.get_by_role("definition"), state).to_have_text(cards)
        expect(cabinet.limits.locator(".ahead").get_by_role("listitem"), state).to_have_text(ahead)
        expect(cabinet.limits.locator("li.over"), state).to_have_count(sum("больше" in line for line in ahead))
        expect(cabinet.limits.get_by_text("Данные на 09:00"), state).to_have_count(0 if state == "unknown" else 1)
        expect(cabinet.limits.get_by_text("После 29 ноября, 17:23"), state).to_have_count(1 if ahead else 0)
        sound(cabinet.page)


def test_a_change_far_away_is_no_alarm_and_what_is_over_now_is_said_still(show: Show) -> None:
    """From 100 days on: no line of time, no sign of what will be over."""
    cabinet = show(a_list())
    expect(cabinet.edges).not_to_have_count(0)
    for days, shown in ((99, True), (100, False)):
        at = iso(NOON + days * DAY)
        rows = [row(ends_at=at, extension=extended(state="used", ends_at=iso(NOON - DAY)))]
        cabinet.show(a_list(limit(2, 0, 2), limit(1, 0, 5), (0, 0), rows, next_change_at=at))
        expect(cabinet.element.locator(".line")).to_have_count(int(shown))
        expect(cabinet.element.locator("li.over")).to_have_count(2 * int(shown))
        expect(cabinet.limits).to_contain_text("лимит станет 0")
        expect(cabinet.limits.get_by_text("новые создать нельзя")).to_have_count(1)
        expect(cabinet.limits.get_by_text("новые сеансы начать нельзя")).to_have_count(0)


def test_the_pieces_of_a_bar_are_as_long_as_what_they_stand_for_and_differ_without_colours(show: Show) -> None:
    """In use of the tariff, in use of the extension, free; above the limit a piece of its own.

    In forced colours too, in use is filled and free is not; now is a filled dot, the others are hollow.
    """
    cabinet = show(a_list())
    expect(cabinet.edges).to_have_count(3)  # The line comes with the second file.
    bar = cabinet.element.locator(".bar").last.locator("i")
    for state, lengths in {
        "unknown": [["base", "1"], ["extra", "8"]],
        "over": [["base on", "1"], ["above on", "4"]],
        "full": [["base on", "21"]],
        "over after": [["base on", "1"], ["extra on", "4"], ["extra", "4"]],
    }.items():
        cabinet.show(STATES[state][0])
        assert bar.evaluate_all("all => all.map((i) => [i.className, i.style.flexGrow])") == lengths
    look = "piece => { const look = getComputedStyle(piece); return look.backgroundColor + look.backgroundImage; }"
    filled = """edge => {
      const { backgroundColor, borderTopColor } = getComputedStyle(edge, '::before');
      return backgroundColor === borderTopColor;
    }"""
    forced: Literal["none", "active"]
    for forced in ("none", "active"):
        cabinet.page.emulate_media(forced_colors=forced)
        assert len({piece.evaluate(look) for piece in bar.all()}) == 3, forced
        assert [dot.evaluate(filled) for dot in cabinet.edges.all()] == [False, True, False], forced


def test_usage_of_another_day_has_its_date(show: Show) -> None:
    """In the account's zone: 22:00 UTC of yesterday is today in Moscow, 20:00 is not."""
    cabinet = show(a_list(used_at=iso(NOON - timedelta(hours=14))))
    expect(cabinet.limits).to_contain_text("Данные на 01:00")
    cabinet.show(a_list(used_at=iso(NOON - timedelta(hours=16))))
    expect(cabinet.limits).to_contain_text("Данные на 23 нояб. 2026 г., 23:00")


ENDED = extended(state="used", granted_at=iso(NOON - 9 * DAY))
# The answer; in how many pieces of the line an extension runs; what begins or ends at its points, and when.
LINES: dict[str, tuple[dict[str, Any], int, list[str]]] = {
    "the end of the subscription and the next one, and nothing more than a week ahead": (
        a_list(
            rows=[
                row(1, extension=extended(), ends_at=iso(END + 3 * DAY)),
                row(2, state="future", starts_at=iso(END + 3 * DAY), tariff={"id": "prof", "name": "ПРОФ"}),
                row(3, state="future", starts_at=iso(END + 8 * DAY)),
            ]
        ),
        2,
        [
            "Начало расширения Базовый22 ноября 2026 г., 17:23 (Москва)",
            "Сейчас",
            "Конец расширения Базовый29 ноября 2026 г., 17:23 (Москва)",
            "Конец подписки БазовыйНачало подписки ПРОФ2 декабря 2026 г., 17:23 (Москва)",
        ],
    ),
    "renewed and not extended again: the extension stands in no row": (
        a_list(rows=[row(extension=AVAILABLE)]),
        1,
        ["Сейчас", "Лимиты изменятся29 ноября 2026 г., 17:23 (Москва)"],
    ),
    "renewed and extended again until later": (
        a_list(
            limit(2, 4, 1),
            limit(1, 16, 1),
            (4, 9),
            rows=[row(extension=extended(granted_at=iso(NOON - DAY), ends_at=iso(NOON + 6 * DAY)))],
        ),
        3,
        [
            "Начало расширения Базовый23 ноября 2026 г., 15:00 (Москва)",
            "Сейчас",
            "Лимиты изменятся29 ноября 2026 г., 17:23 (Москва)",
            "Конец расширения Базовый30 ноября 2026 г., 15:00 (Москва)",
        ],
    ),
    "ended less than a week ago": (
        a_list(*BASE, None, [row(extension=ENDED | {"ends_at": iso(NOON - 2 * DAY)})]),
        1,
        [
            "Начало расширения Базовый15 ноября 2026 г., 15:00 (Москва)",
            "Конец расширения Базовый22 ноября 2026 г., 15:00 (Москва)",
            "Сейчас",
        ],
    ),
    "ended more than a week ago": (
        a_list(*BASE, None, [row(extension=ENDED | {"ends_at": iso(NOON - 8 * DAY)})]),
        0,
        [],
    ),
}


def test_the_line_of_time_reads_as_a_list(show: Show) -> None:
    """Beginnings and ends in order, from a week back to a week after the next change; doubled while extended."""
    cabinet = show(a_list())
    expect(cabinet.edges).to_have_count(3)
    for case, (body, doubled, words) in LINES.items():
        cabinet.show(body)
        expect(cabinet.edges, case).to_have_text(words)
        styles = cabinet.edges.evaluate_all("all => all.map((edge) => getComputedStyle(edge).borderTopStyle)")
        assert [style == "double" for style in styles] == [i < doubled for i in range(len(words))], case


def test_now_stands_on_the_line_where_it_is_in_time(show: Show) -> None:
    """Between beginning and end of the extension, to a dot's width; its word above the line."""
    cabinet = show(a_list())
    expect(cabinet.edges).to_have_count(3)
    for hours, share in ((1 / 60, 0), (24, 1 / 7), (84, 1 / 2), (167, 1)):
        start = NOON - timedelta(hours=hours)
        end = start + 7 * DAY
        extension = extended(granted_at=iso(start), ends_at=iso(end))
        cabinet.show(a_list(rows=[row(extension=extension)], next_change_at=iso(end)))
        began, now, ends = (box(edge) for edge in cabinet.edges.all())
        assert abs((now["x"] - began["x"]) - share * (ends["x"] - began["x"])) <= 20
        word = box(cabinet.edges.nth(1).get_by_role("paragraph"))
        assert word["y"] + word["height"] <= now["y"]
        assert began["x"] <= word["x"]


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
        ("usage unknown", NOON, False, STATES["unknown"][0]),
        ("a change far away", NOON, False, a_list(*BASE, (0, 0), [row()], **far)),
        ("over now", NOON, True, a_list(over, BASE[1], (0, 0), [row()], **far)),
        ("over for good", NOON, True, a_list(over, BASE[1], None, [row()])),
    ):
        cabinet.page.clock.set_fixed_time(at)
        cabinet.show(body)
        expect(contact).to_have_count(1)
        assert (box(contact)["y"] < box(cabinet.history)["y"]) is up, case
