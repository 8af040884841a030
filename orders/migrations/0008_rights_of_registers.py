"""What the groups may do with discount cards and with what register services say."""

from importlib import import_module

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

groups = import_module("orders.migrations.0002_groups")
rights = groups.rights

NEW = ("discountcard", "origin", "mapping", "feed", "statusrule")
GROUPS = {
    "Dispatchers": {
        *rights("orders", NEW, "view"),
        *rights("orders", ("discountcard", "origin", "mapping"), "change"),
        *rights("orders", ("discountcard",), "add", "delete"),
    },
    "Managers": rights("orders", NEW, "view"),
    "Accountants": rights("orders", ("discountcard", "origin"), "view"),
}


def give(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Permissions are made by a signal after all migrations, which is too late here.
    config = apps.get_app_config("orders")
    config.models_module = True  # a historical app has none, and without one nothing is created
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    config.models_module = None
    permission = apps.get_model("auth", "Permission")
    known = {row.codename: row for row in permission.objects.filter(content_type__app_label="orders")}
    for name, wanted in GROUPS.items():
        # A group that was renamed or deleted is somebody's decision.
        if (group := apps.get_model("auth", "Group").objects.filter(name=name).first()) is not None:
            group.permissions.add(*(known[codename] for _app, codename in sorted(wanted)))


def take(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    through = apps.get_model("auth", "Group").permissions.through
    through.objects.filter(
        permission__content_type__app_label="orders", permission__content_type__model__in=NEW
    ).delete()


class Migration(migrations.Migration):
    dependencies = [("orders", "0007_register_services")]

    operations = [migrations.RunPython(give, take)]
