"""All that is held of a client, given out and erased."""

from __future__ import annotations

import io
import json
import re
import stat
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import models
from django.test import Client as Browser
from django.utils import timezone

from backoffice.accounts.models import Event
from backoffice.accounts.trail import histories
from backoffice.partners.models import Delivery, IdempotentRequest, Source, Webhook
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, worker
from backoffice.sync.models import Callback, Exchange, ExchangeSubject, ExportLog, Push, Sent
from backoffice.transfer.models import FailedRow, Import, ImportFile
from catalog.models import Good
from fiscal.models import Receipt
from orders.client_data import erase, gather, places
from orders.client_data.held import Held
from orders.client_data.traces import Traces
from orders.models import (
    Client,
    ClientMerge,
    DeliveryStatus,
    DiscountCard,
    Erasure,
    JournalEntry,
    Order,
    Origin,
    Payment,
    SavedView,
    StatusChange,
)

pytestmark = pytest.mark.django_db

FIRST, LAST, PHONE, MAIL = "Зинаида", "Необычайнова", "+7 921 777-66-55", "zina.rare@example.org"
STREET = "ул. Неповторимая"
DIGITS = "9217776655"
# Rows that tell of somebody else, and must stay.
OTHER = "Никифорова"


@pytest.fixture
def client() -> Client:
    return fill()


def fill() -> Client:
    """A client of whom something stands in every place that we know of."""
    user = User.objects.create_user("dora")
    source = Source.objects.create(title="Shop")
    client = Client.objects.create(
        firstname=FIRST, lastname=LAST, phone=PHONE, email=MAIL, address_street=STREET, description=f"звонить {LAST}"
    )
    client.firstname = "Зина"
    client.save()
    twin = Client.objects.create(firstname=FIRST, lastname=LAST, phone=PHONE, merged_into=client)
    good = Good.objects.create(title="Чай")
    order = Order.objects.create(
        number="A-17",
        client=twin,
        client_firstname=FIRST,
        client_lastname=LAST,
        phone="89217776655",
        to_street=STREET,
        to_home="5",
        to_latitude=Decimal("59.93"),
        description=f"Домофон {LAST}",
        amount_to_pay=Decimal("420.00"),
        source=source,
        delivery_status=DeliveryStatus.CLOSED,
    )
    Order.objects.create(number="A-18", phone=PHONE, delivery_status=DeliveryStatus.CANCELLED)  # nobody's, by the phone
    order.lines.create(good=good, title="Чай", price=420, total=420, description=f"для {LAST}, {PHONE}")
    StatusChange.objects.create(order=order, delivery_status=9, latitude=Decimal("59.93"), created_at=timezone.now())
    Payment.objects.create(order=order, price=Decimal("420.00"), rrn="123")
    said = {"clientFirstname": FIRST, "clientLastname": LAST, "phone": PHONE, "address": {"street": STREET}}
    JournalEntry.objects.create(order=order, event="changed", before=said, after={**said, "number": "A-17"}, digest="1")
    Receipt.objects.create(
        order=order, kind="sale", fn="9999", fd_number="7", remote_data={"total": 420, "buyer": MAIL}
    )
    Origin.objects.create(order=order, remote="virtpos", key="1", data=said, agreed=said, sync_conflict={"phone": said})
    DiscountCard.objects.create(source=source, uid="4001", client=client)
    ClientMerge.objects.create(
        survivor=client, absorbed={str(twin.pk): None}, values={"phone": ["", PHONE]}, moved={}, made_by=user
    )
    exchange = Exchange.objects.create(
        remote="ireca", method="PUT", path="orders/1", request_body=json.dumps(said), response_body=f"tel {DIGITS}"
    )
    ExchangeSubject.objects.create(exchange=exchange, subject=f"orders:{order.pk}")
    Callback.objects.create(kind="orders", body=json.dumps([said]), digest="1", state="done")
    Push.objects.create(entity="orders", action="command", object_id=order.pk, payload=said, state="done", error=LAST)
    Push.objects.filter(state="done").update(error=f"{FIRST} {LAST}")
    Sent.objects.create(entity="orders", object_id=order.pk, agreed=said, said=said)
    hook = Webhook.objects.create(source=source, url="https://partner.example.com/", secret="s")
    Delivery.objects.create(webhook=hook, object_key=str(order.pk), payload=json.dumps(said), response=PHONE)
    IdempotentRequest.objects.create(
        source=source,
        key="1",
        fingerprint="1",
        lease="8f14e45f-ceea-467f-a0e6-1f3f4d2c5b6a",
        lease_until=timezone.now(),
        body=json.dumps(said),
    )
    run = Import.objects.create(
        table="orders.order",
        file_name=f"{LAST} {FIRST}.csv",
        samples=[[FIRST, LAST, PHONE]],
        shown=[{"cells": [PHONE]}],
    )
    FailedRow.objects.create(run=run, number=2, cells=[FIRST, LAST, "8 (921) 777-66-55"])
    ImportFile.objects.create(run=run, data=f"{FIRST};{LAST};{PHONE}".encode("cp1251"))
    SavedView.objects.create(page="orders", title=f"{LAST} {FIRST}", query="q=%2B79217776655", owner=user)
    ExportLog.objects.create(user=user, what="Orders", kind="csv", query=f"q={DIGITS}")
    LogEntry.objects.log_actions(user.pk, [client], 2, change_message="")
    Client.objects.create(firstname=FIRST, lastname=OTHER, phone="+79990001122")
    return client


