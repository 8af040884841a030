"""One session of a device without a start, where two workers could have stored it twice."""

from typing import Any

from django.db import migrations, models


def keep_one(apps: Any, schema_editor: Any) -> None:
    """Of each device's sessions without a start keep the open one, or else the one that was stored last."""
    sessions = apps.get_model("couriers", "License").objects.filter(session_start_at__isnull=True)
    kept: set[str] = set()
    doubled = []
    for pk, device in sessions.order_by("-is_open", "-pk").values_list("pk", "device_id"):
        if device in kept:
            doubled.append(pk)
        kept.add(device)
    sessions.filter(pk__in=doubled).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("couriers", "0002_updated_at"),
    ]

    operations = [
        migrations.RunPython(keep_one, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="license",
            constraint=models.UniqueConstraint(
                condition=models.Q(("session_start_at__isnull", True)),
                fields=("device_id",),
                name="session_unstarted_once",
            ),
        ),
    ]
