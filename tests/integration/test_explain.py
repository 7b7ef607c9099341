"""An account explained by the product's own rules."""

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from devkit.builders import DAY, NOW, SECOND, WEEK, account_removed, iso, usage_changed
from devkit.project import Trouble
from devkit.service import Service
from extending.errors import Code
from ops import explain, table
from tests.support.operated import Operated, run


def explained(target: Operated, user: str | None = None, now: datetime = NOW) -> explain.Json:
    return explain.explain("local", "A-100", table.of_account(target, "A-100"), user, now)


@pytest.mark.parametrize(
    ("user", "code"),
    [("U-1", None), (None, None), ("U-2", Code.OWNER_REQUIRED), ("U-9", Code.ACCOUNT_NOT_FOUND)],
)
def test_what_a_user_may_is_what_the_api_would_answer(
    target: Operated, service: Service, user: str | None, code: Code | None
) -> None:
    """By the role first, as extend has it; without a user, for an owner."""
    (row,) = explained(target, user)["subscriptions"]
    assert row["may"] == {"extend": code is None, "code": code}
    offer_id = service.offer().json["offer_id"]
    assert service.extend(offer_id, user or "U-1").code == code
    service.subscription(subscription_id="S-2", ends_at=iso(NOW))
    finished = explained(target, user)["subscriptions"][1]
    assert finished["may"]["code"] == (code or Code.FINISHED)


def test_limits_rows_and_history_are_those_of_the_cabinet(target: Operated, service: Service) -> None:
    """Word for word, with what stays from the next change on."""
    service.extend()
    service.report("UsageChanged", usage_changed(sessions=3, changed_at=iso(NOW)))
    shown, listed = explained(target, "U-1"), service.list("U-1").json
    assert [row.pop("may")["code"] for row in shown["subscriptions"]] == [Code.ALREADY_USED]
    for part in ("limits", "account", "subscriptions"):
        assert shown[part] == listed[part]
    assert shown["extensions"] == service.history("U-1").json["extensions"]
    assert shown["user"] == {"id": "U-1", "role": "owner", "may_view": True, "may_extend": True}


def test_what_is_due_is_shown_with_how_late_it_is(target: Operated, service: Service) -> None:
    """The reminder first, then the end, then nothing."""
    service.extend()
    (waiting,) = explained(target)["due"]
    assert (waiting["what"], waiting["due_at"], waiting["late_seconds"]) == ("remind", iso(NOW + WEEK - DAY), 0)
    service.at(NOW + WEEK - DAY).expire()
    (waiting,) = explained(target, now=NOW + WEEK + 90 * SECOND)["due"]
    assert (waiting["what"], waiting["late_seconds"]) == ("revoke", 90)
    service.at(NOW + WEEK).expire()
    assert explained(target, now=NOW + WEEK)["due"] == []


def test_a_record_ahead_of_the_clock_is_named_with_what_repairs_it(target: Operated, service: Service) -> None:
    """Every record says when it was last reported."""
    service.member(user_id="U-3", role="user", changed_at=iso(NOW + timedelta(minutes=4)))
    records = {each["record"]: each for each in explained(target)["records"]}
    assert set(records) == {"account", "subscription:S-1", *(f"member:U-{n}" for n in range(1, 5))}
    assert [name for name, each in records.items() if each["frozen"]] == ["member:U-3"]
    assert records["account"]["at"] == "2026-11-01T00:00:00Z"
    assert "extending repair A-100 member:U-3 --stage prod" in printed(explained(target))


def printed(explanation: explain.Json) -> str:
    out = Console(file=StringIO(), width=200)
    explain.show(out, explanation, "prod")
    assert isinstance(out.file, StringIO)
    return out.file.getvalue()


def test_it_is_for_people_to_read_and_as_json_for_machines(
    target: Operated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to say to the client."""
    text = printed(explained(target, "U-2"))
    for words in ("U-2 is administrator and may view, not extend", "no: owner_required", "Only an owner"):
        assert words in text
    capsys.readouterr()
    assert run(explain, target, monkeypatch, "A-100", "--user", "U-1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["say"].startswith("Your subscription 000000123")


def test_an_account_that_is_not_there_was_never_reported_or_was_removed(
    target: Operated, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that distinguishes them."""
    with pytest.raises(Trouble, match="has no account A-900: no change of it was ever received"):
        run(explain, target, monkeypatch, "A-900")
    service.report("AccountRemoved", account_removed())
    with pytest.raises(Trouble, match=f"removed at {iso(NOW)}"):
        run(explain, target, monkeypatch, "A-100")
