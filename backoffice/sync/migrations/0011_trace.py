"""The id of the request that a push, a callback and an exchange came of; where callbacks were registered."""

from django.db import migrations, models

import backoffice.trace


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0010_push_created"),
    ]

    operations = [
        migrations.AddField(
            model_name="callback",
            name="trace",
            field=models.CharField(
                blank=True,
                db_default="",
                default=backoffice.trace.current,
                editable=False,
                max_length=64,
                verbose_name="request id",
            ),
        ),
        migrations.AddField(
            model_name="exchange",
            name="trace",
            field=models.CharField(
                blank=True,
                db_default="",
                default=backoffice.trace.current,
                editable=False,
                max_length=64,
                verbose_name="request id",
            ),
        ),
        migrations.AddField(
            model_name="push",
            name="trace",
            field=models.CharField(
                blank=True,
                db_default="",
                default=backoffice.trace.current,
                editable=False,
                max_length=64,
                verbose_name="request id",
            ),
        ),
        migrations.AddField(
            model_name="remotestate",
            name="callbacks_secret",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=64, verbose_name="secret of callbacks"
            ),
        ),
        migrations.AddField(
            model_name="remotestate",
            name="callbacks_url",
            field=models.TextField(
                blank=True, db_default="", default="", editable=False, verbose_name="callbacks go to"
            ),
        ),
        migrations.AddIndex(
            model_name="exchange",
            index=models.Index(
                condition=models.Q(("trace", ""), _negated=True), fields=["trace"], name="exchange_trace"
            ),
        ),
        migrations.AddIndex(
            model_name="push",
            index=models.Index(condition=models.Q(("trace", ""), _negated=True), fields=["trace"], name="push_trace"),
        ),
    ]
