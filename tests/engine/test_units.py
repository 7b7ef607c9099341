"""What each operation costs the database, in capacity units: a number here that grows is a decision, not an accident.

Reads and single writes are what the engine reports. A transaction is counted by the service's rule, which the engine
does not follow: two write units for each started KB of each of its items, condition checks as well, done or refused,
and one for each started KB that it writes to an index.
"""

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from extending import items, store
from extending.runtime import utc_now
from tests.engine.test_sweep import grants
from tests.support.builders import (
    DAY,
    WEEK,
    account_changed,
    member_changed,
    subscription_changed,
    subscription_removed,
    usage_changed,
)
from tests.support.meter import size, started_kb
from tests.support.service import Service
from tests.support.template import table_definition

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

LATER = "2026-11-02T00:00:00Z"
LONG_ID = "A" * 64
LONG_USER = "u" * 255


class Bill(NamedTuple):
    read: float
    write: float
    calls: int


class Meter:
    """Adds up what the calls of a client cost."""

    def __init__(self, client: "DynamoDBClient", raw: "DynamoDBClient") -> None:
        self._raw = raw
        self._lock = Lock()  # Sweeps call from several threads.
        self._bill = Bill(0, 0, 0)
        client.meta.events.register("before-parameter-build.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._take)

    def bill(self) -> Bill:
        """What was spent since it was last asked."""
        bill, self._bill = self._bill, Bill(0, 0, 0)
        return bill

    def _add(self, read: float = 0, write: float = 0, calls: int = 0) -> None:
        with self._lock:
            self._bill = Bill(self._bill.read + read, self._bill.write + write, self._bill.calls + calls)

    def _ask(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if model.name == "TransactWriteItems":
            puts = [action["Put"]["Item"] for action in params["TransactItems"] if "Put" in action]
            checks = [action["ConditionCheck"] for action in params["TransactItems"] if "ConditionCheck" in action]
            items = puts + [
                self._raw.get_item(TableName=check["TableName"], Key=check["Key"]).get("Item", {}) for check in checks
            ]
            self._add(write=2 * sum(map(started_kb, items)), calls=1)
            context["index_units"] = sum(started_kb(copy) for item in puts for copy in _copies(item))
        else:
            params["ReturnConsumedCapacity"] = "INDEXES"
            self._add(calls=1)

    def _take(self, model: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        refused = "Error" in parsed
        match model.name:
            case "GetItem" | "Query":
                self._add(read=parsed["ConsumedCapacity"]["CapacityUnits"])
            case (
                "PutItem" | "UpdateItem" | "DeleteItem"
            ):  # A refused one is billed as well; the engine does not say so.
                self._add(write=1 if refused else parsed["ConsumedCapacity"]["CapacityUnits"])
            case "TransactWriteItems":
                self._add(write=0 if refused else context["index_units"])


def _copies(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The item as each index holds it."""
    keys = {"pk", "sk"}
    copies = []
    for index in table_definition()["GlobalSecondaryIndexes"]:
        names = {str(key["AttributeName"]) for key in index["KeySchema"]}
        if names <= item.keys():
            names |= keys | set(index["Projection"]["NonKeyAttributes"])
            copies.append({name: value for name, value in item.items() if name in names})
    return copies


@pytest.fixture
def meter(service: Service, dynamodb: "DynamoDBClient", raw: "DynamoDBClient") -> Meter:
    """The usual account: three subscriptions, four members."""
    service.subscription(subscription_id="S-2", kind="add_on", parent_id="S-1", limits={"sessions": 5, "databases": 0})
    service.subscription(subscription_id="S-3", ends_at="2026-02-01T00:00:00Z")
    return Meter(dynamodb, raw)


def test_a_grant_takes_one_call_and_seven_write_units(service: Service, meter: Meter) -> None:
    """Three items in one transaction, one of them in the index; nothing is read."""
    offer_id = service.offer().json["offer_id"]
    meter.bill()

    assert service.extend(offer_id).status == 201
    assert _within(meter.bill(), Bill(read=0, write=7, calls=1))


def test_a_grant_in_a_period_with_an_id_takes_two_units_more(service: Service, meter: Meter) -> None:
    """It checks that there is none from before the period had its id; still one call."""
    service.subscription(period_id="P-1", changed_at=LATER)
    offer_id = service.offer().json["offer_id"]
    meter.bill()

    assert service.extend(offer_id).status == 201
    assert _within(meter.bill(), Bill(read=0, write=9, calls=1))


def test_the_limits_of_a_usual_account_take_one_call_and_one_read_unit(service: Service, meter: Meter) -> None:
    """The hottest route: the account, its subscription, an extension and its usage are far below 4 KB."""
    service.extend()
    service.tell("UsageChanged", usage_changed())
    meter.bill()

    assert service.limits().status == 200
    assert _within(meter.bill(), Bill(read=1, write=0, calls=1))


def test_a_history_takes_what_a_list_takes(service: Service, meter: Meter) -> None:
    """Role and account."""
    service.extend()
    meter.bill()

    assert service.history().status == 200
    assert _within(meter.bill(), Bill(read=2, write=0, calls=2))


def test_a_repeated_grant_is_answered_from_what_its_refusal_brings(service: Service, meter: Meter) -> None:
    """The double click and the second owner: one call, no read."""
    offer_id = service.offer().json["offer_id"]
    service.extend(offer_id)
    meter.bill()

    assert service.extend(offer_id).status == 200
    assert _within(meter.bill(), Bill(read=0, write=6, calls=1))


def test_a_refusal_reads_the_account_once_to_explain_itself(service: Service, meter: Meter) -> None:
    """A member is told whom to turn to, and that is read; a stranger is told nothing, and nothing is read."""
    offer_id = service.offer().json["offer_id"]
    bills = {}
    meter.bill()

    service.extend(offer_id, user="stranger")
    bills["stranger"] = meter.bill()
    service.extend(offer_id, user="stranger")
    bills["stranger again"] = meter.bill()
    service.restart()
    service.extend(offer_id, user="U-3")
    bills["user"] = meter.bill()
    service.extend(offer_id, user="U-3")
    bills["user again"] = meter.bill()
    service.restart()
    service.extend(offer_id, user="U-2")
    bills["administrator"] = meter.bill()
    service.restart()
    service.extend(offer_id, subscription="S-3")
    bills["offer of another subscription"] = meter.bill()
    service.subscription(extension_terms=None, changed_at=LATER)
    meter.bill()
    service.extend(offer_id)
    bills["other terms"] = meter.bill()

    budget = {
        "stranger": Bill(0, 6, 1),
        "stranger again": Bill(1, 0, 1),
        "user": Bill(1, 6, 2),
        "user again": Bill(2, 0, 2),
        "administrator": Bill(1, 6, 2),
        "offer of another subscription": Bill(2, 0, 2),
        "other terms": Bill(1, 6, 2),
    }
    assert all(_within(bills[who], budget[who]) for who in budget), bills
    assert bills["other terms"].read == 1  # Strongly consistent: what it says is what stood against the grant.


def test_the_list_of_a_usual_account_takes_two_calls_and_two_read_units(service: Service, meter: Meter) -> None:
    """Three subscriptions, one of them extended, strongly consistent; of a stranger nothing but the role is read."""
    service.extend(service.offer().json["offer_id"])
    meter.bill()

    assert len(service.list().json["subscriptions"]) == 3
    assert meter.bill() == Bill(read=2, write=0, calls=2)  # One that may be out of date would cost half.
    assert service.list(user="stranger").status == 404
    assert _within(meter.bill(), Bill(read=1, write=0, calls=1))


def test_an_offer_takes_two_calls_and_two_read_units(service: Service, meter: Meter) -> None:
    """As the list, whatever it answers."""
    meter.bill()

    assert service.offer().status == 200
    assert meter.bill() == Bill(read=2, write=0, calls=2)  # One that may be out of date would cost half.
    assert service.offer(subscription="S-3").status == 409
    assert _within(meter.bill(), Bill(read=2, write=0, calls=2))


def test_a_change_takes_a_write_unit_and_a_look_at_whether_its_account_was_removed(
    service: Service, meter: Meter
) -> None:
    """An account, a member, a subscription, usage, the removal of a subscription; what is too old takes no look."""
    meter.bill()
    for kind, detail in (
        ("AccountChanged", account_changed(changed_at=LATER)),
        ("MemberChanged", member_changed(changed_at=LATER)),
        ("UsageChanged", usage_changed(changed_at=LATER)),
        ("SubscriptionChanged", subscription_changed(changed_at=LATER)),
        ("SubscriptionRemoved", subscription_removed(subscription_id="S-2", changed_at=LATER)),
    ):
        for _ in range(2):
            service.tell(kind, detail)
            assert _within(meter.bill(), Bill(read=1, write=1, calls=2))
        service.tell(kind, detail | {"changed_at": "2026-01-01T00:00:00Z"})
        assert _within(meter.bill(), Bill(read=0, write=1, calls=1))


def test_a_sweep_with_nothing_due_takes_a_query_for_each_shard(service: Service, meter: Meter) -> None:
    """What the schedule costs every minute: half a unit for each."""
    service.extend(service.offer().json["offer_id"])
    meter.bill()

    service.expire()

    assert _within(meter.bill(), Bill(read=items.SHARDS / 2, write=0, calls=items.SHARDS))


def test_a_revocation_takes_two_write_units(table: str, raw: "DynamoDBClient", service: Service, meter: Meter) -> None:
    """One for the item, one to take it out of the index."""
    grants(raw, table, 10, utc_now() - WEEK)
    meter.bill()

    assert service.expire()["revoked"] == 10
    assert _within(meter.bill(), Bill(read=items.SHARDS / 2, write=20, calls=items.SHARDS + 10))


def test_a_reminder_takes_three_write_units(table: str, raw: "DynamoDBClient", service: Service, meter: Meter) -> None:
    """One for the item, two to move it within the index."""
    grants(raw, table, 10, utc_now() - 6 * DAY - DAY / 24)
    meter.bill()

    assert service.expire()["due"] == 0
    assert _within(meter.bill(), Bill(read=items.SHARDS / 2, write=30, calls=items.SHARDS + 10))


def _within(bill: Bill, budget: Bill) -> bool:
    assert bill.calls == budget.calls, bill
    assert bill.read <= budget.read, bill
    assert bill.write <= budget.write, bill
    return True


@pytest.mark.parametrize(
    ("account", "subscription", "user", "most"),
    [("A-100", "S-1", "U-1", 256), (LONG_ID, LONG_ID, LONG_USER, 1024)],
    ids=["usual", "the longest ids"],
)
def test_an_extension_stays_within_a_kilobyte_all_its_life(
    table: str, raw: "DynamoDBClient", service: Service, account: str, subscription: str, user: str, most: int
) -> None:
    """More would cost another unit with every write."""
    terms = {"sessions": 1_000_000_000, "databases": 1_000_000_000, "duration": "P00008DT000000H00000000M000000000S"}
    service.subscription(account_id=account, subscription_id=subscription, extension_terms=terms)
    service.member(account_id=account, user_id=user)
    offer_id = service.offer(user, account, subscription).json["offer_id"]
    assert service.extend(offer_id, user, account, subscription).status == 201
    (extension,) = store.holdings(account).extensions.values()
    (due,) = (due for shard in range(items.SHARDS) for due in store.due(shard, extension.ends_at))
    assert store.remind(due, extension.ends_at - DAY)
    assert _size(raw, table, due.key) <= most
    assert store.revoke(due, extension.ends_at)
    assert _size(raw, table, due.key) <= most


def _size(raw: "DynamoDBClient", table: str, key: dict[str, Any]) -> int:
    return size(raw.get_item(TableName=table, Key=key)["Item"])


def test_what_is_told_stays_within_a_kilobyte_for_names_of_a_usual_length(
    table: str, raw: "DynamoDBClient", service: Service
) -> None:
    """A grant checks the member and the subscription: a second KB of either would cost two more units."""
    name = "Тариф «Корпоративный расширенный», 50 сеансов, 100 баз, продление на год вперёд"
    service.subscription(
        account_id=LONG_ID,
        subscription_id=LONG_ID,
        parent_id=LONG_ID,
        number="0" * 64,
        tariff={"id": LONG_ID, "name": name},
    )
    service.member(account_id=LONG_ID, user_id=LONG_USER)
    items = raw.scan(TableName=table)["Items"]

    assert max(size(item) for item in items if item["t"]["S"] in ("member", "subscription")) <= 1024
