"""The table of permissions: what a save writes, what it leaves alone, how it reaches iRECA, who may do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import enqueue
from backoffice.sync.models import DictionaryEntry, Push
from couriers import models
from couriers.permissions import Matrix, save
from tests.sync.admin_pages import loaded, messages
from tests.sync.rows import make

URL = "/admin/couriers/permission/matrix/"


class Table:
    """The form as a browser has it: ticks are a list, which `loaded` of a page does not collect."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.shown = loaded(browser, URL, "permission-matrix")["shown"]
        matrix = browser.get(URL).context["matrix"]
        self.ticked = {cell.value for line in matrix.lines for cell in line.cells if cell.is_allowed}

    def submit(self) -> Any:
        data = {"shown": self.shown, "cell": sorted(self.ticked)}
        return self.browser.post(URL, data, follow=True, headers={"accept-language": "en"})


def permission(role: models.Role, action: str, **values: Any) -> models.Permission:
    return make(models.Permission, role=role, action_id=action, ireca_id=f"{role.ireca_id}:{action}", **values)


def remote_change(row: models.Permission, is_allowed: bool) -> None:
    with enqueue.untracked():
        models.Permission.objects.filter(pk=row.pk).update(is_allowed=is_allowed)


def staff(client: Browser, *codenames: str) -> Browser:
    user = User.objects.create_user("someone", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return client


@pytest.mark.django_db
def test_only_changed_cells_are_written(admin_client: Browser) -> None:
    role, other = make(models.Role, title="Courier"), make(models.Role, title="Senior")
    allow, forbid = permission(role, "cashIn", is_allowed=False), permission(other, "cashIn", is_allowed=True)
    same = permission(role, "orderCancel", is_allowed=True)
    table = Table(admin_client)
    assert table.ticked == {f"{other.pk}:cashIn", f"{role.pk}:orderCancel"}
    table.ticked = {f"{role.pk}:cashIn", f"{role.pk}:orderCancel"}
    texts = messages(table.submit())
    for row in (allow, forbid, same):
        row.refresh_from_db()
    assert (allow.is_allowed, forbid.is_allowed, same.is_allowed) == (True, False, True)
    assert {push.object_id for push in Push.objects.filter(entity="permissions")} == {allow.pk, forbid.pk}
    assert same.sync_state == "clean"
    assert "2 permissions" in texts[0]
    # One more than the row's own beginning.
    assert [row.history.count() for row in (allow, forbid, same)] == [2, 2, 1]


@pytest.mark.django_db
def test_a_missing_row_is_made_when_it_is_ticked(admin_client: Browser, admin_user: User) -> None:
    role = make(models.Role, ireca_id="908")
    DictionaryEntry.objects.create(kind="permissions", code="cashIn", title="Deposits cash")
    DictionaryEntry.objects.create(kind="permissions", code="cashOut", title="Takes cash out")
    table = Table(admin_client)
    table.ticked = {f"{role.pk}:cashIn"}
    table.submit()
    row = models.Permission.objects.get()
    assert (row.action_id, row.is_allowed, row.description, row.ireca_id) == (
        "cashIn",
        True,
        "Deposits cash",
        "908:cashIn",
    )
    assert Push.objects.get().object_id == row.pk
    assert row.history.get().history_user == admin_user


@pytest.mark.django_db
def test_what_others_changed_meanwhile_is_told_and_left(admin_client: Browser) -> None:
    role = make(models.Role, title="Courier")
    theirs, mine = permission(role, "cashIn", is_allowed=False), permission(role, "cashOut", is_allowed=False)
    both = permission(role, "orderCancel", is_allowed=False)
    table = Table(admin_client)
    remote_change(theirs, True)
    remote_change(both, True)
    table.ticked = {f"{role.pk}:cashOut", f"{role.pk}:orderCancel"}
    texts = messages(table.submit())
    for row in (theirs, mine, both):
        row.refresh_from_db()
    assert (theirs.is_allowed, mine.is_allowed, both.is_allowed) == (True, True, True)
    assert {push.object_id for push in Push.objects.all()} == {mine.pk}
    told = next(text for text in texts if "somebody else" in text)
    assert "cashIn. allowed" in told
    assert "cashOut" not in told


@pytest.mark.django_db
def test_a_role_that_is_gone_is_told(admin_client: Browser) -> None:
    role = make(models.Role)
    permission(role, "cashIn")
    table = Table(admin_client)
    table.ticked = {f"{role.pk}:cashIn"}
    with enqueue.untracked():
        role.delete()
    assert any("the role is not there any more" in text for text in messages(table.submit()))
    assert not models.Permission.objects.exists()


@pytest.mark.django_db
def test_an_action_that_nobody_knows_is_not_made(admin_client: Browser) -> None:
    role = make(models.Role)
    permission(role, "cashIn")
    shown = f'{{"roles": [{role.pk}], "actions": ["invented"], "allowed": []}}'
    admin_client.post(URL, {"shown": shown, "cell": [f"{role.pk}:invented"]})
    assert models.Permission.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "data", [{}, {"shown": "[]"}, {"shown": "{"}, {"shown": '{"roles": 1}'}, {"shown": "{}", "cell": "x"}]
)
def test_a_form_that_is_none_is_refused(admin_client: Browser, data: dict[str, str]) -> None:
    assert admin_client.post(URL, data).status_code == 400


