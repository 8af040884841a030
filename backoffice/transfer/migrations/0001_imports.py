"""Files on their way in, and what people chose."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Import",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="due")),
                ("lease_owner", models.CharField(blank=True, editable=False, max_length=120, verbose_name="held by")),
                ("lease_until", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="held until")),
                ("table", models.CharField(max_length=100, verbose_name="what")),
                ("file_name", models.CharField(max_length=255, verbose_name="file")),
                ("language", models.CharField(default="ru", editable=False, max_length=10)),
                ("header", models.JSONField(default=list, editable=False)),
                ("header_row", models.PositiveIntegerField(default=1, editable=False)),
                ("samples", models.JSONField(default=list, editable=False)),
                ("mapping", models.JSONField(default=list, editable=False, verbose_name="columns")),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("all", "add new ones and change what is here"),
                            ("new", "only add new ones"),
                            ("changed", "only change what is here"),
                        ],
                        default="all",
                        max_length=10,
                        verbose_name="rows",
                    ),
                ),
                ("clears", models.BooleanField(default=False, verbose_name="empty cells clear")),
                ("is_whole", models.BooleanField(default=False, verbose_name="all or nothing")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("mapping", "Columns are to be chosen"),
                            ("checking", "Being checked"),
                            ("checked", "Checked, to be confirmed"),
                            ("writing", "Being imported"),
                            ("done", "Imported"),
                            ("failed", "Not imported"),
                        ],
                        default="mapping",
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("total", models.PositiveIntegerField(editable=False, null=True, verbose_name="rows")),
                ("read", models.PositiveIntegerField(default=0, editable=False, verbose_name="read")),
                ("new_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="new")),
                ("changed_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="changed")),
                ("same_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="unchanged")),
                ("skipped_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="skipped")),
                ("failed_count", models.PositiveIntegerField(default=0, editable=False, verbose_name="with errors")),
                ("shown", models.JSONField(default=list, editable=False)),
                ("error", models.TextField(blank=True, default="", editable=False, verbose_name="error")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="when")),
                ("finished_at", models.DateTimeField(editable=False, null=True, verbose_name="finished")),
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
                "verbose_name": "import",
                "verbose_name_plural": "imports",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="FailedRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(verbose_name="row")),
                ("cells", models.JSONField(default=list)),
                ("error", models.TextField(blank=True, default="", verbose_name="error")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="failed", to="transfer.import"
                    ),
                ),
            ],
            options={
                "verbose_name": "row with errors",
                "verbose_name_plural": "rows with errors",
                "ordering": ["run", "number"],
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ImportFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("data", models.BinaryField()),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="file", to="transfer.import"
                    ),
                ),
            ],
            options={
                "verbose_name": "file of an import",
                "verbose_name_plural": "files of imports",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ColumnChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=100)),
                ("digest", models.CharField(max_length=64)),
                ("mapping", models.JSONField(default=list)),
                ("chosen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "choice of columns",
                "verbose_name_plural": "choices of columns",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("table", "digest", "user"), name="column_choice_once")],
            },
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(
                condition=models.Q(("state__in", ("checking", "writing"))), fields=["due_at"], name="import_open"
            ),
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(
                condition=models.Q(("lease_owner", ""), _negated=True), fields=["lease_owner"], name="import_lease"
            ),
        ),
        migrations.AddIndex(
            model_name="import",
            index=models.Index(fields=["created_at"], name="import_created"),
        ),
        migrations.AddConstraint(
            model_name="failedrow",
            constraint=models.UniqueConstraint(fields=("run", "number"), name="failed_row_once"),
        ),
    ]
