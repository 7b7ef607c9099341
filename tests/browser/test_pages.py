"""On foreign pages: other origins, frameworks, frames, and older browsers."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from devkit.project import ROOT
from tests.browser.answers import EXTENDABLE
from tests.browser.conftest import CABINET, Cabinet, OpenPage, Show, Sound, answering, node_modules
from tests.conftest import ELSEWHERE, Cloud

THREE = ROOT / "tests" / "browser" / "three"
EMBEDDING = (ROOT / "docs" / "embedding.md").read_text()


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
    open_page: OpenPage, cloud: Cloud, origin: str, owner: str = "U-4", account: str = "A-200"
) -> Cabinet:
    """A page at an origin that is only in this browser; the component, its tokens and the API are the cloud's."""
    text = ELSEWHERE_PAGE.format(api=cloud.url, account=account, owner=owner)

    def before(page: Page) -> None:
        page.context.grant_permissions(["local-network-access"])  # The page is no real one: nobody knows where it is.
        page.route(f"{origin}/elsewhere?*", answering(content_type="text/html", body=text))

    return open_page(owner, account, lang="en", before=before, path=f"{origin}/elsewhere")


def block(language: str, part: str) -> str:
    """A code block of docs/embedding.md."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", EMBEDDING, re.DOTALL)
    return next(code for code in blocks if part in code)


def test_the_link_is_what_the_eye_meets_first(open_page: OpenPage) -> None:
    """In view without scrolling, above the developer bar of the demo page."""
    cabinet = open_page("U-4", "A-200", path="/")
    cabinet.page.evaluate("location.hash = 'subscriptions'")
    on_top = """link => {
      const { x, y, width, height } = link.getBoundingClientRect();
      return link.getRootNode().elementFromPoint(x + width / 2, y + height - 1) === link;
    }"""
    for width, height in ((1280, 800), (1366, 768), (360, 640)):
        cabinet.page.set_viewport_size({"width": width, "height": height})
        cabinet.page.evaluate("scrollTo(0, 0)")
        expect(cabinet.extend).to_be_in_viewport(ratio=1)
        assert cabinet.extend.evaluate(on_top)


@pytest.mark.parametrize("origin", ["http://localhost:{}", ELSEWHERE])
def test_a_page_of_an_origin_that_is_named_works(cloud: Cloud, open_page: OpenPage, origin: str) -> None:
    """Token, preflight, list, offer, extension: by ORIGINS and by CORS, as the template has it."""
    account = cloud.an_account()
    cabinet = open_elsewhere(open_page, cloud, origin.format(urlsplit(cloud.url).port), account.owner, account.id)
    cabinet.open_offer()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    asked = "([url, init]) => fetch(url, init).then(answer => answer.status)"
    body = '{"detail_type": 7, "detail": {}}'
    init = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": body}
    assert cabinet.page.evaluate(asked, [f"{cloud.url}/events", init]) == 400


def test_a_token_that_expires_on_another_origin_is_asked_for_again(cloud: Cloud, open_page: OpenPage) -> None:
    """The gateway's own 401 has no CORS header, so the page sees no answer at all: one try with a fresh token."""
    cabinet = open_elsewhere(open_page, cloud, f"http://localhost:{urlsplit(cloud.url).port}")
    expect(cabinet.extend).to_be_visible()
    token = cloud.token("U-4")
    cabinet.element.evaluate(
        """(element, token) => {
          window.refreshed = [];
          element.getToken = ({ refresh }) => {
            window.refreshed.push(refresh);
            return refresh ? token : `${token}.expired`;
          };
        }""",
        token,
    )

    def gateway(route: Route) -> None:
        if route.request.headers.get("authorization", "").endswith(".expired"):
            route.fulfill(status=401, json={"message": "Unauthorized"})
        else:
            route.continue_()

    cabinet.page.route("**/api/**", gateway)
    cabinet.open_offer()
    assert cabinet.page.evaluate("window.refreshed") == [False, True]
    cabinet.page.route("**/api/**", lambda route: route.abort())
    for _ in range(3):
        cabinet.refresh()
    expect(cabinet.retry.first).to_be_visible()
    assert cabinet.page.evaluate("window.refreshed") == [False, True, True], "without a network one try is enough"


def react() -> str:
    """The page of the document, drawn again whenever the test says so."""
    page = f"""
      import {{ useState }} from 'react';
      import {{ createRoot }} from 'react-dom/client';
      import {{ flushSync }} from 'react-dom';
      {block("jsx", "React 19")}
      function App() {{
        const [session, set] = useState(window.session);
        window.draw = (next) => flushSync(() => set(next ?? {{ ...session }}));
        return <Subscriptions account={{window.account}} session={{session}} />;
      }}
      createRoot(document.body).render(<App />);
    """
    esbuild = CABINET / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--loader=jsx", "--jsx=automatic", "--external:/extending-subscription.js"]
    build: list[Any] = ["node", esbuild, *options, "--define:process.env.NODE_ENV='production'"]
    done = subprocess.run(build, cwd=THREE, input=page, capture_output=True, text=True, check=True)
    return str(done.stdout)


