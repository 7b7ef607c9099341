"""django-plans on PostgreSQL: a user's plan is extended by the days of a pricing."""

import os
from datetime import date, timedelta
from typing import Any

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

Json = dict[str, Any]

server = conninfo_to_dict(os.environ["POSTGRES"])
database = {name.upper(): value for name, value in server.items()} | {"NAME": server["dbname"]}
settings.configure(
    DATABASES={"default": database | {"ENGINE": "django.db.backends.postgresql"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sites", "plans"],
    SECRET_KEY="bench",  # noqa: S106
    SEND_PLANS_EMAILS=False,
    PLANS_CURRENCY="RUB",
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - models need the settings
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from plans.models import Plan, PlanPricing, Pricing, UserPlan  # noqa: E402

PERIOD_ENDS = date.today() + timedelta(days=30)  # noqa: DTZ011 - django-plans counts in days of the server


def wire() -> Any:
    connection.ensure_connection()
    return connection.connection.pgconn


def prepare(event: Json, context: Any) -> None:
    call_command("migrate", verbosity=0)
    plan = Plan.objects.create(name="Базовый")
    PlanPricing.objects.create(plan=plan, pricing=Pricing.objects.create(name="7 days", period=7), price=1)
    for name in event["subscriptions"]:
        user = User.objects.create(username=name)
        UserPlan.objects.update_or_create(user=user, defaults={"plan": plan, "expire": PERIOD_ENDS, "active": True})


def extend_account(call: Json, context: Any) -> Json:
    """Extends a plan that ends with its period: the package itself has no "once"."""
    held = UserPlan.objects.select_related("plan", "user").get(user__username=call["subscription"])
    if held.expire > PERIOD_ENDS:
        return {"granted": False, "ends_at": held.expire.isoformat()}
    granted = held.extend_account(held.plan, Pricing.objects.get())
    return {"granted": granted, "ends_at": held.expire.isoformat()}
