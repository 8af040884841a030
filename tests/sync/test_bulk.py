"""The door for bulk writes stores what `Model.save` stores, on both engines, and takes nothing it should not."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from backoffice.remotes.ireca import contract
from backoffice.secrets import Secret
from backoffice.sync import bulk, history
from backoffice.sync.apply import apply
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import FreeNumbers
from backoffice.sync.models import Push
from catalog.models import Good
from couriers.models import Courier
from fiscal.models import AtolSettings
from orders.models import Client, Line, Order

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
AWKWARD = "tab\there, line\nend, back\\slash, \\N, 'quote', \"double\", €, 😀, {curly}, %s"

# Values of each kind of column, and rows that are complete without them.
VALUES: list[tuple[type[models.Model], str, Any]] = [
    (Order, "number", AWKWARD),
    (Order, "number", Secret("a text of a subclass")),
    (Order, "description", AWKWARD * 50),
    (Order, "description", ""),
    (Order, "status", -7),
    (Order, "receipt_status", None),
    (Order, "receipt_status", 2**31 - 1),
    (Order, "is_agreed", True),
    (Order, "to_is_use_google_geo", None),
    (Order, "to_is_use_google_geo", False),
    (Order, "amount_to_pay", Decimal("679.57")),
    (Order, "amount_to_pay", Decimal("1E+2")),
    (Order, "amount_to_pay", Decimal("-0.10")),
    (Order, "amount_to_pay", 12),  # of a type that is not the column's
    (Order, "to_latitude", Decimal("60.0356123456")),
    (Order, "to_latitude", None),
    (Order, "delivery_time_from", MOMENT),
    (Order, "delivery_time_from", MOMENT.astimezone(timezone(timedelta(hours=-5)))),
    (Order, "delivery_time_from", None),
    (Order, "refund_key", uuid.UUID(int=5)),
    (Order, "remote_data", {"title": AWKWARD, "list": [1, "2", None, True, 1.5], "empty": {}}),
    (Order, "remote_data", {}),
    (Order, "remote_data", None),
    (Client, "birthday", date(1990, 2, 28)),
    (Client, "birthday", None),
    (Courier, "source_password", Secret("12345")),
    (Courier, "source_password", ""),
]


def raw(row: models.Model, column: str) -> Any:
    """What the database holds."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{row._meta.db_table}" WHERE id = %s', [row.pk])
        return cursor.fetchone()[0]


def stored(row: models.Model, column: str) -> tuple[Any, Any]:
    """What is read back, and what the database holds; but of a secret no two tokens are alike."""
    read = getattr(type(row)._base_manager.get(pk=row.pk), column)
    return read, raw(row, column) if column != "source_password" else None


def saved(model: type[models.Model], column: str, value: Any) -> tuple[Any, Any]:
    model._base_manager.all().delete()  # a value may be unique
    row = model(**{column: value})
    row.save()
    return stored(row, column)


class TestEveryKindOfColumn:
    @pytest.mark.parametrize(("model", "column", "value"), VALUES)
    def test_is_inserted_as_save_does(self, model: type[models.Model], column: str, value: Any) -> None:
        bulk.insert(model, [row := bulk.new(model, ireca_id="new", **{column: value})])
        assert stored(row, column) == saved(model, column, value)

    @pytest.mark.parametrize(("model", "column", "value"), VALUES)
    def test_is_updated_as_save_does(self, model: type[models.Model], column: str, value: Any) -> None:
        row = model._base_manager.create(ireca_id="there")
        setattr(row, column, value)
        bulk.update(model, [row], [column])
        assert stored(row, column) == saved(model, column, value)

    def test_values_of_different_types_stand_in_one_column(self) -> None:
        amounts = [Decimal("1.10"), 2, Decimal("1.10"), "3.5"]
        rows = [bulk.new(Order, ireca_id=f"i{n}", amount_to_pay=amount) for n, amount in enumerate(amounts)]
        bulk.insert(Order, rows)
        assert [Order.objects.get(pk=row.pk).amount_to_pay for row in rows] == [Decimal(str(a)) for a in amounts]

    def test_a_secret_is_stored_encrypted_and_equal_ones_differ(self) -> None:
        rows = [bulk.new(Courier, ireca_id=f"c{n}", source_password="topsecret") for n in range(2)]
        bulk.insert(Courier, rows)
        bulk.insert(AtolSettings, [settings := bulk.new(AtolSettings, password="topsecret")])
        tokens = {raw(rows[0], "source_password"), raw(rows[1], "source_password"), raw(settings, "password")}
        assert len(tokens) == 3
        assert not any("topsecret" in token for token in tokens)
        assert Courier.objects.get(pk=rows[0].pk).source_password == "topsecret"

    def test_json_is_found_by_its_value(self) -> None:
        bulk.insert(Courier, [row := bulk.new(Courier, ireca_id="1", remote_data={"title": "Ёж", "n": [1, 2]})])
        assert Courier.objects.get(remote_data={"title": "Ёж", "n": [1, 2]}) == row


