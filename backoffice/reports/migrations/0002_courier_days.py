"""What is counted ahead of couriers' days."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("couriers", "0004_sync_state_held"),
        ("reports", "0001_readers"),
    ]

    operations = [
        migrations.CreateModel(
            name="CourierDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField(verbose_name="day")),
                ("positions", models.PositiveIntegerField(verbose_name="positions")),
                ("kilometres", models.DecimalField(decimal_places=1, max_digits=14, verbose_name="kilometres")),
                (
                    "gap_kilometres",
                    models.DecimalField(decimal_places=1, max_digits=14, verbose_name="kilometres across gaps"),
                ),
                ("minutes_on_shift", models.PositiveIntegerField(verbose_name="minutes on shift")),
                ("registrar_errors", models.PositiveIntegerField(verbose_name="errors of registrars")),
                ("terminal_errors", models.PositiveIntegerField(verbose_name="errors of terminals")),
                ("counted_at", models.DateTimeField(verbose_name="counted at")),
                (
                    "courier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="couriers.courier",
                        verbose_name="courier",
                    ),
                ),
            ],
            options={
                "verbose_name": "day of a courier",
                "verbose_name_plural": "days of couriers",
                "default_permissions": (),
                "indexes": [models.Index(fields=["-day", "-id"], name="courier_day_latest")],
                "constraints": [models.UniqueConstraint(fields=("courier", "day"), name="courier_day_once")],
            },
        ),
    ]
