"""A table in PostgreSQL with a unique key, by psycopg: the floor of a server that one runs oneself."""

import os
from functools import cache
from typing import Any

import psycopg

Json = dict[str, Any]

TABLE = """create table extension (subscription text, period text, granted_by text, sessions int, databases int,
    granted_at timestamptz, ends_at timestamptz, primary key (subscription, period))"""
INSERT = """insert into extension values (%s, %s, %s, 2, 8, now(), now() + interval '7 days')
    on conflict do nothing returning ends_at"""
SELECT = "select ends_at from extension where subscription = %s and period = %s"


@cache
def connection() -> "psycopg.Connection[Any]":
    return psycopg.connect(os.environ["POSTGRES"], autocommit=True)


def wire() -> Any:
    return connection().pgconn


def prepare(event: Json, context: Any) -> None:
    connection().execute(TABLE)


def insert(call: Json, context: Any) -> Json:
    """Inserts if there is none; who comes second reads the other's."""
    ids = (call["subscription"], call["period"])
    if row := connection().execute(INSERT, (*ids, call["user"])).fetchone():
        return {"granted": True, "ends_at": row[0].isoformat()}
    row = connection().execute(SELECT, ids).fetchone()
    return {"granted": False, "ends_at": row[0].isoformat() if row else None}
