"""Reports by mail; the right to all sources, and the group of partners' managers, who have it not."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ALL_SOURCES = ("Managers", "Accountants", "Dispatchers")  # as they had before there was a right to it
PARTNERS = "Partner managers"
OF_PARTNERS = ("view_orders", "all_periods", "export")


def give(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Permissions are made by a signal after all migrations, which is too late here.
    config = apps.get_app_config("reports")
    config.models_module = True  # a historical app has none, and without one nothing is created
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="reports")
    known = {row.codename: row for row in permissions}
    groups = apps.get_model("auth", "Group").objects
    for group in groups.filter(name__in=ALL_SOURCES):
        group.permissions.add(known["all_sources"])
    group, _is_new = groups.get_or_create(name=PARTNERS)
    group.permissions.add(*(known[codename] for codename in OF_PARTNERS))


def take(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("auth", "Group").objects.filter(name=PARTNERS).delete()
    apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="reports", codename="all_sources"
    ).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0016_cash_rights"),
        ("reports", "0002_courier_days"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="reading",
            options={
                "default_permissions": (),
                "managed": False,
                "permissions": [
                    ("view_orders", "Can read reports of orders, couriers, quality, goods, clients"),
                    ("view_fiscal", "Can read reports of receipts and cash"),
                    ("view_sync", "Can read reports of exchange and devices"),
                    ("all_sources", "Can read reports of all sources, not only of the own ones"),
                    ("all_periods", "Can read reports of all years, not only of the own shift"),
                    ("view_personal", "Can see names, phones and addresses in reports"),
                    ("export", "Can export reports"),
                ],
                "verbose_name": "reading of reports",
                "verbose_name_plural": "reading of reports",
            },
        ),
        migrations.CreateModel(
            name="ReportSubscription",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="due")),
                ("lease_owner", models.CharField(blank=True, editable=False, max_length=120, verbose_name="held by")),
                ("lease_until", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="held until")),
                ("title", models.CharField(max_length=60, verbose_name="name")),
                (
                    "weekday",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        choices=[
                            (0, "Monday"),
                            (1, "Tuesday"),
                            (2, "Wednesday"),
                            (3, "Thursday"),
                            (4, "Friday"),
                            (5, "Saturday"),
                            (6, "Sunday"),
                        ],
                        null=True,
                        validators=[django.core.validators.MaxValueValidator(6)],
                        verbose_name="weekday",
                    ),
                ),
                (
                    "hour",
                    models.PositiveSmallIntegerField(
                        default=8, validators=[django.core.validators.MaxValueValidator(23)], verbose_name="hour"
                    ),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[("xlsx", "XLSX"), ("csv", "CSV")], default="xlsx", max_length=10, verbose_name="format"
                    ),
                ),
                ("language", models.CharField(max_length=10, verbose_name="language")),
                ("sent_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last mail")),
                ("row_count", models.PositiveIntegerField(blank=True, editable=False, null=True, verbose_name="rows")),
                ("is_cut", models.BooleanField(default=False, editable=False, verbose_name="cut off")),
                ("left_out", models.CharField(blank=True, editable=False, max_length=500, verbose_name="left out")),
                ("failures", models.PositiveIntegerField(default=0, editable=False, verbose_name="failures in a row")),
                ("error", models.TextField(blank=True, editable=False, verbose_name="why the last mail failed")),
                (
                    "stopped",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "none"),
                            ("person", "The person does not work here any more."),
                            ("right", "The right to see the report, or to export it, was taken away."),
                            ("view", "The saved view was deleted, or is not shared any more."),
                            ("filters", "A filter of the view does not fit any more."),
                            ("address", "The person has no mail address."),
                        ],
                        default="",
                        editable=False,
                        max_length=20,
                        verbose_name="stopped",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="whose",
                    ),
                ),
                (
                    "recipients",
                    models.ManyToManyField(
                        blank=True,
                        help_text="People who work here and may see in this report all that its owner sees.",
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="also to",
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="orders.savedview",
                        verbose_name="saved view",
                    ),
                ),
            ],
            options={
                "verbose_name": "report by mail",
                "verbose_name_plural": "reports by mail",
                "ordering": ["title", "pk"],
                "default_permissions": ("view", "change", "delete"),
                "indexes": [
                    models.Index(condition=models.Q(("stopped", "")), fields=["due_at"], name="subscription_due")
                ],
                "constraints": [models.UniqueConstraint(fields=("owner", "view"), name="subscription_once")],
            },
        ),
        migrations.RunPython(give, take),
    ]
