"""Items in order by account, on disk: they come in any order, and a table may be larger than the memory.

The database is a file that SQLite deletes as soon as it has opened it, so that a kill leaves nothing. It holds names
and contacts only of the clients to call.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple, Self

from extending import items
from extending.items import Item
from extending.model import Account, ServicingOrganization

CACHE = 32_768
"""Kilobytes of the database in memory."""


class Call(NamedTuple):
    """A client to call, with all that is known of the extension."""

    account_id: str
    name: str | None
    row: dict[str, Any]


class Client(NamedTuple):
    """One line of the call list before the names are known."""

    account_id: str
    granted_at: str
    row: dict[str, Any]


class Spool:
    """The temporary database."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(f"""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE}; PRAGMA temp_store = FILE;
            CREATE TABLE part (account TEXT, known INTEGER, extended INTEGER, body TEXT);
            CREATE TABLE call (account TEXT, granted_at TEXT, row TEXT);
            CREATE TABLE named (account TEXT PRIMARY KEY, name TEXT, organization TEXT) WITHOUT ROWID;
            BEGIN;
        """)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def add(self, found: Iterable[Item]) -> None:
        """Store items; those of one account that come together are one row."""
        self._database.executemany("INSERT INTO part VALUES (?, ?, ?, ?)", _parts(found))
        self._database.execute("CREATE INDEX part_by_account ON part (account)")

    def count(self) -> int:
        """Number of accounts that the service manager has reported."""
        (count,) = self._database.execute("SELECT count(DISTINCT account) FROM part WHERE known").fetchone()
        return int(count)

    def extended(self) -> Iterator[tuple[str, list[Item]]]:
        """Accounts with an extension, each with all of its items."""
        rows = self._database.execute(
            "SELECT account, body FROM part WHERE account IN (SELECT account FROM part WHERE extended) ORDER BY account"
        )
        for account_id, parts in groupby(rows, key=lambda row: str(row[0])):
            yield account_id, [item for _, body in parts for item in json.loads(body)]

    def call(self, clients: Iterable[Client]) -> None:
        rows = ((client.account_id, client.granted_at, json.dumps(client.row)) for client in clients)
        self._database.executemany("INSERT INTO call VALUES (?, ?, ?)", rows)

    def called(self) -> set[str]:
        """Accounts whose names are needed."""
        return {str(row[0]) for row in self._database.execute("SELECT DISTINCT account FROM call")}

    def name(self, accounts: Iterable[Account]) -> None:
        """Store the names of those to call, and order the calls by servicing organisation."""
        rows = ((each.id, each.name, json.dumps(each.servicing_organization, sort_keys=True)) for each in accounts)
        self._database.executemany("INSERT OR REPLACE INTO named VALUES (?, ?, ?)", rows)
        self._database.execute(
            "CREATE TABLE listed AS SELECT coalesce(organization, 'null') AS organization, account, name, row "
            "FROM call LEFT JOIN named USING (account) ORDER BY granted_at DESC, account"
        )
        self._database.execute("CREATE INDEX listed_by_organization ON listed (organization)")

    def organizations(self) -> list[tuple[ServicingOrganization | None, int]]:
        """Servicing organisations with clients to call, and how many calls, those with the most first."""
        rows = self._database.execute(
            "SELECT organization, count(*) FROM listed GROUP BY organization ORDER BY count(*) DESC, organization"
        )
        return [(json.loads(organization), count) for organization, count in rows]

    def calls(self, organization: ServicingOrganization | None) -> Iterator[Call]:
        """The clients of one organisation, the latest extension first."""
        key = json.dumps(organization, sort_keys=True)
        query = "SELECT account, name, row FROM listed WHERE organization = ? ORDER BY rowid"
        for account_id, name, row in self._database.execute(query, (key,)):
            yield Call(account_id, name, json.loads(row))


def _parts(found: Iterable[Item]) -> Iterator[tuple[str, bool, bool, str]]:
    for account_id, together in groupby(found, key=lambda item: str(item[items.PARTITION]["S"]).removeprefix("A#")):
        part = list(together)
        kinds = {items.type_of(item) for item in part}
        kept = [item for item in part if items.type_of(item) != "account"]
        yield account_id, bool(kinds & {"account", "subscription"}), "extension" in kinds, json.dumps(kept)
