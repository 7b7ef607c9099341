"""A page of another origin than the API's, as most cabinets are."""

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.conftest import Cloud

PAGE = """<!doctype html>
<html lang="en"><title>Elsewhere</title>
<script type="module" src="{api}/extending-subscription.js"></script>
<extending-subscription account-id="{account}" api="{api}/api" lang="en"></extending-subscription>
<script type="module">
  document.querySelector('extending-subscription').getToken = async () => '{token}';
</script>
"""


def open_elsewhere(open_page: OpenPage, cloud: Cloud, account: Any, origin: str) -> Any:
    """A page at an origin that is only in this browser; the component and the API are the cloud's."""
    text = PAGE.format(api=cloud.url, account=account.id, token=cloud.token(account.owner))

    def serve(route: Route) -> None:
        route.fulfill(content_type="text/html", body=text)

    def allow(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers=answer.headers | {"access-control-allow-origin": "*"})

    def prepared(page: Page) -> None:
        page.context.grant_permissions(["local-network-access"])  # The page is no real one: nobody knows where it is.
        page.route(f"{origin}/elsewhere", serve)
        page.route(f"{cloud.url}/extending-subscription*", allow)  # a page brings its own copy of the two modules

    cabinet = open_page(account.owner, account.id, lang="en", before=prepared)
    cabinet.page.goto(f"{origin}/elsewhere")
    return cabinet


def test_a_page_of_an_origin_that_is_named_works(cloud: Cloud, open_page: OpenPage) -> None:
    """Preflight, list, offer, extension: by CORS, as the template has it."""
    account = cloud.an_account()
    cabinet = open_elsewhere(open_page, cloud, account, f"http://localhost:{urlsplit(cloud.url).port}")
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()


def test_a_page_of_any_other_origin_learns_nothing(cloud: Cloud, open_page: OpenPage) -> None:
    """The browser is told nothing that would let it hand an answer to the page."""
    account = cloud.an_account()
    cabinet = open_elsewhere(open_page, cloud, account, f"http://127.0.0.2:{urlsplit(cloud.url).port}")
    expect(cabinet.retry).to_be_visible()
    expect(cabinet.table).to_have_count(0)
