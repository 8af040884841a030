"""Who may not see personal data sees masks, wherever he looks; and loses none of it by what he does."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.partners.models import Scope, Source, Token
from backoffice.remotes.ireca import contract
from backoffice.sync import personal
from backoffice.sync.apply import apply
from backoffice.sync.mirror import registry
from backoffice.sync.models import Callback, Exchange, Push
from backoffice.sync.outbox import named
from catalog.models import Good
from couriers.models import Courier
from orders import actions, copying, refunds
from orders.models import Client, JournalEntry, Order
from orders.virtpos.customers import held_by
from tests.orders.test_refunds import paid, wanted

pytestmark = pytest.mark.django_db

FIRST, LAST, PHONE, STREET, MAIL = "Зинаида", "Необычайнова", "+79217776655", "Неповторимая", "zina@rare.example"
SECRETS = (FIRST, LAST, PHONE, "7776655", STREET, MAIL)


@pytest.fixture
def order() -> Order:
    client = Client.objects.create(
        firstname=FIRST, lastname=LAST, phone=PHONE, email=MAIL, address_street=STREET, address_city="Тверь"
    )
    order = Order.objects.create(
        number="A-17",
        client=client,
        client_firstname=FIRST,
        client_lastname=LAST,
        phone=PHONE,
        client_email=MAIL,
        to_city="Тверь",
        to_street=STREET,
        to_home="5",
        to_latitude=Decimal("56.8586123"),
        to_longitude=Decimal("35.9171456"),
        description=f"Спросить {LAST}",
    )
    order.lines.create(good=Good.objects.create(title="Чай"), title="Чай", price=1, total=1)
    said = {"phone": PHONE, "clientLastname": LAST}
    JournalEntry.objects.create(order=order, event="orderUpdated", before=said, after=said, digest="1")
    return order


def user(name: str, *rights: str, group: str = "") -> User:
    made = User.objects.create_user(name, is_staff=True)
    made.user_permissions.set(Permission.objects.filter(codename__in=rights))
    assert made.user_permissions.count() == len(rights)
    if group:
        made.groups.add(Group.objects.get(name=group))
    return made


def browser(person: User) -> Browser:
    made = Browser()
    made.force_login(person)
    return made


VIEWER = ("view_order", "view_client", "view_line", "view_journalentry", "view_payment", "view_discountcard")


def pages(order: Order) -> list[str]:
    base, client = "/admin/orders/order/", f"/admin/orders/client/{order.client_id}"
    return [
        base,
        f"{base}{order.pk}/change/",
        f"{base}{order.pk}/history/",
        f"{base}{order.pk}/card/",
        f"{base}board/",
        f"{base}map/data/",
        "/admin/orders/client/",
        f"{client}/change/",
        f"{client}/history/",
        "/admin/",
    ]


@pytest.mark.parametrize("group", ["Accountants", ""])
def test_no_page_tells_who_may_not_know(order: Order, group: str) -> None:
    order.delivery_status = 7
    order.save()
    viewer = browser(user("eve", *VIEWER, group=group))
    told = {}
    for page in pages(order):
        answer = viewer.get(page)
        assert answer.status_code == 200, page
        text = answer.content.decode()
        told[page] = [secret for secret in SECRETS if secret in text or json.dumps(secret)[1:-1] in text]
    assert told == {page: [] for page in told}


@pytest.mark.parametrize("group", ["Dispatchers", "Managers"])
def test_who_may_sees_it(order: Order, group: str) -> None:
    viewer = browser(user("eve", group=group))
    text = viewer.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    assert all(secret in text for secret in (LAST, STREET, MAIL))


def test_no_answer_of_a_remote_tells_it(order: Order) -> None:
    """Which repeats what it was told; nor does what waits for a client name him."""
    said = f"The phone +7 (921) 777-66-55 of {MAIL} is wrong at 2026-11-24 03:11:10"
    Client.objects.filter(pk=order.client_id).update(sync_error=said, ireca_id="k-17")
    client = Client.objects.get(pk=order.client_id)
    waits = named(client)
    assert LAST not in waits
    assert waits.endswith(f"Н. З. k-17: {said}")
    Order.objects.filter(pk=order.pk).update(sync_error=waits)
    Push.objects.filter(entity="orders").update(error=said, waits_for=waits)
    viewer = browser(user("eve", *VIEWER, "view_push", "view_sync"))
    push = Push.objects.get(entity="orders")
    pages_of_it = (*pages(order), "/admin/sync/push/", f"/admin/sync/push/{push.pk}/change/")
    texts = {page: viewer.get(page).content.decode() for page in pages_of_it}
    for page, text in texts.items():
        assert "777-66" not in text, page
        assert MAIL not in text, page
    shown = texts[f"/admin/orders/order/{order.pk}/change/"]
    assert "The phone •••55 of ••• is wrong at 2026-11-24 03:11:10" in shown
    seen = browser(user("manager", group="Managers")).get(f"/admin/orders/order/{order.pk}/change/")
    assert said in seen.content.decode()


def test_masks_say_something(order: Order) -> None:
    viewer = browser(user("eve", *VIEWER))
    text = viewer.get("/admin/orders/order/").content.decode()
    assert "•••55" in text
    assert "Н. З." in text
    assert "Тверь" in text


@pytest.mark.parametrize(
    "query",
    [
        "q=Необычайнова",
        "q=%2B79217776655",
        "q=6655",
        "q=Неповторимая",
        "phone__startswith=%2B7921",
        "client__phone=%2B79217776655",
    ],
)
def test_nobody_guesses_by_filters_or_search(order: Order, query: str) -> None:
    viewer = browser(user("eve", *VIEWER))
    answer = viewer.get(f"/admin/orders/order/?{query}", follow=True)
    if answer.status_code == 200:
        assert list(answer.context["cl"].result_list) == [] or "e=1" in answer.request["QUERY_STRING"]
    else:
        assert answer.status_code == 400
    assert [o.number for o in viewer.get("/admin/orders/order/?q=A-17").context["cl"].result_list] == ["A-17"]


def test_an_export_has_none_of_it(order: Order) -> None:
    viewer = browser(user("eve", *VIEWER, "export_lists", "export_personal_data"))
    columns = [column.name for column in viewer.get("/admin/orders/order/export/").context["columns"]]
    assert "number" in columns
    assert not {"phone", "client_lastname", "to_street"} & set(columns)


def test_what_remotes_say_is_not_shown(order: Order) -> None:
    body = json.dumps({"phone": PHONE, "name": LAST})
    rows = [
        Exchange.objects.create(remote="ireca", method="PUT", path="orders/1", request_body=body, response_body=body),
        Callback.objects.create(kind="orders", body=body, digest="1"),
        Push.objects.create(entity="orders", action="command", object_id=order.pk, payload=json.loads(body)),
    ]
    rights = [f"view_{row._meta.model_name}" for row in rows]
    for person, sees in ((user("eve", *rights), False), (user("ada", *rights, "view_personal"), True)):
        for row in rows:
            page = browser(person).get(f"/admin/sync/{row._meta.model_name}/{row.pk}/change/")
            assert page.status_code == 200
            assert (LAST in page.content.decode()) is sees


def test_pages_that_choose_between_names_are_closed(order: Order) -> None:
    viewer = browser(user("eve", *VIEWER, "change_order", "add_order", "change_client", "add_client"))
    client = order.client_id
    assert viewer.get(f"/admin/orders/client/merge/?client={client}&client={client}").status_code == 403
    assert viewer.get(f"/admin/orders/order/form/clients/{client}/").status_code == 403


def test_who_changes_an_order_without_seeing_it_loses_nothing(order: Order) -> None:
    eve = user("eve", *VIEWER, "change_order")
    courier, moment = Courier.objects.create(title="Пётр"), timezone.now()
    with personal.seen_by(eve):
        found = Order.objects.get(pk=order.pk)
        assert found.phone == "•••55"
        found.courier = courier
        found.save()
        actions.set_place([order.pk], Decimal("56.1"), Decimal("35.1"), eve)
        copied = copying.copy(found, (moment, moment + timedelta(hours=2)))

    kept = Order.objects.get(pk=order.pk)
    assert (kept.phone, kept.phone_e164, kept.client_lastname, kept.to_street) == (PHONE, PHONE, LAST, STREET)
    assert kept.courier == courier
    assert kept.history.first().phone == PHONE
    again = Order.objects.get(pk=copied.pk)
    assert (again.phone, again.phone_e164, again.to_street) == (PHONE, PHONE, STREET)


def test_what_he_asks_a_remote_to_do_names_the_client(order: Order) -> None:
    """No mask is sent, and none is taken for a change of ours."""
    mirror = registry.for_model(Order)
    said = contract.dump(mirror.build(mirror.queryset().get(pk=order.pk)))
    assert {PHONE, LAST} <= {said["phone"], said["client"]["lastname"]}
    told = mirror.state(mirror.build(mirror.queryset().get(pk=order.pk)))
    Order.objects.filter(pk=order.pk).update(remote_data=told)
    with personal.seen_by(user("eve", *VIEWER, "change_order")):
        assert contract.dump(mirror.build(mirror.queryset().get(pk=order.pk))) == said
        theirs = mirror.build(mirror.queryset().get(pk=order.pk))
        theirs.code_alias = "A-18"
        applied = apply(mirror, [theirs])
        held = held_by(Client.objects.get(pk=order.client_id))
    assert (applied.conflicts, applied.updated) == (0, 1)
    kept = Order.objects.get(pk=order.pk)
    assert (kept.number, kept.phone, kept.to_street, kept.sync_conflict) == ("A-18", PHONE, STREET, {})
    assert held["phone"] == PHONE


def test_a_return_of_his_names_the_client(order: Order) -> None:
    row = paid(("1", "100", "0"))
    Order.objects.filter(pk=row.pk).update(phone=PHONE, client_lastname=LAST)
    with personal.seen_by(user("eve", *VIEWER, "add_order")):
        refund = refunds.make(row.pk, wanted(row, "1"))
    payload = Push.objects.get(entity="orders", object_id=refund.pk, action="command").payload
    assert (payload["order"]["phone"], payload["order"]["client"]["lastname"]) == (PHONE, LAST)


def test_the_form_saves_only_what_he_may_edit(order: Order) -> None:
    viewer = browser(user("eve", *VIEWER, "change_order"))
    url = f"/admin/orders/order/{order.pk}/change/"
    form = viewer.get(url).context["adminform"].form
    assert not {"phone", "client_lastname", "to_street", "description"} & set(form.fields)
    assert "courier" in form.fields
    Order.objects.filter(pk=order.pk).update(description="")
    data: dict[str, Any] = {name: form[name].value() or "" for name in form.fields}
    viewer.post(url, {**data, "phone": "+70000000000", "number": "A-18"})
    assert Order.objects.get(pk=order.pk).phone == PHONE


def test_workers_see_all(order: Order) -> None:
    with personal.seen_by(None):
        assert Order.objects.get(pk=order.pk).phone == PHONE


def test_partners_see_all(order: Order) -> None:
    source = Source.objects.create(title="Shop", scopes=list(Scope.values))
    Order.objects.filter(pk=order.pk).update(source=source, external_id="17")
    _token, text = Token.make(source)
    answer = Browser().get("/api/v1/orders?orderId=17", headers={"authorization": f"Bearer {text}"})
    assert LAST in answer.getvalue().decode()


def test_who_sees_all_pays_nothing_for_it(order: Order) -> None:
    with CaptureQueriesContext(connection) as queries:
        list(Order.objects.all())
    assert len(queries) == 1
