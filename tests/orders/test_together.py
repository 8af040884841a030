"""Two people at one order: nobody's work is overwritten, both are told, and each sees who else is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from backoffice.remotes.ireca import contract
from backoffice.sync import presence
from backoffice.sync.apply import apply
from backoffice.sync.mirror import registry
from backoffice.sync.models import Presence
from orders import actions
from orders.models import DeliveryStatus, Line, Order
from tests.orders import builders
from tests.orders.conftest import APPS
from tests.orders.pages import change_form, change_url, errors, save

pytestmark = pytest.mark.django_db


def person(name: str) -> Browser:
    user = User.objects.create_user(name.lower(), first_name=name, password="x", is_staff=True)
    rights = Permission.objects.filter(content_type__app_label__in=APPS)
    user.user_permissions.add(*rights, Permission.objects.get(codename="view_personal"))
    browser = Browser(headers={"accept-language": "en"})
    browser.force_login(user)
    return browser


@pytest.fixture
def anna() -> Browser:
    return person("Anna")


@pytest.fixture
def boris() -> Browser:
    return person("Boris")


def asked(response: Any) -> dict[str, Any]:
    """The questions of a page, by the name of their choice."""
    assert response.status_code == 200
    return {clash.input: clash for clash in response.context["together"]["clashes"]}


def posted_again(data: dict[str, Any], response: Any) -> dict[str, Any]:
    """What the page that asks would post: what was typed, and the rows as that page knows them."""
    form = response.context["adminform"].form
    states = {form.add_prefix("row_state"): form["row_state"].value()}
    for inline in response.context["inline_admin_formsets"]:
        for row in inline.formset.forms:
            if "row_state" in row.fields:
                states[row.add_prefix("row_state")] = row["row_state"].value() or ""
    return {**data, **states}


class TestFields:
    def test_what_somebody_else_changed_stays_and_is_told_with_his_name(self, anna: Browser, boris: Browser) -> None:
        first, second = builders.courier(), builders.courier("Petrov", "55753")
        row = builders.order(1, courier=first)
        form = change_form(boris, row)
        save(anna, row, {**change_form(anna, row), "courier": second.pk})
        told = save(boris, row, {**form, "description": "ring twice"})
        row.refresh_from_db()
        assert (row.courier, row.description) == (second, "ring twice")
        assert "Anna changed “Courier” from “Ivanov” to “Petrov” while you had this open." in told

    def test_a_bulk_action_and_a_remote_are_told_as_well(self, anna: Browser, boris: Browser) -> None:
        courier, row = builders.courier(), builders.order(1)
        form = change_form(boris, row)
        actions.assign([row.pk], courier, User.objects.get(username="anna"))
        mirror = registry.for_model(Order)
        assert mirror is not None
        Order._base_manager.filter(pk=row.pk).update(sync_state="clean", remote_data={})
        apply(mirror, [contract.decode(contract.Order, {"orderId": row.ireca_id, "deliveryStatusId": 7})])
        told = save(boris, row, {**form, "description": "ring twice"})
        assert "Anna changed “Courier” from “–” to “Ivanov” while you had this open." in told
        assert any(text.startswith("iRECA changed “State of delivery”") or "iRECA changed" in text for text in told)
        row.refresh_from_db()
        assert (row.courier, row.delivery_status) == (courier, DeliveryStatus.TAKEN)

    def test_no_banknote_is_none_however_a_remote_spells_it(self, anna: Browser, boris: Browser) -> None:
        row = builders.order(1)
        form = change_form(anna, row)
        mirror = registry.for_model(Order)
        assert mirror is not None
        apply(mirror, [contract.decode(contract.Order, {"orderId": row.ireca_id, "cash": 0})])
        row.refresh_from_db()
        assert row.cash == 0
        look = {**form, "window": "one", "look": "1"}
        assert anna.post(f"/admin/orders/order/{row.pk}/together/", look).json()["told"] == []
        assert not [text for text in save(anna, row, {**form, "description": "gate"}) if "banknote" in text]
        assert save(boris, row, {**form, "cash": "1000"})
        row.refresh_from_db()
        assert row.cash == 1000

    def test_nobody_is_named_where_the_history_does_not_tell(self, boris: Browser) -> None:
        row = builders.order(1)
        form = change_form(boris, row)
        Order._base_manager.filter(pk=row.pk).update(phone="+79990000000")
        told = save(boris, row, {**form, "description": "ring twice"})
        assert "“Phone” was changed from “+79161234567” to “+79990000000” while you had this open." in told

    def test_the_same_field_stops_the_save_and_asks(self, anna: Browser, boris: Browser) -> None:
        row = builders.order(1, description="door")
        form = change_form(boris, row)
        save(anna, row, {**change_form(anna, row), "description": "gate"})
        mine = {**form, "description": "window", "to_home": "77"}
        response = boris.post(change_url(row), mine)
        (clash,) = asked(response).values()
        assert (clash.was, clash.theirs, clash.mine, clash.who) == ("door", "gate", "window", "Anna")
        html = response.content.decode()
        assert 'value="77"' in html
        assert "Whose value stays?" in html
        row.refresh_from_db()
        assert (row.description, row.to_home) == ("gate", "1")

    @pytest.mark.parametrize(("choice", "kept"), [("theirs", "gate"), ("mine", "window")])
    @pytest.mark.parametrize("everywhere", [True, False])
    def test_the_choice_is_one_click(
        self, anna: Browser, boris: Browser, choice: str, kept: str, everywhere: bool
    ) -> None:
        row = builders.order(1, description="door")
        form = change_form(boris, row)
        save(anna, row, {**change_form(anna, row), "description": "gate"})
        mine = {**form, "description": "window", "to_home": "77"}
        response = boris.post(change_url(row), mine)
        (name,) = asked(response)
        again = {**posted_again(mine, response), ("_keep" if everywhere else name): choice}
        save(boris, row, again)
        row.refresh_from_db()
        assert (row.description, row.to_home) == (kept, "77")

    def test_the_answer_goes_where_the_first_button_leads(self, anna: Browser, boris: Browser) -> None:
        row = builders.order(1, description="door")
        mine = {**change_form(boris, row), "description": "window"}
        save(anna, row, {**change_form(anna, row), "description": "gate"})
        response = boris.post(change_url(row), {**mine, "_continue": "1"})
        assert '<input type="hidden" name="_pressed" value="_continue">' in response.content.decode()
        answer = {**posted_again(mine, response), "_pressed": "_continue"}
        assert boris.post(change_url(row), {**answer, "_keep": "mine"}).url == change_url(row)
        # Who decides for another button is not sent back.
        mine = {**change_form(boris, row), "description": "door", "_pressed": "_continue"}
        assert boris.post(change_url(row), mine).url != change_url(row)

    def test_the_question_stays_while_something_else_is_wrong(self, anna: Browser, boris: Browser) -> None:
        row = builders.order(1, description="door")
        form = change_form(boris, row)
        save(anna, row, {**change_form(anna, row), "description": "gate"})
        mine = {**form, "description": "window"}
        (name,) = asked(response := boris.post(change_url(row), mine))
        wrong = {**posted_again(mine, response), name: "theirs", "phone": "no phone"}
        response = boris.post(change_url(row), wrong)
        assert list(errors(response)) == ["phone"]
        assert asked(response)[name].keeps_theirs
        save(boris, row, {**posted_again(wrong, response), "phone": "+79161234567"})
        row.refresh_from_db()
        assert row.description == "gate"

    def test_a_third_change_is_asked_about_again(self, anna: Browser, boris: Browser) -> None:
        row = builders.order(1, description="door")
        mine = {**change_form(boris, row), "description": "window"}
        save(anna, row, {**change_form(anna, row), "description": "gate"})
        response = boris.post(change_url(row), mine)
        save(anna, row, {**change_form(anna, row), "description": "roof"})
        (name,) = asked(response)
        (clash,) = asked(boris.post(change_url(row), {**posted_again(mine, response), name: "mine"})).values()
        assert (clash.was, clash.theirs) == ("door", "roof")

    def test_clients_are_told_too(self, anna: Browser, boris: Browser) -> None:
        client = builders.client()
        form = change_form(boris, client)
        save(anna, client, {**change_form(anna, client), "firstname": "Pavel"})
        told = save(boris, client, {**form, "email": "p@example.com"})
        assert any("Anna changed" in text and "“Petr” to “Pavel”" in text for text in told)


class TestLines:
    def test_a_line_changed_meanwhile(self, anna: Browser, boris: Browser) -> None:
        row = builders.with_lines(builders.order(1), 2)
        form = change_form(boris, row)
        save(anna, row, {**change_form(anna, row), "lines-0-count": "5"})
        told = save(boris, row, {**form, "lines-1-count": "3"})
        assert [line.count for line in row.lines.all()] == [5, 3]
        assert any("Anna changed “Good 0: Count” from “2” to “5”" in text for text in told), told
        asks = boris.post(change_url(row), {**form, "lines-0-count": "7"})
        assert {clash.label: clash.theirs for clash in asked(asks).values()}["Good 0: Count"] == "5"

    def test_an_untouched_line_that_is_gone_is_told(self, anna: Browser, boris: Browser) -> None:
        row = builders.with_lines(builders.order(1), 2)
        form = change_form(boris, row)
        save(anna, row, {**change_form(anna, row), "lines-0-DELETE": "on"})
        told = save(boris, row, {**form, "description": "ring twice"})
        assert any("removed" in text and "Anna" in text for text in told), told
        assert [line.title for line in row.lines.all()] == ["Good 1"]

    @pytest.mark.parametrize(("choice", "counts"), [("theirs", [2]), ("mine", [2, 9])])
    def test_a_gone_line_in_which_one_wrote_is_asked_about(
        self, anna: Browser, boris: Browser, choice: str, counts: list[int]
    ) -> None:
        row = builders.with_lines(builders.order(1), 2)
        mine = {**change_form(boris, row), "lines-0-count": "9"}
        save(anna, row, {**change_form(anna, row), "lines-0-DELETE": "on"})
        response = boris.post(change_url(row), mine)
        (clash,) = asked(response).values()
        assert (clash.theirs, clash.who) == ("removed", "Anna")
        assert "Count: 9" in clash.mine
        assert Line.objects.count() == 1
        save(boris, row, {**posted_again(mine, response), clash.input: choice})
        assert [line.count for line in row.lines.all()] == counts

    def test_a_line_that_was_changed_is_not_removed_unheard(self, anna: Browser, boris: Browser) -> None:
        row = builders.with_lines(builders.order(1), 2)
        mine = {**change_form(boris, row), "lines-0-DELETE": "on"}
        save(anna, row, {**change_form(anna, row), "lines-0-count": "5"})
        response = boris.post(change_url(row), mine)
        assert response.status_code == 200
        assert "Save again to remove “Good 0” nevertheless." in response.content.decode()
        save(boris, row, posted_again(mine, response))
        assert [line.title for line in row.lines.all()] == ["Good 1"]

    def test_a_line_added_meanwhile_is_told(self, anna: Browser, boris: Browser) -> None:
        row = builders.with_lines(builders.order(1), 1)
        form = change_form(boris, row)
        row.lines.create(good=row.lines.get().good, title="Tea", position=1, count=1, price=5, total=5)
        told = save(boris, row, {**form, "description": "ring twice"})
        assert "“Tea” was added meanwhile." in told
        assert row.lines.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_saves_at_one_moment_one_is_asked(anna: Browser, boris: Browser) -> None:
    row = builders.order(1, description="door")
    forms = {
        browser: {**change_form(browser, row), "description": name} for browser, name in ((anna, "a"), (boris, "b"))
    }
    meet, answers = threading.Barrier(2), []

    def post(browser: Browser, data: dict[str, Any]) -> None:
        try:
            meet.wait(20)
            answers.append(browser.post(change_url(row), data).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=post, args=pair) for pair in forms.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, 302]


class TestPresence:
    @staticmethod
    def beat(browser: Browser, row: Any, window: str, **more: Any) -> Any:
        address = change_url(row).replace("/change/", "/together/")
        return browser.post(address, {"window": window, **more})

    def test_both_see_each_other_until_one_leaves(self, anna: Browser, boris: Browser) -> None:
        row = builders.order(1)
        assert self.beat(anna, row, "a").json()["others"] == []
        (seen,) = self.beat(boris, row, "b").json()["others"]
        assert seen.startswith("Anna has this open since ")
        (seen,) = self.beat(anna, row, "a").json()["others"]
        assert seen.startswith("Boris has this open since ")
        (seen,) = self.beat(boris, row, "b2").json()["others"][1:]
        assert seen.startswith("You have this open in another window since ")
        assert self.beat(anna, row, "a", leave="1").status_code == 204
        assert not any("Anna" in text for text in self.beat(boris, row, "b").json()["others"])

    def test_a_browser_that_died_is_forgotten(self, anna: Browser, boris: Browser) -> None:
        row = builders.order(1)
        self.beat(anna, row, "a")
        Presence.objects.update(seen_at=timezone.now() - presence.EXPIRY - timedelta(seconds=1))
        assert self.beat(boris, row, "b").json()["others"] == []
        assert Presence.objects.get().window == "b"

    def test_the_open_form_hears_of_what_was_saved(self, anna: Browser, boris: Browser) -> None:
        row = builders.with_lines(builders.order(1), 1)
        page = boris.get(change_url(row)).context["together"]
        form = change_form(boris, row)
        assert self.beat(boris, row, "b").json()["stamp"] == page["stamp"]
        save(anna, row, {**change_form(anna, row), "description": "gate", "lines-0-count": "5"})
        answer = self.beat(boris, row, "b", look="1", **form).json()
        assert answer["stamp"] != page["stamp"]
        assert any("Anna changed “Description” from “–” to “gate”" in text for text in answer["told"]), answer
        assert any("from “2” to “5”" in text for text in answer["told"]), answer

    def test_who_may_not_change_is_told_nothing(self, manager: Browser, stranger: Browser) -> None:
        row = builders.order(1)
        assert self.beat(manager, row, "m").status_code == 403
        assert self.beat(stranger, row, "s").status_code == 403
        assert 'id="together"' not in manager.get(change_url(row)).content.decode()
        assert not Presence.objects.exists()

    def test_a_new_row_has_nobody_beside_it(self, anna: Browser, manager: Browser) -> None:
        page = anna.get("/admin/orders/order/add/").context["together"]
        assert self.beat_at(anna, page["url"]).json() == {"others": [], "stamp": ""}
        assert set(anna.get(page["url"]).json()) == {"token"}
        assert self.beat_at(anna, page["url"], window="").status_code == 400
        assert self.beat_at(manager, page["url"]).status_code == 403
        assert not Presence.objects.exists()

    @staticmethod
    def beat_at(browser: Browser, address: str, window: str = "a") -> Any:
        return browser.post(address, {"window": window})

    def test_a_beat_is_cheap(self, anna: Browser, queries: Callable[[Callable[[], object]], list[str]]) -> None:
        row = builders.with_lines(builders.order(1), 3)
        assert len(queries(lambda: self.beat(anna, row, "a"))) <= 8
