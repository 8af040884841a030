"""Both languages are complete: the catalogue against the code, the pages against the reader's language."""

import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polib
import pytest
import unfold
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.auth.models import User
from django.db import models
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_str
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import override
from playwright.sync_api import expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from backoffice.accounts.models import Attempt, Authenticator, BackupCode
from backoffice.locale import collect
from backoffice.partners.models import IdempotentRequest, Scope
from backoffice.sync.connection import TITLES
from backoffice.sync.models import Push
from backoffice.sync.pull import readers
from catalog.models import Good
from couriers.models import Courier
from fiscal.corrections import Fault, Ffd
from fiscal.models import Receipt, Tax
from orders.models import Client, Order

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
PLACEHOLDER = re.compile(r"%%|%(?:\(\w+\))?[a-z]|\{\w*\}")
TAG = re.compile(r"<[^>]+>")

# Latin words that a Russian page keeps: names of systems and formats, of keys, of the other language.
KEPT = {"API", "iRECA", "HTTP", "HTTPS", "RRN", "JSON", "URL", "English", "Ctrl", "esc"}
KEPT |= {"CSV", "XLSX", "Excel"}
KEPT |= {"BIFIT", "Kassa", "VirtPos", "EAN"}
KEPT |= {"Control", "Command", "Mac", "Single", "Sing", "LDAP", "manage", "worker"}

# Django keeps the names of permissions in the database, in English, and shows them where groups are edited.
PERMISSION = re.compile(r".+ \| .+ \| Can .+")
# Scopes of partners are words of the API; beside each stands what it means.
SCOPE = re.compile(r"^(?:{0})$|\((?:{0})\)".format("|".join(Scope.values)))
EXAMPLE = re.compile(r"\b[a-z]+:\d+|\S+@\S+|\b[A-Z]+_[A-Z_]+\b")  # the last: a setting

DATA = {
    "Пётр",
    "Иванов",
    "Сидоров",
    "НДС",
    "Пицца",
    "admin",
    "Dispatchers",
    "Managers",
    "Accountants",
    "Partner",
    "managers",
}

UNSEEN = {Attempt, Authenticator, BackupCode, IdempotentRequest}

# Columns that only the machinery reads: no page shows them (test_no_page_mixes_the_languages would see them).
INTERNAL = {
    "accounts.Visit.key",
    *(f"orders.Erasure.{name}" for name in ("clients", "orders", "known", "swept", "asked_by")),
    "fiscal.CashHandover.key",
    "orders.BulkChange.after_each",
    *(f"orders.RoutePlan.{name}" for name in ("version", "setup", "stops", "routes")),
    "orders.JournalEntry.digest",
    "orders.Line.mark_key",
    "orders.Order.details_attempts",
    "orders.Customer.agreed",
    "orders.Origin.agreed",
    "orders.Origin.kin",
    "orders.Order.details_due_at",
    "orders.Order.refund_key",
    "partners.Delivery.change",
    "partners.Delivery.open_key",
    "partners.Token.digest",
    *(f"sync.AccessToken.{name}" for name in ("access", "refresh", "account", "lease_owner", "lease_until")),
    *(f"sync.AccessToken.{name}" for name in ("refusal", "refused_until")),
    "sync.Callback.digest",
    *(f"sync.ExportLog.kind={name}" for name in ("csv", "xlsx")),
    *(f"reports.ReportSubscription.format={name}" for name in ("csv", "xlsx")),
    "sync.Callback.read_ids",
    "sync.Pull.open_key",
    "sync.Push.change",
    "sync.Push.open_key",
    "sync.RemoteState.paced_until",
    "sync.Turn.name",
    "sync.Turn.taken_at",
    *(f"transfer.ColumnChoice.{name}" for name in ("table", "digest", "user", "mapping", "chosen_at")),
    *(f"transfer.FailedRow.{name}" for name in ("run", "cells")),
    *(f"transfer.Import.{name}" for name in ("language", "header", "header_row", "samples", "shown")),
    *(f"transfer.ImportFile.{name}" for name in ("run", "data")),
}


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(collect.CATALOGUE))


