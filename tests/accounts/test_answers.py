"""What remotes answered, for somebody who may not see personal data: wherever it is told, and however it is spelled."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from backoffice.remotes.errors import Config, ContractError, Refused
from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.client.resources import Clients
from backoffice.remotes.ireca.contract import bad_row
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import connection, figures, personal
from backoffice.sync.models import Callback, Exchange, Notice, Pull, Push, Schedule
from backoffice.sync.notices import watch
from orders.models import Client
from tests.accounts.test_blind import browser_of, person

pytestmark = pytest.mark.django_db

PHONE, MAIL = "+79217776655", "zina@rare.example"
SAID = f"The phone {PHONE} of {MAIL} is taken"
SHOWN = "The phone •••55 of ••• is taken"
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def blind() -> Browser:
    return browser_of(person("blind", without=personal.RIGHT))


def refused(error: str = SAID, **values: Any) -> Push:
    values = {"state": "refused", "error": error, **values}
    return Push.objects.create(remote="ireca", entity="orders", object_id=1, **values)


def told(answer: Any) -> str:
    assert answer.status_code == 200
    text: str = answer.content.decode()
    assert "7776655" not in text
    assert MAIL not in text
    return text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("89217776655", "•••55"),
        ("phone: 8 921 777-66-55.", "phone: •••55."),
        ("+375 29 123", "•••23"),
        ("9217776655", "•••55"),
        ("+7\u00a0(921)\u00a0777-66-55", "•••55"),
        ("8\u00a0921\u00a0777\u00a066\u00a055", "•••55"),
        ("tel. (921) 777-66-55!", "tel. •••55!"),
        ("921-777-66-55", "•••55"),
        ("8.921.777.66.55", "•••55"),
        ("8 (921) 777–66–55", "•••55"),
        ("8 - 921 - 777 - 66 - 55", "•••55"),
        ("a.b+c@mail.rare.example, zina%40rare.example", "•••, •••"),
        (
            'Client 17: not a number {"lastname":"Petrova"}\nOrder 8: lacks price',
            "Client 17: not a number {•••}\nOrder 8: lacks price",
        ),
        ("x" * 191 + "892177766", "x" * 191 + "•••"),
        ("x" * 191 + " zina@rare", "x" * 191 + " •••"),
        *(
            (text, text)
            for text in (
                "",
                "order 123456789 at 2026-11-24 03:11:10",
                "orders 20990 20991 20992 are not there",
                "good 4600000000017 has no barcode",
                "order 1700000000 is not there",
                "between 2026-11-24 2026-11-25",
                "HTTPConnectionPool(host='127.0.0.1', port=36953): [Errno 111] Connection refused",
            )
        ),
    ],
)
def test_the_mask(said: str, shown: str) -> None:
    assert personal.mask_said(said) == shown
    assert personal.mask_said(shown) == shown


def test_why_a_remote_is_out_is_told_on_every_page(blind: Browser, ireca: Sandbox) -> None:
    connection.failed("ireca", Config(SAID))
    for page in (reverse("sync-health"), "/admin/sync/remotestate/", "/admin/sync/remotestate/ireca/change/"):
        assert SHOWN in told(blind.get(page)), page
    told(blind.get("/admin/orders/order/"))


def test_failures_alike_are_told_and_sent_again_without_their_text(blind: Browser) -> None:
    refused(open_key="1")
    refused(open_key="2")
    refused("another", open_key="3")
    page = blind.get(reverse("sync-health"))
    assert SHOWN in told(page)
    (row,) = [row for row in page.context["failures"] if row["failure"].count == 2]
    for address in (row["url"], row["retry_url"]):
        assert "phone" not in address
    listed = blind.get(row["url"])
    assert len(listed.context["cl"].result_list) == 2
    told(listed)
    assert "2 pushes are sent again now" in told(blind.post(row["retry_url"], headers=ENGLISH))
    blind.post(row["retry_url"], {"confirmed": "1"})
    assert Push.objects.filter(state="queued").count() == 2


def test_nobody_guesses_at_a_failure(blind: Browser) -> None:
    refused(open_key="1")
    address = reverse("sync-health-command", args=["retry"])
    for guess in ({"error": "The phone +7921777665"}, {"like": "The phone +7921777665"}, {"like": "0" * 16}, {}):
        query = {"entity": "orders", "state": "refused", **guess}
        assert blind.post(f"{address}?{'&'.join(f'{k}={v}' for k, v in query.items())}").status_code == 404
    assert list(blind.get("/admin/sync/push/?like=The").context["cl"].result_list) == []


def test_notices_are_for_many(blind: Browser) -> None:
    Schedule.objects.update_or_create(
        name="clients", defaults={"every": 60, "enabled": True, "failures": 5, "error": SAID}
    )
    connection.failed("ireca", Config(SAID))
    watch.watch(timezone.now(), all_kinds=True)
    assert SAID not in str(list(Notice.objects.values_list("params", flat=True)))
    assert SHOWN in told(blind.get(reverse("notices")))


def test_a_row_that_could_not_be_read_is_quoted_for_who_may_see_it(blind: Browser, admin_client: Browser) -> None:
    row = {"clientId": "17", "lastname": "Petrova", "birthday": "1917-11-07", "addressToEntity": {"street": "Arbat"}}
    text = str(bad_row(contract.Client, row, ContractError("bonus", "expected a number")))
    assert text.startswith('Client 17, bonus: expected a number {"clientId":"17"')
    run = Pull.objects.create(what="clients", state="failed", error=text)
    callback = Callback.objects.create(
        kind="clients", state="failed", body="{}", digest="d", error=f"ValueError: {text}"
    )
    for page in (f"/admin/sync/pull/{run.pk}/change/", f"/admin/sync/callback/{callback.pk}/change/"):
        shown = told(blind.get(page))
        assert "Client 17, bonus: expected a number {•••}" in shown
        assert not [each for each in ("Petrova", "1917", "Arbat") if each in shown]
        assert "Petrova" in admin_client.get(page).content.decode()


def test_what_a_refresh_answers(blind: Browser, ireca: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(_self: Any, _id: str) -> None:
        raise Refused(SAID)

    monkeypatch.setattr(Clients, "get", get)
    action = {"action": "refresh_from_ireca", "_selected_action": [Client.objects.exclude(ireca_id=None)[0].pk]}
    assert SHOWN in told(blind.post("/admin/orders/client/", action, follow=True))


def test_a_report_cuts_no_phone_in_two(blind: Browser) -> None:
    said = "x" * (figures.TEXT - 9) + "89217776655 is no phone"
    Exchange.objects.create(remote="ireca", method="POST", path="/orders", status=400, error=said)
    text = blind.get("/reports/exchanges/?by=list&period=today").content.decode()
    assert "x" * 50 in text
    assert not re.search(r"x8\d", text)
