"""Who may read which reports, and the rights of the groups."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUPS = {
    "Managers": ("view_orders", "view_fiscal", "view_sync", "all_periods", "view_personal", "export"),
    "Accountants": ("view_fiscal", "all_periods", "export"),
    "Dispatchers": ("view_orders", "view_personal"),
}


def give(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Permissions are made by a signal after all migrations, which is too late here.
    config = apps.get_app_config("reports")
    config.models_module = True  # a historical app has none, and without one nothing is created
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="reports")
    known = {row.codename: row for row in permissions}
    for name, wanted in GROUPS.items():
        # A group that was renamed or deleted is somebody's decision.
        if (group := apps.get_model("auth", "Group").objects.filter(name=name).first()) is not None:
            group.permissions.add(*(known[codename] for codename in wanted))


def take(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    through = apps.get_model("auth", "Group").permissions.through
    through.objects.filter(permission__content_type__app_label="reports").delete()


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("orders", "0013_fiscal_queues"),
        ("partners", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Reading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
            ],
            options={
                "managed": False,
                "verbose_name": "reading of reports",
                "verbose_name_plural": "reading of reports",
                "default_permissions": (),
                "permissions": [
                    ("view_orders", "Can read reports of orders, couriers, quality, goods, clients"),
                    ("view_fiscal", "Can read reports of receipts and cash"),
                    ("view_sync", "Can read reports of exchange and devices"),
                    ("all_periods", "Can read reports of all years, not only of the own shift"),
                    ("view_personal", "Can see names, phones and addresses in reports"),
                    ("export", "Can export reports"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReaderSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="partners.source",
                        verbose_name="source",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="who",
                    ),
                ),
            ],
            options={
                "verbose_name": "source of a reader",
                "verbose_name_plural": "sources of readers",
                "constraints": [models.UniqueConstraint(fields=["user", "source"], name="reader_source_once")],
            },
        ),
        migrations.RunPython(give, take),
    ]
