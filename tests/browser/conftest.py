"""Shared by the browser tests: one Chromium, a page per user, and a check for what no page may do."""

import fcntl
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from re import Pattern
from typing import Any, Literal

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

from devkit.builders import CONTACT, iso, subscription_changed, usage_changed
from devkit.project import ROOT
from tests.browser.answers import NOON
from tests.conftest import Cloud

CABINET = ROOT / "cabinet"
CHROMIUM = "/usr/bin/chromium-headless-shell"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=4 * PATIENCE)
        yield chromium
        chromium.close()


def node_modules(folder: Path) -> Path:
    """Installs what the package-lock of a folder pins, if it is not there."""
    modules = folder / "node_modules"
    with (folder / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Another worker may be at it.
        if not (modules / ".package-lock.json").exists():
            npm = shutil.which("npm")
            assert npm, f"npm brings {modules}"
            options = ["--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
            subprocess.run([npm, "ci", *options], cwd=folder, check=True)
    return modules


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, at the version that cabinet/package-lock.json pins."""
    return (node_modules(CABINET) / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="session", autouse=True)
def warm(cloud: Cloud) -> None:
    """Calls each function that a page calls: the component gives a first answer half a minute."""
    cloud.extend(cloud.an_account())
    cloud.until(lambda: cloud.api("U-4", "GET", "/accounts/A-200/extensions").is_success)


class Cabinet:
    """One user's page with the component, in the words of its windows."""

    def __init__(self, page: Page, lang: str) -> None:
        self.page = page
        self.lang = lang
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(f"{request.method} {request.url}"))

    @property
    def element(self) -> Locator:
        return self.page.locator("extending-subscription")

    @property
    def table(self) -> Locator:
        return self.page.get_by_role("table")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    @property
    def extend(self) -> Locator:
        """The link in the column "Extension"."""
        return self.table.get_by_role("button", name=self.word("Расширить", "Extend"), exact=True)

    @property
    def extended(self) -> Locator:
        return self.table.get_by_role("button", name=self.word("Расширена до", "Extended until"))

    @property
    def confirm(self) -> Locator:
        return self.dialog.get_by_role("button", name=self.word("Расширить", "Extend"), exact=True)

    @property
    def retry(self) -> Locator:
        return self.page.get_by_role("button", name=self.word("Повторить", "Try again"))

    @property
    def limits(self) -> Locator:
        """The part with bars, the line of time, and what the next change leaves."""
        return self.page.get_by_role("region")

    @property
    def history(self) -> Locator:
        """The button; its table has the same name."""
        return self.page.get_by_role("button", name=self.word("История расширений", "History of extensions"))

    @property
    def past(self) -> Locator:
        return self.page.get_by_role("table", name=self.word("История расширений", "History of extensions"))

    @property
    def summary(self) -> Locator:
        return self.page.get_by_role("button", name=self.word("Скопировать сводку", "Copy a summary"))

    def word(self, ru: str, en: str) -> str:
        return {"ru": ru, "en": en}[self.lang]

    def status(self, text: str) -> Locator:
        """A message that is read out."""
        return self.page.get_by_role("status").filter(has_text=text)

    def count(self, method: str, part: str) -> int:
        """The number of requests of a kind that the page has made."""
        return sum(line.startswith(f"{method} ") and part in line for line in self.asked)

    def focused(self) -> str:
        """The id of what has the focus inside of the component."""
        return str(self.element.evaluate("element => element.shadowRoot.activeElement?.id ?? ''"))

    def refresh(self) -> None:
        """Has the component ask for the list again, and draw the answer."""
        self.element.evaluate("element => element.refresh()")

    def show(self, body: Any) -> None:
        """From now on the API answers with this list."""
        self.page.route(LIST, answering(json=body))
        self.refresh()

    def speak(self, lang: str) -> None:
        self.lang = lang
        self.element.evaluate("(element, lang) => { element.lang = lang }", lang)

    def go_to_another_account(self) -> None:
        """To A-300 of the same user."""
        self.element.evaluate("element => element.setAttribute('account-id', 'A-300')")
        expect(self.page.get_by_text("A-300")).to_be_visible()


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
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", read)
        cabinet = Cabinet(page, lang)
        if before:
            before(page)
        page.goto(f"{cloud.url}{path}?user={user}&account={account}&lang={lang}")
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
    """Opens a page at noon with an answer of the list: show(answer, lang=…). None brings the service's own time."""

    def shown(
        body: dict[str, Any], at: datetime = NOON, prepare: Callable[[Page], None] | None = None, **options: Any
    ) -> Cabinet:
        def before(page: Page) -> None:
            if prepare:
                prepare(page)
            page.clock.set_fixed_time(at)
            page.route(LIST, answering(json=body))
            answer_history(page, [])

        cabinet = open_page("U-1", "A-1", before=before, **options)
        expect(cabinet.page.get_by_text("A-1", exact=True)).to_be_visible()
        return cabinet

    return shown


def answer_history(page: Page, *pages: list[dict[str, Any]]) -> None:
    """The pages of the history, each answered once, the last one from then on; their tokens are 1, 2, and so on."""
    numbers = iter(range(len(pages)))

    def answer(route: Route) -> None:
        number = next(numbers, len(pages) - 1)
        more = f"{number + 1}" if number + 1 < len(pages) else None
        route.fulfill(json={"extensions": pages[number], "next_token": more})

    page.route(HISTORY, answer)


Sound = Callable[[Page], None]


@pytest.fixture
def sound(axe: str) -> Sound:
    """Checks a page as it stands: axe-core finds nothing in light and in dark, and nothing sticks out at 320 px."""
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


def report_subscription(cloud: Cloud, account: Any, seen: Callable[[dict[str, Any]], object], **change: Any) -> None:
    """Reports an account's subscription with a change, and waits until the owner's list shows it."""
    detail = subscription_changed(account_id=account.id, subscription_id=account.subscription, changed_at=now())
    cloud.event("SubscriptionChanged", detail | change)
    cloud.until(lambda: seen(listed(cloud, account)["subscriptions"][0]))


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


def from_the_api(page: Page, url: str | Pattern[str]) -> None:
    """Lets the requests to a URL through to the API again.

    In place of `page.unroute`: an answer that is still under way when its route is taken away raises when the page
    closes, in the next test. Routes stay, and the last one for a URL counts.
    """
    page.route(url, lambda route: route.continue_())


class Held:
    """Requests to a URL that wait until the test answers them."""

    def __init__(self, page: Page, url: str | Pattern[str]) -> None:
        self.page = page
        self.routes: list[Route] = []

        def keep(route: Route) -> None:
            self.routes.append(route)

        page.route(url, keep)
        # The component gives an answer half a minute. A page is looked at for longer than that where much else runs.
        for give in (page.add_init_script, page.evaluate):
            give("AbortSignal.timeout = () => new AbortController().signal")

    def first(self) -> Route:
        """The first one, which comes some time after the press that makes the page ask."""
        until(self.page, lambda: self.routes)
        return self.routes[0]


@contextmanager
def arriving(page: Page, part: str, how: str = "requestfinished") -> Iterator[None]:
    """Waits until what is answered in the block has reached the page, and gives it time to make something of it."""
    with page.expect_event(how, lambda request: part in request.url):
        yield
    page.wait_for_timeout(500)


def until(page: Page, met: Callable[[], object]) -> None:
    """Waits for what arrives in the test rather than on the page, such as a request."""
    for _ in range(PATIENCE // 20):
        if met():
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"waited for {PATIENCE} ms in vain")


ELSEWHERE_PAGE = """<!doctype html>
<html lang="en"><title>Elsewhere</title>
<script type="module" src="{api}/extending-subscription.js"></script>
<extending-subscription account-id="{account}" api="{api}/api" lang="en"></extending-subscription>
<script type="module">
  document.querySelector('extending-subscription').getToken = async () =>
    (await (await fetch('{api}/token?user={owner}')).json()).access_token;
</script>
"""


def open_elsewhere(
    open_page: OpenPage,
    cloud: Cloud,
    origin: str,
    owner: str = "U-4",
    account: str = "A-200",
    prepare: Callable[[Page], None] | None = None,
) -> Cabinet:
    """A page at an origin that is only in this browser; the component, its tokens and the API are the cloud's."""
    text = ELSEWHERE_PAGE.format(api=cloud.url, account=account, owner=owner)

    def before(page: Page) -> None:
        if prepare:
            prepare(page)
        page.context.grant_permissions(["local-network-access"])  # The page is no real one: nobody knows where it is.
        page.route(f"{origin}/elsewhere", answering(content_type="text/html", body=text))

    cabinet = open_page(owner, account, lang="en", before=before)
    cabinet.page.goto(f"{origin}/elsewhere")
    return cabinet
