"""Merging clients as a dispatcher does it in the admin, and everybody who may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from backoffice.partners.models import Source
from orders import merging
from orders.models import Client, ClientMerge, Order
from tests.orders import builders
from tests.orders.pages import change_url
from tests.orders.test_merging import PHONE, client, merge, of
from tests.sync.admin_pages import loaded, messages

pytestmark = pytest.mark.django_db

LIST = "/admin/orders/client/"


@pytest.fixture
def pair() -> tuple[Client, Client]:
    one = client("a", lastname="One", email="one@example.com")
    two = client("b", lastname="Two", firstname="", email="")
    builders.order(1, client=one)
    builders.order(2, client=one)
    builders.order(3, client=two)
    return one, two


def page(*clients: Client) -> str:
    return f"{LIST}merge/?" + "&".join(f"client={one.pk}" for one in clients)


def listed(browser: Browser, query: str = "") -> set[Client]:
    return set(browser.get(LIST + query).context["cl"].result_list)


def choose(browser: Browser, *clients: Client) -> Any:
    data = {"action": "merge_clients", "_selected_action": [one.pk for one in clients], "select_across": "0"}
    return browser.post(LIST, data, follow=True)


def test_from_the_list_to_the_merged_client(dispatcher: Browser, pair: tuple[Client, Client]) -> None:
    one, two = pair
    shown = choose(dispatcher, *pair)
    assert shown.redirect_chain == [(page(one, two), 302)]
    html = shown.content.decode()
    for text in ("One Petr", "2 orders", "1 order<", "one@example.com", "Orders: 1"):
        assert text.replace("<", "") in html, text
    data = loaded(dispatcher, page(*pair), "merge-form")
    assert {name: data[name] for name in ("survivor", "take-lastname", "take-email")} == {
        "survivor": str(one.pk),
        "take-lastname": str(one.pk),
        "take-email": str(one.pk),
    }
    response = dispatcher.post(page(*pair), {**data, "take-lastname": str(two.pk)}, follow=True)
    assert response.redirect_chain == [(change_url(one), 302)]
    assert messages(response) == ["Merged: 1 row moved."]
    one.refresh_from_db()
    assert (one.lastname, of(one).count()) == ("Two", 3)
    assert ClientMerge.objects.get().made_by == User.objects.get()
    assert Order.objects.get(number="N-3").history.latest().history_user == User.objects.get()


def test_another_survivor_is_shown_first_and_merged_then(dispatcher: Browser, pair: tuple[Client, Client]) -> None:
    _one, two = pair
    data = loaded(dispatcher, page(*pair), "merge-form")
    shown = dispatcher.post(page(*pair), {**data, "survivor": str(two.pk)})
    assert messages(shown) == ["Another client stays now. Check what happens and confirm."]
    assert "Orders: 2" in shown.content.decode()
    assert not ClientMerge.objects.exists()
    form = shown.context["form"]
    takes = {name: str(option.client.pk) for _one, name, options in form.rows() for option, chosen in options if chosen}
    confirmed = {"shown": two.pk, "survivor": two.pk, "digest": form.preview.digest, **takes}
    dispatcher.post(page(*pair), confirmed)
    two.refresh_from_db()
    # What it lacked came from the other, and the rest stayed.
    assert (two.lastname, two.firstname, two.email, of(two).count()) == ("Two", "Petr", "one@example.com", 3)


@pytest.mark.parametrize("change", ["order", "value", "field"])
def test_a_stale_page_is_told_and_shown_anew(dispatcher: Browser, pair: tuple[Client, Client], change: str) -> None:
    one, two = pair
    data = loaded(dispatcher, page(*pair), "merge-form")
    if change == "order":
        builders.order(4, client=two)
    else:
        Client.objects.filter(pk=two.pk).update(**{"email": "x@y.ru"} if change == "value" else {"inn": "7707083893"})
    response = dispatcher.post(page(*pair), data)
    assert messages(response) == ["Something changed since this was shown. Nothing was done: look at it again."]
    assert response.context["form"].initial["digest"] != data["digest"]
    assert not ClientMerge.objects.exists()
    assert of(one).count() == 2


def test_other_phones_are_refused_with_the_reason(dispatcher: Browser, pair: tuple[Client, Client]) -> None:
    other = client("c", phone="+79169999999")
    why = ["Only clients with the same phone can be merged; these have different ones."]
    assert messages(choose(dispatcher, pair[0], other)) == why
    assert messages(dispatcher.get(page(pair[0], other), follow=True)) == why
    assert messages(choose(dispatcher, other)) == ["Choose at least two clients."]
    assert messages(dispatcher.get(f"{LIST}merge/?client=x&client=", follow=True)) == ["Choose at least two clients."]


def test_a_value_of_another_source_cannot_be_chosen_or_forged(dispatcher: Browser) -> None:
    shop, till = (Source.objects.create(title=title) for title in ("Shop", "Till"))
    one = client("a", source=shop, external_id="1", email="one@example.com")
    two = client("b", source=till, external_id="1", email="two@example.com")
    html = dispatcher.get(page(one, two)).content.decode()
    assert "The partner of the client who stays would learn it" in html
    data = loaded(dispatcher, page(one, two), "merge-form")
    dispatcher.post(page(one, two), {**data, "take-email": str(two.pk)})
    assert not ClientMerge.objects.exists()


def test_the_lists_show_who_was_merged_only_when_asked(
    dispatcher: Browser, pair: tuple[Client, Client], manager: Browser
) -> None:
    one, two = pair
    alone = client("c", lastname="Alone", phone="+79169999999")
    assert listed(dispatcher) == {one, two, alone}
    assert listed(dispatcher, "?merging=same_phone") == {one, two}
    merge(one, two)
    assert listed(dispatcher) == {one, alone}
    assert listed(dispatcher, "?merging=same_phone") == set()
    assert listed(dispatcher, "?merging=merged") == {two}
    assert "→ One Petr" in dispatcher.get(f"{LIST}?merging=merged").content.decode()
    offered = dispatcher.get("/admin/autocomplete/?app_label=orders&model_name=order&field_name=client&term=Two")
    assert json.loads(offered.content)["results"] == []
    assert manager.get(change_url(two)).status_code == 200


def test_what_the_form_of_a_client_tells(dispatcher: Browser, manager: Browser, pair: tuple[Client, Client]) -> None:
    one, two = pair
    html = dispatcher.get(change_url(one)).content.decode()
    assert "1 other client has this phone:" in html
    assert page(one, two).replace("&", "&amp;") in html
    assert "/merge/" not in manager.get(change_url(one)).content.decode()
    done = merge(one, two, survivor=one)
    assert "Merged into this client:" in dispatcher.get(change_url(one)).content.decode()
    assert f"{LIST}merge/{done.pk}/undo/" in dispatcher.get(change_url(two)).content.decode()
    Client.objects.filter(pk=two.pk).update(phone="+79160000000", phone_e164="+79160000000")
    assert "has another phone now" in dispatcher.get(change_url(one)).content.decode()
    Client.objects.filter(pk=two.pk).update(phone=PHONE, phone_e164=PHONE)
    builders.order(9, client=two)
    for row in pair:
        html = dispatcher.get(change_url(row)).content.decode()
        assert "1 order or card came to a merged client after the merge." in html
        assert page(one, two).replace("&", "&amp;") in html
    dispatcher.post(page(one, two), loaded(dispatcher, page(one, two), "merge-form"))
    assert of(one).count() == 4


def test_a_phone_of_very_many_clients(dispatcher: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MOST", 2)
    one, *_others = (client(str(number)) for number in range(3))
    html = dispatcher.get(change_url(one)).content.decode()
    assert "Very many other clients have this phone:" in html
    assert f"{LIST}?q=%2B79161234567" in html
    assert listed(dispatcher, "?q=%2B79161234567") == set(Client.objects.all())


def test_undo_asks_and_does(dispatcher: Browser, pair: tuple[Client, Client]) -> None:
    one, two = pair
    done = merge(one, two, survivor=two)
    url = f"{LIST}merge/{done.pk}/undo/"
    html = dispatcher.get(url).content.decode()
    assert "2 rows moved then." in html
    assert ClientMerge.objects.get().undone_at is None
    Client.objects.filter(pk=two.pk).update(email="later@example.com")
    response = dispatcher.post(url, follow=True)
    assert messages(response) == ["Undone: 2 rows went back.", "Changed since the merge, and left so: E-mail"]
    assert (of(one).count(), of(two).count()) == (2, 1)
    assert listed(dispatcher) == {one, two}
    again = dispatcher.get(url, follow=True)
    assert messages(again) == ["It was undone already."]


@pytest.mark.parametrize(
    ("rights", "status"),
    [
        ((), 403),
        (("view_client", "view_order"), 403),
        (("view_client", "change_client"), 403),
        (("view_client", "change_order"), 403),
        (("view_client", "change_client", "change_order"), 200),
    ],
)
def test_it_takes_the_right_to_change_clients_and_orders(
    pair: tuple[Client, Client], rights: tuple[str, ...], status: int
) -> None:
    user = User.objects.create_user("someone", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="orders"))
    user.user_permissions.add(Permission.objects.get(codename="view_personal"))
    browser = Browser(headers={"accept-language": "en"})
    browser.force_login(user)
    assert browser.get(page(*pair)).status_code == status
    if status == 403:
        digest = merging.preview([one.pk for one in pair]).digest
        data = {"shown": pair[0].pk, "survivor": pair[0].pk, "digest": digest}
        assert browser.post(page(*pair), data).status_code == status
    if "view_client" in rights:
        assert ("merge_clients" in browser.get(LIST).content.decode()) == (status == 200)
    done = merge(*pair)
    assert ClientMerge.objects.count() == 1
    url = f"{LIST}merge/{done.pk}/undo/"
    assert browser.get(url).status_code == status
    if status == 403:
        assert browser.post(url).status_code == status
        assert ClientMerge.objects.get().undone_at is None


def test_people_who_are_not_logged_in_and_merges_that_are_not_there(
    dispatcher: Browser, pair: tuple[Client, Client]
) -> None:
    assert Browser().get(page(*pair)).status_code == 302
    assert dispatcher.get(f"{LIST}merge/999999/undo/").status_code == 404


def test_the_page_costs_the_same_for_many_clients(dispatcher: Browser, queries: Callable[..., list[str]]) -> None:
    rows = [client(str(number), lastname=f"L{number}") for number in range(15)]
    few = queries(lambda: dispatcher.get(page(*rows[:2])))
    assert len(queries(lambda: dispatcher.get(page(*rows)))) == len(few)
