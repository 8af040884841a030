"""What our requests said, kept until the journal has shown what they took away, and our name in that journal."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0005_access_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="remotestate",
            name="our_source",
            field=models.TextField(blank=True, default="", verbose_name="our name in its journal"),
        ),
        migrations.CreateModel(
            name="Sent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("remote", models.CharField(max_length=20, verbose_name="remote")),
                ("entity", models.CharField(max_length=40, verbose_name="entity")),
                ("object_id", models.BigIntegerField(verbose_name="object")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="sent")),
                ("agreed", models.JSONField(null=True, verbose_name="agreed before")),
                ("said", models.JSONField(default=dict, verbose_name="told")),
                ("taken", models.JSONField(null=True, verbose_name="overwritten")),
            ],
            options={
                "verbose_name": "sent attempt",
                "verbose_name_plural": "sent attempts",
                "indexes": [models.Index(fields=["entity", "object_id"], name="sent_object")],
            },
        ),
    ]
