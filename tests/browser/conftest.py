"""Shared by the browser tests: one Chromium, a page per user, and a check for what no page may do."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from re import Pattern
from typing import Any, Literal
from urllib.parse import urljoin

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    FloatRect,
    Locator,
    Page,
    Route,
    ViewportSize,
    expect,
    sync_playwright,
)

from devkit.builders import CONTACT, DAY, iso, usage_changed
from devkit.project import ROOT
from tests.browser.answers import NOON, extended, offer
from tests.conftest import Cloud

CABINET = ROOT / "cabinet"
CHROMIUM = "/usr/bin/chromium-headless-shell"
WIDE: ViewportSize = {"width": 1100, "height": 820}
NARROW: ViewportSize = {"width": 320, "height": 640}
LIST = "**/subscriptions"
OFFER = "**/extension-offer"
EXTEND = "**/extension"
HISTORY = re.compile(r"/extensions\?")
EXTRAS = re.compile("extending-subscription-extras")
"""The second file."""
# A function that nobody has called yet starts slowly where everything else starts as well.
PATIENCE = 45_000  # ms
expect.set_options(timeout=PATIENCE)


def now() -> str:
    """An instant newer than those of the builders, for an event that must win."""
    return iso(datetime.now(UTC).replace(microsecond=0))


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"], timeout=4 * PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def node_modules(folder: Path) -> Path:
    """What the package-lock of a folder pins, installed if it is not."""
    modules = folder / "node_modules"
    subprocess.run(["make", "--silent", modules / ".package-lock.json"], cwd=ROOT, check=True)
    return modules


@pytest.fixture(scope="session", autouse=True)
def warm(cloud: Cloud) -> None:
    """Calls each function that a page calls: the first answer is slow."""
    cloud.extend(cloud.an_account())
    cloud.until(lambda: cloud.api("U-4", "GET", "/accounts/A-200/extensions").is_success)


class Cabinet:
    """One user's page with the component, in the words of its windows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(f"{request.method} {request.url}"))
        self.element = page.locator("extending-subscription")
        self.table = page.get_by_role("table").first
        self.dialog = page.get_by_role("dialog")
        self.message = self.dialog.get_by_role("status")
        self.limits = page.get_by_role("region")
        self.edges = self.element.locator(".edge")  # of the line of time, which comes with the second file
        # In either language.
        extend = re.compile("^(Расширить|Extend)$")
        self.extend = self.table.get_by_role("button", name=extend)
        self.extended = self.table.get_by_role("button", name=re.compile("^(Расширена до|Extended until)"))
        self.confirm = self.dialog.get_by_role("button", name=extend)
        self.retry = page.get_by_role("button", name=re.compile("Повторить|Try again"))
        history = re.compile("История расширений|History of extensions")
        self.history = page.get_by_role("button", name=history)
        self.past = page.get_by_role("table", name=history)
        self.summary = page.get_by_role("button", name=re.compile("Скопировать сводку|Copy a summary"))

    def status(self, text: str) -> Locator:
        """A message that is read out."""
        return self.page.get_by_role("status").filter(has_text=text)

    def count(self, method: str, part: str) -> int:
        """The number of requests of a kind that the page has made."""
        return sum(line.startswith(f"{method} ") and part in line for line in self.asked)

    def focused(self) -> str:
        """The id of what has the focus inside of the component."""
        return str(self.element.evaluate("element => element.shadowRoot.activeElement?.id ?? ''"))

    def open_offer(self) -> None:
        self.extend.click()
        expect(self.confirm).to_be_visible()

    def escape(self) -> None:
        self.page.keyboard.press("Escape")
        expect(self.dialog).to_be_hidden()

    def refresh(self) -> None:
        """Has the component ask for the list again, and draw the answer."""
        self.element.evaluate("element => element.refresh()")

    def show(self, body: Any) -> None:
        """From now on the API answers with this list."""
        self.page.route(LIST, answering(json=body))
        self.refresh()

    def speak(self, lang: str) -> None:
        self.element.evaluate("(element, lang) => { element.lang = lang }", lang)

    def go_to(self, account: str) -> None:
        self.element.evaluate("(element, account) => element.setAttribute('account-id', account)", account)


OpenPage = Callable[..., Cabinet]


@pytest.fixture
def open_page(browser: Browser, cloud: Cloud) -> Iterator[OpenPage]:
    """Opens a page of the cloud in a browser context of its own: open_page(user, account, lang=…, path=…, viewport=…).

    Fails the test afterwards if a page raised an error or did what its Content-Security-Policy forbids.
    """
    contexts = []
    trouble: list[str] = []

    def read(line: ConsoleMessage) -> None:
        if "Content Security Policy" in line.text:
            trouble.append(line.text)

    def opened(
        user: str = "U-1",
        account: str = "A-100",
        *,
        lang: str = "ru",
        path: str = "/example.html",
        before: Callable[[Page], None] | None = None,
        **options: Any,
    ) -> Cabinet:
        context = browser.new_context(**{"viewport": WIDE, "timezone_id": "Asia/Tokyo", "locale": "en-US"} | options)
        context.set_default_timeout(PATIENCE)
        # The component gives an answer half a minute; on a busy machine a page is looked at for longer.
        context.add_init_script("AbortSignal.timeout = () => new AbortController().signal")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", read)
        cabinet = Cabinet(page)
        if before:
            before(page)
        page.goto(f"{urljoin(cloud.url, path)}?user={user}&account={account}&lang={lang}")
        return cabinet

    yield opened
    for context in contexts:
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")  # one may be in the middle of an answer that nobody looks at
        context.close()
    assert trouble == []


