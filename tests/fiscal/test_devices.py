"""Corrections and device errors: filtered, grouped, and cheap in both."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from couriers.models import Courier
from fiscal.models import CorrectionReceipt, RegistrarError, TerminalError
from tests.sync.rows import make

pytestmark = pytest.mark.django_db

REGISTRAR = "/admin/fiscal/registrarerror/"
URLS = [(RegistrarError, REGISTRAR), (TerminalError, "/admin/fiscal/terminalerror/")]


def rows(browser: Browser, url: str, **params: Any) -> set[Any]:
    return set(browser.get(url, params).context["cl"].result_list)


def at(model: Any, moment: Any) -> dict[str, Any]:
    return {model.TIME: moment}


def groups(browser: Browser, url: str, **params: Any) -> list[Any]:
    response = browser.get(url, params, headers={"accept-language": "en"})
    assert response.status_code == 200
    found = response.context["cl"].groups
    page = response.content.decode()
    assert all(group.query.replace("&", "&amp;") in page for group in found)
    return found


@pytest.mark.parametrize(("model", "url"), URLS, ids=["registrar", "terminal"])
def test_errors_are_filtered_by_device_courier_code_and_time(admin_client: Browser, model: Any, url: str) -> None:
    courier = make(Courier)
    error = make(model, error_code="3822", serial_number="00106", courier=courier, **at(model, timezone.now()))
    long_ago = timezone.now() - timedelta(days=30)
    make(model, error_code="38", serial_number="001", courier=None, **at(model, long_ago))
    yesterday = timezone.localdate() - timedelta(days=1)
    for params in (
        {"serial_number": "00106"},
        {"error_code": " 3822 "},
        {"courier__id__exact": courier.pk},
        # As a Russian page writes it, and as any page may.
        {f"{model.TIME}_from_0": f"{yesterday:%d.%m.%Y}", f"{model.TIME}_from_1": "00:00:00"},
        {f"{model.TIME}_from_0": f"{yesterday:%Y-%m-%d}", f"{model.TIME}_to_0": f"{timezone.localdate():%Y-%m-%d}"},
    ):
        assert rows(admin_client, url, **params) == {error}, params
    assert admin_client.get(url, {f"{model.TIME}_from_0": "tomorrow"}).status_code == 302  # told, not left out
    # Fields of the filter form that are left empty filter by nothing.
    assert len(rows(admin_client, url, serial_number="", error_code="")) == 2


@pytest.mark.parametrize(("model", "url"), URLS, ids=["registrar", "terminal"])
def test_errors_are_grouped_and_each_group_leads_to_its_rows(admin_client: Browser, model: Any, url: str) -> None:
    courier = make(Courier, title="Ivan Petrov")
    now = timezone.now()
    first = make(model, error_code="3822", error_text="old", serial_number="A&1", courier=courier)
    last = make(
        model, error_code="3822", error_text="Shift is too long", serial_number="A&1", courier=None, **at(model, now)
    )
    other = make(model, error_code="", serial_number="", courier=None, **at(model, None))

    by_device = groups(admin_client, url, group="device")
    assert [(group.title, group.count) for group in by_device] == [("A&1", 2), ("not known", 1)]
    assert (by_device[0].last, by_device[1].last) == (now, None)
    assert rows(admin_client, url + by_device[0].query) == {first, last}
    assert rows(admin_client, url + by_device[1].query) == {other}

    by_courier = groups(admin_client, url, group="courier")
    assert [(group.title, group.count) for group in by_courier] == [("not known", 2), ("Ivan Petrov", 1)]
    assert rows(admin_client, url + by_courier[0].query) == {last, other}
    assert rows(admin_client, url + by_courier[1].query) == {first}

    by_code = groups(admin_client, url, group="code")
    assert [(group.title, group.count) for group in by_code] == [("3822 Shift is too long", 2), ("not known", 1)]
    assert rows(admin_client, url + by_code[1].query) == {other}

    assert [group.count for group in groups(admin_client, url, group="device", courier__id__exact=courier.pk)] == [1]
    filtered = groups(admin_client, url, group="courier", serial_number="A&1")[0]
    assert rows(admin_client, url + filtered.query) == {last} or rows(admin_client, url + filtered.query) == {first}


def test_corrections_are_grouped_with_their_sums(admin_client: Browser) -> None:
    courier = make(Courier)
    for amount in ("100.50", "200"):
        make(CorrectionReceipt, courier=courier, amount=Decimal(amount))
    url = "/admin/fiscal/correctionreceipt/"
    (group,) = groups(admin_client, url, group="courier")
    assert (group.title, group.count, group.amount) == (str(courier), 2, Decimal("300.50"))
    assert len(rows(admin_client, url + group.query)) == 2
    assert admin_client.get(url, {"group": "code"}).context["cl"].grouping is None


@pytest.mark.parametrize("name", ["device", "courier", "code"])
def test_grouping_is_one_aggregate_and_one_query_for_names(admin_client: Browser, name: str) -> None:
    def statements() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(REGISTRAR, {"group": name}).status_code == 200
        return [query["sql"] for query in captured if "fiscal_registrarerror" in query["sql"]]

    for number in range(3):
        make(RegistrarError, error_code=f"code-{number}", serial_number=f"device-{number}")
    statements()
    few = statements()
    for number in range(30):
        make(RegistrarError, error_code=f"code-{number}", serial_number=f"device-{number}")
    many = statements()
    assert len(many) == len(few) <= 2
    assert sum("GROUP BY" in sql for sql in many) == 1


def test_more_groups_than_fit_are_told_of(admin_client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from fiscal.admin import grouped

    monkeypatch.setattr(grouped, "LIMIT", 2)
    for number in range(3):
        make(RegistrarError, serial_number=f"device-{number}")
    response = admin_client.get(REGISTRAR, {"group": "device"})
    assert len(response.context["cl"].groups) == 2
    assert not response.context["cl"].are_all_groups


def test_groups_are_counted_from_an_index(admin_client: Browser) -> None:
    """A million rows are counted without reading them: the index holds the column and the time."""
    make(RegistrarError, serial_number="device")
    with CaptureQueriesContext(connection) as captured:
        admin_client.get(REGISTRAR, {"group": "device"})
    (sql,) = [query["sql"] for query in captured if "GROUP BY" in query["sql"]]
    if connection.vendor != "sqlite":
        pytest.skip("a planner that knows the table to be tiny uses no index")
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql)
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "COVERING INDEX registrar_by_serial_number" in plan


def test_only_who_may_see_errors_sees_them(client: Browser) -> None:
    error = make(RegistrarError)
    user = User.objects.create_user("someone", is_staff=True)
    client.force_login(user)
    for url in (REGISTRAR, f"{REGISTRAR}?group=device", f"{REGISTRAR}{error.pk}/change/"):
        assert client.get(url).status_code == 403
    user.groups.add(Group.objects.get(name="Accountants"))
    for url in (REGISTRAR, f"{REGISTRAR}?group=device", f"{REGISTRAR}{error.pk}/change/"):
        assert client.get(url).status_code == 200
    assert client.post(f"{REGISTRAR}{error.pk}/change/", {"error_code": "1"}).status_code == 403
