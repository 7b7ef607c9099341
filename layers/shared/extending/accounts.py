"""Reads of an account.

| access pattern                      | how                                        | units      |
|-------------------------------------|--------------------------------------------|------------|
| everything but an account's members | Query pk = A#{account}, sk < ~, consistent | 1 per 4 KB |
| the same, with the members' names   | Query pk = A#{account}, consistent         | 1 per 4 KB |
| role of a user in an account        | GetItem A#{account}, ~{user}, consistent   | 1          |
"""

from itertools import chain
from typing import Any

from extending import items
from extending.dynamo import get, pages
from extending.model import Holdings, Role


def role(user_id: str, account_id: str) -> Role | None:
    """The role of a user in an account, strongly consistent; raises Busy."""
    return items.role_from(get(items.member_key(user_id, account_id)))


def holdings(account_id: str, *, with_names: bool = False) -> Holdings:
    """Everything of an account but its members, strongly consistent; one round trip per MB. Raises Busy."""
    query: dict[str, Any] = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": items.partition_of(account_id)},
    }
    if not with_names:
        query["KeyConditionExpression"] += " AND sk < :members"
        query["ExpressionAttributeValues"][":members"] = items.FIRST_MEMBER
    return items.holdings_from(account_id, chain.from_iterable(pages(**query)))
