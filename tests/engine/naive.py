"""The rules once more, as slowly and as plainly as they can be written: dicts, loops, no code of the product.

What was reported and granted is kept as it came; every answer is worked out from it anew.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
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
REPORTS = {
    "AccountChanged": ("account", "account_id"),
    "MemberChanged": ("member", "account_id", "user_id"),
    "UsageChanged": ("usage", "account_id"),
    "AccountRemoved": ("removal", "account_id"),
}
"""Kind of the entity in each event, and the fields that name it. Subscriptions, with two periods, are apart."""
ROLES = ["owner", "administrator", "user", "operator", None]
NO_END = datetime(9000, 1, 1, tzinfo=UTC)


class No(Exception):
    """A refusal: status, code, and what comes with it."""

    def __init__(self, status: int, code: str, **more: Any) -> None:
        super().__init__(code)
        self.status, self.code, self.more = status, code, more


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def say(when: datetime | None) -> str | None:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when and when < NO_END else None


def begin_of(report: Json) -> datetime:
    return at(report["starts_at"])


def end_of(report: Json) -> datetime:
    return min(at(report["ends_at"]), NO_END) if report["ends_at"] else NO_END


def by_id(body: Json) -> Json:
    """An answer with its lists in the order of ids: their own orders are tested on moto."""
    return {
        name: sorted(value, key=lambda each: str(each["id"])) if isinstance(value, list) else value
        for name, value in body.items()
    }


def reported_at(report: Json) -> datetime:
    return at(report["changed_at"])


def period_of(report: Json) -> Any:
    """The sender's id for it, or else its start."""
    return report.get("period_id") or begin_of(report)


def is_removal(report: Json) -> bool:
    return "starts_at" not in report


def is_ahead(report: Json, now: datetime) -> bool:
    return not is_removal(report) and begin_of(report) > now


def runs(report: Json, now: datetime) -> bool:
    return not is_removal(report) and begin_of(report) <= now < end_of(report)


def role_of(report: Json) -> Any:
    return report["role"] if report["role"] in ROLES else "user"


def place(report: Json, now: datetime) -> tuple[datetime, int]:
    """Of one instant what begins later than now comes after what has begun, and a removal last."""
    return reported_at(report), 2 if is_removal(report) else int(is_ahead(report, now))


def takes_away(known: Json, new: Json) -> bool:
    """Of two reports of one instant and one place, the second is the safer one."""
    if "role" in new:
        return ROLES.index(role_of(new)) > ROLES.index(role_of(known))
    if "starts_at" not in new or end_of(new) > end_of(known):
        return False
    return end_of(new) < end_of(known) or (known["extension_terms"] is not None and new["extension_terms"] is None)


def beats(new: Json, known: Json, now: datetime) -> bool:
    """It is newer, or of the same instant and place and safer."""
    if place(new, now) == place(known, now):
        return takes_away(known, new)
    return place(new, now) > place(known, now)


def over_at(x: Json) -> datetime:
    """The effective end of an extension."""
    end: datetime = min(x["ends_at"], x["revoked_at"] or x["ends_at"])
    return end


