"""The groups of people who work here, with what each may do.

The last app of the import order holds them, because permissions of all apps must exist. Later edits of a group in the
admin stay: the migration runs once. Names are English in the database.
"""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

APPS = ("partners", "sync", "fiscal", "couriers", "catalog", "orders")

ORDERS = (
    "order",
    "client",
    "returnreason",
    "line",
    "linewarehouse",
    "linespecificity",
    "canceleditem",
    "payment",
    "refund",
)
ORDERS_SEEN = ("statuschange", "journalentry", "refundpayment", "refundgood")
COURIERS = ("courier", "role", "permission", "license", "licenseusage", "location")
CATALOGUE = ("good", "stock", "specificity", "warehouse", "supplier")
FISCAL = (
    "tax",
    "paymenttype",
    "receipt",
    "correctionreceipt",
    "atolsettings",
    "pechka54",
    "registrarerror",
    "terminalerror",
)
SYNC_SEEN = ("schedule", "remotestate", "worker", "dictionaryentry")


def rights(app_label: str, models: tuple[str, ...], *actions: str) -> set[tuple[str, str]]:
    return {(app_label, f"{action}_{model}") for model in models for action in actions}


# Parts of an order are edited on its form, so their rights go with the order's.
PARTS = ("line", "linewarehouse", "linespecificity")

GROUPS = {
    "Dispatchers": {
        *rights("orders", ("order", "client"), "view", "add", "change"),
        *rights("orders", PARTS, "view", "add", "change", "delete"),
        *rights("orders", ("returnreason", "canceleditem", "payment", "refund", *ORDERS_SEEN), "view"),
        *rights("couriers", ("courier", "license"), "view", "change"),
        *rights("couriers", ("role", "permission", "licenseusage", "location"), "view"),
        *rights("catalog", CATALOGUE, "view", "change"),
        *rights("catalog", ("stock",), "add", "delete"),
        *rights("fiscal", tuple(model for model in FISCAL if model != "atolsettings"), "view"),
        *rights("sync", ("push", "callback", "pull", "exchange"), "view", "change"),
        *rights("sync", SYNC_SEEN, "view"),
        *rights("partners", ("source",), "view"),
    },
    "Managers": {
        *rights("orders", (*ORDERS, *ORDERS_SEEN), "view"),
        *rights("couriers", COURIERS, "view"),
        *rights("catalog", CATALOGUE, "view"),
        *rights("fiscal", FISCAL, "view"),
        *rights("sync", ("push", "callback", "pull", "exchange", *SYNC_SEEN), "view"),
        *rights("partners", ("source",), "view"),
    },
    "Accountants": {
        *rights("fiscal", FISCAL, "view"),
        *rights("fiscal", ("tax", "paymenttype"), "change"),
        *rights("fiscal", ("atolsettings",), "add", "change"),
        *rights("orders", ("order", "client", "line", "payment", "refund", "refundpayment", "refundgood"), "view"),
        *rights("partners", ("source",), "view"),
    },
}


def create_groups(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    # Permissions are made by a signal after all migrations, which is too late here.
    for app_label in APPS:
        config = apps.get_app_config(app_label)
        config.models_module = True  # a historical app has none, and without one nothing is created
        create_permissions(config, verbosity=0, apps=apps, using=schema_editor.connection.alias)
        config.models_module = None
    group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    known = {
        (permission.content_type.app_label, permission.codename): permission
        for permission in permission_model.objects.filter(content_type__app_label__in=APPS).select_related(
            "content_type"
        )
    }
    for name, wanted in GROUPS.items():
        group, _created = group_model.objects.get_or_create(name=name)
        group.permissions.add(*(known[right] for right in sorted(wanted)))


def delete_groups(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("partners", "0001_initial"),
        ("sync", "0001_initial"),
        ("fiscal", "0002_references"),
        ("couriers", "0001_initial"),
        ("catalog", "0002_references"),
        ("orders", "0001_initial"),
    ]

    operations = [migrations.RunPython(create_groups, delete_groups)]
