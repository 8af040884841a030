"""The API's document: valid, whole, in both languages, and true to the seed's examples. Its pages: under the policy."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import reverse
from django.utils.translation import override
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from backoffice.partners.api.views import ApiView, NotFoundView
from backoffice.partners.models import Scope
from backoffice.partners.openapi.document import document
from backoffice.remotes.ireca.examples import EXAMPLES
from backoffice.urls import api_v1
from tests.partners.conftest import API, Partner
from tests.test_endpoints import table

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
SEED = re.compile(r"\((seed 002:\d+|Not in the seed\.|Этого нет в документе iRECA\.)\)$")
NOT_SHOWN = {"callback"}  # what webhooks post; the rest of the seed's examples are of requests and answers


@pytest.fixture(scope="module", params=["en", "ru"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def spec(language: str) -> dict[str, Any]:
    with override(language):
        return document()


@pytest.fixture(scope="module")
def english() -> dict[str, Any]:
    with override("en"):
        return document()


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What has a schema and perhaps examples: the request's body and the answers'."""
    for part in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from part.get("content", {}).values()


def test_it_is_openapi_3_1_and_made_without_a_warning(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1")
    validate_schema(spec)
    assert not GENERATOR_STATS


def test_every_address_and_method_is_in_it(english: dict[str, Any]) -> None:
    served = {
        (method.upper(), f"{API}/{route.pattern}")
        for route in api_v1
        if route.callback.view_class is not NotFoundView
        for method in ("get", "post", "put", "delete", "patch")
        if hasattr(route.callback.view_class, method)
    }
    assert len(served) >= 76
    assert {(method, path) for method, path, _ in operations(english)} == served
    assert all(issubclass(route.callback.view_class, ApiView) for route in api_v1)


def test_its_lines_are_those_of_the_seed(english: dict[str, Any]) -> None:
    """One of the lines where the seed defines the method: a read by id and a list are two of them."""
    defined: dict[tuple[str, str], set[int]] = {}
    for row in table():
        defined.setdefault((row.method, API + row.path.partition("?")[0]), set()).add(row.line)
    for method, path, operation in operations(english):
        *_, last = operation["description"].splitlines()
        lines = defined.pop((method, path), set())
        assert last in ({f"seed 002:{line}" for line in lines} or {"(Not in the seed.)"}), (method, path)
    assert [path for _, path in defined if path.startswith(API) and "<secret>" not in path] == []


def test_operations_have_names_of_their_own_and_tell_their_scopes(spec: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(spec):
        assert set(operation["x-scopes"]) <= set(Scope.values), (method, path)
        assert all(f"`{scope}`" in operation["description"] for scope in operation["x-scopes"])
        assert set(operation["tags"]) <= {tag["name"] for tag in spec["tags"]}
        assert {"401", "403", "429", "503"} <= operation["responses"].keys()


def test_whoever_needs_a_scope_is_told_which(english: dict[str, Any], db: None) -> None:
    """What the document says of scopes is what the endpoints ask for."""
    nobody = Partner("Nobody", scopes=[])
    for method, path, operation in operations(english):
        answer = nobody.client.generic(method, path)
        # Which scope a new webhook needs depends on what it is to tell of.
        is_refused = bool(operation["x-scopes"]) or (method, path) == ("POST", f"{API}/webhooks")
        assert (answer.status_code == 403) is is_refused, (method, path, answer.status_code)


def described(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every property of a schema, with its description."""
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            yield f"{path}.{name}", value.get("description", "")
        for key, value in schema.items():
            yield from described(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from described(value, f"{path}[{index}]")


def test_every_field_is_described_with_its_line(spec: dict[str, Any], language: str) -> None:
    found = list(described(spec["components"]["schemas"])) + list(described(spec["paths"]))
    assert len(found) > 500
    assert [place for place, text in found if not text.strip()] == []
    assert [place for place, text in found if not SEED.search(text)] == []
    words = [(place, re.sub("`[^`]*`", "", text)) for place, text in found]
    assert [place for place, text in words if bool(CYRILLIC.search(text)) != (language == "ru")] == []


def test_every_parameter_and_answer_is_described(spec: dict[str, Any], language: str) -> None:
    texts = [operation["summary"] for _, _, operation in operations(spec)]
    for _, _, operation in operations(spec):
        texts += [parameter["description"] for parameter in operation.get("parameters", [])]
    texts += [response["description"] for response in spec["components"]["responses"].values()]
    texts += [spec["info"]["title"], *(tag["name"] for tag in spec["tags"])]
    assert [text for text in texts if bool(CYRILLIC.search(text)) != (language == "ru")] == []


def test_every_example_of_the_seed_is_there_and_fits_its_schema(english: dict[str, Any]) -> None:
    shown = set()
    for method, path, operation in operations(english):
        for content in contents(operation):
            schema = {**content["schema"], "components": english["components"]}
            for name, example in content.get("examples", {}).items():
                shown.add(name)
                problems = [error.message for error in Draft202012Validator(schema).iter_errors(example["value"])]
                assert problems == [], (method, path, name)
    assert shown == {f"seed-{one.line:04}" for one in EXAMPLES if one.operation not in NOT_SHOWN}


def test_requests_that_are_refused_do_not_fit_the_schema(english: dict[str, Any]) -> None:
    content = english["paths"][f"{API}/goods"]["post"]["requestBody"]["content"]["application/json"]
    validator = Draft202012Validator({**content["schema"], "components": english["components"]})
    good = {"goodId": 1, "parentId": None, "taxId": "1", "title": "Tea", "price": "10,50"}
    assert validator.is_valid(good)
    assert validator.is_valid([good] * 500)
    for wrong in (
        [],
        [good] * 501,
        {**good, "goodId": True},
        {**good, "goodId": None},
        {**good, "price": 10**12},
        {**good, "price": "much"},
        {**good, "title": "x" * 1001},
        {name: value for name, value in good.items() if name != "taxId"},
    ):
        assert not validator.is_valid(wrong), wrong


# where it is served


@pytest.mark.parametrize(("accepted", "language"), [("", "ru"), ("en", "en"), ("de", "ru")])
def test_the_browser_decides_the_language(client: Client, db: None, accepted: str, language: str) -> None:
    served = client.get("/api/schema/", headers={"accept-language": accepted})
    assert served.headers["Content-Type"] == "application/json"
    assert "Accept-Language" in served.headers["Vary"]
    with override(language):
        assert served.json() == json.loads(json.dumps(document()))


def test_yaml_says_the_same(client: Client, db: None) -> None:
    told = client.get("/api/schema/?lang=en").json()
    for address, headers in (
        ("/api/schema/?lang=en&format=yaml", {}),
        ("/api/schema/?lang=en", {"accept": "application/yaml"}),
    ):
        served = client.get(address, headers=headers)
        assert "yaml" in served.headers["Content-Type"] or "openapi" in served.headers["Content-Type"]
        assert yaml.safe_load(served.content) == told


@pytest.mark.parametrize("name", ["api-start", "api-docs"])
def test_pages_are_there_in_both_languages_without_inline_scripts(client: Client, db: None, name: str) -> None:
    texts = {}
    for language in ("ru", "en"):
        page = client.get(reverse(name), headers={"accept-language": language})
        assert page.status_code == 200
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|\bstyle=", page.text)
        texts[language] = page.text
    assert "Партнёр" in texts["ru"] or "партнёр" in texts["ru"]
    assert not CYRILLIC.search(re.sub(r"<pre>.*?</pre>|<form.*?</form>", "", texts["en"], flags=re.DOTALL))


@pytest.fixture
def shop(transactional_db: None) -> Partner:
    """Made before a browser starts, which runs the database's guard against coroutines."""
    return Partner("Shop")


@pytest.fixture
def page(shop: Partner, live_server: LiveServer) -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser.new_page(locale="en-GB", viewport={"width": 390, "height": 844})
        browser.close()


@pytest.mark.browser
def test_an_endpoint_is_tried_with_a_token_under_the_policy(page: Page, live_server: LiveServer, shop: Partner) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(live_server.url + reverse("api-docs"))
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-bearer-value").fill(shop.text)
    page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply").click()
    page.locator(".btn-done").click()
    page.get_by_role("button", name="Expand operation").nth(3).click()
    block = page.locator("#operations-Directories-dictionary_orderStatuses_read")
    block.locator("button.opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table .response .response-col_status")).to_contain_text("200")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
