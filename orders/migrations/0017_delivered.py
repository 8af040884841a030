"""When and where each order was taken and delivered, on the order itself: `orders/delivered.py` says why."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, OuterRef, Subquery

TAKEN, DELIVERED, CLOSED = 7, 9, 10


def note(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """From the status changes that are there already."""
    mine: Any = apps.get_model("orders", "StatusChange").objects.filter(order=OuterRef("pk"), created_at__isnull=False)
    taken = mine.filter(delivery_status=TAKEN).order_by("created_at", "pk")
    first = mine.filter(delivery_status__in=(DELIVERED, CLOSED)).order_by("delivery_status", "created_at", "pk")
    apps.get_model("orders", "Order").objects.filter(Exists(mine)).update(
        taken_at=Subquery(taken.values("created_at")[:1]),
        delivered_at=Subquery(first.values("created_at")[:1]),
        delivered_latitude=Subquery(first.values("latitude")[:1]),
        delivered_longitude=Subquery(first.values("longitude")[:1]),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0016_cash_rights"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="taken_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="taken by the courier"),
        ),
        migrations.AddField(
            model_name="order",
            name="delivered_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="delivered at"),
        ),
        migrations.AddField(
            model_name="order",
            name="delivered_latitude",
            field=models.DecimalField(
                blank=True, decimal_places=10, editable=False, max_digits=13, null=True, verbose_name="latitude"
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="delivered_longitude",
            field=models.DecimalField(
                blank=True, decimal_places=10, editable=False, max_digits=13, null=True, verbose_name="longitude"
            ),
        ),
        migrations.RunPython(note, migrations.RunPython.noop),
    ]