Show = Callable[..., Cabinet]


@pytest.fixture
def show(open_page: OpenPage) -> Show:
    """Opens a page at noon with an answer of the list: show(answer, lang=…). An offer is granted at noon."""

    def shown(
        body: dict[str, Any], at: datetime = NOON, prepare: Callable[[Page], None] | None = None, **options: Any
    ) -> Cabinet:
        def before(page: Page) -> None:
            if prepare:
                prepare(page)
            page.clock.set_fixed_time(at)
            page.route(LIST, answering(json=body))
            page.route(OFFER, answering(json=offer()))
            granted = extended(granted_at=iso(NOON), ends_at=iso(NOON + 7 * DAY))
            page.route(EXTEND, answering(json={"created": True, "extension": granted}))
            answer_history(page, [])

        cabinet = open_page("U-1", "A-1", before=before, **options)
        expect(cabinet.page.get_by_text("A-1", exact=True)).to_be_visible()
        return cabinet

    return shown


def answer_pages(page: Page, url: Pattern[str], *pages: dict[str, Any]) -> None:
    """Pages that follow each other; their tokens are 1, 2, and so on."""

    def answer(route: Route) -> None:
        number = int(route.request.url.partition("next_token=")[2] or 0)
        following = f"{number + 1}" if pages[number + 1 :] else None
        route.fulfill(json=pages[number] | {"next_token": following})

    page.route(url, answer)


def answer_history(page: Page, *pages: list[dict[str, Any]]) -> None:
    answer_pages(page, HISTORY, *({"extensions": entries} for entries in pages))


Sound = Callable[[Page], None]
MOVING = """() => {
  const moves = (one) => ['', '::before', '::backdrop'].some((part) => {
    const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(one, part);
    return transitionDuration !== '0s' || animationName !== 'none' || scrollBehavior !== 'auto';
  });
  const parts = document.querySelector('extending-subscription')?.shadowRoot.querySelectorAll('*') ?? [];
  return [...parts].filter(moves).map((one) => one.outerHTML);
}"""


@pytest.fixture(scope="session")
def sound() -> Sound:
    """Checks a page as it stands: axe-core finds nothing in light and in dark, and nothing sticks out at 320 px.

    Nothing moves: without transition, animation and smooth scrolling there is nothing for reduced motion to stop.
    """
    axe = (node_modules(CABINET) / "axe-core" / "axe.min.js").read_text()
    schemes: dict[Literal["light", "dark"], Any] = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}

    def check(page: Page) -> None:
        if not page.evaluate("'axe' in window"):
            page.evaluate(axe)  # by way of the debugger, so the page's own policy stays as it is
        for scheme, rules in schemes.items():
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("async (rules) => (await axe.run(document, rules)).violations", rules)
            assert [
                (rule["id"], node["html"], node["failureSummary"]) for rule in found for node in rule["nodes"]
            ] == [], scheme
        assert page.evaluate(MOVING) == []
        before = page.viewport_size
        page.set_viewport_size(NARROW)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        sheet = page.get_by_role("dialog")
        if sheet.count():
            assert sheet.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0
        if before:
            page.set_viewport_size(before)

    return check


def listed(cloud: Cloud, account: Any) -> Any:
    """The first page of the list, as the account's owner is answered."""
    return cloud.api(account.owner, "GET", f"/accounts/{account.id}/subscriptions").json()


def report_usage(cloud: Cloud, account: Any, sessions: int, databases: int) -> None:
    """Reports what is in use, and waits until the owner's list shows it."""
    usage = usage_changed(account_id=account.id, sessions=sessions, databases=databases, changed_at=now())
    cloud.event("UsageChanged", usage)
    cloud.until(lambda: listed(cloud, account)["limits"]["databases"]["used"] == databases)


def box(shown: Locator) -> FloatRect:
    """Place and size on the screen, in pixels."""
    found = shown.bounding_box()
    assert found
    return found


def answering(**answer: Any) -> Callable[[Route], None]:
    """A route that answers by itself: answering(json=…, status=…)."""
    return lambda route: route.fulfill(**answer)


def refusal(code: str, status: int, **fields: Any) -> Callable[[Route], None]:
    """A route that answers as the API does when it refuses."""
    body = {"title": code, "status": status, "detail": code, "code": code, "servicing_organization": CONTACT} | fields
    return answering(status=status, content_type="application/problem+json", body=json.dumps(body))


class Held:
    """Requests to a URL that wait until the test answers them."""

    def __init__(self, page: Page, url: str | Pattern[str]) -> None:
        self.page = page
        self.routes: list[Route] = []
        page.route(url, lambda route: self.routes.append(route))  # noqa: PLW0108 - Playwright marks the function

    def route(self, number: int = 0) -> Route:
        """One of them, which comes some time after the press that makes the page ask."""
        for _ in range(PATIENCE // 20):
            if self.routes[number:]:
                return self.routes[number]
            self.page.wait_for_timeout(20)
        raise AssertionError(f"waited for {PATIENCE} ms in vain")


@contextmanager
def arriving(page: Page, part: str, how: str = "requestfinished") -> Iterator[None]:
    """Waits until what is answered in the block has reached the page, and gives it time to make something of it."""
    with page.expect_event(how, lambda request: part in request.url):
        yield
    page.wait_for_timeout(500)
