"""Demo data: a working day of three shops in Saint Petersburg.

It is made through the same models as real work, so that it reaches the sandbox. Everything is invented; the addresses
exist. Loading twice makes nothing twice: the orders have ids in their shop's numbering.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import Group, User
from django.db import transaction

from backoffice.partners.models import Scope, Source, Token
from backoffice.partners.models.token import PREFIX, digest
from catalog.models import Good, Stock, Warehouse
from couriers.models import Courier
from fiscal.models import PaymentType, Tax
from orders.models import Client, DeliveryStatus, Line, Order

ORDERS = 48
SOURCES = ("Чайная лавка", "Книги на Литейном", "Ферма Приладожье")
PARTNER = SOURCES[0]  # the one that uses the API
GOODS = (
    ("TEA-01", "Чай чёрный «Императорский», 100 г", "420.00"),
    ("TEA-02", "Чай зелёный «Моли хуа», 100 г", "560.00"),
    ("TEA-07", "Чайник глиняный, 300 мл", "2890.00"),
    ("BOOK-11", "Петербург: прогулки по крышам", "1150.00"),
    ("BOOK-12", "Атлас мостов Невы", "1780.00"),
    ("BOOK-15", "Блокнот в линейку", "390.00"),
    ("FARM-21", "Молоко козье, 1 л", "310.00"),
    ("FARM-22", "Сыр «Ладожский», 300 г", "640.00"),
    ("FARM-25", "Мёд разнотравье, 500 г", "720.00"),
    ("FARM-26", "Яйцо перепелиное, 20 шт", "240.00"),
)
CLIENTS = (
    ("Анна", "Соколова", "+79211234501"),
    ("Игорь", "Мельников", "+79211234502"),
    ("Мария", "Котова", "+79211234503"),
    ("Павел", "Ершов", "+79211234504"),
    ("Ольга", "Лебедева", "+79211234505"),
    ("Дмитрий", "Орлов", "+79211234506"),
    ("Елена", "Фомина", "+79211234507"),
    ("Сергей", "Громов", "+79211234508"),
    ("Наталья", "Зайцева", "+79211234509"),
    ("Артём", "Беляев", "+79211234510"),
    ("Вера", "Тихонова", "+79211234511"),
    ("Николай", "Жуков", "+79211234512"),
)
ADDRESSES = (
    ("Невский пр.", "88", "59.9320", "30.3570"),
    ("ул. Рубинштейна", "15", "59.9292", "30.3440"),
    ("Литейный пр.", "46", "59.9365", "30.3483"),
    ("ул. Восстания", "24", "59.9378", "30.3602"),
    ("Каменноостровский пр.", "42", "59.9657", "30.3115"),
    ("Большой пр. П. С.", "60", "59.9621", "30.3062"),
    ("Московский пр.", "151", "59.8790", "30.3182"),
    ("наб. реки Фонтанки", "85", "59.9276", "30.3330"),
    ("ул. Чайковского", "36", "59.9463", "30.3520"),
    ("Загородный пр.", "28", "59.9243", "30.3380"),
    ("Лиговский пр.", "123", "59.9155", "30.3496"),
    ("ул. Марата", "47", "59.9246", "30.3524"),
)


@dataclass(frozen=True)
class Person:
    name: str
    group: str
    is_superuser: bool = False

    @property
    def password(self) -> str:
        return f"demo-{self.name}"


PEOPLE = (
    Person("admin", "", is_superuser=True),
    Person("dispatcher", "Dispatchers"),
    Person("manager", "Managers"),
    Person("accountant", "Accountants"),
)


def load_people() -> None:
    """The demo's users. Their passwords are known to everyone, so this is for a demo only."""
    for person in PEOPLE:
        user, is_new = User.objects.get_or_create(
            username=person.name,
            defaults={
                "is_staff": True,
                "is_superuser": person.is_superuser,
                "email": f"{person.name}@example.com",  # mails of the demo are files
            },
        )
        if not is_new:
            continue  # somebody's already; his password stays his
        user.set_password(person.password)
        user.save()
        if person.group:
            user.groups.set([Group.objects.get(name=person.group)])


