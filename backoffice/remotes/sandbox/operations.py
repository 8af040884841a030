"""What the endpoints do. An operation takes a Call (query and body) under the state's lock and returns an Answer.

Writes are all or nothing: every object of an array is validated before the first is applied.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .dictionaries import dictionary as dictionary_of
from .entities import ATOL_SETTINGS, CALLBACK, MULTIPLE_UPDATE, ORDERS, PERMISSION
from .errors import Refusal, missing
from .orders import Orders
from .render import GET, LIST, catalogue_row, order_row
from .schema import CREATE, PUT, REFUND, REPLACE, Entity, Field, Record, read_fields
from .state import State

MOST = 500
DEFAULT_COUNT = 20


@dataclass(slots=True)
class Call:
    """One request after routing."""

    state: State
    orders: Orders
    query: Record
    body: Any = None


@dataclass(slots=True)
class Answer:
    """`body` None means no body at all. `rows` is rendered one by one after the lock was released."""

    status: int = 200
    body: Any = None
    rows: Iterable[Record] | None = None
    trailing_commas: bool = field(default=False)


def page_of(call: Call, rows: list[Any]) -> list[Any]:
    """The page that the query asks for; all rows when it asks for none."""
    if "page" not in call.query and "count" not in call.query:
        return rows
    count = call.query.get("count", DEFAULT_COUNT)
    first = call.state.options.first_page
    page = call.query.get("page", first)
    if not 1 <= count <= MOST:
        raise Refusal(f"count: допустимо от 1 до {MOST}")
    if page < first:
        raise Refusal(f"page: нумерация с {first}")
    start = (page - first) * count
    return rows[start : start + count]


def _row(call: Call, entity: Entity, record: Record, form: str) -> Record:
    if entity is ORDERS:
        return order_row(call.state, record, form)
    return catalogue_row(entity.name, record, form)


def get(call: Call, *, entity: Entity) -> Answer:
    record = call.state.store.get(entity.name, call.query[entity.key])
    if record is None:
        raise missing()
    row = _row(call, entity, record, GET)
    if entity.get_omits_key:
        del row[entity.key]
    return Answer(body=row)


def list_all(call: Call, *, entity: Entity) -> Answer:
    records = page_of(call, call.state.store.all(entity.name))
    return Answer(rows=(_row(call, entity, record, LIST) for record in records))


def delete(call: Call, *, entity: Entity) -> Answer:
    key = call.query[entity.key]
    store = call.state.store
    record = store.get(entity.name, key)
    if record is None:
        raise missing()
    call.state.check_poison(entity.name, key)
    if entity.soft_delete:
        store.put(entity.name, key, record | {"isActive": 0})
    elif entity is ORDERS:
        call.orders.remove(key)
    else:
        store.remove(entity.name, key)
    return Answer(204)


def write(call: Call, *, entity: Entity, kind: str) -> Answer:
    """POST, PUT and replace of a collection."""
    options = call.state.options
    bodies = [call.body] if kind == PUT else call.body
    canonical: list[Record] = []
    for index, body in enumerate(bodies):
        path = entity.name if kind == PUT else f"{entity.name}[{index}]"
        if not isinstance(body, dict):
            raise Refusal(f"{path}: ожидается объект")
        canonical.append(entity.canonical(body, kind, path, options.strict, options.partial_put))
    if kind == PUT:
        _check_put(call, entity, canonical[0])
    _check_batch(call, entity, kind, canonical)
    if entity is ORDERS:
        call.orders.commit([call.orders.build(row, CREATE if kind == REFUND else kind) for row in canonical])
    else:
        for row in canonical:
            _store(call, entity, row, kind)
    return Answer(201 if kind in (CREATE, REFUND) else entity.put_status if kind == PUT else entity.replace_status)


def _check_put(call: Call, entity: Entity, row: Record) -> None:
    key = call.query[entity.key]
    if row.setdefault(entity.key, key) != key:
        raise Refusal(f"{entity.key}: идентификатор в теле ({row[entity.key]}) не совпадает с адресом ({key})")
    if not call.state.store.has(entity.name, key):
        raise missing()


def _check_batch(call: Call, entity: Entity, kind: str, rows: list[Record]) -> None:
    state = call.state
    coming = frozenset((entity.name, row[entity.key]) for row in rows)
    if len(coming) != len(rows):
        raise Refusal(f"{entity.name}: идентификаторы в массиве повторяются")
    for row in rows:
        key = row[entity.key]
        path = f"{entity.name} {key}"
        exists = state.store.has(entity.name, key)
        if kind in (CREATE, REFUND) and exists:
            raise Refusal(f"{path}: модель уже существует")
        if entity.cabinet_only and state.options.cabinet and not exists:
            raise Refusal(f"{path}: создаётся только в web-кабинете диспетчера")
        if kind == REFUND and not (call.query["isRefund"] and row.get("isRefund")):
            raise Refusal(f"{path}: isRefund должен быть true в заказе для кассового возврата")
        state.check_poison(entity.name, key)
        state.check_references(entity.fields, row, path, coming)


def _store(call: Call, entity: Entity, row: Record, kind: str) -> None:
    store = call.state.store
    old = store.get(entity.name, row[entity.key])
    if old is not None and (kind == PUT or call.state.options.replace_merges):
        record = old | row
    else:
        record = {each.name: each.default for each in entity.fields} | row
        if old is not None and "type" in old:
            record["type"] = old["type"]
    if entity.stamped:
        record["updatedAt"] = call.state.clock.stamp()
    store.put(entity.name, row[entity.key], record)


def multiple_update(call: Call) -> Answer:
    """Lines 936-965: the same attributes for many orders, seven attributes at most, no answer per order."""
    strict = call.state.options.strict
    keys = call.body.get("orderIds")
    if not isinstance(keys, list) or not keys:
        raise Refusal("orderIds: ожидается непустой массив идентификаторов")
    shape = (Field("attributes", "object", required=True, fields=MULTIPLE_UPDATE),)
    rest = {name: value for name, value in call.body.items() if name != "orderIds"}
    changes = read_fields(shape, rest, PUT, "multipleUpdate", strict)["attributes"]
    if not changes:
        raise Refusal("attributes: не задано ни одного изменяемого аттрибута")
    one_id = Field("orderIds", "id")
    records = []
    for key in dict.fromkeys(one_id.read(key, PUT, "orderIds", strict) for key in keys):
        if not call.state.store.has("orders", key):
            raise Refusal(f"orders {key}: модель не существует")
        call.state.check_poison("orders", key)
        records.append({"orderId": key, **changes})
    call.state.check_references(MULTIPLE_UPDATE, changes, "attributes", frozenset())
    call.orders.commit([call.orders.build(record, PUT) for record in records])
    return Answer(204)


def register_callback(call: Call, *, kind: str) -> Answer:
    row = read_fields(CALLBACK, call.body, CREATE, f"{kind}/callback", call.state.options.strict)
    call.state.store.put("callback", kind, row)
    return Answer(201)


def journal_statuses(call: Call) -> Answer:
    rows = _of_order(call, "journalStatuses", call.query["orderId"])
    return Answer(body=rows, trailing_commas=call.state.options.trailing_commas)


def _of_order(call: Call, kind: str, order_id: str) -> list[Record]:
    if not call.state.store.has("orders", order_id):
        raise missing()
    return list(call.state.store.get(kind, order_id) or ())


def receipts(call: Call, *, kind: str) -> Answer:
    rows = _of_order(call, kind, call.query["orderId"])
    if rows and call.state.options.receipts_form == "object":
        return Answer(body=rows[-1])
    return Answer(body=rows)


def filtered(call: Call, *, kind: str) -> Answer:
    """Paged rows that may be filtered by orderId and courierId: correction receipts and both error logs."""
    wanted = {name: call.query[name] for name in ("orderId", "courierId") if name in call.query}
    rows = [
        row for row in call.state.store.all(kind) if all(str(row.get(name)) == value for name, value in wanted.items())
    ]
    return Answer(body=page_of(call, rows))


def atol_settings(call: Call) -> Answer:
    row = read_fields(ATOL_SETTINGS, call.body, REPLACE, "atolOnlineSettings", call.state.options.strict)
    call.state.store.put("atolOnlineSettings", row.get("settingId", ""), row)
    return Answer(201)


def pechka54(call: Call) -> Answer:
    return Answer(body={"url": "http://api-courier-ireca.softbalance.ru/pechka54/4066e321"})


def journal(call: Call) -> Answer:
    rows = _of_order(call, "journal", call.query["entityId"])
    since = call.query.get("startedAt", "")
    return Answer(body=page_of(call, [row for row in rows if row["createdAt"] >= since]))


def permissions(call: Call) -> Answer:
    """Every role has every permission of the dictionary; one that was never set is not allowed."""
    store = call.state.store
    action = call.query.get("actionId", call.query.get("permissionId"))
    rows = []
    for role in store.all("userRoles"):
        for known in dictionary_of("permissions"):
            key = known["permissionId"]
            if call.query.get("roleId", role["roleId"]) != role["roleId"] or (action or key) != key:
                continue
            given = store.get("permissions", f"{role['roleId']}/{key}") or {}
            rows.append(
                {
                    "roleId": int(role["roleId"]),
                    "actionId": key,
                    "roleTitle": role["title"],
                    "isAllowed": given.get("isAllowed", "0"),
                    "description": known["description"],
                    "updatedAt": given.get("updatedAt", "2021-05-04 15:39:36"),
                }
            )
    return Answer(body=rows)


def replace_permissions(call: Call) -> Answer:
    rows = []
    for index, body in enumerate(call.body):
        path = f"permissions[{index}]"
        if not isinstance(body, dict):
            raise Refusal(f"{path}: ожидается объект")
        row = read_fields(PERMISSION, body, REPLACE, path, call.state.options.strict)
        call.state.check_references(PERMISSION, row, path, frozenset())
        rows.append(row)
    for row in rows:
        record = {"isAllowed": str(row["isAllowed"]), "updatedAt": call.state.clock.stamp()}
        call.state.store.put("permissions", f"{row['roleId']}/{row['actionId']}", record)
    return Answer(204)


LICENSE_TOTAL = 50  # line 2407


def licenses(call: Call) -> Answer:
    sessions = call.state.store.all("licenses")
    rows = [{name: row[name] for name in row if name != "sessionId"} for row in sessions]
    return Answer(body={"licenseUse": len(rows), "licenseTotal": LICENSE_TOTAL, "licenses": rows})


def close_license(call: Call) -> Answer:
    session = call.state.store.get("licenses", call.query["deviceId"])
    if session is None:
        raise missing()
    call.state.check_poison("licenses", call.query["deviceId"])
    call.state.store.remove("licenses", call.query["deviceId"])
    call.state.license_closed(session | {"sessionFinishAt": call.state.clock.stamp()})
    return Answer(204)


def dictionary(call: Call, *, name: str) -> Answer:
    return Answer(body=dictionary_of(name))


def locations(call: Call) -> Answer:
    """Points of one courier, from `createdAt` on when it is given."""
    courier = call.query["courierId"]
    since = call.query.get("createdAt", "")
    rows = page_of(call, [row for row in call.state.store.get("locations", courier) or () if row["createdAt"] >= since])
    if call.state.options.locations_form == "object":
        shaped = [
            {
                "courierId": int(courier),
                "orderId": row["orderId"],
                "orderStatusId": row["deliveryStatusId"],
                "longitude": row["longitude"],
                "latitude": row["latitude"],
                "accuracy": row["accuracy"],
            }
            for row in rows
        ]
        return Answer(body={"locations": shaped})
    return Answer(body=rows)