@pytest.fixture(scope="module")
def own() -> collect.Found:
    return collect.collect(collect.own_roots())


def forms(entry: polib.POEntry) -> list[tuple[str, str]]:
    """Each Russian text of an entry beside the English one that it stands for."""
    if entry.msgid_plural:
        return [(entry.msgid_plural, text) for text in entry.msgstr_plural.values()]
    return [(entry.msgid, entry.msgstr)]


def test_every_text_of_ours_and_of_the_third_parties_is_translated(catalogue: polib.POFile) -> None:
    there = {(entry.msgctxt, entry.msgid): entry for entry in catalogue if not entry.obsolete}
    needed = collect.required()

    assert sorted(map(str, needed.keys() - there.keys())) == [], "run make messages"
    assert sorted(map(str, there.keys() - needed.keys())) == [], "run make messages"
    assert [entry.msgid for entry in catalogue if not entry.translated() or entry.fuzzy] == []
    assert [key for key, message in needed.items() if (there[key].msgid_plural or None) != message.plural] == []


def test_plural_forms_are_complete(catalogue: polib.POFile) -> None:
    assert [
        entry.msgid
        for entry in catalogue
        if entry.msgid_plural and (sorted(entry.msgstr_plural) != [0, 1, 2, 3] or not all(entry.msgstr_plural.values()))
    ] == []


@pytest.mark.parametrize("part", [PLACEHOLDER, TAG], ids=["placeholders", "tags"])
def test_both_sides_of_a_translation_have_the_same(part: re.Pattern[str], catalogue: polib.POFile) -> None:
    differing = [
        (english, russian)
        for entry in catalogue
        for english, russian in forms(entry)
        if sorted(part.findall(english)) != sorted(part.findall(russian))
    ]

    assert differing == []


def test_each_side_is_written_in_its_own_language(catalogue: polib.POFile) -> None:
    wrong = []
    for entry in catalogue:
        for english, russian in forms(entry):
            words = re.findall("[A-Za-z]{2,}", PLACEHOLDER.sub("", TAG.sub("", english)))
            if CYRILLIC.search(english) or (set(words) - KEPT and not CYRILLIC.search(russian)):
                wrong.append((english, russian))

    assert wrong == []


def test_the_compiled_catalogue_is_that_of_the_source(catalogue: polib.POFile) -> None:
    compiled = polib.mofile(str(collect.CATALOGUE.with_suffix(".mo")))

    def texts(file: list[polib.POEntry]) -> dict[tuple[str | None, str], list[tuple[str, str]]]:
        return {(entry.msgctxt, entry.msgid): forms(entry) for entry in file}

    assert texts(compiled) == texts(catalogue), "run make messages"
    assert compiled.metadata["Plural-Forms"] == collect.HEADER["Plural-Forms"]


def test_texts_can_be_collected(own: collect.Found) -> None:
    """A text put together when the program runs is in no catalogue."""
    assert own.uncollectable == []


def test_a_translated_text_is_no_f_string(tmp_path: Path) -> None:
    """The collector itself: what it takes, and what it reports."""
    (tmp_path / "code.py").write_text('_("one")\nngettext("day", "days", 2)\npgettext("c", "two")\n_(f"{x}")\n_(x)\n')
    (tmp_path / "page.html").write_text(
        "{% translate 'three' %} {{ _('four')|title }} {% include 'x' with a=_('five') %}\n"
        "{% blocktranslate trimmed count n=n %}\n a day {% plural %} {{ n }} days {% endblocktranslate %}"
    )

    found = collect.collect([tmp_path])

    assert set(found.messages.values()) == {
        collect.Message(None, "one", None),
        collect.Message(None, "day", "days"),
        collect.Message("c", "two", None),
        collect.Message(None, "three", None),
        collect.Message(None, "four", None),
        collect.Message(None, "five", None),
        collect.Message(None, "a day", "%(n)s days"),
    }
    assert found.uncollectable == [f"{tmp_path / 'code.py'}:4", f"{tmp_path / 'code.py'}:5"]


