"""The journal by its time, so that old entries are found without a look at all of them (orders/keeping.py)."""

from django.db import migrations, models

from backoffice.sync.operations import AddIndexAside


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("orders", "0018_receipts_counted"),
    ]

    operations = [
        AddIndexAside(
            model_name="journalentry",
            index=models.Index(fields=["created_at"], name="journal_at"),
        ),
    ]
