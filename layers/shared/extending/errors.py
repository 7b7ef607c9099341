"""The codes of all refusals; their texts and statuses stand in api.py."""

from enum import StrEnum


class Code(StrEnum):
    """The codes of the contract, by the status that they are answered with."""

    # 400
    INVALID_ID = "invalid_id"
    INVALID_JSON = "invalid_json"
    INVALID_LIMIT = "invalid_limit"
    INVALID_NEXT_TOKEN = "invalid_next_token"  # noqa: S105 - a name
    # 401
    UNAUTHORIZED = "unauthorized"
    # 403
    VIEW_NOT_ALLOWED = "view_not_allowed"
    OWNER_REQUIRED = "owner_required"
    # 404, 405
    ROUTE_NOT_FOUND = "route_not_found"
    ACCOUNT_NOT_FOUND = "account_not_found"
    SUBSCRIPTION_NOT_FOUND = "subscription_not_found"
    EXTENSION_NOT_FOUND = "extension_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    # 409
    ALREADY_USED = "already_used"
    NOT_ACTIVE_YET = "not_active_yet"
    FINISHED = "finished"
    NOT_MAIN = "not_main"
    TARIFF_NOT_EXTENDABLE = "tariff_not_extendable"
    OFFER_CHANGED = "offer_changed"
    # 413
    BODY_TOO_LARGE = "body_too_large"
    # 422
    INVALID_BODY = "invalid_body"
    # 500, 503
    INTERNAL_ERROR = "internal_error"
    TRY_AGAIN = "try_again"
