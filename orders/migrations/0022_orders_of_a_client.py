"""An index for what reports ask of clients: whether they ordered before, or since (backoffice/reports/pages/clients.py)."""

from django.db import migrations, models

from backoffice.sync.operations import AddIndexAside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("orders", "0021_search"),
    ]

    operations = [
        AddIndexAside(
            model_name="order",
            index=models.Index(
                fields=["client", "delivery_time_from"],
                name="order_of_client",
                condition=models.Q(is_refund=False),
            ),
        ),
    ]
