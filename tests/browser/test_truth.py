"""The page shows the truth: ends, periods, zones and names, by the clock and not only by the last answer."""

from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Locator, expect

from devkit.builders import DAY, iso, limit
from tests.browser.answers import AVAILABLE, BASE, END, FREE, IDLE, NOON, a_list, extended, past, row
from tests.browser.conftest import Cabinet, Show, answer_history

EARLY = iso(END - DAY)  # 28 November, 17:23 in Moscow


def window(cabinet: Cabinet, link: str) -> Locator:
    """The window behind a link of the table."""
    cabinet.table.get_by_role("button", name=link).first.click()
    expect(cabinet.dialog.get_by_role("term").first).to_be_visible()
    return cabinet.dialog


def everywhere(cabinet: Cabinet, link: str, entry: dict[str, Any], words: str) -> Locator:
    """Checks what the row, the history and the summary say of an extension; the window behind its link."""
    expect(cabinet.table.get_by_role("cell").last).to_contain_text(words)
    answer_history(cabinet.page, [entry])
    cabinet.history.click()
    expect(cabinet.past.get_by_role("cell").last).to_contain_text(words)
    cabinet.summary.click()
    assert words in cabinet.page.get_by_role("textbox").input_value()
    return window(cabinet, link)


def test_an_early_end_is_shown_as_what_it_is(show: Show) -> None:
    """In the row, the details, the history and the summary; the line of time ends there."""
    ended = extended(state="used", revoked_at=EARLY)
    cabinet = show(a_list(*BASE, None, [row(extension=ended)]), END - DAY / 2)
    edges = cabinet.edges.get_by_role("time")
    expect(edges).to_have_count(2)
    assert [edge.get_attribute("datetime") for edge in edges.all()] == [ended["granted_at"], EARLY]
    stopped, moment = "Расширение прекращено", "28 ноября 2026 г., 17:23 (Москва)"
    dialog = everywhere(cabinet, stopped, past(1, **ended), f"{stopped} {moment}")
    expect(dialog.locator("dl > div", has_text=stopped)).to_contain_text(moment)
    expect(dialog).not_to_contain_text("Была расширена")


def test_an_extension_that_does_not_count_says_so_everywhere(show: Show) -> None:
    """In the row, the details, the history and the summary, and nothing of it is green."""
    silent = extended(counts=False)
    finished = row(state="finished", ends_at=iso(NOON - DAY), extension=silent)
    cabinet = show(a_list(limit(0, 0, 1), limit(0, 0, 1), None, [finished]))
    expect(cabinet.element.locator(".edge.extra, .link.active")).to_have_count(0)
    running = {key: silent[key] for key in ("state", "granted_at", "ends_at", "revoked_at")}
    expect(everywhere(cabinet, "Расширена до", past(1, **running), IDLE)).to_contain_text(IDLE)


def test_an_extension_counts_while_something_carries_it(show: Show) -> None:
    """An API that does not say whether it counts is taken at its periods."""
    finished = row(1, state="finished", ends_at=iso(NOON - DAY), extension=extended())
    cabinet = show(a_list(rows=[finished]))
    for carriers in ([{"kind": "prolonging"}], [], [{"ends_at": None}], [{"ends_at": iso(END + DAY)}]):
        cabinet.show(a_list(rows=[finished, *(row(2, **carrier) for carrier in carriers)]))
        expect(cabinet.extended).to_be_visible()
        expect(cabinet.table.get_by_text(IDLE)).to_have_count(0 if carriers else 1)


def until(end: datetime | None, **change: Any) -> dict[str, Any]:
    """A subscription that can be extended."""
    return row(ends_at=end and iso(end), extension=AVAILABLE, **change)


def following(**change: Any) -> dict[str, Any]:
    """The next period of a subscription: the same for ever, from tomorrow on."""
    same = {"tariff": {"id": "basic", "name": "Базовый"}, "limits": {"sessions": 2, "databases": 1}}
    return {"starts_at": iso(NOON + DAY), "ends_at": None} | same | change


