"""Beside what one would pick instead: the same grants by other means, in turns on this machine."""

import json
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.metadata import distributions
from itertools import count
from typing import Any, NamedTuple

from bench.accounts import OWNER, account
from bench.cold import import_
from bench.engine import TABLE, Block, Engine, Json, extend
from bench.measure import Row, Table, interleaved, spread
from bench.setup import Setup
from devkit.project import ROOT

CALLERS = 8
CALL, COST, LATE = (f"bench.handlers.asked:{name}" for name in ("call", "cost", "at_the_last_moment"))


class Peer(NamedTuple):
    handler: str
    lacks: str
    ends: str = "left to you"
    """The way in which extras end while no job runs."""
    on_postgres: bool = False

    @property
    def module(self) -> str:
        return self.handler.partition(":")[0]


OURS = Peer("bench.peers.ours:handler", "", "at once: every read computes")
PEERS = {
    "extend, over its handler": OURS,
    "Powertools idempotency, key from subscription and period": Peer(
        "bench.peers.powertools:key_of_the_period", "role, offer; who asks at the same time gets an error"
    ),
    "Powertools idempotency, key from a client's header": Peer(
        "bench.peers.powertools:key_of_a_header", "once: each caller has a key; role, offer"
    ),
    "check, then put": Peer("bench.peers.plain:check_then_put", "once; role and offer at the moment of the write"),
    "put with attribute_not_exists": Peer("bench.peers.plain:put_if_absent", "role, offer, period"),
    "django-plans": Peer(
        "bench.peers.plans:extend_account",
        "once (several extend, the end moves as for one); role, offer; hours",
        "at midnight: reads compute, by the day",
        on_postgres=True,
    ),
    "PostgreSQL, on conflict do nothing": Peer(
        "bench.peers.postgres:insert", "role, offer; a server that somebody runs", on_postgres=True
    ),
}

CHANGES = {
    "role": ("~U-1", "SET r = :new", {"S": "none"}),
    "terms": ("S#S-0", "SET xs = :new, v = v + :new", {"N": "1"}),
}
"""Changes under a grant: the key of the item, the update, its new value."""


class Grants:
    """Calls of one peer, each subscription used once."""

    def __init__(self, local: Engine, setup: Setup, peer: Peer, server: str, name: str, subscriptions: int) -> None:
        libraries = setup.layer if peer is OURS else setup.peers
        self.peer = peer
        self.account = name
        self.start = partial(import_, setup, peer.module, libraries, ROOT, POSTGRES=server)
        self.workers = [local.worker(libraries, POSTGRES=server) for _ in range(CALLERS)]
        self._numbers = count()
        if peer.on_postgres:
            rows = {"subscriptions": [f"S-{number}" for number in range(subscriptions)]}
            self.workers[0].call(f"{peer.module}:prepare", rows)
        else:
            for id_, wanted in {name: subscriptions, f"{name}-role": 1, f"{name}-terms": 1}.items():
                local.put(account(id_, wanted))

    def call(self, number: int, caller: int = 0, changed: str = "") -> Json:
        """The request of one caller."""
        id_ = self.account + changed
        known = {"account": id_, "subscription": f"S-{number}", "period": "2026-01-01", "user": OWNER}
        asked = extend(id_, number) | known | {"key": f"{id_}-{number}-{caller}"}
        through = "wire" if self.peer.on_postgres else "dynamodb"
        return {"handler": self.peer.handler, "event": asked, through: f"{self.peer.module}:{through}"}

    def race(self, pool: ThreadPoolExecutor, subscriptions: int) -> list[Block]:
        """All callers at once, for one subscription after the other."""

        def ask(number: int, caller: int) -> Block:
            return self.workers[caller].call(CALL, self.call(number, caller))

        numbers = [next(self._numbers) for _ in range(subscriptions)]
        return [block for number in numbers for block in pool.map(partial(ask, number), range(CALLERS))]

    def alone(self, subscriptions: int) -> Block:
        """One caller, one subscription after the other."""
        return self.workers[0].call(CALL, *(self.call(next(self._numbers)) for _ in range(subscriptions)))

    def cost(self) -> Json:
        """Round trips and units of one grant."""
        cost: Json = self.workers[0].call(COST, self.call(next(self._numbers))).last
        assert outcome(cost["answer"]) == (True, True), cost
        return cost

    def passes(self, changed: str) -> str:
        """`yes` where a grant passes although what it rests on is changed right before its write."""
        if self.peer.on_postgres:  # It knows no owners and no offers: one call is as good as another.
            return "yes" if outcome(self.workers[0].call(CALL, self.call(next(self._numbers))).last)[0] else "no"
        sort, expression, new = CHANGES[changed]
        update = {"TableName": TABLE, "Key": {"pk": {"S": f"A#{self.account}-{changed}"}, "sk": {"S": sort}}}
        update |= {"UpdateExpression": expression, "ExpressionAttributeValues": {":new": new}}
        answer = self.workers[0].call(LATE, self.call(0, changed=f"-{changed}") | {"update": update}).last
        assert "error" not in answer, answer
        return "yes" if outcome(answer)[0] else "no"