class TestNew:
    def test_has_the_defaults_of_its_model(self) -> None:
        made, called = bulk.new(Order, ireca_id="1"), Order(ireca_id="1")
        moments = {"created_at", "updated_at"}
        assert made.__dict__.keys() == called.__dict__.keys()
        for field in Order._meta.concrete_fields:
            if field.attname not in moments:
                assert getattr(made, field.attname) == getattr(called, field.attname), field.attname
        assert all(isinstance(getattr(made, name), datetime) for name in moments)

    def test_shares_no_mutable_default(self) -> None:
        one, other = bulk.new(Order), bulk.new(Order)
        one.sync_conflict["x"] = 1
        assert other.sync_conflict == {}
        assert one._state is not other._state

    def test_can_be_saved_and_follows_references(self) -> None:
        good = Good.objects.create(title="Chair")
        order = bulk.new(Order)
        order.save()
        line = bulk.new(Line, order_id=order.pk, good_id=good.pk)
        line.save()
        assert (line.order.pk, line.good) == (order.pk, good)


class TestInsert:
    def test_gives_keys_that_nobody_else_gets(self) -> None:
        first = Courier.objects.create(title="before")
        rows = [bulk.new(Courier, ireca_id=f"c{n}", title=str(n)) for n in range(700)]
        bulk.insert(Courier, rows)
        after = Courier.objects.create(title="after")
        assert len({first.pk, after.pk, *(row.pk for row in rows)}) == 702
        assert dict(Courier.objects.filter(pk__among={row.pk for row in rows}).values_list("pk", "title")) == {
            row.pk: row.title for row in rows
        }
        assert not any(row._state.adding for row in rows)

    def test_keeps_a_key_that_a_row_has(self) -> None:
        free = Courier.objects.create(title="last").pk + 1000
        bulk.insert(Courier, [bulk.new(Courier, id=free, ireca_id="a"), other := bulk.new(Courier, ireca_id="b")])
        assert Courier.objects.get(ireca_id="a").pk == free
        assert other.pk != free

    @pytest.mark.parametrize("nth", [0, 1])
    def test_a_row_that_is_there_is_refused_with_all_others(self, nth: int) -> None:
        Courier.objects.create(ireca_id="taken")
        rows = [bulk.new(Courier, ireca_id="free"), bulk.new(Courier, ireca_id="free too")]
        rows[nth].ireca_id = "taken"
        with pytest.raises(IntegrityError), transaction.atomic():
            bulk.insert(Courier, rows)
        assert list(Courier.objects.values_list("ireca_id", flat=True)) == ["taken"]

    def test_a_column_that_must_not_be_empty_is_refused(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            bulk.insert(Courier, [bulk.new(Courier, title=None)])

    def test_reaches_neither_outbox_nor_history(self) -> None:
        bulk.insert(Courier, [bulk.new(Courier, ireca_id="1")])
        assert not Push.objects.exists()
        assert not Courier.history.exists()

    def test_costs_few_statements_however_many_rows(self) -> None:
        counts = []
        for size in (2, 600):
            with CaptureQueriesContext(connection) as queries:
                bulk.insert(Courier, [bulk.new(Courier, ireca_id=f"{size}-{n}") for n in range(size)])
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 4  # a savepoint's two, the keys, the rows


class TestUpdate:
    def test_changes_the_columns_that_it_is_told_of_rows_that_are_there(self) -> None:
        good = Good.objects.create(title="Chair")
        order = Order.objects.create()
        lines = [Line.objects.create(order=order, unit="pc", description=str(n)) for n in range(3)]
        gone = bulk.new(Line, id=lines[-1].pk + 1, order_id=order.pk, unit="kg")
        for line in lines[:2]:
            line.unit, line.description, line.good_id = "kg", "not told", good.pk
        bulk.update(Line, [*lines[:2], gone], ["unit", "good"])
        assert list(order.lines.order_by("id").values_list("unit", "description", "good")) == [
            ("kg", "0", good.pk),
            ("kg", "1", good.pk),
            ("pc", "2", None),
        ]

    def test_a_value_that_another_row_has_is_refused(self) -> None:
        one, other = (Courier.objects.create(ireca_id=str(n)) for n in (1, 2))
        other.ireca_id = one.ireca_id
        with pytest.raises(IntegrityError), transaction.atomic():
            bulk.update(Courier, [other], ["ireca_id"])


class TestNewIds:
    def test_a_batch_finds_free_ids_in_few_statements_where_thousands_are_taken(self) -> None:
        before = Client.objects.create().pk
        free = before + 20_001  # the key of the first row of the batch
        bulk.insert(Client, [bulk.new(Client, ireca_id=str(free + n), remote_data={}) for n in range(20_000)])
        rows = Client._base_manager.bulk_create(Client() for _ in range(500))
        with CaptureQueriesContext(connection) as queries:
            Client.after_bulk_create(rows)
        assert len(queries) <= 10
        ids = [int(ireca_id) for ireca_id in Client.objects.order_by("pk").values_list("ireca_id", flat=True)[20_001:]]
        assert ids == list(range(free + 20_000, free + 20_500))

    def test_ids_far_apart_each_get_the_next_one(self) -> None:
        numbers = FreeNumbers(lambda ids: {"1", "2", "900000", "900001"} & set(ids))
        assert [numbers.after(taken) for taken in (1, 2, 900_000)] == [3, 4, 900_002]


class TestVersions:
    def test_are_those_of_simple_history(self) -> None:
        rows = [Client.objects.create(title=f"t{n}", birthday=date(1990, 1, 2), phone="+79161234567") for n in range(2)]
        Client.history.all().delete()
        Client.history.bulk_history_create(rows, update=True, default_change_reason="ireca")
        theirs = list(Client.history.order_by("id").values())
        Client.history.all().delete()
        history.keep(Client, [row.pk for row in rows], reason="ireca")
        ours = list(Client.history.order_by("id").values())
        for version in (*theirs, *ours):
            assert isinstance(version.pop("history_date"), datetime)
            del version["history_id"]
        assert ours == theirs
        assert len(ours) == 2

    def test_are_not_kept_where_history_is_off(self, settings: Any) -> None:
        settings.SIMPLE_HISTORY_ENABLED = False
        history.keep(Client, [Client.objects.create(title="x").pk], reason="ireca")
        assert not Client.history.exists()


class TestAmong:
    @pytest.mark.parametrize(
        ("lookup", "of"),
        [("pk__among", lambda row: row.pk), ("ireca_id__among", lambda row: row.ireca_id)],
    )
    def test_finds_what_in_finds(self, lookup: str, of: Callable[[Any], Any]) -> None:
        rows = [Courier.objects.create(ireca_id=value) for value in ("1", "01", 'q"uo,{te}', "€")]
        for some in (rows, rows[1:3], []):
            assert set(Courier.objects.filter(**{lookup: frozenset(map(of, some))})) == set(some)

    def test_works_along_a_reference(self) -> None:
        orders = [Order.objects.create() for _ in range(3)]
        lines = [Line.objects.create(order=order) for order in orders]
        assert set(Line.objects.filter(order__among={order.pk for order in orders[1:]})) == set(lines[1:])


class TestApply:
    def test_what_is_said_anew_is_written_and_nothing_else(self) -> None:
        """A second telling that changes one attribute leaves the rows of the lines alone."""
        mirror = registry.for_model(Order)
        assert mirror is not None
        told: dict[str, Any] = {"orderId": "1", "codeAlias": "N-1", "goods": [{"goodId": "5", "count": 1, "price": 2}]}
        apply(mirror, [contract.decode(contract.Order, told)])
        apply(mirror, [contract.decode(contract.Order, told | {"description": "ring twice"})])
        with CaptureQueriesContext(connection) as queries:
            applied = apply(mirror, [contract.decode(contract.Order, told | {"description": "knock"})])
        order = Order.objects.get()
        assert (applied.updated, order.description, order.remote_data["description"]) == (1, "knock", "knock")
        written = [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]
        assert not any(Line._meta.db_table in sql for sql in written)
        assert [version.description for version in order.history.order_by("history_id")] == ["ring twice", "knock"]

    def test_an_object_of_which_only_the_id_is_told_becomes_a_row(self) -> None:
        mirror = registry.for_model(Order)
        assert mirror is not None
        applied = apply(mirror, [contract.decode(contract.Order, {"orderId": "77"})])
        assert (applied.created, Order.objects.get().ireca_id) == (1, "77")
