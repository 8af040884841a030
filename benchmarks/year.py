"""A year of one company, for benchmarks of pages: orders of 365 days with lines, payments and receipts, and today's.

What a dispatcher finds at eight in the morning: 400 orders of today on the map that nobody has, some that are late,
some that iRECA has refused. Rows go in as a pull writes them, so that nothing of it is to be sent.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from backoffice.partners.models import Source
from backoffice.sync import bulk
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from catalog.models import Good, Stock, Warehouse
from couriers.models import Courier, License, Location
from fiscal.models import PaymentType, Receipt, Tax
from orders.demo import ADDRESSES
from orders.models import Client, DeliveryStatus, Line, Order, Payment, PaymentStatus, ReturnReason

COURIERS = 25
GOODS = 2_000
CLIENTS = 10_000
DAYS = 365
LATE = 30
REFUSED = 12
FREE = "F-"  # how the numbers begin of today's orders that nobody has
WHY_REFUSED = "deliveryTimeTo: the window is over"
SURNAMES = (
    *("Абрамов", "Борисов", "Власов", "Громов", "Дроздов", "Ершов", "Жуков", "Зайцев", "Исаев"),
    *("Котов", "Лебедев", "Мельников", "Носов", "Орлов", "Павлов", "Рыбаков", "Соколов", "Тихонов"),
    *("Уваров", "Фомин", "Хохлов", "Цветков", "Чернов", "Шубин", "Яковлев"),
)
NAMES = (
    *("Анна", "Игорь", "Мария", "Павел", "Ольга", "Дмитрий"),
    *("Елена", "Сергей", "Наталья", "Артём", "Вера", "Николай"),
)
GOODS_TITLES = (
    *("Чай", "Кофе", "Мёд", "Сыр", "Молоко", "Хлеб"),
    *("Книга", "Атлас", "Блокнот", "Чайник", "Чашка", "Варенье"),
)


@dataclass
class Year:
    """What the orders refer to, and who works with them."""

    today: datetime  # its midnight
    seed: int = 1
    couriers: list[Courier] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    goods: list[Good] = field(default_factory=list)
    orders_made: int = 0
    registers: dict[int, list[int]] = field(default_factory=dict)  # by courier: his last shift and document

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.made_on = self.today - timedelta(days=DAYS)
        self.source = Source.objects.create(title="Чайная лавка")
        self.tax = bulk.new(Tax, **_known(ireca_id="1", title="20%"))
        self.cash = bulk.new(PaymentType, **_known(ireca_id="1", title="Наличные", close_type=1))
        self.reason = bulk.new(ReturnReason, **_known(ireca_id="1", title="Клиент передумал"))
        self.warehouse = bulk.new(Warehouse, **_known(ireca_id="1", title="Главный склад"))
        for row in (self.tax, self.cash, self.reason, self.warehouse):
            bulk.insert(type(row), [row])


def make(orders: int, free: int) -> User:
    """So many orders, of which `free` are today's and nobody's. Returns the dispatcher."""
    now = timezone.localtime()
    year = Year(now.replace(hour=0, minute=0, second=0, microsecond=0))
    _people_and_goods(year)
    past = orders - free - LATE - REFUSED
    for batch in chunks(_history(year, past), 5000):
        _store(year, batch)
    _store(year, list(_today(year, free)))
    _store(year, list(_late(year, now)))
    _refuse(year)
    user = User.objects.create_user("dispatcher", is_staff=True)
    user.groups.set([Group.objects.get(name="Dispatchers")])
    return user


def _known(**values: Any) -> dict[str, Any]:
    """What a row has that iRECA knows and that is in sync."""
    return {"remote_data": {}, "synced_at": timezone.now(), **values}


def _people_and_goods(year: Year) -> None:
    now = timezone.now()
    year.couriers = [
        bulk.new(Courier, **_known(ireca_id=f"{1000 + n}", title=f"{SURNAMES[n]} {NAMES[n % 12]}"))
        for n in range(COURIERS)
    ]
    bulk.insert(Courier, year.couriers)
    License.objects.bulk_create(
        License(device_id=f"d{n}", courier=courier, is_open=True, session_start_at=now, seen_at=now)
        for n, courier in enumerate(year.couriers)
    )
    Location.objects.bulk_create(
        Location(courier=courier, created_at=now - timedelta(minutes=n), latitude=place[0], longitude=place[1])
        for courier in year.couriers
        for n in range(60)
        for place in [_place(year)[2:]]
    )
    year.clients = [bulk.new(Client, **_known(**_client(year, n))) for n in range(CLIENTS)]
    bulk.insert(Client, year.clients)
    year.goods = [
        bulk.new(
            Good,
            **_known(
                ireca_id=str(n + 1),
                article=f"A-{n:05}",
                title=f"{GOODS_TITLES[n % 12]} {n}",
                price=Decimal(100 + n % 900),
                unit="шт",
                tax_id=year.tax.pk,
            ),
        )
        for n in range(GOODS)
    ]
    bulk.insert(Good, year.goods)
    Stock.objects.bulk_create(Stock(good=good, warehouse=year.warehouse, count=Decimal(40)) for good in year.goods)


def _client(year: Year, number: int) -> dict[str, Any]:
    phone = phone_of(number)
    street, home, latitude, longitude = _place(year)
    return {
        "ireca_id": str(number + 1),
        "lastname": SURNAMES[number % 25],
        "firstname": NAMES[number % 12],
        "phone": phone,
        "phone_e164": phone,
        "address_city": "Санкт-Петербург",
        "address_street": street,
        "address_home": home,
        "address_latitude": latitude,
        "address_longitude": longitude,
    }


def phone_of(client: int) -> str:
    """The phone of the client with this number, in E.164."""
    return f"+7921{client:07}"


def _place(year: Year) -> tuple[str, str, Decimal, Decimal]:
    """Street, house, degrees."""
    street, home, latitude, longitude = year.dice.choice(ADDRESSES)
    around = (Decimal(year.dice.randint(-300, 300)) / 10_000 for _ in range(2))
    north, east = around
    return street, home, Decimal(latitude) + north, Decimal(longitude) + east * 2


def _order(year: Year, number: str, start: datetime, **values: Any) -> Order:
    year.orders_made += 1
    which = year.dice.randrange(CLIENTS)
    client = year.clients[which]
    street, home, latitude, longitude = _place(year)
    fields = _known(
        ireca_id=str(1_000_000 + year.orders_made),
        external_id=str(year.orders_made),
        source_id=year.source.pk,
        number=number,
        client_id=client.pk,
        client_lastname=client.lastname,
        client_firstname=client.firstname,
        phone=client.phone,
        phone_e164=client.phone_e164,
        payment_type_id=year.cash.pk,
        amount_to_pay=Decimal(300 + which % 700),
        to_city="Санкт-Петербург",
        to_street=street,
        to_home=home,
        to_apartment=str(which % 90 + 1),
        to_latitude=latitude,
        to_longitude=longitude,
        delivery_time_from=start,
        delivery_time_to=start + timedelta(hours=2),
        created_at=start - timedelta(days=1),
        is_agreed=which % 5 > 0,
    )
    return bulk.new(Order, **{**fields, **values})


def _history(year: Year, count: int) -> Iterator[Order]:
    """Closed or cancelled orders, spread evenly over the year before today."""
    for number in range(count):
        day = year.made_on + timedelta(days=number * DAYS // count)
        is_cancelled = number % 20 == 0
        state = DeliveryStatus.CANCELLED if is_cancelled else DeliveryStatus.CLOSED
        yield _order(
            year,
            f"H-{number}",
            day + timedelta(hours=9 + number % 12),
            courier_id=year.couriers[number % COURIERS].pk,
            delivery_status=state.value,
            status=(PaymentStatus.UNPAID if is_cancelled else PaymentStatus.PAID).value,
            return_reason_id=year.reason.pk if is_cancelled else None,
        )


def _today(year: Year, count: int) -> Iterator[Order]:
    """What is to be given to couriers: windows from now to the end of the day."""
    first = min(timezone.localtime().hour + 1, 21)
    for number in range(count):
        hour = first + number % (22 - first)
        yield _order(year, f"{FREE}{number}", year.today + timedelta(hours=hour))


def _late(year: Year, now: datetime) -> Iterator[Order]:
    """On their way, with a window that ended within the last hours; a part of them refused by iRECA."""
    for number in range(LATE + REFUSED):
        yield _order(
            year,
            f"L-{number}" if number < LATE else f"R-{number}",
            now - timedelta(hours=3, minutes=number),
            courier_id=year.couriers[number % COURIERS].pk,
            delivery_status=(DeliveryStatus.TAKEN if number < LATE else DeliveryStatus.PREPARED).value,
        )


def _refuse(year: Year) -> None:
    rows = list(Order.objects.filter(number__startswith="R-"))
    Push.objects.bulk_create(
        Push(
            entity="orders",
            object_id=row.pk,
            remote_id=row.ireca_id or "",
            open_key=Push.key("ireca", "orders", row.pk),
            state=Push.State.REFUSED,
            attempts=1,
            error=WHY_REFUSED,
        )
        for row in rows
    )
    for row in rows:
        row.sync_state, row.sync_error = SyncState.FAILED, WHY_REFUSED
    bulk.update(Order, rows, ["sync_state", "sync_error"])


def _store(year: Year, orders: Sequence[Order]) -> None:
    """Orders with two lines each; what is paid has its payment and its receipt."""
    paid = [order for order in orders if order.status == PaymentStatus.PAID]
    printed = [order for number, order in enumerate(paid) if number % 500 != 499]  # the others have no receipt yet
    for order in printed:
        order.sale_receipts = 1
    bulk.insert(Order, orders)
    lines = []
    for order in orders:
        half = order.amount_to_pay / 2
        for position in range(2):
            good = year.goods[(order.pk * 2 + position) % GOODS]
            values = {"order_id": order.pk, "good_id": good.pk, "position": position, "title": good.title}
            values |= {"count": Decimal(1), "price": half, "total": half, "unit": "шт", "tax_id": year.tax.pk}
            lines.append(bulk.new(Line, **values))
    bulk.insert(Line, lines)
    types = {"payment_type_id": year.cash.pk}
    bulk.insert(
        Payment,
        [
            bulk.new(Payment, order_id=each.pk, price=each.amount_to_pay, paid_in=each.delivery_time_to, **types)
            for each in paid
        ],
    )
    bulk.insert(Receipt, [_receipt(year, order) for order in printed])


def _receipt(year: Year, order: Order) -> Receipt:
    """The next document of the courier's register: a shift a day, with a report before it and one behind."""
    assert order.delivery_time_to is not None  # every order of a year has a window
    assert order.courier_id is not None  # and every paid one its courier
    shift = (order.delivery_time_to - year.made_on).days
    before, number = year.registers.get(order.courier_id, [shift, 1])
    number += 1 if shift == before else 3
    year.registers[order.courier_id] = [shift, number]
    return bulk.new(
        Receipt,
        kind=Receipt.Kind.SALE,
        order_id=order.pk,
        serial_number=f"KKT{order.courier_id}",
        fn=f"99990000{order.courier_id:08}",
        shift_number=str(shift),
        fd_number=str(number),
        fiscal_sign=str(order.pk * 7919),
        date_time_receipt=order.delivery_time_to,
        remote_data={},
        pulled_at=order.delivery_time_to,
    )
