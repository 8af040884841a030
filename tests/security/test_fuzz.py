"""Whatever a remote, a partner or a scanner says: read, or refused with the one error that is documented for it.

What is read can be stored by both databases, and is the same after it was stored.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import msgspec
import pytest
from django.test import Client as Browser
from hypothesis import assume, example, given
from hypothesis import strategies as st

from backoffice.partners.models import Scope, Source, Token
from backoffice.remotes import wirejson
from backoffice.remotes.bifit import contract as bifit
from backoffice.remotes.errors import ContractError, documented_error, error_text, is_page
from backoffice.remotes.ireca import contract as ireca
from backoffice.remotes.ireca.contract.codec import plan_of
from backoffice.remotes.redact import redact
from backoffice.remotes.virtpos import layouts, tree
from backoffice.remotes.wirejson import BrokenRow, MalformedJson
from backoffice.sync import callbacks
from backoffice.sync.models import Callback
from orders import marking
from orders.bifit import ENTITY

# What remotes are known to send in place of what was meant, and what nobody means.
ODD = [
    *(None, "", {}, [], True, False, 0, 1, -1, 2**31, 2**63 - 1, -(2**63), 10**40, 0.1, -0.0, 1e300, 1e-300),
    *("0", "1", "true", "null", "NaN", "Infinity", "1e999999999", "-1E+400", "9" * 400, "1 000,50", "1.234,50", "١٢٣"),
    *("0000-00-00 00:00:00", "2026-02-30", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "24:00", "Z"),
    *("\0", "\ud800", "\ufeff", "\u202e", "a" * 5000, "=1+1", "<script>", "' OR 1=1 --", "../../etc/passwd", "%00"),
    *([[]], [{}], {"a": {}}, {"items": []}, {"": ""}, {"error": True}, [None, "", 1, {}]),
]
HALF_A_CHARACTER = re.compile(r"\\ud800(?!\\ud[c-f])")  # the odd one above, and not the first half of a whole one
SCALARS = st.one_of(
    st.sampled_from(ODD),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENTITIES = sorted(
    (value for value in vars(ireca).values() if isinstance(value, type) and issubclass(value, ireca.Entity)),
    key=lambda entity: entity.__name__,
)


@st.composite
def objects(draw: Any, names: list[str], values: Any = VALUES) -> dict[str, Any]:
    """With names that the contract knows, and some that it does not."""
    return draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=6), values, max_size=8))


@st.composite
def told(draw: Any) -> tuple[type[ireca.Entity], dict[str, Any]]:
    """An entity of iRECA and an object that might be one, with its nested ones."""
    entity = draw(st.sampled_from(ENTITIES))

    def values(cls: type[ireca.Entity], depth: int) -> dict[str, Any]:
        made = draw(objects([field.wire for field in plan_of(cls).fields.values()] or ["id"]))
        for field in plan_of(cls).fields.values():
            if field.nested is not None and depth and draw(st.booleans()):
                inner = values(field.nested, depth - 1)
                made[field.wire] = [inner] if field.many else inner
        return made

    return entity, values(entity, 2)


def received(raw: Any) -> Any:
    """As it comes out of the bytes of an answer."""
    text = json.dumps(raw, default=str, allow_nan=False)
    return wirejson.loads(HALF_A_CHARACTER.sub("", text).encode())


def storable(value: Any) -> str:
    """As a JSON column has it; fails where PostgreSQL would refuse it."""
    text = msgspec.json.encode(value).decode()
    assert "\\u0000" not in text
    assert len(text) < 200_000
    json.dumps(json.loads(text), allow_nan=False).encode()
    return text


@pytest.mark.one_engine
@given(told())
@example((ireca.Order, {"returnedOrder": {"unheardOf": 1}}))
@example((ireca.Order, {"description": "\U00010000 \ud800"}))
def test_any_object_of_ireca(told: tuple[type[ireca.Entity], dict[str, Any]]) -> None:
    entity, raw = told[0], received(told[1])
    try:
        obj = ireca.decode(entity, raw)
    except ContractError as error:
        ireca.bad_row(entity, raw, error)
        return
    kept = ireca.dump(obj)
    again = ireca.decode(entity, json.loads(storable(kept)))
    assert ireca.dump(again) == kept
    for operation in entity.writes:
        try:
            sent = ireca.encode(obj, operation)
        except ContractError:
            continue
        json.dumps(sent, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.one_engine
@given(objects([*bifit.fields(), "unheardOf"]))
@example({"location": {"a": 1e300}, "extra": [[[["\0"]]]]})
def test_any_order_of_bifit(raw: dict[str, Any]) -> None:
    raw = received(raw)
    try:
        order = bifit.decode(raw)
    except ContractError as error:
        bifit.bad_row(raw, None, error)
        return
    kept = bifit.dump(order)
    storable(kept)
    assert bifit.dump(bifit.decode(wirejson.loads(wirejson.dumps(bifit.encode(order))))) == kept


WORDS = [
    *("orders", "order", "items", "item", "customer", "customers", "success", "info", "id", "isnew", "guid", "amount"),
    *("root", "created_date", "paid", "quantity", "item_id", "email", "html", "a:b", "0"),
]


@st.composite
def markup(draw: Any) -> bytes:
    """XML that is mostly well-formed, as VirtPos might send it."""

    def element(depth: int) -> str:
        name = draw(st.sampled_from(WORDS[:-2]))
        inner = draw(
            st.sampled_from(["1", "", "2026-01-01 10:00:00", "1,234", "&lt;", "&amp;#0;", "&x;", "<![CDATA[a]]>", "я"])
        )
        if depth and draw(st.booleans()):
            inner = "".join(element(depth - 1) for _ in range(draw(st.integers(0, 3))))
        return f"<{name}>{inner}</{name if draw(st.integers(0, 30)) else 'b'}>"

    head = draw(
        st.sampled_from(
            ["", '<?xml version="1.0" encoding="windows-1251"?>', '<!DOCTYPE a [<!ENTITY x "y">]>', "\ufeff"]
        )
    )
    encoding = draw(st.sampled_from(["utf-8", "cp1251", "utf-16"]))
    text = f"{head}<root><success>1</success>{element(3)}{element(3)}</root>"
    return text.encode(encoding, "replace")


@pytest.mark.one_engine
@given(
    st.one_of(
        markup(),
        st.binary(max_size=200),
        objects(WORDS).map(lambda value: json.dumps({"success": 1, **value}, default=str).encode()),
    )
)
@example(b'{"success":1,"orders":[{"guid":"1","amount":1e999999}]}')
@example(b"<a>" * 100_000)
@example(b'<?xml version="1.0" encoding="utf-7"?><a/>')
def test_any_answer_of_virtpos(body: bytes) -> None:
    bad: list[Any] = []
    try:
        answer = layouts.read_answer(body)
        orders, customers = layouts.orders(answer, bad.append), layouts.customers(answer, bad.append)
    except ContractError:
        return
    for row in (*orders, *customers):
        storable(dict(row.raw))
    storable(tree.plain(answer.fields))


@pytest.mark.one_engine
@given(st.one_of(st.binary(max_size=200), VALUES.map(lambda value: json.dumps(value, default=str).encode())))
@example(b'{"error" => true, "message" => "no"}')
@example(b'"\\ud800"')
def test_any_bytes_as_json(body: bytes) -> None:
    try:
        value = wirejson.loads(body)
    except MalformedJson:
        pass
    else:
        assert wirejson.loads(wirejson.dumps(value)) == value
        documented_error(value)
    _is_known, text = error_text(body)
    assert len(text) <= 2000
    is_page(body)
    redact(body.decode("utf-8", "replace"), "secret-of-ours")


@pytest.mark.one_engine
@given(st.lists(VALUES, max_size=5), st.integers(1, 40))
def test_rows_are_the_same_however_they_are_cut(values: list[Any], size: int) -> None:
    text = json.dumps(values, default=str).encode()
    rows = list(wirejson.iter_array(text[at : at + size] for at in range(0, len(text), size)))
    try:
        whole = wirejson.loads(text)
    except MalformedJson:
        assert any(isinstance(row, BrokenRow) for row in rows)
    else:
        assert rows == whole


@pytest.mark.one_engine
@given(secret=st.text(alphabet="abcXYZ019-_=+/&%\"'<>", min_size=8, max_size=40), around=st.text(max_size=40))
def test_no_secret_is_left_in_a_text(secret: str, around: str) -> None:
    assume(secret not in around and len(set(secret)) > 3)
    masked = redact(f'{around} token={secret} "password": {json.dumps(secret)} {secret}', secret)
    assert secret not in masked


# marking codes

GTINS = st.text("0123456789", min_size=13, max_size=13).map(lambda digits: digits + marking.check_digit(digits))
SERIALS = st.text("ABCabc019!\"%&'()*+,-./_:;=<>?", min_size=1, max_size=20)
CHECKS = st.one_of(
    st.tuples(st.text("ABC0", min_size=4, max_size=4), st.text("ABC0", min_size=44, max_size=44)).map(
        lambda pair: f"91{pair[0]}{marking.GS}92{pair[1]}"
    ),
    st.text("ABC0", min_size=4, max_size=4).map(lambda value: f"93{value}"),
)


@pytest.mark.one_engine
@given(gtin=GTINS, serial=SERIALS, check=CHECKS, leader=st.sampled_from(["", *marking.LEADERS]))
def test_a_whole_code_is_read_back(gtin: str, serial: str, check: str, leader: str) -> None:
    code = f"01{gtin}21{serial}{marking.GS}{check}"
    mark = marking.parse(leader + code)
    assert (mark.gtin, mark.serial, mark.flaws) == (gtin, serial, frozenset())
    assert "".join(f"{name}{value}" for name, value in mark.groups) == check.replace(marking.GS, "")
    assert marking.key(leader + code) == marking.key(code) == f"{gtin}:{serial}"


@pytest.mark.one_engine
@given(st.one_of(st.text(max_size=80), st.text("0129\x1d]d \t", max_size=60)))
def test_any_text_as_a_code(text: str) -> None:
    mark = marking.parse(text)
    assert bool(mark.flaws) or mark.key
    assert isinstance(marking.key(text), str)


# callbacks and the API


@pytest.mark.django_db
@given(
    body=st.one_of(
        st.binary(max_size=100),
        VALUES.map(lambda value: json.dumps(value, default=str).encode()),
        objects(["orderId", "items", "number", "goods", "statusId", "id", "sessionId", "deviceId"]).map(
            lambda value: json.dumps({"items": [value]}, default=str).encode()
        ),
    ),
    kind=st.sampled_from([("ireca", "orders"), ("ireca", "licenses"), ("bifit", ENTITY)]),
)
@example(body=b"[" * 3000, kind=("ireca", "licenses"))
@example(body=b'{"deviceId":' + b"9" * 5000 + b"}", kind=("ireca", "licenses"))
def test_any_callback_is_done_or_fails_where_people_see_it(body: bytes, kind: tuple[str, str]) -> None:
    remote, entity = kind
    callback = callbacks.store(remote, entity, body)
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    callbacks.log.addHandler(handler)
    try:
        callbacks.process(None, "tests:1", remote)
    finally:
        callbacks.log.removeHandler(handler)
    callback.refresh_from_db()
    assert callback.state in (Callback.State.DONE, Callback.State.FAILED)
    assert [record.getMessage() for record in records] == [], callback.error


DEEP = {"goods": [{"specificities": []}], "clientId": {}, "addressToEntity": {"city": {}}}


@pytest.mark.django_db
@given(
    path=st.sampled_from(["orders", "clients", "goods", "orders/replace", "orders/callback", "webhooks"]),
    method=st.sampled_from(["post", "put"]),
    body=st.one_of(
        st.binary(max_size=100),
        st.lists(
            objects(["orderId", "clientId", "number", "goods", "url", "phone", "title", "goodId", "price"]), max_size=2
        ).map(lambda value: json.dumps(value, default=str).encode()),
        VALUES.map(lambda value: json.dumps(value, default=str).encode()),
    ),
    key=st.sampled_from([None, "key-1", "\x7f", "k" * 300]),
)
@example(path="orders", method="post", body=b"[" * 5000, key=None)
@example(path="orders", method="post", body=b'[{"goods":' + b'[{"a":' * 400 + b"1" + b"}]" * 400 + b"}]", key="key-2")
@example(path="clients", method="post", body=b'[{"clientId":' + b"9" * 5000 + b"}]", key="key-3")
@example(path="orders", method="post", body=b'[{"orderId":"1","amountToPay":1e999999}]', key="key-4")
def test_no_body_makes_the_api_fail(path: str, method: str, body: bytes, key: str | None) -> None:
    source, _is_new = Source.objects.get_or_create(title="Partner", defaults={"scopes": list(Scope.values)})
    headers = {"authorization": f"Bearer {Token.make(source)[1]}", **({"idempotency-key": key} if key else {})}
    name = {"orders": "orderId", "clients": "clientId", "goods": "goodId", "webhooks": "webhookId"}.get(path)
    query = f"?{name}=1" if method == "put" and name else ""
    browser = Browser(raise_request_exception=True)
    answer = getattr(browser, method)(f"/api/v1/{path}{query}", body, content_type="application/json", headers=headers)
    assert answer.status_code < 500
    assert answer.status_code < 300 or json.loads(answer.content)["error"] is True
