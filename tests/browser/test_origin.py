"""A page of another origin than the API's, as most cabinets are."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, answering, open_elsewhere
from tests.conftest import ELSEWHERE, Cloud


@pytest.mark.parametrize("origin", ["http://localhost:{}", ELSEWHERE])
def test_a_page_of_an_origin_that_is_named_works(cloud: Cloud, open_page: OpenPage, origin: str) -> None:
    """Token, preflight, list, offer, extension: by ORIGINS and by CORS, as the template has it."""
    account = cloud.an_account()
    cabinet = open_elsewhere(open_page, cloud, origin.format(urlsplit(cloud.url).port), account.owner, account.id)
    cabinet.extend.click()
    cabinet.confirm.click()
    expect(cabinet.extended).to_be_visible()
    asked = "([url, init]) => fetch(url, init).then(answer => answer.status)"
    body = '{"detail_type": 7, "detail": {}}'
    init = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": body}
    assert cabinet.page.evaluate(asked, [f"{cloud.url}/events", init]) == 400


def test_a_page_of_any_other_origin_learns_nothing(cloud: Cloud, open_page: OpenPage) -> None:
    """No answer has what would let the browser hand it to the page, though the page has a token."""
    every_origin = {"access-control-allow-origin": "*"}

    def own_copy(route: Route) -> None:
        headers = {name: value for name, value in route.request.headers.items() if name != "origin"}
        answer = route.fetch(headers=headers)
        route.fulfill(response=answer, headers=answer.headers | every_origin)

    def prepare(page: Page) -> None:
        page.route(f"{cloud.url}/extending-subscription*", own_copy)
        page.route(f"{cloud.url}/token*", answering(json={"access_token": cloud.token("U-4")}, headers=every_origin))

    other = f"http://127.0.0.2:{urlsplit(cloud.url).port}"
    cabinet = open_elsewhere(open_page, cloud, other, prepare=prepare)
    expect(cabinet.retry).to_be_visible()
    expect(cabinet.table).to_have_count(0)
