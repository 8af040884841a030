"""Managers may give others the views that they saved."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUP, RIGHT = "Managers", "add_savedview"


def give(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Permissions are made by a signal after all migrations, which is too late here.
    config = apps.get_app_config("orders")
    config.models_module = True  # a historical app has none, and without one nothing is created
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    config.models_module = None
    # A group that was renamed or deleted is somebody's decision.
    if (group := apps.get_model("auth", "Group").objects.filter(name=GROUP).first()) is not None:
        group.permissions.add(apps.get_model("auth", "Permission").objects.get(codename=RIGHT))


def take(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if (group := apps.get_model("auth", "Group").objects.filter(name=GROUP).first()) is not None:
        group.permissions.remove(*group.permissions.filter(codename=RIGHT))


class Migration(migrations.Migration):
    dependencies = [("orders", "0025_fewer_indexes_of_history")]

    operations = [migrations.RunPython(give, take)]
