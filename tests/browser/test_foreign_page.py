"""A foreign page in the same browser, while the local cloud runs: whatever it sends, nothing is done and nothing read.

The browser holds nothing back by itself: the page has the permission that a user may give it.
"""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page

from devkit.builders import member_changed
from devkit.stage import Stack
from local.server import KEY
from tests.browser.conftest import answering, now
from tests.conftest import Cloud
from tests.support.stack import stack_of

SEND = """async ([url, body, type]) => {
    await fetch(url, { method: 'POST', mode: 'no-cors', headers: { 'Content-Type': type }, body });
}"""
READ = "([url, headers]) => fetch(url, { headers }).then(answer => answer.text(), () => null)"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def stack(cloud: Cloud) -> Stack:
    return stack_of(cloud)


@pytest.fixture
def foreign(browser: Browser) -> Iterator[Page]:
    """A page of nobody's, on another port of this machine."""
    with browser.new_context(permissions=["local-network-access"]) as context:
        page = context.new_page()
        page.route("http://127.0.0.1:9999/", answering(content_type="text/html", body="<!doctype html>"))
        page.goto("http://127.0.0.1:9999/")
        yield page


def status(url: str, path: str, host: str, method: str = "GET") -> tuple[int, str]:
    """The answer to a path as it is, asked for under a name of the caller's choice."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    try:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_a_foreign_page_makes_nobody_an_owner_and_starts_nothing_anew(cloud: Cloud, foreign: Page) -> None:
    """Simple requests need no permission: the browser sends them, and the local surface has to refuse them."""
    account = cloud.an_account()
    detail = member_changed(account_id=account.id, user_id="U-foreign", changed_at=now())
    event = {"detail_type": "MemberChanged", "detail": detail}
    foreign.evaluate(SEND, [f"{cloud.url}/events", json.dumps(event), "text/plain"])
    foreign.evaluate(SEND, [f"{cloud.url}/reset", "", "text/plain"])
    refused = httpx.post(f"{cloud.url}/reset", headers={"Origin": "null"})
    assert refused.status_code == 403
    # What its own pages put on the bus is there at once; what the foreign one sent was before it.
    cloud.event("MemberChanged", detail | {"user_id": "U-ours"})
    path = f"/accounts/{account.id}/subscriptions"
    cloud.until(lambda: cloud.api("U-ours", "GET", path).is_success)
    assert cloud.api("U-foreign", "GET", path).status_code == 404


def test_a_foreign_page_reads_nothing(cloud: Cloud, stack: Stack, foreign: Page) -> None:
    """No token, no event, nobody's name, nothing of AWS; nothing of the API, though the page has a token."""
    # The last one is readable by every origin by itself.
    parts = [f"{cloud.url}/{path}" for path in ("token?user=U-1", "people", "events", "api/x")]
    for url in (*parts, f"{stack.endpoint}/2015-03-31/functions"):
        assert foreign.evaluate(READ, [url, {}]) is None, url
    token = {"Authorization": f"Bearer {cloud.token('U-4')}"}
    assert foreign.evaluate(READ, [f"{cloud.url}/api/accounts/A-200/subscriptions", token]) is None


def test_a_foreign_page_reaches_no_function_of_the_local_cloud(stack: Stack, foreign: Page) -> None:
    """It would run whatever code it is sent, as whoever started it. The same requests do it where they have the key."""
    functions, queues = stack.client("lambda"), stack.client("sqs")
    name = "foreign"
    action = urlencode({"Action": "CreateQueue", "QueueName": name})
    code = {"FunctionName": name, "Runtime": "python3.13", "Handler": "a.b", "Role": "r", "Code": {"ZipFile": ""}}

    def made() -> list[str]:
        found = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
        found += queues.list_queues().get("QueueUrls", [])
        return [each for each in found if each.rpartition("/")[2] == name]

    credentials = stack.session.get_credentials()
    assert credentials
    key = str(credentials.token)
    for query in ("", f"?X-Amz-Security-Token={key}", f"?{action}&AWSAccessKeyId=test"):
        foreign.evaluate(SEND, [f"{stack.endpoint}/{query}", action, FORM])
        foreign.evaluate(SEND, [f"{stack.endpoint}/2015-03-31/functions{query}", json.dumps(code), "text/plain"])
    assert made() == []
    headers = {KEY: key, "Content-Type": FORM}
    assert httpx.post(f"{stack.endpoint}/", content=action, headers=headers).is_success
    (queue,) = made()
    queues.delete_queue(QueueUrl=queue)


def test_a_foreign_name_that_leads_here_opens_nothing(cloud: Cloud, stack: Stack) -> None:
    """DNS rebinding: to the browser the page and the local cloud are then of one origin."""
    port = urlsplit(cloud.url).port
    for host in ("attacker.example", f"attacker.example:{port}", "127.0.0.1", f"127.0.0.1.example:{port}", ""):
        for path in ("/", "/token?user=U-1", "/events", "/api/accounts/A-100/limits", "/nothing"):
            for method in ("GET", "POST"):
                assert status(cloud.url, path, host, method)[0] == 403, (method, path, host)
    for host in ("attacker.example", f"s3.attacker.example:{urlsplit(str(stack.endpoint)).port}"):
        assert status(str(stack.endpoint), "/", host) == (403, "")


def test_no_other_machine_is_listened_to(cloud: Cloud, stack: Stack) -> None:
    """A server that listens on every interface would answer at each address of this machine."""
    for url in (cloud.url, str(stack.endpoint)):
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.2:{urlsplit(url).port}/")


def test_no_path_leads_out_of_the_api(cloud: Cloud) -> None:
    """The local cloud's other parts are asked with the key."""
    for path in (
        "/api/../../_ministack/health",
        "/api/a/../../../../_ministack/health",
        "/api/%2e%2e/%2e%2e/_ministack/health",
        "/api/..%2f..%2f_ministack/health",
        "/api%2f../../_ministack/health",
        "/api//../../../_ministack/health",
        "/api/../../../../",
    ):
        answer, text = status(cloud.url, path, urlsplit(cloud.url).netloc)
        assert (answer, text.replace(": ", ":")) == (404, '{"message":"Not Found"}'), path


def test_a_caller_s_own_key_is_not_passed_on(cloud: Cloud) -> None:
    """Or the API would answer as MiniStack's guard does."""
    assert cloud.api("U-4", "GET", "/accounts/A-200/subscriptions", headers={KEY: "mine"}).is_success
