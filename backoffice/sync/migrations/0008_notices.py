"""Notices, who has seen them, and what each person wants to be told."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0007_presence"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("key", models.CharField(blank=True, max_length=191, verbose_name="what it is about")),
                ("count", models.PositiveIntegerField(default=1, verbose_name="count")),
                ("params", models.JSONField(blank=True, default=dict, verbose_name="parameters")),
                ("url", models.CharField(blank=True, max_length=500, verbose_name="where to look")),
                ("permission", models.CharField(blank=True, max_length=100, verbose_name="permission")),
                ("is_grave", models.BooleanField(default=False, verbose_name="grave")),
                ("since", models.DateTimeField(verbose_name="since")),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="found")),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="became worse")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="gone")),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at__isnull", False)), fields=["-closed_at"], name="notice_closed"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)), fields=("kind", "key"), name="notice_open"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="NoticePreference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("due_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="due")),
                ("lease_owner", models.CharField(blank=True, editable=False, max_length=120, verbose_name="held by")),
                ("lease_until", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="held until")),
                ("hidden", models.JSONField(blank=True, default=list, verbose_name="kinds not wanted")),
                ("snoozed", models.JSONField(blank=True, default=dict, verbose_name="kinds put off")),
                ("mails_grave", models.BooleanField(default=False, verbose_name="mail grave ones at once")),
                ("digest_at", models.TimeField(blank=True, null=True, verbose_name="a daily digest by mail at")),
                (
                    "digest_due_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="next digest"),
                ),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        max_length=10,
                        verbose_name="language of mails",
                    ),
                ),
                ("mailed_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last mail")),
                (
                    "mail_failures",
                    models.PositiveIntegerField(default=0, editable=False, verbose_name="failures in a row"),
                ),
                ("mail_error", models.TextField(blank=True, editable=False, verbose_name="why the last mail failed")),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notice_preference",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "notices of a person",
                "verbose_name_plural": "notices of people",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="NoticeReader",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seen_at", models.DateTimeField(blank=True, null=True, verbose_name="seen")),
                ("mailed_at", models.DateTimeField(blank=True, null=True, verbose_name="mailed")),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readers",
                        to="sync.notice",
                        verbose_name="notice",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "reader of a notice",
                "verbose_name_plural": "readers of notices",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("notice", "user"), name="notice_reader")],
            },
        ),
    ]
