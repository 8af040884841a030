"""The right to see names, phones and addresses counts everywhere, and says so."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

CODENAME = "view_personal"
BEFORE, NOW = "Can see names, phones and addresses in reports", "Can see names, phones and addresses of clients"


def rename(apps: Apps, name: str) -> None:
    rows = apps.get_model("auth", "Permission").objects
    rows.filter(content_type__app_label="reports", codename=CODENAME).update(name=name)


def forwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rename(apps, NOW)


def backwards(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    rename(apps, BEFORE)


class Migration(migrations.Migration):
    dependencies = [("reports", "0003_mails"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.AlterModelOptions(
            name="reading",
            options={
                "managed": False,
                "verbose_name": "reading of reports",
                "verbose_name_plural": "reading of reports",
                "default_permissions": (),
                "permissions": [
                    ("view_orders", "Can read reports of orders, couriers, quality, goods, clients"),
                    ("view_fiscal", "Can read reports of receipts and cash"),
                    ("view_sync", "Can read reports of exchange and devices"),
                    ("all_sources", "Can read reports of all sources, not only of the own ones"),
                    ("all_periods", "Can read reports of all years, not only of the own shift"),
                    ("view_personal", NOW),
                    ("export", "Can export reports"),
                ],
            },
        ),
        migrations.RunPython(forwards, backwards),
    ]
