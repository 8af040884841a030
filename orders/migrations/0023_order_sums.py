"""Columns for the sums of an order's lines and payments. The next migration fills them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0022_orders_of_a_client")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="discounts",
            field=models.DecimalField(
                db_default=0, decimal_places=2, default=0, editable=False, max_digits=14, verbose_name="discounts"
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="paid_cash",
            field=models.DecimalField(
                db_default=0, decimal_places=2, default=0, editable=False, max_digits=14, verbose_name="paid in cash"
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="paid_cashless",
            field=models.DecimalField(
                db_default=0,
                decimal_places=2,
                default=0,
                editable=False,
                max_digits=14,
                verbose_name="paid without cash",
            ),
        ),
    ]
