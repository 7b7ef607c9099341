"""Take the pictures of docs/images anew, on the local cloud of a running `make run`.

    python -m tests.browser.pictures [PORT]

The first one is in English; the others, in Russian, show confirmation, details, a refusal and what lies ahead: wide and
light in the demo cabinet, narrow and dark in a page that embeds the component. The history takes a minute: an extension
has to end, and the schedule to take it back.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from playwright.sync_api import Browser, Locator, expect

from devkit.builders import iso, subscription_changed
from devkit.project import ROOT
from tests.browser.conftest import Cabinet, answering, chromium, listed, now, report_usage
from tests.browser.test_report import a_report
from tests.conftest import Cloud

FOLDER = ROOT / "docs" / "images"
# Of an account, its tariff and its owner.
NAMES = {"ru": ("ООО «Ромашка»", "Базовый", "Анна Соколова"), "en": ("Chamomile Ltd", "Basic", "Anna Sokolova")}
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "wide": ("/", {"viewport": {"width": 1100, "height": 970}, "color_scheme": "light"}),
    "360": ("/example.html", {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"}),
}


def main(url: str) -> None:
    """Every picture, in both sizes."""
    with Cloud(url) as cloud, chromium() as browser:
        ahead(cloud, browser, "wide", "table-wide", "en")
        ahead(cloud, browser, "wide", "look-ahead-wide")
        ahead(cloud, browser, "360", "over-360")
        for size in LOOKS:
            story(cloud, browser, size)
            refusal(cloud, browser, size)
        history(cloud, browser)
        report(browser)


def ahead(cloud: Cloud, browser: Browser, size: str, picture: str, lang: str = "ru") -> None:
    """Extended, with more in use than its end will leave."""
    busy = account(cloud, lang)
    cloud.extend(busy)
    report_usage(cloud, busy, sessions=3, databases=5)
    cabinet = cabinet_of(busy, cloud, browser, size, lang)
    over = cabinet.page.locator("li.over")
    expect(over).to_have_count(2)
    expect(cabinet.edges).to_have_count(3)
    if size == "wide":
        whole(cabinet.extended, *cabinet.page.get_by_role("definition").all(), *over.all())
    take(cabinet, picture, full_page=size == "360")


def story(cloud: Cloud, browser: Browser, size: str) -> None:
    """Confirmation, details, table."""
    cabinet = cabinet_of(account(cloud), cloud, browser, size)
    cabinet.open_offer()
    heading = cabinet.dialog.get_by_role("heading")
    whole(cabinet.dialog, heading, cabinet.dialog.get_by_role("term").last, cabinet.confirm)
    take(cabinet, f"confirmation-{size}")
    cabinet.confirm.click()
    expect(cabinet.limits).to_contain_text("по расширению")
    cabinet.extended.click()
    expect(cabinet.dialog).to_contain_text("Кто оформил")
    whole(cabinet.dialog, heading, cabinet.dialog.get_by_role("button", name="Закрыть"))
    take(cabinet, f"details-{size}")
    if size == "360":
        cabinet.escape()
        cabinet.page.mouse.click(1, 200)
        cabinet.page.evaluate("scrollTo(0, 0)")
        expect(cabinet.edges).to_have_count(3)
        take(cabinet, "table-360", full_page=True)


def refusal(cloud: Cloud, browser: Browser, size: str) -> None:
    """The subscription has ended since the list was read."""
    late = account(cloud)
    cabinet = cabinet_of(late, cloud, browser, size)
    expect(cabinet.extend).to_be_visible()
    ended = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    report_subscription(cloud, late, ends_at=iso(ended))
    cabinet.extend.click()
    heading = cabinet.page.get_by_role("heading", name="Подписка завершена")
    expect(heading).to_be_visible()
    expect(cabinet.element.get_by_text("Завершена", exact=True)).to_have_count(1)  # the list behind it is new too
    whole(cabinet.dialog, heading, cabinet.dialog.get_by_text("Продлите её"), cabinet.dialog.get_by_role("link").last)
    take(cabinet, f"refusal-{size}")


def history(cloud: Cloud, browser: Browser) -> None:
    """One extension of the former period, taken back, and one that runs."""
    old = account(cloud, extension_terms={"sessions": 1, "databases": 4, "duration": "PT3S"})
    cloud.extend(old)
    path = f"/accounts/{old.id}/extensions"
    cloud.until(lambda: cloud.api(old.owner, "GET", path).json()["extensions"][0]["revoked_at"], timeout=130)
    report_subscription(cloud, old, **this_year() | {"starts_at": now()})
    cloud.extend(old)
    report_usage(cloud, old, sessions=2, databases=1)
    cabinet = cabinet_of(old, cloud, browser, "wide")
    cabinet.history.click()
    expect(cabinet.past.get_by_role("row")).to_have_count(3)
    heading = cabinet.page.get_by_role("heading", name="История расширений")
    heading.evaluate("heading => heading.scrollIntoView({ block: 'center' })")
    whole(heading, cabinet.past)
    take(cabinet, "history-wide")


def report(browser: Browser) -> None:
    """The operator's report of five thousand accounts."""
    with TemporaryDirectory() as folder:
        page = browser.new_page(viewport={"width": 1040, "height": 1500})
        page.goto(a_report(Path(folder), 5_000).as_uri())
        page.screenshot(path=FOLDER / "report.png")


def this_year() -> dict[str, str]:
    """The period of a subscription, from the beginning of this month in Moscow."""
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=3)
    return {"starts_at": iso(start), "ends_at": iso(start + timedelta(days=365))}


def account(cloud: Cloud, lang: str = "ru", **subscription: Any) -> SimpleNamespace:
    company, tariff, _ = NAMES[lang]
    return cloud.an_account(name=company, tariff={"id": "basic", "name": tariff}, **this_year(), **subscription)


def report_subscription(cloud: Cloud, account: SimpleNamespace, **period: str) -> None:
    """Reports another period of an account's subscription, and waits until the owner's list shows it."""
    detail = subscription_changed(account_id=account.id, subscription_id=account.subscription, changed_at=now())
    cloud.event("SubscriptionChanged", detail | period)
    cloud.until(lambda: period.items() <= listed(cloud, account)["subscriptions"][0].items())


def cabinet_of(account: SimpleNamespace, cloud: Cloud, browser: Browser, size: str, lang: str = "ru") -> Cabinet:
    """The subscriptions of an account, as its owner sees them."""
    path, looks = LOOKS[size]
    page = browser.new_page(**looks, device_scale_factor=2, timezone_id="Europe/Moscow", locale="ru-RU")
    company, _, name = NAMES[lang]
    member = {"id": account.id, "name": company, "role": "owner"}
    people = {"people": [{"id": account.owner, "name": name, "accounts": [member]}]}
    page.route("**/people", answering(json=people))
    page.goto(f"{cloud.url}{path}?user={account.owner}&account={account.id}&lang={lang}#subscriptions")
    return Cabinet(page)


def whole(*parts: Locator) -> None:
    """All of it is in the picture."""
    for part in parts:
        expect(part).to_be_in_viewport(ratio=1)


def take(cabinet: Cabinet, name: str, *, full_page: bool = False) -> None:
    cabinet.page.screenshot(path=FOLDER / f"{name}.png", full_page=full_page)


if __name__ == "__main__":
    main(f"http://127.0.0.1:{sys.argv[1] if sys.argv[1:] else 8080}")