class Periods:
    """Of one subscription: the newest report, and the newest before it that had begun."""

    def __init__(self, report: Json) -> None:
        self.newest = report
        self.before: Json | None = None
        self.ran = False
        """The period before was not over when the two met: it stays until the newest begins."""
        self.first: Json | None = None
        """The first report of a begun period that had an id."""

    def store(self, new: Json, now: datetime) -> bool:
        """True if anything that is shown changes."""
        self.name(self.newest, now)
        if beats(new, self.newest, now):
            if not is_ahead(new, now):
                self.before, self.ran = None, False
            elif not is_ahead(self.newest, now):
                self.before, self.ran = self.newest, runs(self.newest, now)
            self.newest = new
        elif is_ahead(self.newest, now) and not is_ahead(new, now):
            if self.before and not beats(new, self.before, now):
                return False
            had, self.before, self.ran = self.ran, new, runs(new, now)
            self.name(new, now)
            return had or self.ran
        else:
            return False
        self.name(new, now)
        return True

    def name(self, report: Json, now: datetime) -> None:
        if not self.first and not is_removal(report) and report.get("period_id") and not is_ahead(report, now):
            self.first = report

    def shown(self) -> list[Json]:
        """The periods in force, one after the other; each with the end that it really has."""
        if is_removal(self.newest):
            return []
        if not self.before or not self.ran:
            return [self.newest]
        cut = min(end_of(self.before), begin_of(self.newest))
        return [self.before | {"ends_at": say(cut)}, self.newest]

    def current(self, now: datetime) -> tuple[Json | None, Json | None]:
        """The period of now, and the one ahead."""
        shown = self.shown()
        if len(shown) == 2 and begin_of(shown[1]) > now:
            return shown[0], shown[1]
        return (shown[-1] if shown else None), None

    def periods_of(self, report: Json) -> list[Any]:
        """Periods that an extension of this one may name: its identity, or its start of before it had an id."""
        found = [period_of(report)]
        if id_ := report.get("period_id"):
            first = self.first or report
            found += [begin_of(first)] if first["period_id"] == id_ else []
        return found


