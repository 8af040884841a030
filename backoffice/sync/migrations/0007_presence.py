"""Who has the form of a row open now."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0006_sent"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Presence",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("window", models.CharField(max_length=36, unique=True, verbose_name="window")),
                ("model", models.CharField(max_length=100, verbose_name="model")),
                ("object_id", models.BigIntegerField(verbose_name="object")),
                ("since", models.DateTimeField(default=django.utils.timezone.now, verbose_name="open since")),
                (
                    "seen_at",
                    models.DateTimeField(
                        db_index=True, default=django.utils.timezone.now, verbose_name="last sign of life"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "open form",
                "verbose_name_plural": "open forms",
                "indexes": [models.Index(fields=["model", "object_id"], name="presence_object")],
            },
        ),
    ]
