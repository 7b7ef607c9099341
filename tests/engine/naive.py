"""The rules once more, as slowly and as plainly as they can be written: dicts, loops, no code of the product.

Everything that was ever told or granted is kept; every answer is worked out from it anew.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from devkit.builders import limit

Json = dict[str, Any]

LENGTHS = {
    "P7D": timedelta(days=7),
    "P1W": timedelta(weeks=1),
    "PT36H": timedelta(hours=36),
    "P1D": timedelta(days=1),
    "P3D": timedelta(days=3),
    "PT90M": timedelta(minutes=90),
}
REMINDER = timedelta(days=1)
KEYS = {
    "AccountChanged": ("account", "account_id"),
    "MemberChanged": ("member", "account_id", "user_id"),
    "SubscriptionChanged": ("subscription", "account_id", "subscription_id"),
    "SubscriptionRemoved": ("subscription", "account_id", "subscription_id"),
    "UsageChanged": ("usage", "account_id"),
    "AccountRemoved": ("removal", "account_id"),
}
"""What each event tells of: kind, and the fields that name it."""


class No(Exception):
    """A refusal: status, code, and what comes with it."""

    def __init__(self, status: int, code: str, **more: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def say(when: datetime | None) -> str | None:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def period_of(subscription: Json) -> Any:
    """What the sender calls it, or else its start."""
    return subscription.get("period_id") or at(subscription["starts_at"])


def is_removal(of: Json) -> bool:
    return "starts_at" not in of


def takes_away(known: Json, told: Json) -> bool:
    """Whether, of two things told for one instant, the second is the safer one."""
    if "role" in told:
        roles = ["owner", "administrator", "user", "operator", None]
        return roles.index(told["role"]) > roles.index(known["role"])
    if "subscription_id" in told and is_removal(told) != is_removal(known):
        return is_removal(told)
    if "ends_at" not in told or at(told["ends_at"]) > at(known["ends_at"]):
        return False
    if at(told["ends_at"]) < at(known["ends_at"]):
        return True
    return known["extension_terms"] is not None and told["extension_terms"] is None


class World:
    """What the service manager has told, and the extensions."""

    def __init__(self) -> None:
        self.truth: dict[tuple[str, ...], Json] = {}
        self.extensions: list[Json] = []

    def tell(self, detail_type: str, detail: Json) -> bool:
        kind, *names = KEYS[detail_type]
        key = (kind, *(detail[name] for name in names))
        removal = self.truth.get(("removal", detail["account_id"]))
        if removal and at(detail["changed_at"]) <= at(removal["changed_at"]):
            return False
        if known := self.truth.get(key):
            if at(known["changed_at"]) > at(detail["changed_at"]):
                return False
            if at(known["changed_at"]) == at(detail["changed_at"]) and not takes_away(known, detail):
                return False
        self.truth[key] = detail
        if kind == "removal":
            self.forget(detail["account_id"], at(detail["changed_at"]))
        return True

    def forget(self, account: str, removed_at: datetime) -> None:
        """What was told later stays, and what was granted later on a subscription that was told later."""
        for key, told in list(self.truth.items()):
            if key[0] != "removal" and key[1] == account and at(told["changed_at"]) <= removed_at:
                del self.truth[key]
        self.extensions = [
            x
            for x in self.extensions
            if x["account_id"] != account
            or (
                ("subscription", account, x["subscription_id"]) in self.truth
                and x["granted_at"] > removed_at.replace(microsecond=0)
            )
        ]

    # What is known

    def account(self, account: str) -> Json:
        return self.truth.get(("account", account), {})

    def role(self, user: str, account: str) -> str | None:
        return self.truth.get(("member", account, user), {}).get("role")

    def subscriptions(self, account: str) -> list[Json]:
        return [d for k, d in self.truth.items() if k[:2] == ("subscription", account) and not is_removal(d)]

    def subscription(self, account: str, id_: str) -> Json | None:
        found = self.truth.get(("subscription", account, id_))
        return None if found is None or is_removal(found) else found

    def extension(self, subscription: Json) -> Json | None:
        """The one of the current period; it may have been granted before that period had an id."""
        for period in (period_of(subscription), at(subscription["starts_at"])):
            found = [
                x
                for x in self.extensions
                if x["account_id"] == subscription["account_id"]
                and x["subscription_id"] == subscription["subscription_id"]
                and x["period"] == period
            ]
            assert len(found) <= 1
            if found:
                return found[0]
        return None

    def may_view(self, user: str, account: str) -> str:
        role = self.role(user, account)
        if role is None:
            raise No(404, "account_not_found")
        if role in ("user", "operator"):
            raise No(403, "view_not_allowed")
        return role

    # Limits

    def limits_at(self, account: str, now: datetime, extensions: Iterable[Json]) -> Json:
        active = [
            s
            for s in self.subscriptions(account)
            if at(s["starts_at"]) <= now < at(s["ends_at"]) and s["kind"] != "prolonging"
        ]
        main = any(s["kind"] == "main" for s in active)
        limits = {}
        for what in ("sessions", "databases"):
            bases = [s["limits"][what] for s in active]
            base = None if None in bases else sum(bases)
            extra = sum(x["terms"][what] for x in extensions if main and x["granted_at"] <= now < x["ends_at"])
            limits[what] = limit(base, extra, self.truth.get(("usage", account), {}).get(what))
        return limits

    def limits(self, account: str, now: datetime, *more: Json) -> Json:
        extensions = [x for x in self.extensions if x["account_id"] == account] + list(more)
        instants = {at(s[edge]) for s in self.subscriptions(account) for edge in ("starts_at", "ends_at")}
        instants |= {x[edge] for x in extensions for edge in ("granted_at", "ends_at")}
        limits = self.limits_at(account, now, extensions)
        later = [t for t in sorted(instants) if t > now and self.limits_at(account, t, extensions) != limits]
        told = self.truth.get(("usage", account))
        after = self.limits_at(account, later[0], extensions) if later else {}
        return limits | {
            "used_at": say(at(told["changed_at"])) if told else None,
            "next_change_at": say(later[0]) if later else None,
            "after_change": {what: {"total": of["total"], "over": of["over"]} for what, of in after.items()} or None,
        }

    # Answers

    def list(self, user: str, account: str, now: datetime) -> Json:
        role = self.may_view(user, account)
        told = self.account(account)
        return {
            "account": {
                "id": account,
                "name": told.get("name"),
                "time_zone": told.get("time_zone"),
                "servicing_organization": told.get("servicing_organization"),
            },
            "role": role,
            "limits": self.limits(account, now),
            "subscriptions": [self.row(s, role, now) for s in self.subscriptions(account)],
            "next_token": None,
        }

    def row(self, s: Json, role: str, now: datetime) -> Json:
        extension = self.extension(s)
        obstacle = self.obstacle(s, now)
        if extension:
            shown = self.shown(extension, now)
        elif obstacle or role != "owner":
            shown = {"state": "unavailable", "reason": obstacle or "owner_required"}
        else:
            shown = {"state": "available", "terms": s["extension_terms"]}
        return {
            "id": s["subscription_id"],
            "number": s["number"],
            "kind": s["kind"],
            "tariff": s["tariff"],
            "starts_at": say(at(s["starts_at"])),
            "ends_at": say(at(s["ends_at"])),
            "state": self.state(s, now),
            "limits": s["limits"],
            "extension": shown,
        }

    @staticmethod
    def state(s: Json, now: datetime) -> str:
        if now < at(s["starts_at"]):
            return "future"
        return "finished" if now >= at(s["ends_at"]) else "active"

    def obstacle(self, s: Json, now: datetime) -> str | None:
        if s["kind"] != "main":
            return "not_main"
        if self.state(s, now) != "active":
            return {"future": "not_active_yet", "finished": "finished"}[self.state(s, now)]
        terms = s["extension_terms"]
        return None if terms and (terms["sessions"] or terms["databases"]) else "tariff_not_extendable"

    @staticmethod
    def shown(x: Json, now: datetime) -> Json:
        return {
            "state": "active" if now < x["ends_at"] else "used",
            "id": x["id"],
            "terms": x["terms"],
            "granted_at": say(x["granted_at"]),
            "granted_by": x["granted_by"],
            "ends_at": say(x["ends_at"]),
            "revoked_at": say(x["revoked_at"]),
        }

    def offer(self, user: str, account: str, id_: str, now: datetime) -> Json:
        """Without its `offer_id`, which is nobody's to know."""
        self.may_view(user, account)
        return self.offered(account, id_, now)

    def offered(self, account: str, id_: str, now: datetime) -> Json:
        contact = self.account(account).get("servicing_organization")
        s = self.subscription(account, id_)
        if not s:
            raise No(404, "subscription_not_found")
        if extension := self.extension(s):
            raise No(409, "already_used", extension=self.shown(extension, now), servicing_organization=contact)
        if obstacle := self.obstacle(s, now):
            raise No(409, obstacle, servicing_organization=contact)
        accepted = self.granted(s, "", now)
        return {
            "subscription_id": id_,
            "terms": s["extension_terms"],
            "ends_at_if_accepted_now": say(accepted["ends_at"]),
            "limits_before": self.limits(account, now),
            "limits_after": self.limits(account, now, accepted),
            "servicing_organization": contact,
        }

    @staticmethod
    def granted(s: Json, user: str, now: datetime) -> Json:
        return {
            "id": None,  # its maker's to choose
            "account_id": s["account_id"],
            "subscription_id": s["subscription_id"],
            "period": period_of(s),
            "terms": s["extension_terms"],
            "granted_at": now,
            "granted_by": user,
            "ends_at": now + LENGTHS[s["extension_terms"]["duration"]],
            "reminded_at": None,
            "revoked_at": None,
        }

    def promise(self, account: str, id_: str) -> Json:
        """What an offer made now binds."""
        s = self.subscription(account, id_)
        assert s
        return {"subscription_id": id_, "period": period_of(s), "terms": s["extension_terms"]}

    def extend(self, user: str, account: str, id_: str, promise: Json, now: datetime) -> tuple[Json, bool]:
        """The extension, and whether this call made it."""
        role = self.role(user, account)
        if role is None:
            raise No(404, "account_not_found")
        if role != "owner":
            raise No(403, "owner_required")
        s = self.subscription(account, id_)
        extension = s and self.extension(s)
        if extension and now < extension["ends_at"]:
            return extension, False
        offer = self.offered(account, id_, now)
        assert s
        now_promised = self.promise(account, id_)
        if promise["period"] == at(s["starts_at"]):  # The period may have got its id since.
            now_promised["period"] = promise["period"]
        if promise != now_promised:
            raise No(409, "offer_changed", offer=offer, servicing_organization=offer["servicing_organization"])
        extension = self.granted(s, user, now)
        self.extensions.append(extension)
        return extension, True

    def sweep(self, now: datetime) -> Json:
        due = [x for x in self.extensions if not x["revoked_at"] and x["ends_at"] <= now]
        for x in due:
            x["revoked_at"] = now
        for x in self.extensions:
            reminder = x["ends_at"] - REMINDER
            if x["granted_at"] < reminder <= now < x["ends_at"] and not x["reminded_at"]:
                x["reminded_at"] = now
        lag = max([int((now - x["ends_at"]).total_seconds()) for x in due], default=0)
        return {"due": len(due), "revoked": len(due), "failed": 0, "oldest_lag_seconds": lag}
