"""The story by a client that openapi-generator made for Python; prints what it met."""

import json
import os
from datetime import UTC, datetime
from typing import Any

from extending_client import (
    Acceptance,
    AccountChanged,
    AccountChangedEntry,
    AccountRemoved,
    AccountRemovedEntry,
    AlreadyUsed,
    ApiClient,
    ApiException,
    Changes,
    Configuration,
    Entry,
    ExtendingApi,
    GatewayMessage,
    InboundExtensionTerms,
    InboundKind,
    InboundServicingOrganization,
    InboundTariff,
    InboundTariffLimits,
    MachinesApi,
    MemberChanged,
    MemberChangedEntry,
    Problem,
    SubscriptionChanged,
    SubscriptionChangedEntry,
    SubscriptionRemoved,
    SubscriptionRemovedEntry,
    UsageChanged,
    UsageChangedEntry,
)

URL, ACCOUNT = os.environ["URL"], os.environ["ACCOUNT"]
AT = {"changed_at": datetime(2026, 11, 1, tzinfo=UTC)}
OF = {"account_id": ACCOUNT}


def client(token: str) -> ApiClient:
    return ApiClient(Configuration(host=URL, access_token=token))


def refused(call: Any, *arguments: Any, **named: Any) -> ApiException:
    try:
        call(*arguments, **named)
    except ApiException as error:
        return error
    raise AssertionError("not refused")


machines = MachinesApi(client(os.environ["MACHINE"]))
owner = ExtendingApi(client(os.environ["OWNER"]))
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
entries = [
    AccountChangedEntry(detail_type="AccountChanged", detail=named),
    MemberChangedEntry(detail_type="MemberChanged", detail=member),
    SubscriptionChangedEntry(detail_type="SubscriptionChanged", detail=subscription),
    UsageChangedEntry(detail_type="UsageChanged", detail=UsageChanged(sessions=1, databases=1, **OF, **AT)),
    SubscriptionRemovedEntry(detail_type="SubscriptionRemoved", detail=removed),
    AccountRemovedEntry(detail_type="AccountRemoved", detail=gone),
]
results = machines.store_changes(Changes(changes=[Entry(entry) for entry in entries])).results

row = owner.list_subscriptions(ACCOUNT).subscriptions[0]
accepted = Acceptance(offer_id=owner.offer_extension(ACCOUNT, "S-1").offer_id)
extended = owner.extend_subscription(ACCOUNT, "S-1", accepted)
conflict = refused(owner.offer_extension, ACCOUNT, "S-1").data.actual_instance
assert isinstance(conflict, AlreadyUsed)
answer = machines.account_limits_with_http_info(ACCOUNT)
known = {name.lower(): value for name, value in answer.headers.items()}["etag"]
unchanged = refused(machines.account_limits, ACCOUNT, if_none_match=known)
expired = machines.expire_extension(ACCOUNT, str(extended.extension.id))
history = owner.list_extensions(ACCOUNT).extensions[0]
unauthorized = refused(ExtendingApi(client("nobody")).list_subscriptions, ACCOUNT).data.actual_instance
assert isinstance(unauthorized, GatewayMessage)
long = AccountChangedEntry(detail_type="AccountChanged", detail=AccountChanged(time_zone="x" * 200_000, **account))
too_large = refused(machines.store_changes, Changes(changes=[Entry(long)] * 6)).data
assert isinstance(too_large, Problem)

print(
    json.dumps(
        {
            "results": [each.actual_instance.result for each in results],
            "row": row.extension.actual_instance.state,
            "created": extended.created,
            "conflict": [conflict.code, conflict.extension.id == extended.extension.id],
            "sessions": answer.data.limits.sessions.total,
            "databases": answer.data.limits.databases.total,
            "unchanged": unchanged.status,
            "expired": expired.expired,
            "history": [history.state, history.granted_by_name],
            "unauthorized": unauthorized.message,
            "too_large": too_large.code,
        }
    )
)
