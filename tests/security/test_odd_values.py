"""What a page looks for in an address or a form, said as nobody means it: refused or left alone, no error of ours.

No names stand here: whatever a page looks for is noted while it answers, so that what it begins to ask for tomorrow is
said oddly to it, too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client as Browser

from couriers.models import Courier
from orders.models import Order, RoutePlan
from tests.reports.data import World
from tests.security.test_every_address import USUAL, addresses, of

pytestmark = pytest.mark.django_db

# A digit to `isdigit` and no number; a key that no column holds; no moment in UTC.
HUGE = "9" * 23
ODD = ("²", HUGE, "0001-01-01")
# What Django itself looks for on every page of the admin.
OTHERS = {"csrfmiddlewaretoken", "_popup", "_to_field", "_changelist_filters", "_facets", "e", "o"}


@pytest.fixture
def browser() -> Iterator[Browser]:
    logging.disable(logging.CRITICAL)  # of each value that it was refused
    World(1, orders=3)
    yield of(User.objects.create_superuser("admin"))
    logging.disable(logging.NOTSET)


@contextmanager
def noted() -> Iterator[set[str]]:
    """The names that are looked for in what requests say."""
    names: set[str] = set()

    def watched(usual: Any) -> Any:
        def look(said: QueryDict, name: Any, *rest: Any) -> Any:
            names.add(name)
            return usual(said, name, *rest)

        return look

    with pytest.MonkeyPatch.context() as patch:
        for method in ("get", "getlist", "__getitem__", "__contains__"):
            patch.setattr(QueryDict, method, watched(getattr(QueryDict, method)))
        yield names


def ask(browser: Browser, method: str, path: str, said: dict[str, str]) -> Any:
    answer = getattr(browser, method)(path, said)
    if answer.streaming:
        list(answer.streaming_content)
    return answer


def names_of(browser: Browser, method: str, path: str) -> set[str]:
    """What the page looks for, and once that is said, what it looks for then."""
    with noted() as names:
        answer = ask(browser, method, path, {})
        if method == "post":
            ask(browser, method, path, dict.fromkeys(names - OTHERS, "1"))
    changelist = (answer.context or {}).get("cl")
    filters = changelist.filter_specs if changelist is not None else []
    return ({*names, *(name for each in filters for name in each.expected_parameters())} - {None}) - OTHERS


@pytest.mark.slow
@pytest.mark.one_engine
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_odd_value_is_an_error_of_ours(browser: Browser, method: str) -> None:
    """In a form the other values are what they may well be, so that the odd one is reached."""
    failed = []
    for address in addresses():
        is_list = method == "get" and address.name.endswith("_changelist")
        if address.name == "admin:logout" or (USUAL.search(address.name) and not is_list):
            continue
        names = names_of(browser, method, address.path)
        for name in sorted(names):
            for value in (HUGE,) if is_list else ODD:  # the filters of lists share what reads the others
                said = {**(dict.fromkeys(names, "1") if method == "post" else {}), name: value}
                if ask(browser, method, address.path, said).status_code == 500:
                    failed.append((address.path, name, value))
    assert failed == []


MANY = "9" * 5000
ORDERS = "/admin/orders/order/"
SETUP = {"begins": "2026-01-01T09:00:00+03:00", "service": 5, "drivers": []}
AUDIT = "/admin/accounts/event/"
BULK = {"action": "assign_courier", "confirm": "1"}


def filled(text: Any, odd: str = "") -> Any:
    """With the keys of an order and of a courier, and with an odd number for each `?`."""
    if isinstance(text, list):
        return [filled(each, odd) for each in text]
    keys = {"{order}": Order.objects.latest("pk").pk, "{courier}": Courier.objects.latest("pk").pk, "?": odd}
    return re.sub(r"\{\w+\}|\?", lambda found: str(keys[found[0]]), text)


@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        (ORDERS, {"delivery_status": "²"}, 302),  # as of any filter that is none
        (ORDERS, {"status": MANY}, 302),
        (ORDERS, {"courier__id__exact": HUGE}, 302),
        (ORDERS + "map/", {"courier__id__exact": HUGE}, 302),
        (ORDERS + "print/forms/", {"ids": f"²,{HUGE},{MANY}"}, 200),
        (ORDERS + "board/", {"day": "9999-12-31"}, 200),
        (ORDERS + "board/", {"day": "0001-01-01"}, 200),
        (ORDERS, {"delivery_time_from_from": "0001-01-01"}, 302),
        (ORDERS, {"delivery_time_from_to": "9999-12-31"}, 302),
        ("/admin/sync/callback/", {"received_at_from_0": "0001-01-01"}, 302),
        (ORDERS + "{order}/timeline/", {"from": "9223372036854775807"}, 200),
        (ORDERS + "form/goods/", {"q": "word " * 1500}, 200),
        ("/admin/orders/client/merge/", {"client": [HUGE, MANY, "1"]}, 302),
        ("/admin/catalog/good/", {"folder": MANY}, 302),
        (AUDIT, {"skip": "9" * 20, "at": "2026-01-01T00:00:00Z"}, 200),
        (AUDIT, {"at": "0001-01-01T00:00:00+12:00"}, 200),
        (AUDIT, {"since": "0001-01-01", "until": "9999-12-31"}, 200),
        ("/reports/orders/", {"courier": HUGE}, 400),
        ("/reports/orders/", {"delivery_status": MANY}, 400),
        ("/admin/fiscal/cash/hand-in/", {"courier": HUGE}, 200),
        ("/admin/fiscal/shifts/", {"until": "0001-01-01"}, 400),
    ],
)
def test_an_address_with_an_odd_number(browser: Browser, path: str, said: dict[str, Any], status: int) -> None:
    assert ask(browser, "get", filled(path), said).status_code == status


@pytest.mark.parametrize("odd", ["²", HUGE, MANY])
@pytest.mark.parametrize(
    ("path", "said", "status"),
    [
        (ORDERS + "form/sums/", {"order": "?"}, 200),
        (ORDERS + "{order}/courier/", {"courier": "?"}, 400),
        (ORDERS + "map/assign/", {"ids": "?", "courier": "{courier}"}, 400),
        (ORDERS + "map/assign/", {"ids": "{order}", "courier": "?"}, 400),
        (ORDERS + "board/move/", {"orders": "?", "courier": "{courier}"}, 200),  # says that none of them is there
        (ORDERS + "board/move/", {"orders": "{order}", "courier": "?"}, 400),
        (ORDERS + "export/", {"ids": "?", "kind": "csv", "column": "number"}, 404),
        (ORDERS + "export/", {"ids": "{order},?", "kind": "csv", "column": "number"}, 404),
        (ORDERS, {**BULK, "_selected_action": "?"}, 302),  # says that nothing is chosen
        (ORDERS, {**BULK, "_selected_action": ["{order}", "?"], "courier": "?"}, 200),
        ("/admin/orders/routeplan/new/", {"ids": "?"}, 302),
        ("/admin/account/sessions/end/", {"visit": "?"}, 302),
    ],
)
def test_a_form_with_an_odd_number(browser: Browser, path: str, said: dict[str, Any], status: int, odd: str) -> None:
    said = {name: filled(value, odd) for name, value in said.items()}
    assert ask(browser, "post", filled(path), said).status_code == status


@pytest.mark.parametrize("odd", ["²", HUGE, MANY])
@pytest.mark.parametrize("name", ["version", "order", "courier", "position"])
def test_a_plan_with_an_odd_number(browser: Browser, name: str, odd: str) -> None:
    plan = RoutePlan.objects.create(state=RoutePlan.State.PROPOSED, routes={"routes": {}, "left": {}}, setup=SETUP)
    path = f"/admin/orders/routeplan/{plan.pk}/"
    said = {"version": str(plan.version), "order": "1", "courier": "1", "position": "0", name: odd}
    assert ask(browser, "post", f"{path}move/", said).status_code == 400
    assert ask(browser, "post", f"{path}accept/", {"version": odd}).status_code == 302


def test_what_was_meant_to_be_chosen_is_never_all(browser: Browser) -> None:
    """The orders that were printed before are others than those of an address that names none."""
    keys = [order.pk for order in Order.objects.all()]
    browser.post(ORDERS, {"action": "print_forms", "_selected_action": keys})
    assert len(browser.get(ORDERS + "print/forms/").context["stops"]) == len(keys)
    assert len(browser.get(ORDERS + "print/forms/", {"ids": "²"}).context["stops"]) == 0
