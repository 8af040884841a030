"""The entries of payments that are here already, and what the groups may do with acts of cash handed in.

SQL, so that a million payments take seconds; the rules are those of `orders/cash_entries.py` at this migration.
"""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

CANCELLED, CASH = 11, 1
INTO = "INSERT INTO orders_cashentry (order_id, courier_id, at, collected, returned) "
FILL = (
    f"""{INTO}
    SELECT o.id, o.courier_id, COALESCE(p.paid_in, o.delivery_time_from, o.created_at), p.price, 0
    FROM orders_payment p JOIN orders_order o ON o.id = p.order_id JOIN fiscal_paymenttype t ON t.id = p.payment_type_id
    WHERE t.close_type = {CASH} AND p.price IS NOT NULL AND NOT o.is_refund""",
    f"""{INTO}
    SELECT o.id, o.courier_id, COALESCE(o.delivery_time_from, p.paid_in, o.created_at), 0, ABS(p.price)
    FROM orders_payment p JOIN orders_order o ON o.id = p.order_id JOIN fiscal_paymenttype t ON t.id = p.payment_type_id
    WHERE t.close_type = {CASH} AND p.price IS NOT NULL AND o.is_refund AND o.delivery_status <> {CANCELLED}""",
    f"""{INTO}
    SELECT o.id, o.courier_id, COALESCE(p.created_at, r.created_at, o.delivery_time_from, o.created_at), 0, ABS(p.sum)
    FROM orders_refundpayment p JOIN orders_refund r ON r.id = p.refund_id JOIN orders_order o ON o.id = r.order_id
    JOIN fiscal_paymenttype t ON t.id = p.payment_type_id
    WHERE t.close_type = {CASH} AND p.sum IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM orders_order m WHERE m.refund_of_id = o.id AND m.ireca_id = r.returned_order_ireca_id
        AND m.delivery_status <> {CANCELLED}
    )""",
)
RIGHTS = {"Managers": ("view_cashhandover",), "Accountants": ("view_cashhandover", "add_cashhandover")}


def give(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Permissions are made by a signal after all migrations, which is too late here.
    config = apps.get_app_config("fiscal")
    config.models_module = True  # a historical app has none, and without one nothing is created
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="fiscal")
    known = {row.codename: row for row in permissions}
    for name, wanted in RIGHTS.items():
        # A group that was renamed or deleted is somebody's decision.
        if (group := apps.get_model("auth", "Group").objects.filter(name=name).first()) is not None:
            group.permissions.add(*(known[codename] for codename in wanted))


def take(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    through = apps.get_model("auth", "Group").permissions.through
    through.objects.filter(permission__content_type__model="cashhandover").delete()


class Migration(migrations.Migration):
    dependencies = [("fiscal", "0009_cash_handovers"), ("orders", "0015_cash_entries")]

    operations = [
        migrations.RunSQL(FILL, "DELETE FROM orders_cashentry"),
        migrations.RunPython(give, take),
    ]
