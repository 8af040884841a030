"""Fill the keys of marking codes that are there already, and let dispatchers make returns.

Backwards the right is taken again; the keys go with their column.
"""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Q

from orders.marking import key

GROUP, RIGHT = "Dispatchers", "add_refund"


def fill_keys(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    lines = apps.get_model("orders", "Line")._base_manager
    batch = []
    for line in lines.exclude(Q(mark_value="") & Q(mark_binary_value="")).iterator(chunk_size=500):
        line.mark_key = key(line.mark_binary_value or line.mark_value)
        batch.append(line)
        if len(batch) == 500:
            lines.bulk_update(batch, ["mark_key"])
            batch = []
    lines.bulk_update(batch, ["mark_key"])


def grant(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    config = apps.get_app_config("orders")
    config.models_module = True  # as in 0002_groups: a historical app has none, and without one nothing is created
    create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
    config.models_module = None
    group = apps.get_model("auth", "Group").objects.filter(name=GROUP).first()
    if group is not None:
        group.permissions.add(_right(apps))


def revoke(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    group = apps.get_model("auth", "Group").objects.filter(name=GROUP).first()
    if group is not None:
        group.permissions.remove(_right(apps))


def _right(apps: Apps) -> object:
    return apps.get_model("auth", "Permission").objects.get(content_type__app_label="orders", codename=RIGHT)


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_returns_and_marks")]

    operations = [
        migrations.RunPython(fill_keys, migrations.RunPython.noop),
        migrations.RunPython(grant, revoke),
    ]
