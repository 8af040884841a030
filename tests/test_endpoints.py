"""Every endpoint of iRECA's document is used by the product; `docs/ireca.md` tells where, and which test proves it."""

from __future__ import annotations

import ast
import inspect
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone

from backoffice.remotes.http import Session
from backoffice.remotes.ireca.client import IrecaClient
from backoffice.remotes.ireca.contract import DICTIONARIES
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import views, worker
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.models import Callback, Push
from backoffice.sync.refresh import Outcome, refresh
from couriers.mirror import release
from couriers.models import Courier, License, Permission
from fiscal.commands import push_settings
from fiscal.models import AtolSettings, PaymentType
from orders import refunds
from orders.models import Line, Order, ReturnReason

ROOT = Path(django_settings.BASE_DIR)
TABLE = ROOT / "docs" / "ireca.md"
RECEIVED = "received"  # instead of a method of the client


class Row(NamedTuple):
    """A row of the table."""

    method: str
    path: str
    line: int
    called_by: str
    used: str
    proof: str


def table() -> list[Row]:
    lines = [line for line in TABLE.read_text().splitlines() if re.match(r"\| (GET|POST|PUT|DELETE) \|", line)]
    rows = ([cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines)
    return [Row(method, path, int(line), *rest) for method, path, line, *rest in rows]


def methods() -> dict[str, set[tuple[str, str, int]]]:
    """The client's methods with the endpoints that each calls; of its dictionary method, what the docstring says."""
    client = IrecaClient(Session("ireca", "http://127.0.0.1:9/api/v1"))
    found = {
        f"{owner}.{name}" if owner else name: {
            (function.endpoint.method, f"/{function.endpoint.path}", function.endpoint.line)
        }
        for owner, value in {"": client, **vars(client)}.items()
        for name, function in inspect.getmembers(value, inspect.ismethod)
        if hasattr(function, "endpoint")
    }
    text = inspect.getdoc(client.dictionary) or ""
    found["dictionary"] = {
        ("GET", f"/dictionary/{kind}", int(line)) for kind, line in re.findall(r"(\w+) \((\d+)\)", text)
    }
    return found


# the table


def test_the_table_has_every_method_of_the_client_and_both_callbacks() -> None:
    called = {(name, *endpoint) for name, endpoints in methods().items() for endpoint in endpoints}
    assert len(called) == 90
    rows = table()
    assert {(row.called_by, *row[:3]) for row in rows if row.called_by != RECEIVED} == called
    received = [row for row in rows if row.called_by == RECEIVED]
    assert {row.path for row in received} == {f"/callbacks/ireca/<secret>/{kind}" for kind in views.KINDS}
    assert len(rows) == 92
    assert len({row.line for row in rows}) == 92


def test_the_table_has_the_dictionaries_of_the_contract() -> None:
    assert {path for _, path, _ in methods()["dictionary"]} == {f"/dictionary/{kind}" for kind in DICTIONARIES}


@pytest.mark.parametrize("proof", sorted({row.proof for row in table()}))
def test_every_test_that_the_table_names_is_there(proof: str) -> None:
    file, _, name = proof.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_says_where_the_product_uses_it() -> None:
    assert [row.path for row in table() if not row.used] == []


# the product


def endpoint_of(request: Mapping[str, Any], endpoints: list[tuple[str, str]]) -> tuple[str, str]:
    """Which endpoint a request went to. Where several share method and path, the query tells: `orders?orderId=`."""
    there = [
        (method, path)
        for method, path in endpoints
        if (method, path.partition("?")[0]) == (request["method"], request["path"])
    ]
    fitting = [
        (method, path)
        for method, path in there
        if len(there) == 1
        or {name for name, _ in parse_qsl(path.partition("?")[2], keep_blank_values=True)} <= request["query"].keys()
    ]
    return max(fitting, key=lambda endpoint: endpoint[1].count("="))


@pytest.fixture
def office(sandbox: Sandbox, settings: Any, transactional_db: None, live_server: Any) -> Sandbox:
    """An office that nobody has set up yet, with all that may be created here."""
    settings.IRECA_URL, settings.IRECA_TOKEN, settings.IRECA_MODE = sandbox.url, sandbox.token, "api"
    settings.CALLBACK_SECRET, settings.PUBLIC_URL = "callback-secret", live_server.url
    worker.start()
    return sandbox


def copied(row: Any, **changes: Any) -> Any:
    """A new row like another one; with the lines of an order."""
    lines = list(Line.objects.filter(order=row)) if isinstance(row, Order) else []
    made = type(row)._base_manager.get(pk=row.pk)
    blank = {"pk": None, "id": None, "ireca_id": None, "remote_data": None, "synced_at": None, "_state": made._state}
    for name, value in {**blank, **changes}.items():
        setattr(made, name, value)
    made._state.adding = True
    made.save()
    for line in lines:
        line.pk, line.order = None, made
        line._state.adding = True
        line.save()
    return made


def usual() -> Iterator[Mirror]:
    """The entities with the six usual endpoints."""
    return (mirror for mirror in registry.ranked() if mirror.can_create)


def first(mirror: Mirror) -> Any:
    row = mirror.model._base_manager.exclude(remote_data=None).exclude(remote_data={}).order_by("pk").first()
    assert row is not None, mirror.entity
    return row


def edit(row: Any, text: str) -> None:
    column = "description" if isinstance(row, Order) else "title"
    row.refresh_from_db()
    setattr(row, column, text)
    row.save()


@pytest.mark.django_db(transaction=True)
def test_the_product_uses_every_endpoint(office: Sandbox, settle: Callable[[], None]) -> None:
    """One run through the product's own paths: commands, readers, mirrors, callbacks. No call of the client here."""
    endpoints = [(method, path.lstrip("/")) for found in methods().values() for method, path, _line in found]
    endpoints = [(method, f"/{path}") for method, path in endpoints]

    call_command("register_callbacks")
    call_command("pull", "all")
    settle()

    # each entity: made, edited alone, edited together with others, read again, deleted
    old = {mirror.entity: first(mirror) for mirror in usual()}
    new = {mirror.entity: copied(old[mirror.entity]) for mirror in usual()}
    settle()
    for row in new.values():
        edit(row, "edited alone")
    settle()
    for entity, row in new.items():
        edit(row, "edited with another")
        edit(old[entity], "edited with another")
    settle()
    for mirror in usual():
        (result,) = refresh(mirror, [new[mirror.entity]])
        # Where iRECA alone says a part of it (the type of a reason), that is new to us.
        assert result.outcome in (Outcome.UNCHANGED, Outcome.CHANGED), (mirror.entity, result)
    for mirror in reversed(list(usual())):
        new[mirror.entity].delete()
        settle()

    # a courier gets an order and carries it out; part of it comes back
    order = Order.objects.get(ireca_id="209900")
    courier = Courier.objects.get(ireca_id="55752")
    Order.objects.filter(pk=order.pk).update(courier=courier)
    settle()
    office.take("209900", "55752")
    office.deliver("209900")
    office.close("209900")
    settle()
    refund = refunds.make(order.pk, everything_of(order, courier))
    settle()
    refund.refresh_from_db()
    assert refund.sync_state == "clean", refund.sync_error

    # what has ways of its own
    permission = Permission.objects.order_by("pk").first()
    assert permission is not None
    permission.is_allowed = not permission.is_allowed
    permission.save()
    release(License.objects.filter(is_open=True)[0])
    push_settings(
        AtolSettings.objects.create(
            setting_id=1, login="shop", password="password", inn="7707083893", kkt_group="group", tax_system="osn"
        )
    )
    settle()

    assert [(v["method"], v["path"], v["message"]) for v in office.violations] == []
    assert not Push.objects.exclude(state=Push.State.DONE).exists()
    assert set(Callback.objects.values_list("kind", "state")) == {(kind, Callback.State.DONE) for kind in views.KINDS}
    used = {endpoint_of(request, endpoints) for request in office.requests}
    assert sorted(set(endpoints) - used) == []


def everything_of(order: Order, courier: Courier) -> refunds.Wanted:
    left = refunds.returnable(order)
    counts = {item.line.pk: item.left for item in left.lines}
    reason, payment_type = ReturnReason.objects.first(), PaymentType.objects.first()
    assert reason is not None
    assert payment_type is not None
    return refunds.Wanted(
        key=uuid.uuid4(),
        counts=counts,
        sums={key: Decimal(sum_) for key, sum_ in left.share_out(left.due(counts)).items()},
        reason=reason,
        courier=courier,
        payment_type=payment_type,
        delivery_status=refunds.DELIVERY_STATUSES[0],
        start=timezone.now(),
        end=timezone.now() + timedelta(hours=2),
    )


@pytest.mark.django_db(transaction=True)
def test_a_session_closed_at_ireca_frees_its_licence(office: Sandbox, settle: Callable[[], None]) -> None:
    call_command("register_callbacks")
    call_command("pull", "licenses")
    settle()
    session = License.objects.filter(is_open=True)[0]
    IrecaClient(Session("ireca", office.url, office.token)).licenses.close(session.device_id)  # not by us
    settle()
    callback = Callback.objects.get(kind="licenses")
    assert (callback.state, callback.result) == (Callback.State.DONE, f"session of {session.device_id} closed")
    session.refresh_from_db()
    assert not session.is_open
    assert session.session_finish_at is not None
