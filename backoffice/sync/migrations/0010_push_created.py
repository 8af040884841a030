"""Pushes of a period, found without a scan."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0009_exports"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="push",
            index=models.Index(fields=["created_at"], name="push_created"),
        ),
    ]
