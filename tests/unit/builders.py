"""Builders of the model's own records: what a test does not name is usual."""

from datetime import datetime
from typing import Any

from devkit.builders import CONTACT, DAY, NOW, WEEK
from extending.model import Account, Extension, Holdings, Kind, Subscription, TariffLimits, Terms

WEEK_TERMS = Terms(2, 8, "P7D", 604_800)


def a_subscription(**fields: Any) -> Subscription:
    usual: dict[str, Any] = {
        "id": "S-1",
        "number": "000000123",
        "kind": Kind.MAIN,
        "tariff_id": "basic",
        "tariff_name": "Базовый",
        "starts_at": NOW - 30 * DAY,
        "ends_at": NOW + 30 * DAY,
        "limits": TariffLimits(2, 1),
        "terms": WEEK_TERMS,
    }
    return Subscription(**usual | fields)


def an_extension(subscription: Subscription, granted_at: datetime = NOW, **fields: Any) -> Extension:
    usual: dict[str, Any] = {
        "account_id": "A-100",
        "subscription_id": subscription.id,
        "period_starts_at": subscription.starts_at,
        "terms": WEEK_TERMS,
        "granted_at": granted_at,
        "granted_by": "U-1",
        "ends_at": granted_at + WEEK,
    }
    return Extension(**usual | fields)


def holding(*records: Subscription | Extension) -> Holdings:
    return Holdings(
        Account("A-100", "ООО «Ромашка»", "Europe/Moscow", dict(CONTACT)),
        {record.id: record for record in records if isinstance(record, Subscription)},
        {(record.subscription_id, record.period): record for record in records if isinstance(record, Extension)},
    )
