"""Versions are found by their object and date, and need no other index; ids at iRECA are never looked up by their
beginnings.
"""

import django.db.models.deletion
from django.db import migrations, models

from backoffice.sync.operations import WithoutIndex, WithoutIndexOfBeginnings


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0005_good_barcode"),
        ("fiscal", "0009_cash_handovers"),
    ]

    operations = [
        WithoutIndex(
            model_name="historicalgood",
            name="article",
            field=models.CharField(blank=True, default="", verbose_name="article"),
        ),
        WithoutIndex(
            model_name="historicalgood",
            name="barcode",
            field=models.CharField(
                blank=True,
                default="",
                help_text="What a scanner reads; iRECA does not know it.",
                verbose_name="barcode",
            ),
        ),
        WithoutIndex(
            model_name="historicalgood",
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
            model_name="historicalgood",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="catalog.good",
                verbose_name="parent",
            ),
        ),
        WithoutIndex(
            model_name="historicalgood",
            name="tax",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="fiscal.tax",
                verbose_name="tax rate",
            ),
        ),
        WithoutIndex(
            model_name="historicalspecificity",
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
            model_name="historicalspecificity",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="catalog.specificity",
                verbose_name="parent",
            ),
        ),
        WithoutIndex(
            model_name="historicalsupplier",
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
            model_name="historicalsupplier",
            name="tax",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="fiscal.tax",
                verbose_name="tax rate",
            ),
        ),
        WithoutIndex(
            model_name="historicalwarehouse",
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
        WithoutIndexOfBeginnings("good", "ireca_id"),
        WithoutIndexOfBeginnings("good", "sync_state"),
    ]
