"""The sums of the orders that are here already, and what their cash entries say of when a return gave money back.

Before the code that reads the sums runs, in batches that each commit: old code works on meanwhile, and a run that was
broken off goes on when it is run again. The rules are those of `orders/order_sums.py` at this migration.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

BATCH = 5000
CASH, CANCELLED = 1, 11
PAID = (
    "COALESCE((SELECT ROUND(SUM(CASE WHEN o.is_refund THEN ABS(p.price) ELSE p.price END), 2) FROM orders_payment p "
    "LEFT JOIN fiscal_paymenttype t ON t.id = p.payment_type_id WHERE p.order_id = o.id AND {which}), 0)"
)
FILL = f"""
    UPDATE orders_order AS o SET
    discounts = COALESCE((SELECT ROUND(SUM(l.discount_total), 2) FROM orders_line l WHERE l.order_id = o.id), 0),
    paid_cash = {PAID.format(which=f"t.close_type = {CASH}")},
    paid_cashless = {PAID.format(which=f"(t.close_type IS NULL OR t.close_type <> {CASH})")}
    WHERE o.id > %s AND o.id <= %s AND (
        EXISTS (SELECT 1 FROM orders_line l WHERE l.order_id = o.id AND l.discount_total <> 0)
        OR EXISTS (SELECT 1 FROM orders_payment p WHERE p.order_id = o.id)
    )"""
# Where a return has more than one payment in cash, all of them have the same moment.
MOVE = f"""
    UPDATE orders_cashentry AS e SET at = (
        SELECT COALESCE(
            (SELECT MIN(r.date_time_receipt) FROM fiscal_receipt r WHERE r.order_id = o.id AND r.kind = 'return'),
            o.delivered_at, e.at
        ) FROM orders_order o WHERE o.id = e.order_id
    )
    WHERE e.order_id IN (
        SELECT o.id FROM orders_order o WHERE o.is_refund AND o.id > %s AND o.id <= %s AND o.delivery_status <> {CANCELLED}
    )"""


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    orders = apps.get_model("orders", "Order").objects.order_by("pk").values_list("pk", flat=True)
    last = 0
    while ids := list(orders.filter(pk__gt=last)[:BATCH]):
        with schema_editor.connection.cursor() as cursor:
            for statement in (FILL, MOVE):
                cursor.execute(statement, [last, ids[-1]])
        last = ids[-1]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0023_order_sums"), ("fiscal", "0009_cash_handovers")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
