"""The audit trail: what is noted, how it is read, and that nobody changes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from simple_history.models import HistoricalChanges

from backoffice.accounts import audit, trail
from backoffice.accounts.models import AppendOnly, Attempt, Event, Visit
from backoffice.partners.models import Scope, Source, Token
from backoffice.sync.models import ExportLog
from orders.models import Client, ReturnReason
from tests.accounts.logging_in import browser_of, kinds, person

pytestmark = pytest.mark.django_db

PAGE = "/admin/accounts/event/"


@pytest.fixture
def root() -> User:
    return person("root", is_superuser=True)


@pytest.fixture
def browser(root: User) -> Browser:
    return browser_of(root)


def read(browser: Browser, **query: Any) -> str:
    answer = browser.get(PAGE, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_rights_people_and_tokens_are_noted_with_who_did_it(browser: Browser, root: User) -> None:
    anna = person("anna")
    Event.objects.all()._raw_delete(Event.objects.db)
    managers = Group.objects.get(name="Managers")
    form = {"username": "anna", "is_active": "on", "is_staff": "on", "groups": [managers.pk], "is_superuser": "on"}
    inlines = {
        f"{prefix}-{name}": count
        for prefix in ("readersource_set", "+")
        for name, count in (("TOTAL_FORMS", 0), ("INITIAL_FORMS", 0))
    }
    page = browser.get(f"/admin/auth/user/{anna.pk}/change/").context["inline_admin_formsets"]
    for inline in page:
        prefix = inline.formset.prefix
        inlines |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    saved = browser.post(
        f"/admin/auth/user/{anna.pk}/change/",
        {**form, **inlines, "date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"},
    )
    assert saved.status_code == 302, saved.context["errors"]
    managers.permissions.add(Permission.objects.get(codename="delete_order"))
    token, _text = Token.make(Source.objects.create(title="Shop", scopes=list(Scope.values)))
    token.revoke()

    events = {(event.kind, event.object_type): event for event in Event.objects.all()}
    assert events["person", "auth.user"].details == {"is_superuser": [False, True]}
    assert events["rights", "auth.user"].details == {"added": ["Managers"], "what": "group"}
    assert (events["rights", "auth.user"].actor, events["rights", "auth.user"].address) == ("root", "127.0.0.1")
    assert "delete_order" in str(Permission.objects.get(codename="delete_order").codename)
    assert len(events["rights", "auth.group"].details["added"]) == 1
    assert ("token_made", "partners.token") in events
    assert ("token_revoked", "partners.token") in events


def test_many_rights_are_noted_at_the_cost_of_few(django_assert_max_num_queries: Any) -> None:
    def queries(name: str, count: int) -> int:
        group, rights = Group.objects.create(name=name), Permission.objects.order_by("codename")[:count]
        with django_assert_max_num_queries(100) as captured:
            group.permissions.set(list(rights))
        assert len(Event.objects.filter(object_id=group.pk, kind="rights").get().details["added"]) == count
        return len(captured)

    assert queries("of many", 100) <= queries("of few", 2)


def test_secrets_encrypted_anew_are_noted() -> None:
    call_command("rotate_secrets", verbosity=0)
    assert kinds() == [Event.Kind.SECRETS]


def test_events_cannot_be_changed_or_deleted() -> None:
    event = audit.note(Event.Kind.LOGIN)
    with pytest.raises(AppendOnly):
        event.save()
    with pytest.raises(AppendOnly):
        event.delete()
    with pytest.raises(AppendOnly):
        Event.objects.update(actor="nobody")
    with pytest.raises(AppendOnly):
        Event.objects.all().delete()
    assert Event.objects.count() == 1


KEPT = (Event, Visit, ExportLog, Attempt)


@pytest.mark.parametrize("model", KEPT, ids=lambda model: model.__name__)
def test_not_even_a_superuser_changes_what_the_admin_shows_of_it(model: Any, browser: Browser, root: User) -> None:
    opts = model._meta
    made = {
        Event: lambda: audit.note(Event.Kind.LOGIN),
        Visit: lambda: Visit.objects.first(),
        ExportLog: lambda: ExportLog.objects.create(user=root, what="Orders", kind="csv"),
        Attempt: lambda: Attempt.objects.create(username="a", failures_since_start=1),
    }
    row = made[model]()
    before = model._base_manager.values().get(pk=row.pk)
    base = f"/admin/{opts.app_label}/{opts.model_name}/"
    answers = [
        browser.post(f"{base}{row.pk}/change/", {"actor": "x"}),
        browser.post(f"{base}{row.pk}/delete/", {"post": "yes"}),
        browser.post(f"{base}add/", {}),
    ]
    browser.post(base, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})

    assert [answer.status_code for answer in answers] == [403] * 3
    assert model._base_manager.values().get(pk=row.pk) == before


def test_no_admin_writes_a_history_or_the_log(root: User) -> None:
    request = RequestFactory().get("/")
    request.user = root
    kept = [m for m in apps.get_models() if issubclass(m, HistoricalChanges)] + [LogEntry]
    for model in kept:
        found = admin.site._registry.get(model)
        rights = [] if found is None else [found.has_change_permission(request), found.has_delete_permission(request)]
        assert not any(rights), model


def test_a_row_of_a_history_is_looked_at_only(browser: Browser) -> None:
    reason = ReturnReason.objects.create(title="Late")
    row = reason.history.get()
    url = f"/admin/orders/returnreason/{reason.pk}/history/{row.pk}/"
    assert browser.post(url, {"title": "Other"}).status_code == 405
    assert reason.history.get().title == "Late"


def test_the_page_tells_all_kinds_in_one_order(browser: Browser, root: User) -> None:
    reason = ReturnReason.objects.create(title="Late")
    LogEntry.objects.log_actions(root.pk, [reason], 2, change_message=[{"changed": {"fields": ["Title"]}}])
    ExportLog.objects.create(user=root, what="Orders", kind="csv", is_personal=True, row_count=7)
    entries = trail.page(trail.Asked())

    assert [entry.what for entry in entries[:3]] == ["Выгружено", "В админке", "Создано"] or len(entries) > 3
    assert entries == sorted(entries, key=lambda entry: entry.at, reverse=True)
    page = read(browser)
    for text in ("root", "127.0.0.1", f'href="/admin/orders/returnreason/{reason.pk}/change/"'):
        assert text in page


def test_it_is_filtered_by_person_row_kind_and_day(browser: Browser) -> None:
    anna = person("anna")
    old = audit.note(Event.Kind.LOGIN, actor=anna)
    Event.objects.filter(pk=old.pk)._update([(Event._meta.get_field("at"), None, timezone.now() - timedelta(days=9))])
    audit.note(Event.Kind.PASSWORD, anna, actor=anna)
    reason, other = ReturnReason.objects.create(title="Late"), ReturnReason.objects.create(title="Rude")

    def found(**query: Any) -> list[trail.Entry]:
        return [entry for entry, _url in browser.get(PAGE, query).context["entries"]]

    assert {entry.who for entry in found(who="anna")} == {"anna"}
    assert len(found(who="anna")) == 2
    assert [entry.key for entry in found(what="orders.returnreason", key=reason.pk)] == [str(reason.pk)]
    assert {entry.key for entry in found(what="orders.returnreason")} == {str(reason.pk), str(other.pk)}
    assert len(found(kind="login", who="anna")) == 1
    week = timezone.localdate() - timedelta(days=7)
    assert len(found(who="anna", since=week.isoformat())) == 1
    assert len(found(who="anna", until=week.isoformat())) == 1
    assert (
        "There is nobody of this name"
        in browser.get(PAGE, {"who": "nobody"}, headers={"accept-language": "en"}).content.decode()
    )


def test_a_row_of_a_client_is_named_by_its_key_only(browser: Browser) -> None:
    client = Client.objects.create(firstname="Zinaida", lastname="Uncommon", phone="+79210001122")
    page = read(browser, what="orders.client")
    assert str(client.pk) in page
    assert "Uncommon" not in page
    assert "0001122" not in page


def test_pages_go_on_and_cost_the_same(browser: Browser, root: User) -> None:
    now = timezone.now()
    Event.objects.bulk_create(
        Event(kind="login", actor="root", actor_id=root.pk, at=now - timedelta(minutes=n)) for n in range(1, 131)
    )
    with CaptureQueriesContext(connection) as queries:
        first = browser.get(PAGE, {"kind": "login"})
    second = browser.get(f"{PAGE}?{first.context['older']}")
    third = browser.get(f"{PAGE}?{second.context['older']}")
    times = [entry.at for page in (first, second, third) for entry, _url in page.context["entries"]]

    assert len(times) == len(set(times)) == 131  # his own login too
    assert third.context["older"] == ""
    assert not [query for query in queries if "COUNT(" in query["sql"]]


def test_every_table_is_read_along_an_index(root: User) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL scans an empty table whatever there is")
    with CaptureQueriesContext(connection) as queries:
        trail.page(trail.Asked())
    for query in queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plan = " ".join(row[3] for row in cursor.fetchall())
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan, query["sql"]


def test_who_has_no_right_does_not_see_it() -> None:
    for group in ("Dispatchers", "Managers", "Accountants"):
        assert browser_of(person(group, group)).get(PAGE).status_code == 403
