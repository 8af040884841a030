"""Clients whose personal data are being erased."""

import django.utils.timezone
from django.db import migrations, models

import backoffice.secrets


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0019_journal_at"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="due")),
                ("lease_owner", models.CharField(blank=True, editable=False, max_length=120, verbose_name="held by")),
                ("lease_until", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="held until")),
                ("client_id", models.BigIntegerField(unique=True, verbose_name="client")),
                ("clients", models.JSONField(default=list)),
                ("orders", models.JSONField(default=list)),
                ("known", backoffice.secrets.EncryptedTextField(blank=True, default="", editable=False)),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("rows", "own rows"),
                            ("logs", "logs and bodies"),
                            ("remotes", "waits until the remotes were told"),
                            ("rest", "what the remotes said last"),
                            ("done", "done"),
                        ],
                        default="rows",
                        max_length=10,
                        verbose_name="step",
                    ),
                ),
                ("swept", models.JSONField(default=list)),
                ("counts", models.JSONField(default=dict, verbose_name="rows by table")),
                ("asked_by", models.BigIntegerField(null=True)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="asked")),
                ("done_at", models.DateTimeField(null=True, verbose_name="done at")),
            ],
            options={
                "verbose_name": "erasure of a client",
                "verbose_name_plural": "erasures of clients",
                "permissions": [
                    ("give_client_data", "Can export all data of a client"),
                    ("erase_client", "Can erase a client"),
                ],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(condition=models.Q(("done_at__isnull", True)), fields=["due_at"], name="erasure_open")
                ],
            },
        ),
    ]
