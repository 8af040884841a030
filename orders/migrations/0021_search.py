"""Search of orders and clients at a million of them (orders/admin/search.py)."""

from django.db import migrations, models

from backoffice.sync.operations import AddIndexAside, IndexOfWords


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("orders", "0020_erasures"),
    ]

    operations = [
        AddIndexAside(
            model_name="client",
            index=models.Index(fields=["phone_e164"], opclasses=["varchar_pattern_ops"], name="client_phone_start"),
        ),
        AddIndexAside(
            model_name="client",
            index=models.Index(fields=["inn"], name="client_inn", condition=~models.Q(inn="")),
        ),
        IndexOfWords("client", ["lastname", "firstname", "title"], "client_words"),
        IndexOfWords(
            "order",
            ["to_city", "to_street", "to_home", "to_apartment", "to_line", "client_lastname", "client_firstname"],
            "order_words",
        ),
    ]
