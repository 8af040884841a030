"""BIFIT Kassa in the admin: the panel on an order, conflicts, the list, the page that fetches, the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync.models import Pull, Push
from orders import actions
from orders.models import Feed, Order, Origin, StatusRule
from tests.orders import builders, pages
from tests.orders.bifit import steps
from tests.sync.admin_pages import messages

FETCH = "/admin/orders/origin/fetch/"


def url(order: Order, name: str) -> str:
    return f"/admin/orders/order/{order.pk}/register/{name}/"


def html(browser: Browser, order: Order) -> str:
    response = browser.get(pages.change_url(order))
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def failed(bifit: Bifit, bifit_settle: Callable[[], None]) -> Order:
    """Cancelled here, and issued there."""
    id_, order = steps.born(bifit)
    bifit.change(id_, currentStatusType="ISSUED")
    actions.cancel([order.pk], builders.reason())
    bifit_settle()
    return Order.objects.get(pk=order.pk)


def test_the_order_shows_what_bifit_has(bifit: Bifit, dispatcher: Browser) -> None:
    _id, order = steps.born(
        bifit, currentStatusType="DISTRIBUTED", taxSystem="PATENT", deliveryAmount=350, discount=7.5, discountType=1
    )
    shown = html(dispatcher, order)
    for text in (
        *(
            "At BIFIT Kassa, order",
            "DISTRIBUTED",
            "patent taxation",
            "delivered by a courier",
            "350",
            "7.5",
            "79775553322",
        ),
        *("Read now", "All that it told", "Responsible person", "Cost of delivery"),
    ):
        assert text in shown, text


def test_in_russian_the_status_is_the_documents_own_word(bifit: Bifit, dispatcher: Browser) -> None:
    _id, order = steps.born(bifit, currentStatusType="DISTRIBUTED")
    dispatcher.defaults["HTTP_ACCEPT_LANGUAGE"] = "ru"
    assert "РАСПРЕДЕЛЕН" in html(dispatcher, order)


def test_an_unknown_status_is_shown_as_it_is(bifit: Bifit, dispatcher: Browser) -> None:
    _id, order = steps.born(bifit, currentStatusType="ВОЗВРАТ", deliveryType="DRONE", taxSystem="NONE")
    shown = html(dispatcher, order)
    assert all(text in shown for text in ("ВОЗВРАТ", "DRONE", "NONE"))


def test_a_failure_is_on_the_order_in_the_list_and_in_the_filter(failed: Order, dispatcher: Browser) -> None:
    builders.order(5)
    assert "cannot become REFUSED" in html(dispatcher, failed)
    listed = dispatcher.get(pages.LIST, {"attention": "register"})
    assert [row.pk for row in listed.context["cl"].result_list] == [failed.pk]
    assert "BIFIT Kassa: not told" in listed.content.decode()


def test_read_now_and_tell_now(
    bifit: Bifit, failed: Order, dispatcher: Browser, bifit_settle: Callable[[], None]
) -> None:
    key = failed.origin.key
    bifit.change(key, currentStatusType="DISTRIBUTED", comment="Nobody home")
    response = dispatcher.post(url(failed, "read"), follow=True)
    assert messages(response) == ["Read: it has changed."]
    assert "Nobody home" in response.content.decode() or Origin.objects.get().data["comment"] == "Nobody home"
    response = dispatcher.post(url(failed, "tell"), follow=True)
    assert messages(response) == ["BIFIT Kassa is told now."]
    bifit_settle()
    assert steps.status(bifit, key) == "REFUSED"
    assert messages(dispatcher.post(url(failed, "read"), follow=True)) == ["Read: nothing has changed."]
    assert dispatcher.get(url(failed, "read")).status_code == 405


def test_read_now_says_what_went_wrong(bifit: Bifit, sandbox: Any, dispatcher: Browser, settings: Any) -> None:
    _id, order = steps.born(bifit)
    Origin.objects.update(key="999")
    assert messages(dispatcher.post(url(order, "read"), follow=True)) == ["BIFIT Kassa has no order 999."]
    settings.BIFIT_PASSWORD = ""
    [text] = messages(dispatcher.post(url(order, "read"), follow=True))
    assert "BIFIT_PASSWORD is not set" in text


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_conflict_is_settled_by_field_in_words(bifit: Bifit, dispatcher: Browser, side: str) -> None:
    id_, order = steps.born(bifit, comment="at first", totalAmount=10)
    order.description, order.amount_to_pay = "ours", 11  # type: ignore[assignment]
    order.save()
    bifit.change(id_, comment="theirs", totalAmount=12)
    steps.read(id_)
    assert "Changed here and at BIFIT Kassa" in html(dispatcher, order)
    page = dispatcher.get(url(order, "conflict"))
    shown = page.content.decode()
    assert all(text in shown for text in ("Description", "at first", "theirs", "Sum before discount", "12"))
    seen = dict(pages.HIDDEN.findall(shown))
    assert set(seen) >= {"seen:description", "seen:amount_to_pay"}
    told = messages(dispatcher.post(url(order, "conflict"), {**seen, "field:description": side}, follow=True))
    assert told == ["Some fields are not decided yet, or changed again meanwhile."]
    told = messages(dispatcher.post(url(order, "conflict"), {**seen, "all": side}, follow=True))
    assert told == ["The conflict is settled."]
    order.refresh_from_db()
    assert (order.description, order.amount_to_pay) == (("ours", 11) if side == "ours" else ("theirs", 12))
    assert steps.origin(order).sync_state == "clean"
    assert "There is no conflict any more." in messages(dispatcher.get(url(order, "conflict"), follow=True))


def test_what_changed_since_the_page_was_shown_is_a_new_question(bifit: Bifit, dispatcher: Browser) -> None:
    id_, order = steps.born(bifit, comment="at first")
    order.description = "ours"
    order.save()
    bifit.change(id_, comment="theirs")
    steps.read(id_)
    seen = dict(pages.HIDDEN.findall(dispatcher.get(url(order, "conflict")).content.decode()))
    bifit.change(id_, comment="theirs, later")
    steps.read(id_)
    dispatcher.post(url(order, "conflict"), {**seen, "all": "theirs"})
    order.refresh_from_db()
    assert (order.description, steps.origin(order).sync_state) == ("ours", "conflict")


def test_an_order_of_ours_is_created_from_its_form_and_from_the_list(
    bifit: Bifit, dispatcher: Browser, bifit_settle: Callable[[], None], settings: Any
) -> None:
    one, two = builders.orders(2)
    assert "Create at BIFIT Kassa" in html(dispatcher, one)
    response = dispatcher.post(url(one, "create"), follow=True)
    assert "goes to BIFIT Kassa" in messages(response)[0]
    response = pages.choose(dispatcher, "create_at_bifit", [one.pk, two.pk])
    told = messages(dispatcher.get(pages.LIST))
    assert any("goes to BIFIT Kassa" in text for text in told)
    assert any("on its way to BIFIT Kassa already" in text for text in told)
    bifit_settle()
    assert Origin.objects.filter(order__in=[one, two]).count() == 2
    settings.BIFIT_TRADE_OBJECT_ID = ""
    three = builders.order(3)
    [text] = messages(dispatcher.post(url(three, "create"), follow=True))
    assert "BIFIT_TRADE_OBJECT_ID is not set" in text
    settings.BIFIT_URL = ""
    assert "Create at BIFIT Kassa" not in html(dispatcher, three)
    assert "create_at_bifit" not in dispatcher.get(pages.LIST).content.decode()


def test_the_id_is_entered_where_bifit_did_not_tell_it(
    bifit: Bifit, dispatcher: Browser, bifit_settle: Callable[[], None]
) -> None:
    bifit.tells_created = False
    order = builders.order(1)
    dispatcher.post(url(order, "create"))
    bifit_settle()
    assert "has not told under which id" in html(dispatcher, order)
    there = next(made for made in bifit.orders if made["externalId"] == "N-1")
    assert messages(dispatcher.post(url(order, "link"), {"id": "not an id"}, follow=True)) == [
        "This is no id of an order."
    ]
    assert messages(dispatcher.post(url(order, "link"), {"id": there["id"]}, follow=True)) == [
        "Noted. The order is read from BIFIT Kassa now."
    ]
    bifit_settle()
    assert steps.origin(order).data == there


def test_cancelling_on_the_form_warns_of_what_bifit_will_not_take(bifit: Bifit, dispatcher: Browser) -> None:
    _id, order = steps.born(bifit, currentStatusType="ISSUED")
    Order.objects.filter(pk=order.pk).update(
        payment_type=builders.order(9).payment_type, to_city="a", to_street="b", to_home="c"
    )
    assert "It cannot be cancelled there any more." in html(dispatcher, order)
    data = pages.change_form(dispatcher, order)
    data |= {"delivery_status": 11, "return_reason": builders.reason().pk}
    told = pages.save(dispatcher, order, data)
    assert any("cannot become REFUSED" in text for text in told)
    order.refresh_from_db()
    assert order.delivery_status == 11


def test_pasted_ids_become_a_run_that_is_shown(
    bifit: Bifit, dispatcher: Browser, bifit_settle: Callable[[], None]
) -> None:
    ids = [str(bifit.add()["id"]) for _ in range(3)]
    response = dispatcher.post(FETCH, {"ids": f" {ids[0]},{ids[1]};\n\t{ids[2]} / {ids[0]}"}, follow=True)
    run = Pull.objects.get()
    assert response.redirect_chain == [(f"/admin/sync/pull/{run.pk}/change/", 302)]
    assert (run.params, run.requested_by) == ({"ids": ids}, User.objects.get(username="dispatcher"))
    assert 'hx-trigger="every 2s"' in response.content.decode()
    bifit_settle()
    shown = dispatcher.get(f"/admin/sync/pull/{run.pk}/change/").content.decode()
    assert 'hx-trigger="every 2s"' not in shown
    assert Order.objects.count() == 3


@pytest.mark.parametrize("ids", ["", " ,; ", "1 " * 3 + " ".join(str(number) for number in range(10_001))])
def test_a_paste_without_ids_or_with_far_too_many_is_refused(bifit: Bifit, dispatcher: Browser, ids: str) -> None:
    response = dispatcher.post(FETCH, {"ids": ids})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Pull.objects.exists()


def test_the_wrong_user_may_nothing(bifit: Bifit, manager: Browser, stranger: Browser) -> None:
    _id, order = steps.born(bifit)
    before = Push.objects.count()
    for browser in (manager, stranger):
        for name in ("read", "tell", "create", "link"):
            assert browser.post(url(order, name), {"id": "5"}).status_code == 403, name
        assert browser.get(url(order, "conflict")).status_code == 403
        assert browser.get(FETCH).status_code == 403
        assert browser.post(FETCH, {"ids": "1"}).status_code == 403
    assert "Read now" not in html(manager, order)
    assert stranger.get("/admin/orders/origin/").status_code == 403
    assert manager.get("/admin/orders/origin/").status_code == 200
    assert (Push.objects.count(), Pull.objects.exclude(params={}).count()) == (before, 1)


def test_the_list_of_origins_is_filtered_and_costs_the_same_for_many(
    bifit: Bifit, manager: Browser, queries: Callable[[Callable[[], object]], list[str]]
) -> None:
    def look() -> Any:
        return manager.get("/admin/orders/origin/")

    steps.born(bifit, currentStatusType="NEW")
    few = len(queries(look))
    for _number in range(8):
        steps.born(bifit)
    assert len(queries(look)) == few
    assert "ACCEPTED" in look().content.decode()
    for query, count in ((("status", "NEW"), 1), (("is_open__exact", "1"), 9), (("sync_state__exact", "failed"), 0)):
        response = manager.get("/admin/orders/origin/", dict([query]))
        assert response.context["cl"].result_count == count, query
    shown = manager.get(f"/admin/orders/origin/{Origin.objects.all()[0].pk}/change/").content.decode()
    assert "currentStatusType" in shown


def test_the_order_list_costs_the_same_for_many_failures(
    bifit: Bifit, dispatcher: Browser, queries: Callable[[Callable[[], object]], list[str]]
) -> None:
    def look() -> Any:
        return dispatcher.get(pages.LIST)

    steps.born(bifit)
    Origin.objects.update(sync_state="failed", sync_error="no")
    few = len(queries(look))
    for _number in range(8):
        steps.born(bifit)
    Origin.objects.update(sync_state="failed", sync_error="no")
    assert len(queries(look)) == few


def test_the_settings_of_a_service(bifit: Bifit, admin_client: Browser, settings: Any) -> None:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    listed = admin_client.get("/admin/orders/feed/").content.decode()
    assert "VirtPos is off: VIRTPOS_URL, VIRTPOS_API_KEY is not set." in listed
    feed = Feed.objects.get(remote="bifit")
    StatusRule.objects.create(feed=feed, deed="delivered", status="FINISHED")
    shown = admin_client.get(f"/admin/orders/feed/{feed.pk}/change/").content.decode()
    for text in (
        *("Assigned to a courier → DISTRIBUTED – by default", "Delivered → FINISHED", "BIFIT_STATUS_PATH"),
        *("protected/online_orders/{id}", "Assumed, not documented", "Its orders go at once."),
    ):
        assert text in shown, text
    settings.BIFIT_PASSWORD = ""
    assert "BIFIT_PASSWORD" in admin_client.get(f"/admin/orders/feed/{feed.pk}/change/").content.decode()


def test_an_owner_saves_a_rule_and_a_payment_type(bifit: Bifit, admin_client: Browser) -> None:
    feed = Feed.of("bifit")
    cash = builders.order(1).payment_type
    data = pages.change_form(admin_client, feed)
    data |= {"payment_type": cash.pk, "window_minutes": 45, "rules-TOTAL_FORMS": 1}  # type: ignore[union-attr]
    data |= {"rules-0-deed": "taken", "rules-0-status": "", "rules-0-feed": feed.pk, "rules-0-id": ""}
    pages.save(admin_client, feed, data)
    feed.refresh_from_db()
    assert (feed.payment_type, feed.window_minutes) == (cash, 45)
    assert list(feed.rules.values_list("deed", "status")) == [("taken", "")]


def test_an_order_that_would_come_back_is_not_deleted(bifit: Bifit, admin_client: Browser) -> None:
    _id, order = steps.born(bifit)
    own = builders.order(1)
    assert admin_client.post(f"/admin/orders/order/{order.pk}/delete/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [order.pk, own.pk], "post": "yes"}
    response = admin_client.post(pages.LIST, data, headers={"accept-language": "en"})
    assert "would come back from there: cancel it instead." in response.content.decode()
    assert Order.objects.count() == 2
    admin_client.post(pages.LIST, {**data, "_selected_action": [own.pk]})
    assert Order.objects.get() == order