def texts() -> Iterator[tuple[str, str]]:
    """Every text, JSON and bytes column of every row of every table, but for sessions."""
    for model in apps.get_models():
        if not model._meta.managed or model._meta.app_label in ("sessions", "contenttypes"):
            continue
        columns = [
            field
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField | models.BinaryField)
        ]
        for row in model._base_manager.values_list(*(field.attname for field in columns)) if columns else ():
            for field, value in zip(columns, row, strict=True):
                if value in (None, "", b""):
                    continue
                if isinstance(value, bytes | memoryview):
                    text = bytes(value).decode("utf-8", "replace") + bytes(value).decode("cp1251", "replace")
                elif isinstance(value, str):
                    text = value.encode().decode("unicode_escape", "ignore") + value if "\\u" in value else str(value)
                else:
                    text = json.dumps(value, ensure_ascii=False, default=str)
                yield f"{model._meta.label}.{field.name}", text


def everything() -> list[tuple[Any, ...]]:
    """All rows that an erasure could change, or make."""
    models = (Client, Order, *(histories()[model] for model in (Client, Order)), Push, Exchange, Erasure)
    erased = Event.objects.filter(kind=Event.Kind.CLIENT_ERASED)
    return [tuple(rows.order_by("pk").values_list()) for rows in (*(m._base_manager.all() for m in models), erased)]


def found() -> set[str]:
    """Where his phone, his mail, his name or his street still stand."""
    return {
        place
        for place, text in texts()
        if DIGITS in re.sub(r"\D", "", text) or any(word.casefold() in text.casefold() for word in (LAST, MAIL, STREET))
    }


def test_the_test_finds_what_there_is(client: Client) -> None:
    assert {
        "orders.Client.phone",
        "orders.HistoricalClient.phone",
        "orders.Order.description",
        "orders.JournalEntry.before",
        "orders.Origin.data",
        "orders.ClientMerge.values",
        "sync.Exchange.request_body",
        "sync.Callback.body",
        "sync.Push.payload",
        "partners.Delivery.payload",
        "partners.IdempotentRequest.body",
        "transfer.ImportFile.data",
        "transfer.FailedRow.cells",
        "admin.LogEntry.object_repr",
        "orders.SavedView.title",
        "sync.ExportLog.query",
    } <= found()


