"""The online order of seed 000: read without a loss, written as it came, and moved only where the seed allows."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from backoffice.remotes.bifit.contract import (
    CLOSED,
    NOT_CREATED_SO,
    NOT_DELETED,
    NOT_REFUSED,
    REASONS,
    OnlineOrder,
    Status,
    TaxSystem,
    bad_row,
    decode,
    dump,
    encode,
    fields,
    may_become,
)
from backoffice.remotes.bifit.examples import ORDER
from backoffice.remotes.errors import ContractError
from backoffice.remotes.wirejson import dumps, loads

TEXT = ORDER.read_bytes()


def sample(**changes: Any) -> dict[str, Any]:
    return loads(TEXT) | changes


def failure(call: Any) -> ContractError:
    with pytest.raises(ContractError) as caught:
        call()
    return caught.value


def test_the_sample_has_33_fields_and_all_are_known() -> None:
    assert list(fields()) == list(json.loads(TEXT))
    assert len(fields()) == 33
    assert decode(sample()).extra == {}


def test_the_sample_comes_back_key_for_key_and_digit_for_digit() -> None:
    written = dumps(encode(decode(sample())))
    assert list(loads(written).items()) == list(sample().items())
    assert written == TEXT.replace(b"\n", b"").replace(b'": ', b'":').replace(b"{ ", b"{")


def test_the_sample_is_read_into_values_that_python_knows() -> None:
    order = decode(sample())
    assert order.id == "320528"
    assert order.client_id == "195363"
    assert order.created == datetime(2022, 2, 24, 8, 13, 28, 369000, tzinfo=UTC)
    assert order.total_amount == Decimal("3000.00")
    assert order.delivery_amount is None
    assert order.paid is False
    assert order.discount_type == 0
    assert order.current_status_type == Status.DISTRIBUTED
    assert order.tax_system == TaxSystem.COMMON
    assert order.comment is None


def test_what_is_not_known_is_kept_and_written_back() -> None:
    news = {"tips": Decimal("0.10"), "tags": [{"weight": Decimal("1.50")}], "note": None}
    raw = sample(**news, currentStatusType="RETURNED", deliveryType="DRONE", location={"lat": Decimal("55.7")})
    order = decode(raw)
    assert order.extra == news
    assert order.current_status_type == "RETURNED"
    assert loads(dumps(encode(order))) == raw


def test_absent_is_not_null() -> None:
    raw = sample()
    del raw["comment"]
    order = decode(raw)
    assert order.comment is UNSET
    assert encode(order) == raw


def test_what_is_stored_is_read_back_equal() -> None:
    order = decode(sample(totalAmount=Decimal("9999999.99"), tips=Decimal("0.1"), size={"width": Decimal("0.3")}))
    stored = json.loads(json.dumps(dump(order)))
    assert decode(stored) == order
    assert dump(decode(stored)) == stored


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ("deliveryTime", "1645690416000", datetime(2022, 2, 24, 8, 13, 36, tzinfo=UTC)),
        ("deliveryTime", Decimal("1645690416000.0"), datetime(2022, 2, 24, 8, 13, 36, tzinfo=UTC)),
        ("deliveryTime", 1645690408000, datetime(2022, 2, 24, 8, 13, 28, tzinfo=UTC)),
        ("deliveryTime", "", None),
        ("totalAmount", "3 000,50", Decimal("3000.50")),
        ("totalAmount", 3000.1, Decimal("3000.1")),
        ("totalAmount", "", None),
        ("paid", "true", True),
        ("paid", 1, True),
        ("id", "A-7", "A-7"),
        ("clientId", None, None),
        ("externalId", 112345, "112345"),
        ("discountType", "1", 1),
        ("discountType", "PERCENT", "PERCENT"),
        ("comment", "с\0нулём", "с\ufffdнулём"),
    ],
)
def test_other_spellings_are_read(field: str, raw: Any, value: Any) -> None:
    order = decode(sample(**{field: raw}))
    read = getattr(order, fields()[field][0])
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("created", "вчера"),
        ("created", True),
        ("created", Decimal("1.5")),
        ("created", 10**30),
        ("created", float("inf")),
        ("created", [1]),
        ("totalAmount", "много"),
        ("totalAmount", Decimal("1E+400")),
        ("totalAmount", float("nan")),
        ("totalAmount", {"sum": 1}),
        ("paid", "наверное"),
        ("comment", ["a"]),
        ("comment", False),
        ("id", {"id": 1}),
        ("discountType", [0]),
    ],
)
def test_what_cannot_be_read_names_its_field(field: str, raw: Any) -> None:
    error = failure(lambda: decode(sample(**{field: raw})))
    assert error.path == field
    assert str(error).startswith(f"{field}: expected")


@pytest.mark.parametrize("raw", [None, [], "order", 7])
def test_an_order_is_an_object(raw: Any) -> None:
    assert "expected an object" in str(failure(lambda: decode(raw)))


@pytest.mark.parametrize(
    ("attribute", "value", "wire"),
    [
        ("delivery_time", datetime(2022, 2, 24, 8, 13), "deliveryTime"),  # noqa: DTZ001 - that is the point
        ("total_amount", Decimal("NaN"), "totalAmount"),
        ("paid", "perhaps", "paid"),
    ],
)
def test_what_cannot_be_written_names_its_field(attribute: str, value: Any, wire: str) -> None:
    order = msgspec.structs.replace(decode(sample()), **{attribute: value})
    assert failure(lambda: encode(order)).path == wire


def test_a_moment_of_any_zone_is_written_as_milliseconds() -> None:
    moscow = timezone(timedelta(hours=3))
    moment = datetime(2022, 2, 24, 11, 13, 36, 999, tzinfo=moscow)
    assert encode(OnlineOrder(delivery_time=moment)) == {"deliveryTime": 1645690416000}


def test_a_new_order_holds_what_was_said_and_nothing_else() -> None:
    order = OnlineOrder(current_status_type=Status.ACCEPTED, total_amount=Decimal("10"), client_id="007")
    assert loads(dumps(encode(order))) == {"clientId": "007", "totalAmount": 10, "currentStatusType": "ACCEPTED"}


def test_orders_do_not_share_what_is_extra() -> None:
    OnlineOrder().extra["a"] = 1
    assert OnlineOrder().extra == {}


def test_a_bad_row_tells_where_and_hides_secrets() -> None:
    raw = sample(created="?", access_token="0123456789abcdef")
    row = bad_row(raw, "320528", failure(lambda: decode(raw)))
    assert (row.entity, row.id, row.path) == ("OnlineOrder", "320528", "created")
    assert '"id":320528' in row.excerpt
    long = bad_row({"access_token": "0123456789abcdef"}, None, ContractError("", "no"))
    assert "0123456789abcdef" not in row.excerpt + long.excerpt


@pytest.mark.parametrize("current", Status)
@pytest.mark.parametrize("new", Status)
def test_a_status_changes_as_the_seed_allows(current: Status, new: Status) -> None:
    """76: REFUSED from DISTRIBUTED and ACCEPTED; 77: DELETED from NEW; final ones are left for nothing."""
    if current == new:
        expected = ""
    elif current in ("REFUSED", "DELETED", "FINISHED"):
        expected = CLOSED
    elif new == "REFUSED":
        expected = "" if current in ("DISTRIBUTED", "ACCEPTED") else NOT_REFUSED
    elif new == "DELETED":
        expected = "" if current == "NEW" else NOT_DELETED
    else:
        expected = ""
    assert may_become(current, new) == expected


@pytest.mark.parametrize("new", [*Status, "RETURNED"])
def test_an_order_is_created_neither_refused_nor_deleted(new: str) -> None:
    assert may_become("", new) == (NOT_CREATED_SO if new in ("REFUSED", "DELETED") else "")


def test_unknown_statuses_are_bound_by_the_same_two_rules() -> None:
    assert may_become("RETURNED", "FINISHED") == may_become("ISSUED", "RETURNED") == ""
    assert may_become("RETURNED", "REFUSED") == NOT_REFUSED
    assert may_become("RETURNED", "DELETED") == NOT_DELETED


def test_every_reason_is_listed_for_translation() -> None:
    names = [*Status, "RETURNED"]
    given = {may_become(current, new) for current in ["", *names] for new in names}
    assert given == {"", *REASONS}


@pytest.mark.parametrize("raw", [0, 253402300799000, "-1", 1645690408])
def test_a_moment_out_of_reason_is_refused_by_name(raw: Any) -> None:
    with pytest.raises(ContractError, match="deliveryTime: expected a moment from 1990 to 2200"):
        decode(sample(deliveryTime=raw))
