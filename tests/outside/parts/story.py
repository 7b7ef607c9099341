"""The story by a client that openapi-generator made for Python; prints what it met."""

import json
import os
from datetime import UTC, datetime
from typing import Any

import extending_client as api

URL, ACCOUNT = os.environ["URL"], os.environ["ACCOUNT"]
AT = {"changed_at": datetime(2026, 11, 1, tzinfo=UTC)}
OF = {"account_id": ACCOUNT}


def client(token: str) -> api.ApiClient:
    return api.ApiClient(api.Configuration(host=URL, access_token=token))


def refused(call: Any, *arguments: Any, **named: Any) -> api.ApiException:
    try:
        call(*arguments, **named)
    except api.ApiException as error:
        return error
    raise AssertionError("not refused")


machines = api.MachinesApi(client(os.environ["MACHINE"]))
owner = api.ExtendingApi(client(os.environ["OWNER"]))
contact = api.InboundServicingOrganization(phone="+7 495 000-00-00")
account = {"name": "ООО «Ива»", "servicing_organization": contact} | OF | AT
subscription = api.SubscriptionChanged(
    subscription_id="S-1",
    number="000000900",
    kind=api.InboundKind.MAIN,
    parent_id=None,
    tariff=api.InboundTariff(id="basic", name="Базовый"),
    starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    ends_at=None,
    limits=api.InboundTariffLimits(sessions=2, databases=None),
    extension_terms=api.InboundExtensionTerms(sessions=2, databases=8, duration="P7D"),
    **OF,
    **AT,
)
member = api.MemberChanged(user_id=f"U-{ACCOUNT}", role="owner", name="Анна Петрова", **OF, **AT)
removed = api.SubscriptionRemoved(subscription_id="S-9", **OF, **AT)
gone = api.AccountRemoved(account_id=f"{ACCOUNT}-gone", **AT)
named = api.AccountChanged(time_zone="Europe/Moscow", **account)
entries = [
    api.AccountChangedEntry(detail_type="AccountChanged", detail=named),
    api.MemberChangedEntry(detail_type="MemberChanged", detail=member),
    api.SubscriptionChangedEntry(detail_type="SubscriptionChanged", detail=subscription),
    api.UsageChangedEntry(detail_type="UsageChanged", detail=api.UsageChanged(sessions=1, databases=1, **OF, **AT)),
    api.SubscriptionRemovedEntry(detail_type="SubscriptionRemoved", detail=removed),
    api.AccountRemovedEntry(detail_type="AccountRemoved", detail=gone),
]
results = machines.store_changes(api.Changes(changes=[api.Entry(entry) for entry in entries])).results

row = owner.list_subscriptions(ACCOUNT).subscriptions[0]
accepted = api.Acceptance(offer_id=owner.offer_extension(ACCOUNT, "S-1").offer_id)
extended = owner.extend_subscription(ACCOUNT, "S-1", accepted)
conflict = refused(owner.offer_extension, ACCOUNT, "S-1").data.actual_instance
assert isinstance(conflict, api.AlreadyUsed)
answer = machines.account_limits_with_http_info(ACCOUNT)
known = {name.lower(): value for name, value in answer.headers.items()}["etag"]
unchanged = refused(machines.account_limits, ACCOUNT, if_none_match=known)
expired = machines.expire_extension(ACCOUNT, str(extended.extension.id))
history = owner.list_extensions(ACCOUNT).extensions[0]
unauthorized = refused(api.ExtendingApi(client("nobody")).list_subscriptions, ACCOUNT).data.actual_instance
assert isinstance(unauthorized, api.GatewayMessage)
long = api.AccountChangedEntry(
    detail_type="AccountChanged", detail=api.AccountChanged(time_zone="x" * 200_000, **account)
)
too_large = refused(machines.store_changes, api.Changes(changes=[api.Entry(long)] * 6)).data
assert isinstance(too_large, api.Problem)

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