def labels() -> Iterator[tuple[str, object]]:
    """Every text of our models that a person reads, with the place where it is written.

    Left out: keys that Django makes itself, and tables that no page names: those of simple-history, those of the API.
    """
    for model in apps.get_models():
        if not collect.is_ours(model._meta.app_config) or hasattr(model, "history_object") or model in UNSEEN:
            continue
        place = model._meta.label
        yield f"{place}.verbose_name", model._meta.verbose_name
        yield f"{place}.verbose_name_plural", model._meta.verbose_name_plural
        for field in model._meta.get_fields():
            if isinstance(field, models.Field) and not field.auto_created:
                yield f"{place}.{field.name}", field.verbose_name
                if field.help_text:
                    yield f"{place}.{field.name}.help_text", field.help_text
                for value, label in field.flatchoices:
                    yield f"{place}.{field.name}={value}", label


def test_every_model_field_and_choice_has_a_name_in_both_languages() -> None:
    with override("en"):
        english = {place: force_str(text) for place, text in labels()}
    with override("ru"):
        russian = {place: force_str(text) for place, text in labels()}

    assert {place: text for place, text in english.items() if CYRILLIC.search(text)} == {}
    brands = set(TITLES.values())
    assert {place for place, text in russian.items() if not CYRILLIC.search(text)} - INTERNAL == {
        place for place, text in russian.items() if text in brands
    }
    assert {place for place in INTERNAL if CYRILLIC.search(russian[place])} == set()


@pytest.mark.parametrize(
    ("accepts", "language"),
    [
        ("ru", "ru"),
        ("en", "en"),
        ("en-GB,en;q=0.9,ru;q=0.8", "en"),
        ("ru-RU,en;q=0.5", "ru"),
        ("de", "ru"),
        (None, "ru"),
    ],
)
def test_the_browser_decides_and_russian_is_for_the_rest(
    client: Browser, db: None, accepts: str | None, language: str
) -> None:
    headers = {} if accepts is None else {"Accept-Language": accepts}

    page = client.get(reverse("admin:login"), headers=headers)

    assert page.headers["Content-Language"] == language
    assert ("Войти" in page.text) is (language == "ru")
    assert ("Log in" in page.text) is (language == "en")


@pytest.mark.parametrize("page", ["admin:login", "admin:index", "admin:orders_order_changelist"])
def test_the_header_switches_the_language_and_the_choice_stays(client: Browser, admin_user: User, page: str) -> None:
    client.headers = {"Accept-Language": "ru"}
    if page != "admin:login":
        client.force_login(admin_user)
    address = reverse(page)

    before = client.get(address).text
    form = re.search(r"<form[^>]*data-languages>.*?</form>", before, re.DOTALL)
    assert form is not None
    assert f'action="{reverse("set_language")}"' in form.group()
    assert f'name="next" value="{address}"' in form.group()
    assert re.search(r'<button [^>]*name="language" value="en" lang="en"[^>]*>English</button>', form.group())
    assert 'value="ru"' not in form.group()
    changed = client.post(reverse("set_language"), {"language": "en", "next": address})

    assert (changed.status_code, changed.headers["Location"]) == (302, address)
    assert client.get(address).headers["Content-Language"] == "en"


