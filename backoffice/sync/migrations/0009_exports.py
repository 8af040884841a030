"""Who took what out of here as a file."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0008_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ExportLog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("what", models.CharField(max_length=200, verbose_name="what")),
                ("query", models.TextField(blank=True, default="", verbose_name="filter")),
                ("columns", models.JSONField(default=list, verbose_name="columns")),
                (
                    "kind",
                    models.CharField(choices=[("csv", "CSV"), ("xlsx", "XLSX")], max_length=10, verbose_name="format"),
                ),
                ("is_personal", models.BooleanField(default=False, verbose_name="with personal data")),
                (
                    "row_count",
                    models.PositiveIntegerField(help_text="Empty: it was broken off.", null=True, verbose_name="rows"),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now, verbose_name="when"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="who",
                    ),
                ),
            ],
            options={
                "verbose_name": "export",
                "verbose_name_plural": "exports",
                "permissions": [
                    ("export_lists", "Can export lists"),
                    ("export_personal_data", "Can export personal data"),
                ],
                "default_permissions": ("view",),
            },
        ),
    ]
