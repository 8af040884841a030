"""Versions are found by their object and date, and need no other index."""

import django.db.models.deletion
from django.db import migrations, models

from backoffice.sync.operations import WithoutIndex


class Migration(migrations.Migration):
    dependencies = [
        ("couriers", "0005_cash_limit"),
    ]

    operations = [
        WithoutIndex(
            model_name="historicalcourier",
            name="ireca_id",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="The id under which iRECA knows this row.",
                max_length=191,
                null=True,
                verbose_name="iRECA id",
            ),
        ),
        WithoutIndex(
            model_name="historicalcourier",
            name="role",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="couriers.role",
                verbose_name="role",
            ),
        ),
        WithoutIndex(
            model_name="historicalpermission",
            name="ireca_id",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="The id under which iRECA knows this row.",
                max_length=191,
                null=True,
                verbose_name="iRECA id",
            ),
        ),
        WithoutIndex(
            model_name="historicalpermission",
            name="role",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="couriers.role",
                verbose_name="role",
            ),
        ),
        WithoutIndex(
            model_name="historicalrole",
            name="ireca_id",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="The id under which iRECA knows this row.",
                max_length=191,
                null=True,
                verbose_name="iRECA id",
            ),
        ),
    ]
