"""Webhooks and their log in the admin, submitted as a browser would; and what those without the right get."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.utils import timezone, translation

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks import manage
from tests.partners.webhooks.conftest import deliver, order, states
from tests.partners.webhooks.receiver import Receiver
from tests.sync.admin_pages import loaded, messages

pytestmark = pytest.mark.django_db(transaction=True)

HOOKS = "/admin/partners/webhook/"
LOG = "/admin/partners/delivery/"


@pytest.fixture(autouse=True)
def _english(admin_client: Browser) -> None:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    translation.activate("en")


@pytest.fixture
def staff() -> Callable[..., Browser]:
    """A signed-in colleague with these rights of the app."""

    def sign_in(*rights: str) -> Browser:
        user = User.objects.create_user("colleague", password="x", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="partners", codename__in=rights))
        browser = Browser(headers={"accept-language": "en"})
        browser.force_login(user)
        return browser

    return sign_in


def press(browser: Browser, hook: Webhook, command: str) -> Any:
    return browser.post(f"{HOOKS}{hook.pk}/{command}-webhook/", follow=True)


def test_a_webhook_is_made_and_its_secret_shown_once(
    admin_client: Browser, source: Source, receiver: Receiver, told: None
) -> None:
    data = loaded(admin_client, f"{HOOKS}add/", "webhook_form")
    response = admin_client.post(
        f"{HOOKS}add/", {**data, "source": source.pk, "kind": "orders", "url": receiver.url}, follow=True
    )
    hook = Webhook.objects.get()
    assert (hook.source, hook.url, hook.is_active) == (source, receiver.url, True)
    assert any(str(hook.secret) in text for text in messages(response))
    for url in (HOOKS, f"{HOOKS}{hook.pk}/change/"):
        assert str(hook.secret) not in admin_client.get(url).content.decode()


def test_one_webhook_too_many_is_refused(admin_client: Browser, source: Source, receiver: Receiver, told: None) -> None:
    for _ in range(manage.MOST):
        last = manage.create(source, "orders", receiver.url)
    data = {"source": source.pk, "kind": "orders", "url": receiver.url, "is_active": "on"}
    response = admin_client.post(f"{HOOKS}add/", data)
    assert response.status_code == 200
    assert "10 webhooks already" in response.content.decode()
    assert Webhook.objects.count() == manage.MOST
    # Those that are there can be changed.
    assert admin_client.post(f"{HOOKS}{last.pk}/change/", {"url": receiver.url + "/new"}).status_code == 302


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1/", "not allowed"),
        ("http://2130706433/", "not allowed"),
        ("ftp://example.com/", "neither"),
        ("http://me:secret@example.com/", "password"),
    ],
)
def test_an_address_that_can_never_be_called_is_refused(
    admin_client: Browser, source: Source, url: str, text: str
) -> None:
    response = admin_client.post(f"{HOOKS}add/", {"source": source.pk, "kind": "orders", "url": url, "is_active": "on"})
    assert response.status_code == 200
    assert text in response.content.decode()
    assert not Webhook.objects.exists()


def test_a_source_that_may_not_read_is_not_told(admin_client: Browser, source: Source) -> None:
    Source.objects.update(scopes=["clients"])
    response = admin_client.post(
        f"{HOOKS}add/", {"source": source.pk, "kind": "orders", "url": "https://example.com/", "is_active": "on"}
    )
    assert "scope" in response.content.decode()
    assert not Webhook.objects.exists()


def test_an_edit_leaves_alone_what_workers_write(admin_client: Browser, hook: Webhook, receiver: Receiver) -> None:
    url = f"{HOOKS}{hook.pk}/change/"
    data = loaded(admin_client, url, "webhook_form")
    Webhook.objects.update(failures=7)
    assert admin_client.post(url, {**data, "url": receiver.url + "/new"}).status_code == 302
    changed = Webhook.objects.get()
    assert (changed.url, changed.failures, changed.secret) == (receiver.url + "/new", 7, hook.secret)
    assert admin_client.post(url, {**data, "url": receiver.url + "/new"}).status_code == 302


def test_a_new_secret_is_shown_once_and_the_old_one_signs_on(admin_client: Browser, hook: Webhook) -> None:
    response = press(admin_client, hook, "rotate")
    changed = Webhook.objects.get()
    assert changed.secret != hook.secret
    assert changed.previous_secret == hook.secret
    assert any(str(changed.secret) in text for text in messages(response))
    assert str(changed.secret) not in admin_client.get(f"{HOOKS}{hook.pk}/change/").content.decode()


def test_a_test_event_is_sent_by_the_worker(admin_client: Browser, hook: Webhook, receiver: Receiver) -> None:
    press(admin_client, hook, "test")
    assert receiver.requests == [], "no request waits for a partner"
    deliver()
    assert receiver.taken[0].body == b'{"items":[]}'


def test_a_paused_webhook_is_told_everyone_and_resumed(
    admin_client: Browser, hook: Webhook, receiver: Receiver, source: Source, settings: Any
) -> None:
    settings.WEBHOOK_PAUSE_AFTER = 2
    receiver.answer = lambda received: 500
    order(source, 1)
    order(source, 2)
    deliver()
    assert "paused after many failures" in admin_client.get(HOOKS).content.decode()
    receiver.answer = lambda received: 201
    press(admin_client, hook, "resume")
    assert "paused after many failures" not in admin_client.get(HOOKS).content.decode()
    deliver()
    assert states() == ["done", "done"]


def test_all_that_was_given_up_is_replayed(
    admin_client: Browser, hook: Webhook, receiver: Receiver, source: Source
) -> None:
    order(source, 1)
    Delivery.objects.update(state="failed")
    assert "1 event" in messages(press(admin_client, hook, "replay"))[0]
    assert "nothing" in messages(press(admin_client, hook, "replay"))[0]
    deliver()
    assert len(receiver.taken) == 1


def test_the_log_tells_request_answer_and_time(
    admin_client: Browser, hook: Webhook, receiver: Receiver, source: Source
) -> None:
    receiver.text = b"thank you"
    order(source, 1, description="ring twice")
    deliver()
    done = Delivery.objects.get()
    page = admin_client.get(f"{LOG}{done.pk}/change/").content.decode()
    for text in ("ring twice", "thank you", str(done.event), "webhook-signature", "201", f"{done.duration_ms}"):
        assert text in page
    assert str(hook.secret) not in page


def test_the_log_is_filtered(admin_client: Browser, hook: Webhook, source: Source) -> None:
    other = manage.create(source, "orders", "https://example.com/")
    order(source, 1)
    Delivery.objects.filter(webhook=hook).update(
        state="failed", created_at=timezone.now() - timedelta(days=40), error="gone away"
    )

    def shown(**query: str) -> list[int]:
        response = admin_client.get(LOG, query)
        assert response.status_code == 200
        return [delivery.webhook_id for delivery in response.context["cl"].result_list]

    assert shown() == [other.pk, hook.pk]
    assert shown(state__exact="failed") == [hook.pk]
    assert shown(webhook__id__exact=str(other.pk)) == [other.pk]
    day = (timezone.localdate() - timedelta(days=1)).isoformat()
    assert shown(created_at_from_0=day) == [other.pk]
    assert shown(q=str(Delivery.objects.get(webhook=hook).event)) == [hook.pk]
    assert shown(q="no such thing") == []


def test_the_log_costs_the_same_for_many(
    admin_client: Browser, hook: Webhook, source: Source, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        order(source, number)
    with django_assert_max_num_queries(16):
        admin_client.get(LOG)
    with django_assert_max_num_queries(16):
        admin_client.get(HOOKS)


def test_chosen_events_are_replayed_after_a_question(
    admin_client: Browser, hook: Webhook, receiver: Receiver, source: Source
) -> None:
    for number in range(3):
        order(source, number)
    deliver()
    chosen = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:2])
    data = {"action": "replay", "_selected_action": chosen}
    asked = admin_client.post(LOG, data)
    assert "Confirm" in asked.content.decode()
    assert Delivery.objects.count() == 3
    assert "2 events" in messages(admin_client.post(LOG, {**data, "confirmed": "1"}, follow=True))[0]
    deliver()
    assert len(receiver.taken) == 5


# who may what


def test_who_may_only_look_changes_nothing(staff: Callable[..., Browser], hook: Webhook, source: Source) -> None:
    order(source, 1)
    Delivery.objects.update(state="failed")
    browser = staff("view_webhook", "view_delivery")
    page = browser.get(f"{HOOKS}{hook.pk}/change/").content.decode()
    assert "-webhook/" not in page
    for command in ("test", "rotate", "replay", "resume"):
        assert press(browser, hook, command).status_code == 403
    assert browser.get(f"{HOOKS}add/").status_code == 403
    one = Delivery.objects.get()
    browser.post(LOG, {"action": "replay", "_selected_action": [one.pk], "confirmed": "1"})
    assert browser.post(f"{LOG}{one.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Delivery.objects.get() == one
    assert Webhook.objects.get().secret == hook.secret


def test_who_may_not_look_sees_nothing(staff: Callable[..., Browser], hook: Webhook, source: Source) -> None:
    order(source, 1)
    Webhook.objects.update(paused_at=timezone.now(), pause_reason="gone away")
    browser = staff("view_source")
    for url in (HOOKS, f"{HOOKS}{hook.pk}/change/", LOG, f"{LOG}{Delivery.objects.get().pk}/change/"):
        assert browser.get(url).status_code == 403
    assert "gone away" not in browser.get("/admin/partners/source/").content.decode()


def test_who_may_change_the_log_may_replay(staff: Callable[..., Browser], hook: Webhook, source: Source) -> None:
    order(source, 1)
    Delivery.objects.update(state="failed")
    one = Delivery.objects.get()
    browser = staff("view_delivery", "change_delivery")
    browser.post(LOG, {"action": "replay", "_selected_action": [one.pk], "confirmed": "1"})
    assert Delivery.objects.count() == 2


@pytest.mark.parametrize(("address", "status"), [("0/test-webhook/", 404), ("x/test-webhook/", 404)])
def test_buttons_of_nothing(admin_client: Browser, hook: Webhook, address: str, status: int) -> None:
    assert admin_client.post(HOOKS + address).status_code == status
    assert admin_client.get(f"{HOOKS}{hook.pk}/test-webhook/").status_code == 405
    assert press(admin_client, hook, "explode").status_code == 404
