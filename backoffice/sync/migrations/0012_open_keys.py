"""Open pushes are found by their whole key, never by its beginning."""

from django.db import migrations

from backoffice.sync.operations import WithoutIndexOfBeginnings


class Migration(migrations.Migration):
    dependencies = [("sync", "0011_trace")]

    operations = [WithoutIndexOfBeginnings("push", "open_key")]
