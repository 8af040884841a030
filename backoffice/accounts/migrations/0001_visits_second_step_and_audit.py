"""Sessions of people, their second step, and the audit trail."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import backoffice.secrets


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("axes", "0010_accessattemptexpiration"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[],
            options={
                "verbose_name": "failed login",
                "verbose_name_plural": "failed logins",
                "permissions": [("unlock", "Can unlock failed logins")],
                "proxy": True,
                "default_permissions": ("view",),
                "indexes": [],
                "constraints": [],
            },
            bases=("axes.accessattempt",),
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "at",
                    models.DateTimeField(
                        db_index=True, default=django.utils.timezone.now, editable=False, verbose_name="when"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("login", "logged in"),
                            ("logout", "logged out"),
                            ("failure", "login failed"),
                            ("locked", "login locked"),
                            ("unlocked", "login unlocked"),
                            ("second_passed", "second step passed"),
                            ("second_failed", "wrong code of the second step"),
                            ("second_on", "second step set up"),
                            ("second_off", "second step turned off"),
                            ("second_reset", "second step taken off by an administrator"),
                            ("backup_used", "backup code used"),
                            ("codes_made", "new backup codes"),
                            ("password", "password changed"),
                            ("session_ended", "session ended"),
                            ("person", "account changed"),
                            ("rights", "rights changed"),
                            ("token_made", "API token made"),
                            ("token_revoked", "API token revoked"),
                            ("secrets", "secrets encrypted anew"),
                            ("client_exported", "data of a client given out"),
                            ("client_erased", "data of a client erased"),
                        ],
                        editable=False,
                        max_length=20,
                        verbose_name="what",
                    ),
                ),
                ("actor_id", models.BigIntegerField(editable=False, null=True, verbose_name="who, key")),
                ("actor", models.CharField(blank=True, editable=False, max_length=150, verbose_name="who")),
                ("address", models.GenericIPAddressField(editable=False, null=True, verbose_name="from address")),
                ("object_type", models.CharField(blank=True, editable=False, max_length=100, verbose_name="of kind")),
                ("object_id", models.CharField(blank=True, editable=False, max_length=100, verbose_name="object")),
                ("details", models.JSONField(default=dict, editable=False, verbose_name="details")),
            ],
            options={
                "verbose_name": "audit event",
                "verbose_name_plural": "audit events",
                "ordering": ["-at", "-id"],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["actor_id", "-at"], name="event_actor"),
                    models.Index(fields=["object_type", "object_id", "-at"], name="event_object"),
                    models.Index(fields=["kind", "-at"], name="event_kind"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Authenticator",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="The human-readable name of this device.", max_length=64)),
                ("confirmed", models.BooleanField(default=True, help_text="Is this device ready for use?")),
                (
                    "throttling_failure_timestamp",
                    models.DateTimeField(
                        blank=True,
                        default=None,
                        help_text="A timestamp of the last failed verification attempt. Null if last attempt succeeded.",
                        null=True,
                    ),
                ),
                (
                    "throttling_failure_count",
                    models.PositiveIntegerField(default=0, help_text="Number of successive failed attempts."),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True,
                        help_text="The date and time when this device was initially created in the system.",
                        null=True,
                    ),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(
                        blank=True, help_text="The most recent date and time this device was used.", null=True
                    ),
                ),
                ("key", backoffice.secrets.EncryptedTextField(editable=False)),
                ("last_t", models.BigIntegerField(default=-1, editable=False)),
                (
                    "user",
                    models.ForeignKey(
                        help_text="The user that this device belongs to.",
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "authenticator",
                "verbose_name_plural": "authenticators",
                "permissions": [("reset_authenticator", "Can take off the second step of others")],
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("user",), name="authenticator_once")],
            },
        ),
        migrations.CreateModel(
            name="BackupCode",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("used_at", models.DateTimeField(editable=False, null=True, verbose_name="used")),
                (
                    "user",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="backup_codes",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="whose",
                    ),
                ),
            ],
            options={
                "verbose_name": "backup code",
                "verbose_name_plural": "backup codes",
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("user", "digest"), name="backup_code_once")],
            },
        ),
        migrations.CreateModel(
            name="Visit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(editable=False, max_length=40, null=True, unique=True)),
                (
                    "begun_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="begun"),
                ),
                (
                    "seen_at",
                    models.DateTimeField(
                        db_index=True, default=django.utils.timezone.now, editable=False, verbose_name="last seen"
                    ),
                ),
                ("address", models.GenericIPAddressField(editable=False, null=True, verbose_name="from address")),
                ("agent", models.CharField(blank=True, editable=False, max_length=300, verbose_name="browser")),
                ("ended_at", models.DateTimeField(editable=False, null=True, verbose_name="ended")),
                (
                    "end",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "is open"),
                            ("logout", "logged out"),
                            ("idle", "nothing done for too long"),
                            ("age", "lasted too long"),
                            ("person", "ended by the person"),
                            ("admin", "ended by an administrator"),
                            ("password", "password changed"),
                            ("second", "second step changed"),
                            ("inactive", "account deactivated"),
                        ],
                        default="",
                        editable=False,
                        max_length=20,
                        verbose_name="why it ended",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="visits",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="who",
                    ),
                ),
            ],
            options={
                "verbose_name": "session",
                "verbose_name_plural": "sessions",
                "ordering": ["-seen_at"],
                "permissions": [("end_visit", "Can end sessions of others")],
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("ended_at__isnull", True)), fields=["user", "-seen_at"], name="visit_open"
                    )
                ],
            },
        ),
        # The audit page reads the admin's log by time, for which Django has no index.
        migrations.RunSQL(
            "CREATE INDEX admin_log_time ON django_admin_log (action_time DESC, id DESC)", "DROP INDEX admin_log_time"
        ),
    ]
