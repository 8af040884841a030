"""Settings of ATOL Online: from the form to iRECA in the order of the saves, with the password seen nowhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client as Browser

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.models import Exchange, Push
from fiscal.models import AtolSettings
from tests.sync.admin_pages import loaded, messages

ATOL = "/admin/fiscal/atolsettings/"
PASSWORD = "correct-horse-battery"
GOOD: dict[str, Any] = {
    "setting_id": "1",
    "login": "shop",
    "password": PASSWORD,
    "inn": "7707083893",
    "kkt_group": "group-1",
    "tax_system": "osn",
    "agent_type": "",
}
Settle = Callable[[], None]


def save(browser: Browser, row: AtolSettings | None = None, **changes: Any) -> AtolSettings:
    """Submit the form of a row, or of a new one; returns the row."""
    if row is None:
        assert browser.post(f"{ATOL}add/", {**GOOD, **changes}).status_code == 302
        return AtolSettings.objects.latest("pk")
    url = f"{ATOL}{row.pk}/change/"
    data = loaded(browser, url, "atolsettings_form")
    assert browser.post(url, {**data, **changes}).status_code == 302
    row.refresh_from_db()
    return row


def page(browser: Browser, row: AtolSettings) -> Any:
    return browser.get(f"{ATOL}{row.pk}/change/", headers={"accept-language": "en"})


def payload(push: Push) -> dict[str, Any]:
    assert push.payload is not None
    return push.payload


def sent(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [request["body"] for request in sandbox.requests if request["path"] == "/atolOnlineSettings/replace"]


@pytest.mark.django_db(transaction=True)
def test_two_quick_saves_arrive_both_and_in_their_order(admin_client: Browser, ireca: Sandbox, settle: Settle) -> None:
    row = save(admin_client, is_production="on")
    save(admin_client, row, login="shop-2", password="another-password", agent_type="attorney")
    assert Push.objects.filter(state=Push.State.QUEUED).count() == 2
    settle()
    assert sent(ireca) == [
        {
            "settingId": 1,
            "login": "shop",
            "password": PASSWORD,
            "kktGroup": "group-1",
            "isProduction": 1,
            "company": {"inn": "7707083893", "taxSystem": "osn"},
        },
        {
            "settingId": 1,
            "login": "shop-2",
            "password": "another-password",
            "kktGroup": "group-1",
            "isProduction": 1,
            "company": {"inn": "7707083893", "taxSystem": "osn"},
            "agent": {"type": "attorney"},
        },
    ]
    assert {push.state for push in Push.objects.all()} == {Push.State.DONE}
    assert ireca.violations == []


@pytest.mark.django_db(transaction=True)
def test_the_password_is_seen_nowhere(
    admin_client: Browser, ireca: Sandbox, settle: Settle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    row = save(admin_client)
    token = payload(Push.objects.get())["password"]
    push_page = admin_client.get(f"/admin/sync/push/{Push.objects.get().pk}/change/").content.decode()
    assert PASSWORD not in push_page
    assert token not in push_page
    settle()
    assert sent(ireca)[0]["password"] == PASSWORD
    kept = [
        *map(str, Push.objects.values_list()),
        *map(str, Exchange.objects.values_list()),
        *map(str, AtolSettings.history.values_list()),
        *map(str, LogEntry.objects.values_list()),
        page(admin_client, row).content.decode(),
        caplog.text,
    ]
    assert Exchange.objects.filter(path__endswith="atolOnlineSettings/replace").exists()
    assert all(PASSWORD not in text for text in kept)
    # Once it has been sent, not even the token is kept.
    assert payload(Push.objects.get())["password"] == ""


@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_shown_and_a_later_save_goes_past_it(
    admin_client: Browser, ireca: Sandbox, settle: Settle
) -> None:
    row = save(admin_client)
    Push.objects.update(payload={**payload(Push.objects.get()), "tax_system": "no-such-system"})
    settle()
    first = Push.objects.get()
    assert first.state == Push.State.REFUSED
    shown = page(admin_client, row)
    assert first.error
    assert first.error in shown.content.decode().replace("&quot;", '"').replace("&#x27;", "'")
    assert shown.context["atol_push"].is_refused

    save(admin_client, row, login="shop-3")
    settle()
    first.refresh_from_db()
    assert first.state == Push.State.DONE
    assert first.error
    assert payload(first)["password"] == ""
    assert [body["login"] for body in sent(ireca)][-1] == "shop-3"
    assert page(admin_client, row).context["atol_push"].is_sent


@pytest.mark.django_db(transaction=True)
def test_a_refused_save_does_not_hold_up_one_that_was_made_meanwhile(
    admin_client: Browser, ireca: Sandbox, settle: Settle
) -> None:
    row = save(admin_client)
    Push.objects.update(payload={**payload(Push.objects.get()), "tax_system": "no-such-system"})
    save(admin_client, row, login="shop-2")
    settle()
    assert [body["login"] for body in sent(ireca)] == ["shop", "shop-2"]
    first, second = Push.objects.order_by("pk")
    assert (first.state, second.state) == (Push.State.DONE, Push.State.DONE)
    assert first.error
    assert not second.error


@pytest.mark.django_db(transaction=True)
def test_a_refused_save_is_retried_by_hand(admin_client: Browser, ireca: Sandbox, settle: Settle) -> None:
    row = save(admin_client)
    right = payload(Push.objects.get())
    Push.objects.update(payload={**right, "tax_system": "no-such-system"})
    settle()
    Push.objects.update(payload=right)  # iRECA has come to know it
    assert admin_client.post(f"{ATOL}{row.pk}/send/").status_code == 302
    settle()
    assert Push.objects.get().state == Push.State.DONE
    # What was sent can be sent once more: iRECA may have lost it in the cabinet.
    admin_client.post(f"{ATOL}{row.pk}/send/")
    settle()
    assert [body["taxSystem"] for body in (request["company"] for request in sent(ireca))] == [
        "no-such-system",
        "osn",
        "osn",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_lost_answer_is_sent_again(admin_client: Browser, ireca: Sandbox, settle: Settle) -> None:
    ireca.faults.set("reset_after", times=1, path_contains="atolOnlineSettings")
    row = save(admin_client)
    settle()
    assert page(admin_client, row).context["atol_push"].is_open
    admin_client.post("/admin/sync/remotestate/ireca/unblock-remote/")
    settle()
    assert page(admin_client, row).context["atol_push"].is_sent
    assert len(sent(ireca)) == 2


@pytest.mark.django_db(transaction=True)
def test_a_password_under_a_lost_key_is_refused_with_advice(
    admin_client: Browser, ireca: Sandbox, settle: Settle, settings: Any
) -> None:
    save(admin_client)
    settings.FIELD_KEYS = ["another-key"]
    settle()
    assert sent(ireca) == []
    push = Push.objects.get()
    assert push.state == Push.State.REFUSED
    assert "FIELD_KEYS" in push.error


@pytest.mark.django_db
def test_a_save_without_a_change_sends_nothing(admin_client: Browser) -> None:
    row = save(admin_client)
    save(admin_client, row)
    assert Push.objects.count() == 1
    save(admin_client, row, password="new-password")
    assert Push.objects.count() == 2


@pytest.mark.django_db
def test_settings_from_before_were_never_sent(admin_client: Browser) -> None:
    row = AtolSettings.objects.create(**{**GOOD, "password": PASSWORD})
    assert page(admin_client, row).context["atol_push"].push is None
    answer = admin_client.post(f"{ATOL}{row.pk}/send/", follow=True)
    assert len(messages(answer)) == 2  # it is on its way; iRECA is off
    assert Push.objects.get().remote_id == "1"


@pytest.mark.django_db
def test_the_id_is_a_number_and_stays(admin_client: Browser) -> None:
    response = admin_client.post(f"{ATOL}add/", {**GOOD, "setting_id": "one"})
    assert list(response.context["adminform"].form.errors) == ["setting_id"]
    row = save(admin_client, save(admin_client), setting_id="2")
    assert row.setting_id == "1"


@pytest.mark.django_db
@pytest.mark.parametrize(("group", "status"), [("Accountants", 302), ("Managers", 403), ("Dispatchers", 403)])
def test_only_who_may_change_them_sends_them(client: Browser, group: str, status: int) -> None:
    row = AtolSettings.objects.create(**{**GOOD, "password": PASSWORD})
    user = User.objects.create_user(group, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)
    assert client.get(f"{ATOL}{row.pk}/send/").status_code == 405
    assert client.post(f"{ATOL}{row.pk}/send/").status_code == status
    assert Push.objects.count() == (status == 302)