def test_an_offer_that_outlives_its_subscription_says_until_when_it_helps(show: Show) -> None:
    """In the confirmation, before it is spent."""
    prolonging = row(2, state="future", kind="prolonging", starts_at=iso(NOON + DAY), ends_at=iso(NOON + 2 * DAY))
    cabinet = show(a_list())
    till = cabinet.dialog.locator("dl > div", has_text="Действует до")
    for case, rows, sooner in (
        ("ends before", [until(NOON + 6.5 * DAY)], "подписка заканчивается раньше: 1 декабря, 03:00"),
        ("ends with it", [until(NOON + 7 * DAY)], None),
        ("no end", [until(None)], None),
        ("renewed", [until(NOON + DAY, next_period=following())], None),
        ("prolonged for a day", [until(NOON + DAY), prolonging], "26 ноября, 15:00"),
        ("an add-on carries nothing", [until(NOON + DAY), row(2, kind="add_on")], "25 ноября, 15:00"),
    ):
        cabinet.show(a_list(*BASE, (0, 0), rows, next_change_at=rows[0]["ends_at"]))
        expect(cabinet.table.get_by_text("без срока")).to_have_count(1 if case in {"no end", "renewed"} else 0)
        cabinet.extend.click()
        expect(till, case).to_contain_text("1 декабря 2026 г., 15:00 (Москва)")
        if sooner:
            expect(till, case).to_contain_text(sooner)
        else:
            expect(till, case).not_to_contain_text("раньше")
        cabinet.escape()


def test_a_period_ahead_stands_in_the_row_and_on_the_line(show: Show) -> None:
    """With what changes; the running one stays as it is."""
    start = iso(datetime(2026, 12, 31, 21, tzinfo=UTC))
    ahead = following(starts_at=start, tariff={"id": "prof", "name": "ПРОФ"}, limits={"sessions": 5, "databases": None})
    rows = [row(ends_at=start, next_period=ahead, extension=extended())]
    cabinet = show(a_list(*FREE, (5, None), rows, next_change_at=start))
    period = "следующий период с 1 янв. 2027 г. без срока, ПРОФ, 5 сеансов, Базы: без ограничений"
    expect(cabinet.table.get_by_role("cell").nth(1).get_by_role("paragraph").last).to_have_text(period)
    expect(cabinet.edges.last).to_contain_text("Новый период подписки ПРОФ")
    expect(cabinet.element.get_by_text("Конец подписки")).to_have_count(0)


def test_who_extended_is_called_by_name_where_it_is_known(show: Show) -> None:
    """In the history and the window; else by the id."""
    cabinet = show(a_list(rows=[row(extension=extended(granted_by="U-7"))]))
    known = past(1, granted_by="U-7", granted_by_name="Жанна Демидова")
    answer_history(cabinet.page, [known, past(2, granted_by="U-8", granted_by_name=None)])
    who = window(cabinet, "Расширена до").locator("dl > div", has_text="Кто оформил")
    expect(who).to_contain_text("Жанна Демидова")
    cabinet.escape()
    cabinet.history.click()
    rows = cabinet.past.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Жанна Демидова")
    expect(rows.nth(2)).to_contain_text("U-8")


# What an account in this zone reads at 14:23 UTC.
ZONES = {
    "UTC+3": "17:23 (UTC+3)",
    "UTC+05:30": "19:53 (UTC+05:30)",
    "UTC-3": "11:23 (UTC-3)",
    "UTC": "14:23 (UTC)",
    "GMT+3": "17:23 (UTC+3)",
    "+03:00": "17:23 (UTC+3)",
    "Etc/GMT-3": "17:23 (UTC+3)",
    "Europe/Minsk": "17:23 (Минск)",
    "Europe/Kyiv": "16:23 (Киев)",
    "Asia/Kathmandu": "20:08 (Kathmandu)",
    "America/New_York": "09:23 (New York)",
    "Mars/Base": "23:23 (Tokyo)",  # the browser's own
    None: "23:23 (Tokyo)",
}


def test_a_zone_is_named_as_it_was_reported_and_its_time_is_right(show: Show) -> None:
    """The city that was reported, in Russian where readers of Russian live; a fixed offset with the sign in use."""
    cabinet = show(a_list())
    for zone, words in ZONES.items():
        cabinet.show(a_list(account={"time_zone": zone}))
        expect(cabinet.extended.get_by_role("time"), str(zone)).to_have_text(f"29 ноября 2026 г., {words}")