def load_partner(text: str) -> Source:
    """The source that may do everything with the token `text`, whatever people did to them since the last time."""
    with transaction.atomic():
        source, _is_new = Source.objects.get_or_create(title=PARTNER)
        source.scopes, source.is_active = list(Scope.values), True
        source.save(update_fields=["scopes", "is_active"])
        valid = {"source": source, "expires_at": None, "revoked_at": None}
        Token.objects.update_or_create(
            digest=digest(text), defaults=valid, create_defaults={**valid, "prefix": text[:PREFIX], "label": "demo"}
        )
    return source


def load_day(today: datetime) -> int:
    """Orders for the day of `today` (aware, local). Returns how many are new."""
    rng = random.Random(int(f"{today:%Y%m%d}"))  # noqa: S311  # the same day looks the same for everyone
    with transaction.atomic():
        goods = _goods()
        clients = [
            Client.objects.get_or_create(phone=phone, defaults={"firstname": first, "lastname": last})[0]
            for first, last, phone in CLIENTS
        ]
        sources = [Source.objects.get_or_create(title=title)[0] for title in SOURCES]
        known = set(
            Order.objects.filter(external_id__startswith=f"{today:%Y%m%d}-").values_list("external_id", flat=True)
        )
        orders = [order for order in _orders(today, rng, sources, clients) if order.external_id not in known]
        lines = [line for order in orders for line in _lines(order, rng, goods)]
        Order.objects.bulk_create(orders)
        Line.objects.bulk_create(lines)
    return len(orders)


def _goods() -> list[Good]:
    # Food and books; of the rates that the seed names, 20 % is no longer the law's.
    tax = Tax.objects.filter(title="10%").first() or Tax.objects.first()
    warehouse = Warehouse.objects.filter(is_active=True).first()
    goods = []
    for article, title, price in GOODS:
        good, created = Good.objects.get_or_create(
            article=article, defaults={"title": title, "price": Decimal(price), "tax": tax, "unit": "шт", "calc_id": 1}
        )
        if created and warehouse is not None:
            Stock.objects.create(good=good, warehouse=warehouse, count=Decimal(40))
        goods.append(good)
    return goods


def _orders(today: datetime, rng: random.Random, sources: list[Source], clients: list[Client]) -> Iterator[Order]:
    couriers = list(Courier.objects.filter(ireca_id__in=["55752", "55753"]))
    payment_types = list(PaymentType.objects.filter(close_type__in=[1, 2]))
    morning = today.replace(hour=9, minute=0, second=0, microsecond=0)
    for index in range(ORDERS):
        client = clients[index % len(clients)]
        street, home, latitude, longitude = rng.choice(ADDRESSES)
        start = morning + timedelta(minutes=30 * rng.randrange(24))
        yield Order(
            number=f"{'ЧКФ'[index % 3]}-{today:%d%m}-{index + 1:02}",
            source=sources[index % 3],
            external_id=f"{today:%Y%m%d}-{index + 1}",
            delivery_status=DeliveryStatus.PREPARED,
            client=client,
            client_firstname=client.firstname,
            client_lastname=client.lastname,
            phone=client.phone,
            phone_e164=client.phone_e164,
            courier=rng.choice([*couriers, None]) if couriers else None,
            payment_type=rng.choice(payment_types) if payment_types else None,
            is_agreed=rng.random() < 0.6,
            to_city="Санкт-Петербург",
            to_street=street,
            to_home=home,
            to_apartment=str(rng.randint(1, 90)),
            to_latitude=Decimal(latitude) + Decimal(rng.randint(-9, 9)) / 10000,
            to_longitude=Decimal(longitude) + Decimal(rng.randint(-9, 9)) / 10000,
            delivery_time_from=start,
            delivery_time_to=start + timedelta(hours=2),
            description=rng.choice(["", "", "Домофон не работает", "Позвонить за полчаса", "Оставить у консьержа"]),
        )


def _lines(order: Order, rng: random.Random, goods: list[Good]) -> Iterator[Line]:
    """One to three lines; the order's sum becomes theirs."""
    order.amount_to_pay = Decimal(0)
    for position, good in enumerate(rng.sample(goods, rng.randint(1, 3))):
        count = Decimal(rng.randint(1, 3))
        total = count * (good.price or Decimal(0))
        order.amount_to_pay += total
        yield Line(
            order=order,
            position=position,
            good=good,
            title=good.title,
            article=good.article,
            count=count,
            price=good.price or Decimal(0),
            total=total,
            tax=good.tax,
            unit=good.unit,
        )
