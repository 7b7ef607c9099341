"""Capacity units and round trips of each operation, and from them what a million of it costs."""

from bench.engine import Block, changes, engine, event, told
from bench.measure import Cell, Figure, Sample, Table
from bench.setup import Setup
from devkit.builders import account_removed

PRICES = {
    "HTTP API, a million calls": 1.00,
    "Lambda, a million calls": 0.20,
    "Lambda, a GB-second on arm64": 0.0000133334,
    "DynamoDB on demand, a million read units": 0.125,
    "DynamoDB on demand, a million write units": 0.625,
}
READ_ON = "us-east-1, list prices read in November 2026, in US dollars"
MEMORY_GB = 1
"""MemorySize of the template."""

CHANGES = "functions.changes.app:handler"
FILL, DUE = "bench.handlers.fill:account", "bench.handlers.fill:due"
MOST = {"list": (2.0, 0.0), "limits": (1.0, 0.0), "extend": (0.0, 7.0)}
"""The read and write units that an operation on a usual account may cost."""


def run(setup: Setup) -> list[Table]:
    calls = 5 if setup.quick else 100
    with engine(setup) as local:
        fill = local.worker(FILL, DUE, all_operations=True)
        fill.call(FILL, [{"id": "A-USUAL", "subscriptions": 3, "extended": 1}])
        offers = fill.call(FILL, [{"id": "A-MANY", "subscriptions": calls, "extended": 0}]).last
        many = [
            event("extend", offer_id=offer, account_id="A-MANY", subscription_id=f"S-{number}")
            for number, offer in enumerate(offers)
        ]
        usual = {"account_id": "A-USUAL", "subscription_id": "S-2"}
        stranger = event("extend", offer_id=offers[2], **usual)
        stranger["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] = "U-STRANGER"
        events = {
            "list": ("list", [event("list", account_id="A-USUAL")] * calls),
            "offer": ("offer", [event("offer", **usual)] * calls),
            "limits": ("limits", [event("limits", account_id="A-USUAL")] * calls),
            "history": ("history", [event("history", account_id="A-USUAL")] * calls),
            "extend": ("extend", many),
            "extend, again": ("extend", many),
            "extend, refused a stranger": ("extend", [stranger] * calls),
        }
        workers = {
            name: local.worker(f"functions.{name}.app:handler")
            for name in ("list", "offer", "limits", "history", "extend")
        }
        blocks = {
            label: workers[name].call(f"functions.{name}.app:handler", called, metered=True)
            for label, (name, called) in events.items()
        }
        expire = local.worker("functions.expire.app:handler")
        idle = expire.call("functions.expire.app:handler", [{}] * calls, metered=True)
        fill.call(DUE, [{"count": 10 * calls}])
        sweep = expire.call("functions.expire.app:handler", [{}], metered=True)
        assert sweep.last["revoked"] == 10 * calls, sweep.last
        taking = local.worker(CHANGES)
        taken = taking.call(CHANGES, [told(number, 100) for number in range(calls)], metered=True)
        taking.call(CHANGES, [told(0, 100, "A-GONE", first=100 * number) for number in range(calls)])
        gone = account_removed(account_id="A-GONE", changed_at="2026-02-01T00:00:00Z")
        removed = taking.call(CHANGES, [changes(("AccountRemoved", gone))], metered=True)
        assert '"stored"' in removed.last["body"], removed.last
    rows = [_row(label, block, len(block.walls), http=True) for label, block in blocks.items()]
    rows.append(_row("a sweep that finds nothing", idle, calls, http=False))
    rows.append(_row("a revocation in a sweep", sweep, 10 * calls, http=False))
    rows.append(_row("a change in a request of 100", taken, 100 * calls, http=True))
    rows.append(_row("an item of a removed account", removed, 100 * calls, http=True))
    columns = ("operation", "round trips", "read units", "write units", "time", "$ a million")
    note = (
        f"The account has 3 subscriptions and 1 extension. Prices: {READ_ON}: "
        + "; ".join(f"{what} {price:g}" for what, price in PRICES.items())
        + f". Lambda's time is that measured here, on DynamoDB Local, at {MEMORY_GB} GB; events, logs and the first "
        "of them cold are not counted."
    )
    return [Table("Units and cost", note, columns, rows)]


def _row(label: str, block: Block, operations: int, http: bool) -> list[Cell]:
    read = sum(read for _, read, _ in block.calls) / operations
    write = sum(write for _, _, write in block.calls) / operations
    invocations = len(block.walls)
    http_api, request, gb_second, read_unit, write_unit = PRICES.values()
    seconds = Sample(block.walls).median * invocations / operations
    cost = read * read_unit + write * write_unit + request * invocations / operations
    cost += seconds * MEMORY_GB * gb_second * 1e6 + (http_api * invocations / operations if http else 0)
    most_read, most_write = MOST.get(label, (None, None))
    return [
        label,
        f"{len(block.calls) / operations:.3g}",
        Figure(read, most=most_read),
        Figure(write, most=most_write),
        Sample([wall * 1000 * invocations / operations for wall in block.walls]),
        f"{cost:.2f}",
    ]
