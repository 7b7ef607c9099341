"""The story by a client that openapi-python-client made; prints what it met."""

import json
import os
from datetime import UTC, datetime

from attrs_client import AuthenticatedClient
from attrs_client.api.extending import extend_subscription, list_extensions, list_subscriptions, offer_extension
from attrs_client.api.machines import account_limits, expire_extension, store_changes
from attrs_client.models import (
    Acceptance,
    AccountChanged,
    AccountChangedEntry,
    AccountChangedEntryDetailType,
    AccountRemoved,
    AccountRemovedEntry,
    AccountRemovedEntryDetailType,
    Changes,
    InboundExtensionTerms,
    InboundKind,
    InboundServicingOrganization,
    InboundTariff,
    InboundTariffLimits,
    MemberChanged,
    MemberChangedEntry,
    MemberChangedEntryDetailType,
    SubscriptionChanged,
    SubscriptionChangedEntry,
    SubscriptionChangedEntryDetailType,
    SubscriptionRemoved,
    SubscriptionRemovedEntry,
    SubscriptionRemovedEntryDetailType,
    UsageChanged,
    UsageChangedEntry,
    UsageChangedEntryDetailType,
)

URL, ACCOUNT = os.environ["URL"], os.environ["ACCOUNT"]
AT = {"changed_at": datetime(2026, 11, 1, tzinfo=UTC)}
OF = {"account_id": ACCOUNT}


def client(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(base_url=URL, token=token, timeout=120)


machines, owner = client(os.environ["MACHINE"]), client(os.environ["OWNER"])
contact = InboundServicingOrganization(phone="+7 495 000-00-00")
account = {"name": "ООО «Ива»", "servicing_organization": contact} | OF | AT
subscription = SubscriptionChanged(
    subscription_id="S-1",
    number="000000900",
    kind=InboundKind.MAIN,
    parent_id=None,
    tariff=InboundTariff(id="basic", name="Базовый"),
    starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    ends_at=None,
    limits=InboundTariffLimits(sessions=2, databases=None),
    extension_terms=InboundExtensionTerms(sessions=2, databases=8, duration="P7D"),
    **OF,
    **AT,
)
member = MemberChanged(user_id=f"U-{ACCOUNT}", role="owner", name="Анна Петрова", **OF, **AT)
removed = SubscriptionRemoved(subscription_id="S-9", **OF, **AT)
gone = AccountRemoved(account_id=f"{ACCOUNT}-gone", **AT)
named = AccountChanged(time_zone="Europe/Moscow", **account)
usage = UsageChanged(sessions=1, databases=1, **OF, **AT)
entries = [
    AccountChangedEntry(detail_type=AccountChangedEntryDetailType.ACCOUNTCHANGED, detail=named),
    MemberChangedEntry(detail_type=MemberChangedEntryDetailType.MEMBERCHANGED, detail=member),
    SubscriptionChangedEntry(detail_type=SubscriptionChangedEntryDetailType.SUBSCRIPTIONCHANGED, detail=subscription),
    UsageChangedEntry(detail_type=UsageChangedEntryDetailType.USAGECHANGED, detail=usage),
    SubscriptionRemovedEntry(detail_type=SubscriptionRemovedEntryDetailType.SUBSCRIPTIONREMOVED, detail=removed),
    AccountRemovedEntry(detail_type=AccountRemovedEntryDetailType.ACCOUNTREMOVED, detail=gone),
]
results = store_changes.sync(client=machines, body=Changes(changes=entries)).results

row = list_subscriptions.sync(ACCOUNT, client=owner).subscriptions[0]
accepted = Acceptance(offer_id=offer_extension.sync(ACCOUNT, "S-1", client=owner).offer_id)
extended = extend_subscription.sync(ACCOUNT, "S-1", client=owner, body=accepted)
conflict = offer_extension.sync(ACCOUNT, "S-1", client=owner)
answer = account_limits.sync_detailed(ACCOUNT, client=machines)
known = answer.headers["ETag"]
unchanged = account_limits.sync_detailed(ACCOUNT, client=machines, if_none_match=known)
expired = expire_extension.sync(ACCOUNT, str(extended.extension.id), client=machines)
history = list_extensions.sync(ACCOUNT, client=owner).extensions[0]
unauthorized = list_subscriptions.sync(ACCOUNT, client=client("nobody"))
long = AccountChangedEntry(
    detail_type=AccountChangedEntryDetailType.ACCOUNTCHANGED,
    detail=AccountChanged(time_zone="x" * 200_000, **account),
)
too_large = store_changes.sync(client=machines, body=Changes(changes=[long] * 6))

print(
    json.dumps(
        {
            "results": [each.result for each in results],
            "row": row.extension.state,
            "created": extended.created,
            "conflict": [conflict.code, conflict.extension.id == extended.extension.id],
            "sessions": answer.parsed.limits.sessions.total,
            "databases": answer.parsed.limits.databases.total,
            "unchanged": unchanged.status_code,
            "expired": expired.expired,
            "history": [history.state, history.granted_by_name],
            "unauthorized": unauthorized.message,
            "too_large": too_large.code,
        }
    )
)
