"""The operator's report in a browser: everybody can read it, in light and in dark, and it asks nobody for anything."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page

from bench.accounts import AT, items_of
from ops.report import page as written
from ops.report.facts import Facts


def a_report(place: Path, accounts: int) -> Path:
    """The page of a table of so many accounts."""
    facts = Facts(AT)
    calls = written.by_organization(facts.read(items_of(accounts)))
    with (place / "report.html").open("wb") as file:
        written.write_page(file, facts, calls)
    return place / "report.html"


def test_the_report_is_sound_and_loads_nothing(browser: Browser, sound: Callable[[Page], None], tmp_path: Path) -> None:
    """Its figures are tables with bars."""
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    trouble: list[str] = []
    page.on("console", lambda line: trouble.append(line.text))
    page.goto(a_report(tmp_path, 100).as_uri())
    assert page.get_by_role("figure").count() == 4
    assert page.get_by_role("row", name="within a minute").is_visible()
    sound(page)
    assert asked == [page.url]
    assert trouble == []
    page.close()
