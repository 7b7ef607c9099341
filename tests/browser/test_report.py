"""The operator's report in a browser: everybody can read it, in light and in dark, and it asks nobody for anything."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page

from extending.model import Account
from ops.report import page as written
from tests.unit.test_report import PARTNER, counted, holdings


def test_the_report_is_sound_and_loads_nothing(browser: Browser, sound: Callable[[Page], None], tmp_path: Path) -> None:
    """Its figures are tables with bars."""
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    trouble: list[str] = []
    page.on("console", lambda line: trouble.append(line.text))
    facts, calls = counted(holdings()._replace(account=Account("A-100", "ООО «Ромашка»", None, PARTNER)))
    facts.lag["within a minute"] = 3
    with (tmp_path / "report.html").open("wb") as file:
        written.write_page(file, facts, calls * 20)
    page.goto((tmp_path / "report.html").as_uri())
    assert page.get_by_role("figure").count() == 4
    assert page.get_by_role("row", name="within a minute").is_visible()
    sound(page)
    assert asked == [page.url]
    assert trouble == []
    page.close()
