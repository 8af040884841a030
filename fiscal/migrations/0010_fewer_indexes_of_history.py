"""Versions are found by their object and date, and need no other index; ids at iRECA are never looked up by their
beginnings.
"""

import django.db.models.deletion
from django.db import migrations, models

from backoffice.sync.operations import WithoutIndex, WithoutIndexOfBeginnings


class Migration(migrations.Migration):
    dependencies = [
        ("fiscal", "0009_cash_handovers"),
        ("partners", "0005_waits_for_dispatcher"),
    ]

    operations = [
        WithoutIndex(
            model_name="historicalatolsettings",
            name="setting_id",
            field=models.CharField(max_length=191, verbose_name="setting id"),
        ),
        WithoutIndex(
            model_name="historicalatolsettings",
            name="source",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="partners.source",
                verbose_name="source",
            ),
        ),
        WithoutIndex(
            model_name="historicalpaymenttype",
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
            model_name="historicaltax",
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
        WithoutIndexOfBeginnings("registrarerror", "ireca_id"),
        WithoutIndexOfBeginnings("terminalerror", "ireca_id"),
    ]