class World:
    """All reports of the service manager, and the extensions."""

    def __init__(self) -> None:
        self.reports: dict[tuple[str, ...], Json] = {}
        self.periods: dict[tuple[str, str], Periods] = {}
        self.extensions: list[Json] = []

    def report(self, detail_type: str, detail: Json, now: datetime) -> Json:
        """The result of a report."""
        return {"result": "stored" if self.store(detail_type, detail, now) else "stale"}

    def store(self, detail_type: str, detail: Json, now: datetime) -> bool:
        account = detail["account_id"]
        removal = self.reports.get(("removal", account))
        if removal and reported_at(detail) <= reported_at(removal):
            return False
        if detail_type in ("SubscriptionChanged", "SubscriptionRemoved"):
            key = account, detail["subscription_id"]
            if key in self.periods:
                return self.periods[key].store(detail, now)
            self.periods[key] = Periods(detail)
            return True
        kind, *names = REPORTS[detail_type]
        name = (kind, *(detail[name] for name in names))
        if name in self.reports and not beats(detail, self.reports[name], now):
            return False
        self.reports[name] = detail
        if kind == "removal":
            self.delete(account, reported_at(detail))
        return True

    def delete(self, account: str, removed_at: datetime) -> None:
        """All that was reported no later goes, and what was granted on it."""
        for name, report in list(self.reports.items()):
            if name[0] != "removal" and name[1] == account and reported_at(report) <= removed_at:
                del self.reports[name]
        for key, periods in list(self.periods.items()):
            if key[0] == account:
                if periods.before and reported_at(periods.before) <= removed_at:
                    periods.before, periods.ran = None, False
                if periods.first and reported_at(periods.first) <= removed_at:
                    periods.first = None
                if reported_at(periods.newest) <= removed_at:
                    del self.periods[key]
        self.extensions = [x for x in self.extensions if x["account_id"] != account or x["granted_on"] > removed_at]

    # What is known

    def account(self, account: str) -> Json:
        return self.reports.get(("account", account), {})

    def role(self, user: str, account: str) -> str | None:
        member = self.reports.get(("member", account, user))
        role: str | None = role_of(member) if member else None
        return role

    def subscriptions(self, account: str) -> list[Json]:
        """All periods in force."""
        return [report for key, p in self.periods.items() if key[0] == account for report in p.shown()]

    def subscription(self, account: str, id_: str, now: datetime) -> Json | None:
        """The period of now."""
        periods = self.periods.get((account, id_))
        return periods.current(now)[0] if periods else None

    def is_known(self, account: str) -> bool:
        return bool(self.account(account) or self.subscriptions(account))

    def extension(self, s: Json) -> Json | None:
        """The one of this period; it may have been granted before that period had an id."""
        account, id_ = s["account_id"], s["subscription_id"]
        for period in self.periods[account, id_].periods_of(s):
            key = account, id_, period
            for x in self.extensions:
                if (x["account_id"], x["subscription_id"], x["period"]) == key:
                    return x
        return None

    def may_view(self, user: str, account: str) -> str:
        role = self.role(user, account)
        if role is None:
            raise No(404, "account_not_found")
        if role in ("user", "operator"):
            raise No(403, "view_not_allowed")
        return role

    # Limits

    def has_access(self, account: str, now: datetime) -> bool:
        return any(s["kind"] in ("main", "prolonging") and runs(s, now) for s in self.subscriptions(account))

    def limits_at(self, account: str, now: datetime, extensions: Iterable[Json]) -> Json:
        active = [s for s in self.subscriptions(account) if runs(s, now)]
        counted = [x for x in extensions if x["granted_at"] <= now < over_at(x) and self.has_access(account, now)]
        limits = {}
        for what in ("sessions", "databases"):
            bases = [s["limits"][what] for s in active]
            base = None if None in bases else sum(bases)
            extra = sum(x["terms"][what] for x in counted)
            limits[what] = limit(base, extra, self.reports.get(("usage", account), {}).get(what))
        return limits

    def limits(self, account: str, now: datetime, *more: Json) -> Json:
        extensions = [x for x in self.extensions if x["account_id"] == account] + list(more)
        instants = {edge(s) for s in self.subscriptions(account) for edge in (begin_of, end_of)}
        instants |= {edge for x in extensions for edge in (x["granted_at"], over_at(x))}
        limits = self.limits_at(account, now, extensions)
        later = [t for t in sorted(instants - {NO_END}) if t > now and self.limits_at(account, t, extensions) != limits]
        usage = self.reports.get(("usage", account))
        after = self.limits_at(account, later[0], extensions) if later else {}
        return limits | {
            "used_at": say(reported_at(usage)) if usage else None,
            "next_change_at": say(later[0]) if later else None,
            "after_change": {what: {"total": then["total"], "over": then["over"]} for what, then in after.items()}
            or None,
        }

    def known_limits(self, account: str, now: datetime) -> Json:
        if not self.is_known(account):
            raise No(404, "account_not_found")
        return {"account_id": account, "limits": self.limits(account, now), "as_of": say(now)}

    # Answers

    def list(self, user: str, account: str, now: datetime) -> Json:
        role = self.may_view(user, account)
        known = self.account(account)
        return {
            "account": {
                "id": account,
                "name": known.get("name"),
                "time_zone": known.get("time_zone"),
                "servicing_organization": known.get("servicing_organization"),
            },
            "role": role,
            "limits": self.limits(account, now),
            "subscriptions": [
                self.row(s, following, role, now)
                for key, p in self.periods.items()
                if key[0] == account
                for s, following in [p.current(now)]
                if s
            ],
            "next_token": None,
        }

    def row(self, s: Json, following: Json | None, role: str, now: datetime) -> Json:
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
            **self.period(s),
            "next_period": self.period(following) if following else None,
            "state": self.state(s, now),
            "extension": shown,
        }

    @staticmethod
    def period(s: Json) -> Json:
        return {
            "starts_at": say(begin_of(s)),
            "ends_at": say(end_of(s)),
            "tariff": s["tariff"],
            "limits": s["limits"],
        }

    @staticmethod
    def state(s: Json, now: datetime) -> str:
        if now < begin_of(s):
            return "future"
        return "finished" if now >= end_of(s) else "active"

    def obstacle(self, s: Json, now: datetime) -> str | None:
        if s["kind"] != "main":
            return "not_main"
        if now < begin_of(s):
            return "not_active_yet"
        if now >= end_of(s):
            return "finished"
        terms = s["extension_terms"] or {"sessions": 0, "databases": 0}
        widened = [what for what in ("sessions", "databases") if terms[what] and s["limits"][what] is not None]
        return None if widened else "tariff_not_extendable"

    def shown(self, x: Json, now: datetime) -> Json:
        active = now < over_at(x)
        return {
            "state": "active" if active else "used",
            "id": x["id"],
            "terms": x["terms"],
            "granted_at": say(x["granted_at"]),
            "granted_by": x["granted_by"],
            "ends_at": say(x["ends_at"]),
            "revoked_at": say(x["revoked_at"]),
        } | ({"counts": self.has_access(x["account_id"], now)} if active else {})

    def past(self, x: Json, now: datetime) -> Json:
        """An extension as the history shows it."""
        s = self.subscription(x["account_id"], x["subscription_id"], now)
        granter = self.reports.get(("member", x["account_id"], x["granted_by"]), {"role": None})
        return self.shown(x, now) | {
            "subscription_id": x["subscription_id"],
            "subscription_number": s["number"] if s else None,
            "period_starts_at": say(x["period_starts_at"]),
            "granted_by_name": granter.get("name") if granter["role"] is not None else None,
            "revoked_by": x["revoked_by"],
        }

    def history(self, user: str, account: str, now: datetime) -> Json:
        self.may_view(user, account)
        return {
            "extensions": [self.past(x, now) for x in self.extensions if x["account_id"] == account],
            "next_token": None,
        }

    def offer(self, user: str, account: str, id_: str, now: datetime) -> Json:
        """Without its `offer_id`, which is nobody's to know."""
        self.may_view(user, account)
        return self.offered(account, id_, now)

    def offered(self, account: str, id_: str, now: datetime) -> Json:
        contact = self.account(account).get("servicing_organization")
        s = self.subscription(account, id_, now)
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
            "period_starts_at": begin_of(s),
            "granted_on": reported_at(s),
            "terms": s["extension_terms"],
            "granted_at": now,
            "granted_by": user,
            "ends_at": now + LENGTHS[s["extension_terms"]["duration"]],
            "reminded_at": None,
            "revoked_at": None,
            "revoked_by": None,
        }

    def promise(self, account: str, id_: str, now: datetime) -> Json:
        """The parts of an offer made now that bind."""
        s = self.subscription(account, id_, now)
        assert s
        return {"subscription_id": id_, "period": period_of(s), "terms": s["extension_terms"]}

    def extend(self, user: str, account: str, id_: str, promise: Json, now: datetime) -> tuple[Json, bool]:
        """The extension, and whether this call made it."""
        role = self.role(user, account)
        if role is None:
            raise No(404, "account_not_found")
        if role != "owner":
            raise No(403, "owner_required")
        s = self.subscription(account, id_, now)
        extension = s and self.extension(s)
        if extension and now < over_at(extension):
            return extension, False
        offer = self.offered(account, id_, now)
        assert s
        of_now = self.promise(account, id_, now)
        if promise["period"] == begin_of(s):  # The period may have got its id since.
            of_now["period"] = promise["period"]
        if promise != of_now:
            raise No(409, "offer_changed", offer=offer, servicing_organization=offer["servicing_organization"])
        extension = self.granted(s, user, now)
        self.extensions.append(extension)
        return extension, True

    def expire(self, account: str, id_: str, by: str, now: datetime) -> tuple[Json, bool]:
        """The extension, and whether this call ended it."""
        if not self.is_known(account):
            raise No(404, "account_not_found")
        for x in self.extensions:
            if (x["account_id"], x["id"]) == (account, id_):
                if now >= over_at(x):
                    return x, False
                x["revoked_at"], x["revoked_by"] = now, by
                return x, True
        raise No(404, "extension_not_found")

    def sweep(self, now: datetime) -> Json:
        due = [x for x in self.extensions if not x["revoked_at"] and x["ends_at"] <= now]
        for x in due:
            x["revoked_at"] = now
        for x in self.extensions:
            reminder = x["ends_at"] - REMINDER
            if x["granted_at"] < reminder <= now < over_at(x) and not x["reminded_at"]:
                x["reminded_at"] = now
        lag = max([int((now - x["ends_at"]).total_seconds()) for x in due], default=0)
        return {"due": len(due), "revoked": len(due), "failed": 0, "oldest_lag_seconds": lag}
