"""Clients and orders as people exchange them in spreadsheets.

An order takes a row for each of its lines. The columns of the order itself are repeated, or empty below its first row,
as merged cells are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Prefetch, prefetch_related_objects
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.partners.models import Source
from backoffice.sync.cells import Cell, Choice, Code, Day, Moment, Number, Reference, YesNo, as_text
from backoffice.sync.tables import Column
from backoffice.transfer.table import ImportTable, Item, Options, importable
from catalog.models import Good, Supplier
from couriers.models import Courier
from fiscal.models import PaymentType, Tax
from fiscal.vat import KOPECK
from orders.admin import checks
from orders.models import Client, DeliveryStatus, Hold, Line, Order, PaymentStatus
from orders.phones import e164
from orders.sums import total_of
from orders.whole_cells import address, full_name, spread_address, spread_name, spread_window, window
from orders.writing import NO_UNIT, describe

PHONE = ("тел", "телефон клиента", "мобильный", "номер телефона", "mobile")
EXTERNAL = ("внешний id", "внешний код", "external id", "id источника", "код клиента", "id заказа")
PAID_BY = ("оплата", "способ оплаты", "вид оплаты", "payment", "payment method")
SUM = ("сумма", "сумма заказа", "итого", "к оплате", "итого к оплате", "сумма к оплате", "total", "total to pay")
PARTS = ("city", "street", "home", "apartment", "postindex")
WORDS = {
    "city": ("город", "населенный пункт"),
    "street": ("улица",),
    "home": ("дом", "номер дома", "house"),
    "apartment": ("квартира", "кв", "офис", "flat"),
    "postindex": ("индекс",),
}


class Phone(Code):
    """A phone as it was given, compared by E.164: a spreadsheet takes the plus off it."""

    def same(self, ours: Any, theirs: Any) -> bool:
        return super().same(ours, theirs) or (bool(e164(theirs)) and e164(ours) == e164(theirs))


def _id() -> Column:
    return Column("ireca_id", widget=Code(), locator=True, names=("id", "ид", "ireca"))


def _source() -> Column:
    return Column("source", widget=Reference(Source, ("title",)), names=("магазин", "shop"))


def _external() -> Column:
    return Column("external_id", widget=Code(), names=EXTERNAL)


@importable
class Clients(ImportTable):
    """A client is found by his iRECA id, else by his id at a source, else by his phone."""

    name, model = "clients", Client
    keys = (("ireca_id",), ("source", "external_id"), ("phone",))
    compared = {"phone": ("phone_e164", e164)}
    columns = (
        _id(),
        Column("lastname", names=("фамилия клиента", "last name", "surname")),
        Column("firstname", names=("имя клиента", "first name")),
        full_name("lastname"),
        Column("title", names=("организация", "название", "компания", "name")),
        Column("phone", widget=Phone(), names=PHONE),
        Column("email", names=("почта", "эл. почта", "mail")),
        Column("inn", widget=Code()),
        Column("birthday", widget=Day(), names=("дата рождения",)),
        *(Column(f"address_{part}", names=WORDS[part]) for part in PARTS),
        Column("address_latitude", widget=Number(10, digits=13)),
        Column("address_longitude", widget=Number(10, digits=13)),
        Column("description", names=("комментарий", "comment")),
        _source(),
        _external(),
    )

    def find(self, key: Any, wanted: Any, *, lock: bool) -> dict[tuple[Any, ...], list[Any]]:
        there = super().find(key, wanted, lock=lock)
        if key == ("phone",):  # who was merged into another is the other by now
            there = {values: [row for row in rows if row.merged_into_id is None] for values, rows in there.items()}
        return there

    def clean(self, items: Sequence[Item], options: Options) -> None:
        super().clean(items, options)
        for item in items:
            spread_name(item, "lastname", "firstname")

    def refusal(self, row: Client) -> str:
        return _("This client was merged into another.") if row.merged_into_id else ""

    def problems(self, item: Item) -> Iterator[tuple[str, str]]:
        yield from _caused(checks.of_client(item.row), item)

    def derived(self, row: Any, fields: Collection[str]) -> Collection[str]:
        return _with_phone(row, fields)


def _with_phone(row: Any, fields: Collection[str]) -> Collection[str]:
    if "phone" not in fields:
        return ()
    row.phone_e164 = e164(row.phone)
    return ("phone_e164",)


def _caused(problems: Iterable[checks.Problem], item: Item) -> Iterator[tuple[str, str]]:
    """Those of a new row, or that the file has made, as the form refuses them."""
    for problem in problems:
        is_made_here = item.row.pk is None or problem.concerns_any(item.changes)
        if is_made_here and _is_refused(problem, item.row):
            yield (problem.field if problem.field in item.values else ""), problem.text


def _is_refused(problem: checks.Problem, row: Any) -> bool:
    if problem.grade is checks.Grade.MISSING:
        return not getattr(row, "hold", "")
    return problem.grade is checks.Grade.WRONG


@dataclass
class Plan:
    """What becomes of the lines of an order."""

    created: list[Line] = field(default_factory=list)
    edited: list[Line] = field(default_factory=list)
    gone: list[Line] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.created or self.edited or self.gone)

    def __str__(self) -> str:
        return _("lines: %(created)d new, %(edited)d changed, %(gone)d taken off") % {
            "created": len(self.created),
            "edited": len(self.edited),
            "gone": len(self.gone),
        }


class Record:
    """An order beside one of its lines, for the columns of both."""

    def __init__(self, order: Order, line: Line | None) -> None:
        self._order, self.line = order, line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._order, name)


def _line(attribute: str, title: Any, widget: Cell | None = None, names: Sequence[str] = (), name: str = "") -> Column:
    name = name or f"line_{attribute}"
    return Column(f"line__{attribute}", title, widget, name=name, names=names, part=True, personal=False)


def _address(prefix: str, words: Any, *, named: bool) -> Iterator[Column]:
    for part in (*PARTS, "latitude", "longitude"):
        name = f"{prefix}_{part}"
        field_ = Order._meta.get_field(name)
        assert isinstance(field_, models.Field)
        title = format_lazy("{}: {}", words, field_.verbose_name)
        widget = Number(10, digits=13) if part in ("latitude", "longitude") else None
        personal = prefix == "to"
        yield Column(name, title, widget, names=WORDS.get(part, ()) if named else (), personal=personal)


LINE_FIELDS = {"line_count": "count", "line_price": "price", "line_total": "total", "line_tax": "tax_id"}
LINE_FIELDS |= {"line_discount_total": "discount_total", "line_unit": "unit", "line_description": "description"}


@importable
class Orders(ImportTable):
    """An order is found by its iRECA id, else by its id at a source, else by its number (of the source, if one is
    named).
    """

    name, model = "orders", Order
    keys = (("ireca_id",), ("source", "external_id"), ("source", "number"))
    optional = frozenset({"source"})
    columns = (
        _id(),
        Column("number", widget=Code(), names=("номер заказа", "заказ", "order", "order number")),
        _source(),
        _external(),
        Column("delivery_time_from", widget=Moment(), required=True, names=("доставить с", "интервал с", "дата с")),
        Column("delivery_time_to", widget=Moment(), required=True, names=("доставить до", "интервал до", "дата по")),
        *window(),
        Column("courier", widget=Reference(Courier)),
        Column("client", gettext_lazy("client's iRECA id"), Reference(Client, ("ireca_id",)), names=("client id",)),
        Column("client_lastname", names=("фамилия клиента", "last name")),
        Column("client_firstname", names=("имя клиента", "first name")),
        full_name("client_lastname"),
        Column("client_inn", widget=Code()),
        Column("client_email", names=("почта", "email")),
        Column("phone", widget=Phone(), names=PHONE),
        address(),
        *_address("to", gettext_lazy("Where to"), named=True),
        *_address("from", gettext_lazy("Where from"), named=False),
        Column("payment_type", widget=Reference(PaymentType), required=True, names=PAID_BY),
        # "Payment" alone, its title elsewhere, mostly says how one pays.
        Column("status", gettext_lazy("payment status"), Choice(dict(PaymentStatus.choices)), names=("оплачен",)),
        Column("delivery_status", widget=Choice(dict(DeliveryStatus.choices)), readonly=True),
        Column("amount_to_pay", widget=Number(2, smallest=0), names=SUM),
        Column("prepayment_sum", widget=Number(2, smallest=0)),
        Column("cash", widget=Number(2, smallest=0), names=("сдача с",)),
        Column("supplier", widget=Reference(Supplier)),
        Column("is_agreed", widget=YesNo(), names=("согласован",)),
        Column("description", names=("комментарий", "comment", "примечание")),
        _line("good__ireca_id", gettext_lazy("good's iRECA id"), Code(), ("good id", "id товара"), "line_good_id"),
        _line("article", gettext_lazy("article"), Code(), ("артикул товара", "sku", "штрихкод", "barcode")),
        _line("title", gettext_lazy("good"), Cell(), ("товар", "наименование", "наименование товара", "позиция")),
        _line("count", gettext_lazy("count"), Number(3), ("кол-во", "количество", "quantity", "qty")),
        _line("price", gettext_lazy("price"), Number(2, smallest=0), ("цена за единицу", "цена товара")),
        _line("total", gettext_lazy("total before discount"), Number(2), ("сумма позиции", "стоимость")),
        _line("discount_total", gettext_lazy("discount (−) or surcharge (+)"), Number(2), ("скидка", "discount")),
        _line("tax", gettext_lazy("tax rate"), Reference(Tax), ("ндс", "ставка ндс", "vat")),
        _line("unit", gettext_lazy("unit"), Cell(), ("ед", "ед изм", "единица измерения")),
        _line("description", gettext_lazy("description of the line"), Cell()),
    )

    # out

    def prepare(self, rows: Sequence[Any], columns: Sequence[Column]) -> None:
        super().prepare(rows, [column for column in columns if not column.part])
        if any(column.part for column in columns):
            _read_lines(rows)

    def records(self, row: Any) -> Iterator[Any]:
        lines = getattr(row, "told", None)
        if not lines:
            yield Record(row, None)
        for line in lines or ():
            yield Record(row, line)

    # in

    def items(self, rows: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[Item]:
        """Rows that follow each other with the same key, or without any below one with a key, are one order."""
        item: Item | None = None
        before: tuple[str, ...] = ()
        names = sorted({name for key in self.keys for name in key})
        for number, row in rows:
            key = tuple(as_text(row.get(name)) for name in names)
            if item is not None and (key == before or not any(key)):
                item.rows.append((number, row))
                continue
            if item is not None:
                yield item
            item, before = Item([(number, row)]), key
        if item is not None:
            yield item

    def find(self, key: Any, wanted: Any, *, lock: bool) -> dict[tuple[Any, ...], list[Any]]:
        there = super().find(key, wanted, lock=lock)
        _read_lines([row for rows in there.values() for row in rows])
        return there

    def match(self, items: Sequence[Item], options: Options, *, lock: bool) -> None:
        super().match(items, options, lock=lock)
        _find_goods([part for item in items for part in item.parts])
        sources = {item.values["source"] for item in items if item.values.get("source")}
        waiting = set(Source.objects.filter(pk__in=sources, waits_for_dispatcher=True).values_list("pk", flat=True))
        for item in items:
            item.found["waits"] = item.values.get("source") in waiting

    def compare_parts(self, item: Item, *, is_new: bool) -> None:
        if item.parts:
            item.plan = _plan(item, [] if is_new else list(item.row.told))
            _check_sum(item)

    def begin(self, item: Item) -> None:
        order = item.row
        order.number = order.number or order.external_id
        if item.found["waits"]:
            order.hold = Hold.WAITS

    def clean(self, items: Sequence[Item], options: Options) -> None:
        super().clean(items, options)
        for item in items:
            spread_name(item, "client_lastname", "client_firstname")
            spread_window(item)

    def compare(self, item: Item, options: Options) -> None:
        spread_address(item)
        super().compare(item, options)

    def refusal(self, row: Order) -> str:
        if row.is_refund:
            return _("This is a return, which is not changed by a file.")
        return _("The order is closed or cancelled.") if row.is_closed else ""

    def problems(self, item: Item) -> Iterator[tuple[str, str]]:
        problems = checks.of_order(item.row)
        if "to_line" in item.changes:  # on purpose
            problems = (problem for problem in problems if problem.field != "to_street")
        yield from _caused(problems, item)

    def derived(self, row: Any, fields: Collection[str]) -> Collection[str]:
        found = {*_with_phone(row, fields)}
        if "to_line" in fields and row.has_only_line:
            row.to_is_use_google_geo = None  # as `by_line` has it: there is no place any more
            found.add("to_is_use_google_geo")
        return found

    def write_parts(self, items: Sequence[Item]) -> None:
        plans = [(item.row, item.plan) for item in items]
        for order, plan in plans:
            for line in plan.created:
                line.order = order
        created = [line for _order, plan in plans for line in plan.created]
        described = {id(line): (line.title, line.article) for line in created}
        describe(created)
        for line in created:
            title, article = described[id(line)]
            line.title, line.article = title or line.title, article or line.article
        gone = [line.pk for _order, plan in plans for line in plan.gone]
        if gone:
            Line.objects.filter(pk__in=gone).delete()
        Line.objects.bulk_create(created)
        fields = sorted({name.removesuffix("_id") for name in LINE_FIELDS.values()})
        Line.objects.bulk_save([line for _order, plan in plans for line in plan.edited], fields)


LINE_WIDGETS: dict[str, Any] = {column.name: column.widget for column in Orders.columns if column.part}


def _read_lines(orders: Sequence[Any]) -> None:
    lines = Line._base_manager.select_related("good", "tax").order_by("position", "id")
    missing = [order for order in orders if not hasattr(order, "told")]
    prefetch_related_objects(missing, Prefetch("lines", lines, to_attr="told"))


def _find_goods(parts: Sequence[dict[str, Any]]) -> None:
    """Our keys of the goods that parts name, by the first of id, article and title that is filled."""
    for name, attribute in (("line_good_id", "ireca_id"), ("line_article", "article"), ("line_title", "title")):
        wanted = [part for part in parts if part.get(name) and "good" not in part]
        reference = Reference(Good, (attribute,))
        keys = reference.look_up({part[name] for part in wanted})
        for part in wanted:
            try:
                part["good"] = reference.chosen(part[name], keys)
            except ValueError as error:
                part["good"], part["why"] = None, (name, str(error))
    rows = Good._base_manager.in_bulk({part["good"] for part in parts if part.get("good")})
    for part in parts:
        part["row"] = rows.get(part.get("good"))


def _plan(item: Item, lines: list[Line]) -> Plan:
    """Each part of the file to the line of its good; what is left of the lines is taken off."""
    plan = Plan()
    for position, part in enumerate(item.parts):
        line = _taken(lines, part)
        if line is None:
            line = _new_line(item, part, position)
            plan.created.append(line)
            changed = set(LINE_FIELDS.values())
        else:
            changed = _changed(line, part)
            if not changed:
                continue
            plan.edited.append(line)
        for problem in checks.of_line(line):
            if problem.concerns_any(changed) and _is_refused(problem, item.row):
                name = f"line_{problem.field}"
                item.fail(problem.text, name if name in part else "", part[""])
    plan.gone = lines
    return plan


def _taken(lines: list[Line], part: dict[str, Any]) -> Line | None:
    good = part.get("good")
    for line in lines:
        said = (part.get("line_article") or "", part.get("line_title") or "")
        is_it = line.good_id == good if good else said == (line.article, line.title)
        if is_it:
            lines.remove(line)
            return line
    return None


def _new_line(item: Item, part: dict[str, Any], position: int) -> Line:
    name, text = part.get("why") or ("line_article", _("It is not said which good this is."))
    good = part["row"]
    if good is None:
        item.fail(text, name if name in part else "", part[""])
    price = good.price if good is not None and good.price is not None else Decimal(0)
    line = Line(good=good, position=position, price=price, unit=good.unit if good is not None else "")
    line.title, line.article = part.get("line_title", ""), part.get("line_article", "")
    _changed(line, part)
    line.unit = line.unit or NO_UNIT
    return line


def _changed(line: Line, part: dict[str, Any]) -> set[str]:
    """Set what the part says of the line. A total that it does not say follows the count and the price."""
    changed = set()
    for name, attribute in LINE_FIELDS.items():
        if name in part and not LINE_WIDGETS[name].same(getattr(line, attribute), part[name]):
            setattr(line, attribute, part[name])
            changed.add(attribute)
    if "line_total" not in part and (line._state.adding or changed & {"count", "price"}):
        line.total = total_of(line.count, line.price, None)
        changed.add("total")
    return changed


def _check_sum(item: Item) -> None:
    """The sum of an order is that of its lines; where the file does not say it, it follows them."""
    if not item.plan or item.errors:
        return
    untouched = [line for line in getattr(item.row, "told", ()) if line not in item.plan.gone]
    total = sum((line.total for line in (*untouched, *item.plan.created)), Decimal(0))
    said = item.values.get("amount_to_pay")
    if said is None:
        if item.row.amount_to_pay != total:
            item.changes["amount_to_pay"] = (item.row.amount_to_pay, total)
    elif abs(said - total) > KOPECK:
        item.fail(_("The lines come to %(total)s.") % {"total": total}, "amount_to_pay")