@pytest.mark.browser
def test_filters_can_be_reached_with_the_keyboard(live_server: LiveServer, admin_client: Browser) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no browser")
    session = admin_client.cookies["sessionid"].value
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(locale="ru-RU", viewport={"width": 1280, "height": 720})
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.goto(live_server.url + reverse("admin:orders_order_changelist"))
        shortcut, panel = page.get_by_role("button", name="Фильтры"), page.locator("#changelist-filter")
        expect(panel).to_be_hidden()

        for _press in range(120):
            page.keyboard.press("Tab")
            if shortcut.evaluate("element => element === document.activeElement"):
                break
        expect(shortcut).to_be_focused()
        page.keyboard.press("Enter")
        expect(panel).to_be_visible()
        expect(panel.locator(":focus")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(shortcut).to_be_focused()
        browser.close()


class Words(HTMLParser):
    """The text that a reader sees or hears: without scripts, styles, and the names of icons."""

    ATTRIBUTES = ("title", "placeholder", "aria-label", "alt")
    VOID = {"input", "br", "img", "meta", "link", "hr", "source"}

    def __init__(self) -> None:
        super().__init__()
        self.hidden: list[bool] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.texts += [value for name in self.ATTRIBUTES if (value := values.get(name))]
        if tag not in self.VOID:
            unread = tag in ("script", "style", "pre", "code") or "material-symbols" in (values.get("class") or "")
            self.hidden.append(unread or self.hidden[-1:] == [True])

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self.hidden.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and self.hidden[-1:] != [True]:
            self.texts.append(data.strip())


@pytest.fixture
def addresses(db: None) -> list[str]:
    """Pages of every kind: of each model those without a row, and those of a few rows that were never sent."""
    courier = Courier.objects.create(title="Пётр Иванов")
    client = Client.objects.create(lastname="Сидоров")
    good = Good.objects.create(title="Пицца")
    order = Order.objects.create(number="17", courier=courier, client=client)
    order.lines.create(good=good, title="Пицца", price=100, total=100)
    receipt = Receipt.objects.create(order=order, kind="sale", fn="9999", date_time_receipt=timezone.now())
    rows: list[models.Model] = [courier, client, good, order, Tax.objects.create(title="НДС"), *Push.objects.all()]
    found = [reverse("admin:index"), reverse("admin:password_change")]
    found += [reverse(f"fiscal-{page}") for page in ("control", "numbers", "shifts")]
    found += [reverse("fiscal-receipt", args=[receipt.pk]), reverse("fiscal-receipt-print", args=[receipt.pk])]
    for page in ("fiscal-correction", "fiscal-correction-print"):
        found += [
            reverse(page, args=[order.pk], query={"fault": fault, "ffd": ffd, "receipt": receipt.pk})
            for fault in Fault
            for ffd in Ffd
        ]
    for model in admin.site._registry:
        found += [reverse(admin_urlname(model._meta, SafeString(page))) for page in ("changelist", "add")]
    for row in rows:
        for page in ("change", "history", "delete"):
            found.append(reverse(admin_urlname(row._meta, SafeString(page)), args=[row.pk]))
    return found


@pytest.mark.parametrize(("language", "other"), [("ru", "[A-Za-z]{3,}"), ("en", "[А-ЯЁа-яё]{3,}")])
def test_no_page_mixes_the_languages(admin_client: Browser, addresses: list[str], language: str, other: str) -> None:
    wire = {reader.name for reader in readers()}  # what is sent and read is named as on the wire
    # unfold's list of a row's history writes None where a change has no reason.
    kept = {*KEPT, *DATA, "Русский", "None", *wire, *map(capfirst, wire)}
    mixed = set()
    for address in addresses:
        page = admin_client.get(address, headers={"Accept-Language": language})
        if page.status_code == 403:  # what a remote owns has no form for new rows
            continue
        assert page.status_code == 200, address
        reader = Words()
        reader.feed(page.text)
        mixed |= {
            text
            for text in reader.texts
            if set(re.findall(other, SCOPE.sub("", EXAMPLE.sub("", text)))) - kept and not PERMISSION.fullmatch(text)
        }

    assert sorted(mixed) == []


def test_the_scripts_of_unfold_find_their_texts(admin_client: Browser) -> None:
    script = (Path(unfold.__file__).parent / "static/admin/js/actions.js").read_text()
    texts = re.findall(r'gettext\(\s*"([^"]+)"', script)
    page = admin_client.get(reverse("admin:jsi18n"), headers={"Accept-Language": "ru"}).text
    translations = re.search(r"const newcatalog = (\{.*?\});\n", page, re.DOTALL)

    assert texts
    assert translations is not None
    assert [text for text in texts if not CYRILLIC.search(str(json.loads(translations[1]).get(text)))] == []