@pytest.mark.django_db
def test_nothing_changed_says_so(admin_client: Browser) -> None:
    permission(make(models.Role), "cashIn", is_allowed=True)
    assert messages(Table(admin_client).submit()) == ["Nothing was changed."]
    assert not Push.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_cells_leave_in_one_request(admin_client: Browser, ireca: Sandbox, settle: Callable[[], None]) -> None:
    with enqueue.untracked():
        models.Permission.objects.filter(role__ireca_id="910").delete()
    table = Table(admin_client)
    before = set(table.ticked)
    matrix = Matrix()
    every = {cell.value for line in matrix.lines for cell in line.cells}
    table.ticked = every - before
    table.submit()
    settle()
    requests = [request for request in ireca.requests if request["path"] == "/permissions/replace"]
    assert len(requests) == 1
    assert len(requests[0]["body"]) == len(every) == 30
    assert set(requests[0]["body"][0]) == {"roleId", "actionId", "isAllowed"}
    assert not models.Permission.objects.exclude(sync_state="clean").exists()
    assert not Push.objects.filter(state__in=Push.OPEN).exists()
    assert ireca.violations == []


@pytest.mark.django_db
def test_who_may_only_look_only_looks(client: Browser) -> None:
    role = make(models.Role)
    row = permission(role, "cashIn", is_allowed=False)
    user = User.objects.create_user("dispatcher", is_staff=True)
    user.groups.add(Group.objects.get(name="Dispatchers"))
    client.force_login(user)
    page = client.get(URL).content.decode()
    assert "disabled" in page
    shown = Matrix().shown()
    assert client.post(URL, {"shown": shown, "cell": [f"{role.pk}:cashIn"]}).status_code == 403
    row.refresh_from_db()
    assert not row.is_allowed


@pytest.mark.django_db
def test_who_may_not_add_makes_no_row(client: Browser) -> None:
    role = make(models.Role)
    permission(role, "cashIn")
    DictionaryEntry.objects.create(kind="permissions", code="cashOut", title="Takes cash out")
    browser = staff(client, "view_role", "view_permission", "change_permission")
    table = Table(browser)
    table.ticked = {f"{role.pk}:cashIn", f"{role.pk}:cashOut"}
    assert table.submit().status_code == 403
    assert list(models.Permission.objects.values_list("action_id", "is_allowed")) == [("cashIn", False)]


@pytest.mark.django_db
@pytest.mark.parametrize("rights", [(), ("view_role",), ("view_permission",)])
def test_who_may_not_see_roles_or_permissions_sees_no_table(client: Browser, rights: tuple[str, ...]) -> None:
    assert staff(client, *rights).get(URL).status_code == 403


@pytest.mark.django_db
def test_the_table_is_reached_from_roles_and_permissions_and_warns_of_evotor(admin_client: Browser) -> None:
    make(models.Role)
    assert URL in admin_client.get("/admin/couriers/permission/").content.decode()
    link = "/admin/couriers/role/matrix/"
    assert link in admin_client.get("/admin/couriers/role/").content.decode()
    assert admin_client.get(link).headers["location"] == URL
    assert "Evotor" in admin_client.get(URL, headers={"accept-language": "en"}).content.decode()


@pytest.mark.django_db
def test_the_table_costs_the_same_for_many_rows(admin_client: Browser) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(URL).status_code == 200
        return len(captured)

    permission(make(models.Role), "cashIn")
    admin_client.get(URL)
    few = cost()
    for _ in range(10):
        role = make(models.Role)
        for action in ("cashIn", "cashOut", "orderCancel"):
            permission(role, action)
    assert cost() == few


@pytest.mark.django_db
def test_a_row_that_a_pull_brings_at_that_moment_is_written_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    role = make(models.Role)
    DictionaryEntry.objects.create(kind="permissions", code="cashIn", title="Deposits cash")
    from couriers import permissions as module

    state, calls = module.Shown.parse(Matrix().shown()), []
    original = models.Permission.objects.bulk_create

    def late(rows: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise module.IntegrityError("somebody was faster")
        return original(rows)

    monkeypatch.setattr(models.Permission.objects, "bulk_create", late)
    assert save(state, {(role.pk, "cashIn")}, may_create=True).written == 1
    assert len(calls) == 2
