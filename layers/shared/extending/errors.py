"""Refusals as named facts. What they are in HTTP is known to api.py alone."""

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from extending.model import Extension, Proposal


class Code(StrEnum):
    """Every reason for which a caller does not get what he asked for."""

    INVALID_ID = "invalid_id"
    INVALID_JSON = "invalid_json"
    INVALID_LIMIT = "invalid_limit"
    INVALID_NEXT_TOKEN = "invalid_next_token"  # noqa: S105 - a name
    INVALID_BODY = "invalid_body"
    UNAUTHORIZED = "unauthorized"
    VIEW_NOT_ALLOWED = "view_not_allowed"
    OWNER_REQUIRED = "owner_required"
    ROUTE_NOT_FOUND = "route_not_found"
    ACCOUNT_NOT_FOUND = "account_not_found"
    SUBSCRIPTION_NOT_FOUND = "subscription_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    ALREADY_USED = "already_used"
    NOT_ACTIVE_YET = "not_active_yet"
    FINISHED = "finished"
    NOT_MAIN = "not_main"
    TARIFF_NOT_EXTENDABLE = "tariff_not_extendable"
    OFFER_CHANGED = "offer_changed"
    INTERNAL_ERROR = "internal_error"
    TRY_AGAIN = "try_again"


class Refused(Exception):
    """A refusal, with what helps the caller to go on; an extension comes with the instant it was looked at."""

    def __init__(
        self,
        code: Code,
        *,
        servicing_organization: dict[str, str | None] | None = None,
        extension: "tuple[Extension, datetime] | None" = None,
        offer: "Proposal | None" = None,
        fields: dict[str, str] | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.servicing_organization = servicing_organization
        self.extension = extension
        self.offer = offer
        self.fields = fields
