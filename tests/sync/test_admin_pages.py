"""Every registered admin: its pages answer, cost the same for many rows as for few, and refuse what is not theirs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backoffice.sync.admin.base import ViewOnlyAdmin
from tests.sync.rows import make

pytestmark = pytest.mark.django_db

ADMINS = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)
IDS = [model._meta.label for model, _admin in ADMINS]
FEW, MANY = 3, 9
every_admin = pytest.mark.parametrize(("model", "model_admin"), ADMINS, ids=IDS)


def url_of(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def queries(browser: Browser, url: str) -> list[str]:
    """The SQL of a page, once what is cached across requests is cached."""
    assert browser.get(url, follow=True).status_code == 200  # a form may have a page of its own
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = browser.get(url, follow=True)
    assert response.status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def assert_no_more(few: list[str], many: list[str]) -> None:
    if len(many) > len(few):
        shapes = {sql.split("WHERE")[0] for sql in few}
        pytest.fail(f"{len(few)} queries grew to {len(many)}; last ones: " + "\n".join(many[-4:]) + f"\n{len(shapes)}")


@every_admin
def test_a_list_costs_the_same_for_many_rows(model: Any, model_admin: Any, admin_client: Browser) -> None:
    url = url_of(model, "changelist")
    for _ in range(FEW):
        make(model)
    few = queries(admin_client, url)
    for _ in range(MANY - FEW):
        make(model)
    assert_no_more(few, queries(admin_client, url))


@pytest.mark.one_engine
@every_admin
def test_a_form_costs_the_same_for_many_rows(
    model: Any, model_admin: Any, admin_client: Browser, admin_user: Any, rf: RequestFactory
) -> None:
    row = make(model)
    url = url_of(model, "change", row.pk)
    request = rf.get(url)
    request.user = admin_user

    def add(number: int) -> None:
        for inline in model_admin.get_inline_instances(request, row):
            foreign_keys = [f for f in inline.model._meta.concrete_fields if f.is_relation and f.related_model is model]
            name = getattr(inline, "fk_name", None) or foreign_keys[0].name
            if foreign_keys[0].unique:
                number = 0
            for _ in range(number):
                make(inline.model, **{name: row})

    add(FEW)
    few = queries(admin_client, url)
    add(MANY - FEW)
    for _ in range(FEW):
        make(model)  # and more to choose from
    assert_no_more(few, queries(admin_client, url))


@every_admin
def test_an_add_form_costs_the_same_for_many_rows(
    model: Any, model_admin: Any, admin_client: Browser, admin_user: Any, rf: RequestFactory
) -> None:
    url = url_of(model, "add")
    request = rf.get(url)
    request.user = admin_user
    if not model_admin.has_add_permission(request):
        assert admin_client.get(url).status_code == 403
        return
    make(model)
    few = queries(admin_client, url)
    for _ in range(FEW):
        make(model)
    assert_no_more(few, queries(admin_client, url))


@pytest.mark.one_engine
@every_admin
def test_history_and_search_answer(model: Any, model_admin: Any, admin_client: Browser) -> None:
    row = make(model)
    assert admin_client.get(url_of(model, "history", row.pk)).status_code == 200
    for term in ("209900", "orders:209900", "Иван", "7381440800123456 12"):
        assert admin_client.get(url_of(model, "changelist"), {"q": term}).status_code == 200


@pytest.mark.parametrize(
    ("model", "model_admin"), [item for item in ADMINS if isinstance(item[1], ViewOnlyAdmin)], ids=lambda v: str(v)
)
def test_what_a_remote_owns_is_not_changed_here(model: Any, model_admin: Any, admin_client: Browser) -> None:
    row = make(model)
    for page, args in (("add", ()), ("change", (row.pk,)), ("delete", (row.pk,))):
        assert admin_client.post(url_of(model, page, *args), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in model_admin.get_actions(_request(admin_client, model))
    assert model._base_manager.filter(pk=row.pk).exists()


def _request(browser: Browser, model: Any) -> Any:
    return browser.get(url_of(model, "changelist")).wsgi_request
