"""Refunds know the order they return and the form that made them; lines the key of their marking code."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_references"),
        ("fiscal", "0002_references"),
        ("orders", "0002_groups"),
    ]

    operations = [
        migrations.AddField(
            model_name="historicalorder",
            name="refund_of",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="orders.order",
                verbose_name="returns",
            ),
        ),
        migrations.AddField(
            model_name="line",
            name="mark_key",
            field=models.CharField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            model_name="order",
            name="refund_key",
            field=models.UUIDField(editable=False, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="order",
            name="refund_of",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refund_orders",
                to="orders.order",
                verbose_name="returns",
            ),
        ),
        migrations.AddIndex(
            model_name="line",
            index=models.Index(
                condition=models.Q(("mark_key", ""), _negated=True), fields=["mark_key"], name="line_mark"
            ),
        ),
    ]
