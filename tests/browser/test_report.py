"""The operator's report in a browser: everybody can read it, in light and in dark, and it asks nobody for anything."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page

from devkit.builders import DAY, NOW, SECOND, WEEK
from extending.model import Account
from ops.report import page as written
from ops.report.facts import Call, Facts
from tests.unit.test_report import BASIC, PARTNER, holdings

TARIFFS = ["Старт", "Базовый", "Базовый", "ПРОФ", "КОРП"]


def a_report(place: Path, accounts: int) -> Path:
    """The page of so many accounts, all of which have extended in the last three months."""
    facts, calls, chance = Facts(NOW), list[Call](), random.Random(1)
    for number in range(accounts):
        granted_at = NOW - timedelta(seconds=chance.randrange(90 * 86_400))
        revoked_at = granted_at + WEEK + chance.randrange(100) * SECOND
        main = BASIC._replace(tariff_name=chance.choice(TARIFFS), starts_at=NOW - 100 * DAY)
        held = holdings(
            granted_at, period_starts_at=main.starts_at, revoked_at=revoked_at if revoked_at < NOW else None
        )
        partner = PARTNER | {"name": f"ООО «Партнёр {chance.randrange(20)}»"}
        account = Account(f"A-{number}", f"ООО «Клиент {number}»", None, partner)
        calls += facts.count(held._replace(account=account, subscriptions={"S-1": main}))
    with (place / "report.html").open("wb") as file:
        written.write_page(file, facts, written.by_organization(calls))
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
