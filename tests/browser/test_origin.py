"""A page of another origin than the API's, as most cabinets are."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.conftest import ELSEWHERE, Cloud

PAGE = """<!doctype html>
<html lang="en"><title>Elsewhere</title>
<script type="module" src="{api}/extending-subscription.js"></script>
<extending-subscription account-id="{account}" api="{api}/api" lang="en"></extending-subscription>
<script type="module">
  document.querySelector('extending-subscription').getToken = async () =>
    (await (await fetch('{api}/token?user={owner}')).json()).access_token;
</script>
"""


def open_elsewhere(open_page: OpenPage, cloud: Cloud, account: Any, origin: str) -> Any:
    """A page at an origin that is only in this browser; the component, its tokens and the API are the cloud's."""
    text = PAGE.format(api=cloud.url, account=account.id, owner=account.owner)

    def prepared(page: Page) -> None:
        page.context.grant_permissions(["local-network-access"])  # The page is no real one: nobody knows where it is.
        page.route(f"{origin}/elsewhere", lambda route: route.fulfill(content_type="text/html", body=text))

    cabinet = open_page(account.owner, account.id, lang="en", before=prepared)
    cabinet.page.goto(f"{origin}/elsewhere")
    return cabinet


@pytest.mark.parametrize("origin", ["http://localhost:{}", ELSEWHERE])
def test_a_page_of_an_origin_that_is_named_works(cloud: Cloud, open_page: OpenPage, origin: str) -> None:
    """Token, preflight, list, offer, extension: by ORIGINS and by CORS, as the template has it."""
    account = cloud.an_account()
    cabinet = open_elsewhere(open_page, cloud, account, origin.format(urlsplit(cloud.url).port))
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    asked = "([url, init]) => fetch(url, init).then(answer => answer.status)"
    body = '{"detail_type": 7, "detail": {}}'
    init = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": body}
    assert cabinet.page.evaluate(asked, [f"{cloud.url}/events", init]) == 400


def test_a_page_of_any_other_origin_learns_nothing(cloud: Cloud, open_page: OpenPage) -> None:
    """The browser is told nothing that would let it hand an answer to the page, though the page has a token."""
    account = cloud.an_account()
    token = cloud.token(account.owner)

    def own_copy(route: Route) -> None:
        headers = {name: value for name, value in route.request.headers.items() if name != "origin"}
        answer = route.fetch(headers=headers)
        route.fulfill(response=answer, headers=answer.headers | {"access-control-allow-origin": "*"})

    def prepared(page: Page) -> None:
        page.route(f"{cloud.url}/extending-subscription*", own_copy)
        page.route(
            f"{cloud.url}/token*",
            lambda route: route.fulfill(json={"access_token": token}, headers={"access-control-allow-origin": "*"}),
        )

    def opened(*arguments: Any, before: Callable[[Page], None], **options: Any) -> Any:
        def both(page: Page) -> None:
            prepared(page)
            before(page)

        return open_page(*arguments, before=both, **options)

    cabinet = open_elsewhere(opened, cloud, account, f"http://127.0.0.2:{urlsplit(cloud.url).port}")
    expect(cabinet.retry).to_be_visible()
    expect(cabinet.table).to_have_count(0)
