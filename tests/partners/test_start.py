"""`docs/partners.md` and the page at `/api/`: the same examples in both, and each of them works as it says."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from fiscal.models import PaymentType, Tax
from tests.partners.conftest import API, Partner

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "partners.md"
SEED_DATA = Path(settings.BASE_DIR) / "backoffice" / "remotes" / "sandbox" / "seed_data"


def in_document() -> list[str]:
    return [block for block in re.findall(r"```sh\n(.*?)\n```", DOCUMENT.read_text(), re.DOTALL) if "curl" in block]


def test_the_page_has_the_examples_of_the_document(client: Client, db: None) -> None:
    page = client.get("/api/")
    blocks = [html.unescape(block) for block in re.findall(r"<pre><code>(.*?)</code></pre>", page.text, re.DOTALL)]
    assert [block for block in blocks if "curl" in block] == in_document()
    assert f"export API=http://testserver{API}" in blocks[0]


def test_the_examples_name_what_the_demo_has() -> None:
    told = json.loads((SEED_DATA / "directories.json").read_text())
    text = DOCUMENT.read_text()
    for name, rows in (("paymentId", "paymentTypeId"), ("taxId", "taxId")):
        known = {str(row[rows]) for listed in told.values() for row in listed if rows in row}
        named = set(re.findall(rf'"{name}": "(\w+)"', text))
        assert named
        assert named <= known


def test_every_example_works(live_server: LiveServer, transactional_db: None) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    Tax.objects.create(ireca_id="8284", title="20%")
    PaymentType.objects.create(ireca_id="4113", title="Наличные", close_type=1)
    partner = Partner("Shop")
    environment = {**os.environ, "API": live_server.url + API, "TOKEN": partner.text}
    answers = {}
    for block in in_document():
        comment, command = block.split("\n", 1)
        told = subprocess.run(
            ["bash", "-c", command.replace("curl ", "curl --noproxy '*' -w '\\n%{http_code}' ", 1)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
        body, _, status = told.stdout.rpartition("\n")
        assert (status, told.stderr) == (comment.removeprefix("# "), ""), (command, body)
        answers[command] = body
    assert len(answers) == 11
    read = next(body for command, body in answers.items() if "orders?orderId=1001" in command)
    assert '"orderId":1001' in read
    assert '"clientId":"3271"' in read
    refused = next(body for body in answers.values() if '"error":true' in body)
    assert all(f'"field":"{name}"' in refused for name in ("statusId", "deliveryStatusId", "paymentId", "amountToPay"))