def test_after_an_erasure_nothing_tells_of_him(client: Client) -> None:
    call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)

    assert found() == set()
    row = Erasure.objects.get()
    assert (row.step, row.known) == (Erasure.Step.DONE, "")
    client.refresh_from_db()
    assert str(client) in ("", "None", str(client.ireca_id))


def test_sums_receipts_and_states_stay_and_others_too(client: Client) -> None:
    call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)

    order = Order.objects.get(number="A-17")
    assert (order.amount_to_pay, order.to_home, order.to_latitude) == (Decimal("420.00"), "", None)
    assert order.payments.get().price == Decimal("420.00")
    receipt = order.receipts.get()
    assert (receipt.fd_number, receipt.remote_data) == ("7", {"total": 420, "buyer": ""})
    assert order.lines.get().title == "Чай"
    assert order.journal.get().after["number"] == "A-17"
    assert order.status_changes.get().delivery_status == 9
    other = Client.objects.get(lastname=OTHER)
    assert (other.firstname, other.phone) == (FIRST, "+79990001122")


def test_it_is_a_change_that_the_remotes_are_told(client: Client) -> None:
    Push.objects.all().delete()
    call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)

    assert {push.entity for push in Push.objects.filter(state__in=Push.OPEN)} >= {"clients", "orders"}


def test_a_dry_run_changes_nothing_and_says_what_it_would(client: Client, capsys: Any) -> None:
    before = sorted(texts())
    call_command("client_data", str(client.pk), "--erase", "--dry-run")

    told = capsys.readouterr().out
    assert sorted(texts()) == before
    assert "sync.exchange: 1 rows" in told
    assert LAST not in told


def test_nobody_is_erased_while_a_courier_is_on_his_way(client: Client) -> None:
    Order.objects.filter(number="A-18").update(delivery_status=DeliveryStatus.TAKEN)
    with pytest.raises(CommandError, match="1 orders are not closed"):
        call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)
    with pytest.raises(CommandError, match="1 orders are not closed"):
        call_command("client_data", str(client.pk), "--erase", "--dry-run", verbosity=0)
    answer = person("c", "erase_client").post(f"/admin/orders/client/{client.pk}/data/", {"key": client.pk})
    assert answer.status_code == 200
    assert Erasure.objects.count() == 0
    assert Order.objects.get(number="A-17").to_street == STREET


def test_a_file_that_only_begins_like_a_workbook_is_looked_into() -> None:
    assert LAST in places._file_text(b"PK" + LAST.encode())


def test_it_asks_first(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda prompt: "yes")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("client_data", str(client.pk), "--erase", verbosity=0)
    assert Erasure.objects.count() == 0


def test_where_nobody_can_be_asked_it_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="Nothing was erased: where nobody can be asked, --yes is needed"):
        call_command("client_data", str(client.pk), "--erase", verbosity=0)
    assert Erasure.objects.count() == 0


@pytest.mark.parametrize("option", ["--dry-run", "--yes"])
def test_what_is_for_erasing_is_not_for_the_file(client: Client, option: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"{option} is for --erase"):
        call_command("client_data", str(client.pk), "--export", str(tmp_path / "client.json"), option)
    assert list(tmp_path.iterdir()) == []


def test_repeating_what_is_done_changes_nothing(client: Client, capsys: Any) -> None:
    call_command("client_data", str(client.pk), "--erase", "--yes")
    assert erase.preview(Held.of(str(client.pk))) == {}
    before, first = everything(), capsys.readouterr().out

    call_command("client_data", str(client.pk), "--erase", "--yes")
    assert capsys.readouterr().out == first
    assert first.endswith("Done.\n")
    assert person("c", "erase_client").post(f"/admin/orders/client/{client.pk}/data/", {"key": client.pk}).url
    assert everything() == before