def vue() -> str:
    """The page of the document; its module is what the block's script holds."""
    script = block("html", "createApp").removeprefix('<script type="module">').rpartition("</script>")[0]
    return script + "window.draw = (next) => { page.session = next ?? { ...page.session }; page.drawn++; };"


@pytest.mark.parametrize("page_of", [react, vue])
def test_a_framework_that_draws_again_closes_nothing(open_page: OpenPage, page_of: Callable[[], str]) -> None:
    """A new function for the same user changes nothing; one for another user takes all of the former off the screen."""
    modules = node_modules(THREE)
    sessions = """
      window.account = 'A-200';
      window.sessionOf = (user) => ({
        accessToken: async () => (await (await fetch(`/token?user=${user}`)).json()).access_token,
      });
      window.session = sessionOf('U-4');
    """
    html = f'<!doctype html><script>{sessions}</script><body><script type="module" src="/framework.js"></script>'
    vues = (modules / "vue" / "dist" / "vue.esm-browser.prod.js").read_text()

    def before(page: Page) -> None:
        page.route("**/framework?*", answering(content_type="text/html", body=html))
        page.route("**/framework.js", answering(content_type="text/javascript", body=page_of()))
        page.route("**/vue.*", answering(content_type="text/javascript", body=vues))

    cabinet = open_page("U-4", "A-200", lang="en", path="/framework", before=before)
    cabinet.open_offer()
    for _ in range(5):
        cabinet.page.evaluate("draw()")
    cabinet.page.wait_for_timeout(300)
    expect(cabinet.confirm).to_be_visible()
    assert cabinet.count("GET", "/subscriptions") - cabinet.count("GET", "/extension-offer") == 1

    cabinet.page.evaluate("draw(sessionOf('U-9'))")
    expect(cabinet.page.get_by_role("heading", name="Account not found")).to_be_visible()
    expect(cabinet.dialog).to_be_hidden()
    assert "S-20" not in cabinet.element.evaluate("element => element.shadowRoot.innerHTML")


def test_a_sandboxed_frame_does_not_block_the_focus(cloud: Cloud, open_page: OpenPage) -> None:
    """The window's heading has the focus there too, and the browser complains of nothing."""
    console: list[str] = []
    inner = ELSEWHERE_PAGE.format(api=cloud.url, account="A-200", owner="U-4")
    outer = f'<iframe sandbox="allow-scripts allow-same-origin" src="{cloud.url}/inner"></iframe>'

    def before(page: Page) -> None:
        page.on("console", lambda line: console.append(line.text))
        page.context.grant_permissions(["local-network-access"])
        page.route("**/inner", answering(content_type="text/html", body=inner))
        page.route("**/outer?*", answering(content_type="text/html", body=outer))

    cabinet = open_page(before=before, path=f"http://localhost:{urlsplit(cloud.url).port}/outer")
    frame = cabinet.page.frame_locator("iframe")
    frame.get_by_role("button", name="Extend").first.click()
    expect(frame.get_by_role("dialog").get_by_role("button", name="Extend")).to_be_visible()
    focused = "element => element.shadowRoot.activeElement?.id"
    assert frame.locator("extending-subscription").evaluate(focused) == "heading"
    assert not [line for line in console if "autofocus" in line.lower()]


UNKNOWN = re.compile(r"light-dark|color-mix|field-sizing|:has|/ ?(''|\"\")")


def test_an_older_browser_shows_all_of_it(show: Show, sound: Sound) -> None:
    """Without what came to CSS and the clipboard after Chrome 109 and Firefox 115: the window, its colours, its signs.

    What scripts may use is the linter's to say.
    """

    def older(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, body=UNKNOWN.sub(lambda found: f"unknown{len(found[0])}", reply.text()))

    def prepare(page: Page) -> None:
        page.add_init_script("delete window.ClipboardItem")
        page.route("**/extending-subscription*", older)

    cabinet = show(EXTENDABLE, prepare=prepare, permissions=["clipboard-read", "clipboard-write"])
    cabinet.open_offer()
    solid = "shown => getComputedStyle(shown).backgroundColor"
    assert cabinet.dialog.evaluate(solid) != "rgba(0, 0, 0, 0)"
    assert cabinet.confirm.evaluate(solid) != cabinet.dialog.evaluate(solid)
    sound(cabinet.page)
    cabinet.escape()
    dot = "shown => getComputedStyle(shown, '::before').content"
    assert "●" in cabinet.element.locator(".state.active").first.evaluate(dot)
    cabinet.summary.click()
    expect(cabinet.status("Сводка скопирована.")).to_be_visible()


def test_the_document_names_the_browsers_that_the_source_is_held_to() -> None:
    """The linter's list is the one that the builder and docs/embedding.md have."""
    listed = json.loads((CABINET / "package.json").read_text())["browserslist"]
    assert listed == ["chrome 109", "firefox 115", "safari 16.4", "ios_saf 16.4"]
    assert "['chrome109', 'firefox115', 'safari16.4']" in (CABINET / "build.js").read_text()
    assert "Chrome and Edge 109, Firefox 115, Safari 16.4 (iOS 16.4)" in EMBEDDING
