"""The address of the print server: one page that shows it, copies it and asks for it again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.models import Pull
from fiscal.models import Pechka54
from tests.sync.rows import make

URL = "/admin/fiscal/pechka54/"


@pytest.mark.django_db
def test_the_address_is_copied_not_changed(admin_client: Browser) -> None:
    row = make(Pechka54, url='https://print.example.org/?a="b"')
    for url in (URL, f"{URL}{row.pk}/change/"):
        page = admin_client.get(url).content.decode()
        assert 'value="https://print.example.org/?a=&quot;b&quot;"' in page
        assert "backoffice/copy.js" in page
    assert admin_client.post(f"{URL}{row.pk}/change/", {"url": "x"}).status_code == 403


@pytest.mark.django_db
def test_without_an_address_the_page_says_so(admin_client: Browser) -> None:
    page = admin_client.get(URL, headers={"accept-language": "en"}).content.decode()
    assert "iRECA has told no address yet" in page
    assert "data-copy" not in page


@pytest.mark.django_db(transaction=True)
def test_a_refresh_reads_it_from_ireca(admin_client: Browser, ireca: Sandbox, settle: Callable[[], None]) -> None:
    Pechka54.objects.all().delete()
    Pull.objects.all().delete()
    assert admin_client.post(f"{URL}refresh/").status_code == 302
    page = admin_client.get(URL).content.decode()
    assert 'hx-trigger="every 3s"' in page
    settle()
    page = admin_client.get(URL).content.decode()
    assert "pechka54/4066e321" in page
    assert 'hx-trigger="every 3s"' not in page


@pytest.mark.django_db
def test_a_failed_refresh_is_told(admin_client: Browser) -> None:
    Pull.objects.create(what="pechka54Settings", state="failed", error="503 Service Unavailable")
    assert "503 Service Unavailable" in admin_client.get(URL).content.decode()


@pytest.mark.django_db
def test_only_who_may_see_it_asks_for_it(client: Browser) -> None:
    client.force_login(User.objects.create_user("someone", is_staff=True))
    assert client.get(URL).status_code == 403
    assert client.get(f"{URL}refresh/").status_code == 405
    assert client.post(f"{URL}refresh/").status_code == 403
    assert not Pull.objects.exists()