@pytest.mark.parametrize(
    "write",
    [
        lambda his: Client.objects.filter(pk=his.pk).update(firstname="Ян"),
        lambda his: Order.objects.create(number="A-19", client=his, phone="5", delivery_status=DeliveryStatus.CLOSED),
        lambda his: Origin.objects.update(data={"phone": PHONE}),
        lambda his: StatusChange.objects.update(longitude=Decimal("30.1")),
        lambda his: DiscountCard.objects.create(source=Source.objects.get(title="Shop"), uid="4002", client=his),
    ],
)
def test_what_is_there_again_is_erased_again(client: Client, write: Any) -> None:
    call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)
    done_at = Erasure.objects.get().done_at
    write(client)
    assert erase.preview(Held.of(str(client.pk))) != {}

    call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)
    assert Erasure.objects.get().done_at > done_at
    assert erase.preview(Held.of(str(client.pk))) == {}


def test_it_goes_on_where_it_was_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    real, seen = places.telling, []

    def cut(model: Any, *args: Any, **kwargs: Any) -> Any:
        if model is Exchange and not seen:
            seen.append(model)
            raise RuntimeError("the power went")
        return real(model, *args, **kwargs)

    monkeypatch.setattr(places, "telling", cut)
    with pytest.raises(RuntimeError):
        call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)
    row = Erasure.objects.get()
    assert row.step == Erasure.Step.LOGS
    assert row.swept
    assert "sync.exchange" not in row.swept
    call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)
    assert found() == set()


def test_the_worker_finishes_what_was_begun(client: Client) -> None:
    erase.ask(Held.of(str(client.pk)))
    worker.drain(lease.owner())
    assert Erasure.objects.get().step == Erasure.Step.DONE
    assert found() == set()


def test_what_is_looked_for_meanwhile_is_encrypted(client: Client) -> None:
    erase.ask(Held.of(str(client.pk)))
    with_raw = Erasure._meta.get_field("known").get_prep_value(Erasure.objects.get().known)
    assert LAST not in with_raw
    assert Traces.loads(Erasure.objects.get().known).phones == (DIGITS,)


def test_the_trail_says_who_and_whom_and_no_more(client: Client) -> None:
    call_command("client_data", str(client.pk), "--erase", "--yes", verbosity=0)
    event = Event.objects.get(kind=Event.Kind.CLIENT_ERASED)
    assert event.object_id == str(client.pk)
    assert set(event.details) == {"rows"}


