"""Events out for receivers that speak no AWS: posted, repeated, and in the end in the queue."""

from tests.conftest import Cloud
from tests.e2e.test_operating import extending
from tests.e2e.test_publish import granted
from tests.support.receiver import Inbox, webhook
from tests.support.stack import stack_of


def test_what_never_arrives_is_in_the_queue_and_is_put_back(cloud: Cloud) -> None:
    """With its reason; `extending redrive` has it told again, and this time it arrives, with the id of then."""
    inbox = Inbox()
    away: set[str] = set()
    inbox.answering = lambda event: 500 if event["subject"] in away else 204
    stack = stack_of(cloud)
    with webhook(stack, inbox, gives_up_after=0):
        account = cloud.an_account()
        away.add(account.id)
        granted(cloud, account)
        cloud.until(lambda: inbox.refused)
        shown = cloud.until(lambda: found_in(cloud, "The receiver answered 500."))
        assert "ExtensionGranted" in shown
        away.clear()
        done = extending(cloud, "redrive", "--yes")
        assert "kept" not in done.stdout.replace("0 kept", ""), done.stdout
        (event,) = cloud.until(lambda: inbox.of(account.id))
    assert event["id"] == inbox.refused[0]["id"]


def found_in(cloud: Cloud, reason: str) -> str:
    """What `extending redrive` shows, once a reason is in it."""
    shown = extending(cloud, "redrive", "--dry-run").stdout
    return shown if reason in shown else ""


def test_a_receiver_that_refuses_the_key_is_not_asked_again(cloud: Cloud) -> None:
    """Repeating would not help: it goes to the queue at once, for whoever mends the key."""
    inbox = Inbox()
    with webhook(stack_of(cloud), inbox, key="another"):
        granted(cloud)
        assert cloud.until(lambda: found_in(cloud, "The receiver answered 401."))
    assert not inbox.taken
    extending(cloud, "redrive", "--yes")
