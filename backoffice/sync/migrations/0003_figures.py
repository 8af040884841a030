"""Indexes from which the figures of the page Sync health are counted without reading rows."""

import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0002_cursor_and_rate"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="callback",
            name="callback_open",
        ),
        migrations.AlterField(
            model_name="callback",
            name="received_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="received"),
        ),
        migrations.AlterField(
            model_name="exchange",
            name="started_at",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="started"),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(
                condition=models.Q(("state", "new")), fields=["state", "due_at", "received_at"], name="callback_open"
            ),
        ),
        migrations.AddIndex(
            model_name="callback",
            index=models.Index(fields=["received_at", "state"], name="callback_received"),
        ),
        migrations.AddIndex(
            model_name="exchange",
            index=models.Index(fields=["started_at", "status", "duration_ms"], name="exchange_started"),
        ),
        migrations.AddIndex(
            model_name="pull",
            index=models.Index(fields=["what", "-id"], name="pull_what"),
        ),
        migrations.AddIndex(
            model_name="push",
            index=models.Index(
                condition=models.Q(("done_at__isnull", False)), fields=["done_at", "remote", "entity"], name="push_done"
            ),
        ),
    ]