def test_all_that_there_is_comes_out(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    call_command("client_data", str(client.pk), "--export", str(path), verbosity=0)

    data = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {
        *("orders.client", "orders.historicalclient", "orders.order", "orders.historicalorder", "orders.line"),
        *("orders.payment", "orders.journalentry", "orders.statuschange", "orders.discountcard", "orders.origin"),
        *("fiscal.receipt", "sync.push", "sync.sent", "partners.delivery", "orders.clientmerge", "admin.logentry"),
    } <= set(data["tables"])
    assert {row["phone"] for row in data["tables"]["orders.client"]} == {PHONE}
    assert len(data["tables"]["orders.order"]) == 2
    assert OTHER not in path.read_text()
    assert Event.objects.get(kind=Event.Kind.CLIENT_EXPORTED).details["rows"]["orders.order"] == 2
    with pytest.raises(CommandError, match="already"):
        call_command("client_data", str(client.pk), "--export", str(path), verbosity=0)
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("client_data", str(client.pk), "--export", str(tmp_path / "none" / "c.json"), verbosity=0)


def test_what_would_be_erased_is_given_out(client: Client) -> None:
    held = Held.of(str(client.pk))
    given = {label: len(rows) for label, rows in gather.everything(held)["tables"].items()}

    for label, count in erase.preview(held).items():
        assert given.get(label, 0) >= count, label
    assert given["sync.callback"] == given["transfer.importfile"] == 1


def test_who_is_not_there_is_said(client: Client) -> None:
    with pytest.raises(CommandError, match="no client"):
        call_command("client_data", "999999", "--erase", "--yes")


def test_a_merged_client_means_who_stands_for_him(client: Client) -> None:
    twin = Client.objects.get(merged_into=client)
    assert Held.of(str(twin.pk)) == Held.of(str(client.pk))


@pytest.mark.django_db(transaction=True)
def test_what_ireca_has_is_erased_there_before_it_is_forgotten_here(ireca: Sandbox) -> None:
    client = Client.objects.create(firstname=FIRST, lastname=LAST, phone=PHONE, email=MAIL)
    worker.drain(lease.owner())
    client.refresh_from_db()
    assert LAST in json.dumps(client.remote_data, ensure_ascii=False)
    Order.objects.create(
        client=client, phone=PHONE, to_city="Тверь", to_street=STREET, delivery_status=DeliveryStatus.CANCELLED
    )
    with pytest.raises(CommandError, match="The remotes are to be told") as waiting:
        call_command("client_data", str(client.pk), "--erase", "--yes", stdout=io.StringIO())
    assert waiting.value.returncode == 3
    row = Erasure.objects.get()
    assert row.step == Erasure.Step.REMOTES  # its base must stay until iRECA was told
    worker.drain(lease.owner())
    Erasure.objects.update(due_at=timezone.now())
    worker.drain(lease.owner())

    assert Erasure.objects.get().step == Erasure.Step.DONE
    assert found() == set()
    there = ireca.get("clients", client.ireca_id)
    assert LAST not in json.dumps(there, ensure_ascii=False, default=str)
    # What iRECA lists and answers is no reason to begin again.
    call_command("pull", "clients", "orders", stdout=io.StringIO())
    assert erase.preview(Held.of(str(client.pk))) == {}
    pushes = Push.objects.count()
    for _time in range(2):
        call_command("client_data", str(client.pk), "--erase", "--yes", stdout=(said := io.StringIO()))
        assert said.getvalue().endswith("Done.\n")
    assert Push.objects.count() == pushes


def person(name: str, *rights: str) -> Browser:
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_client", *rights)))
    browser = Browser()
    browser.force_login(user)
    return browser


def test_the_page_is_for_who_has_the_right(client: Client) -> None:
    url = f"/admin/orders/client/{client.pk}/data/"
    nobody, giver, eraser = person("a"), person("b", "give_client_data", "view_personal"), person("c", "erase_client")
    blind = person("d", "give_client_data")

    assert [who.get(url).status_code for who in (nobody, giver, eraser, blind)] == [403, 200, 200, 403]
    assert [who.post(f"{url}file/").status_code for who in (nobody, eraser, blind)] == [403, 403, 403]
    assert [who.post(url, {"key": client.pk}).status_code for who in (nobody, giver)] == [403, 403]
    assert url in giver.get(f"/admin/orders/client/{client.pk}/change/").content.decode()
    assert url not in nobody.get(f"/admin/orders/client/{client.pk}/change/").content.decode()
    assert Erasure.objects.count() == 0


def test_a_person_takes_the_file(client: Client) -> None:
    answer = person("b", "give_client_data", "view_personal").post(f"/admin/orders/client/{client.pk}/data/file/")
    assert json.loads(answer.content)["tables"]["orders.order"]
    event = Event.objects.get(kind=Event.Kind.CLIENT_EXPORTED)
    assert (event.actor, event.object_id) == ("b", str(client.pk))


def test_a_person_erases_with_the_key_typed(client: Client) -> None:
    url, eraser = f"/admin/orders/client/{client.pk}/data/", person("c", "erase_client")
    assert eraser.post(url, {"key": "yes"}).status_code == 200
    assert Erasure.objects.count() == 0
    assert eraser.post(url, {"key": client.pk}).status_code == 302
    worker.drain(lease.owner())

    assert found() == set()
    event = Event.objects.get(kind=Event.Kind.CLIENT_ERASED)
    assert (event.actor, event.object_id) == ("c", str(client.pk))