def outcome(answer: Json) -> tuple[bool, bool]:
    """True if this call granted; true if its caller got the extension."""
    if "statusCode" in answer:
        return bool(json.loads(answer["body"]).get("created")), answer["statusCode"] in (200, 201)
    return bool(answer.get("granted")), bool(answer.get("ends_at"))


def run(setup: Setup) -> list[Table]:
    rounds, size = (2, 5) if setup.quick else (15, 10)
    with postgres() as server, Engine(setup) as local, ThreadPoolExecutor(CALLERS) as pool:
        local.client.create_table(
            TableName="idempotency",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        subscriptions = 2 * (rounds + 1) * size + 3
        grants = {
            name: Grants(local, setup, peer, server.get("address", ""), f"A-{number}", subscriptions)
            for number, (name, peer) in enumerate(PEERS.items())
            if server or not peer.on_postgres
        }
        races = interleaved(rounds, {name: partial(each.race, pool, size) for name, each in grants.items()})
        alone = interleaved(rounds, {name: partial(each.alone, size) for name, each in grants.items()})
        inits = interleaved(2 if setup.quick else 9, {name: each.start for name, each in grants.items()})
        rows: list[Row] = [
            _row(name, grants[name], [block for turn in races[name] for block in turn], alone[name], inits[name])
            if name in grants
            else {"by": name, "granted": "not measured: no PostgreSQL here; apt-get install postgresql"}
            for name in PEERS
        ]
    note = (
        f"{rounds * size} subscriptions with {CALLERS} callers each at once, each a process; then as many by one. "
        "DynamoDB Local keeps its table in memory, PostgreSQL writes to disk; both over TCP on this machine. The "
        "processor is the caller's alone. Write units by AWS's rules. A removed owner, a stale offer: if it passes "
        "although the role is taken away, or the terms are changed, right before its write. Nothing is patched; the "
        f"code is in bench/peers. {_versions(setup)}, PostgreSQL {server.get('version', 'is not here')}."
    )
    return [Table("Beside what one would pick instead", note, rows)]


def _row(name: str, grants: Grants, races: Sequence[Block], alone: Sequence[Block], inits: Any) -> Row:
    outcomes = [outcome(block.last) for block in races]
    cost = grants.cost()
    row: Row = {
        "by": name,
        "granted": sum(granted for granted, _ in outcomes),
        "callers without a usable answer": sum(not usable for _, usable in outcomes),
        "a removed owner": grants.passes("role"),
        "a stale offer": grants.passes("terms"),
        "round trips": cost["trips"],
        "write units": "" if grants.peer.on_postgres else f"{cost['write']:g}",
    }
    for case, blocks in {"alone": alone, f"{CALLERS} at once": races}.items():
        walls = [wall for block in blocks for wall in block.walls]
        row[f"{case}, median"] = f"{statistics.median(walls):.1f} ms"
        row[f"{case}, p99"] = f"{statistics.quantiles(walls, n=100)[-1]:.1f} ms"
    return row | {
        "processor": spread([block.cpu for block in alone]),
        "init": spread([cpu for _, cpu in inits]),
        "extras end while no job runs": grants.peer.ends,
        "does not do": grants.peer.lacks,
    }


def _versions(setup: Setup) -> str:
    found = {each.name.replace("_", "-"): each.version for each in distributions(path=[str(setup.peers)])}
    named = ("aws-lambda-powertools", "boto3", "django-plans", "Django", "psycopg")
    return ", ".join(f"{name} {found[name]}" for name in named)


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """Version and address of a server of Debian's package with its own defaults; empty where that is not installed."""
    if not shutil.which("pg_virtualenv"):
        yield {}
        return
    serve = (
        "psql --tuples-only --no-align --command 'show server_version'; "
        "echo host=127.0.0.1 port=$PGPORT user=$PGUSER password=$PGPASSWORD dbname=$PGDATABASE; "
        "cat"  # until its input ends, and the server with it
    )
    command = ["pg_virtualenv", "-o", "fsync=on", "sh", "-c", serve]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        _, version, address = (process.stdout.readline().strip() for _ in range(3))
        try:
            yield {"version": version, "address": address}
        finally:
            process.communicate()
