"""The document's order (lines 32-67), value by value, and the customer whose it is, who has no example there."""

from __future__ import annotations

from typing import Any

ORDER: dict[str, Any] = {
    "paid": "0",
    "customer_id": "3",
    "shipped": "0",
    "cancelled": "0",
    "shipping_address": "Дом 3, корпус 5",
    "shipping_cost": "130.00",
    "comment": "После шести",
    "created_date": "2017-08-24 18:45:08",
    "amount": "976.59",
    "discount": "10.20",
    "pickup_from_warehouse_id": "2",
    "pickup_from_warehouse_name": "Просвещения проспект",
    "delivery_type_id": "1",
    "delivery_type_name": "Самовывоз",
    "payment_type_id": "1",
    "payment_type_name": "Оплата при получении",
    "items": [
        {
            "item_id": "789",
            "item_name": 'Коньяк "Анри" 3-летний 40,0% 0,5л',
            "quantity": "3.450",
            "unit_base_price": "100.10",
            "discount": "10.20",
            "amount": "335.15",
        },
        {
            "item_id": "787",
            "item_name": "Коньяк \"Father's Old Barrel' 3-летний 40% 0.5 л.",
            "quantity": "2.000",
            "unit_base_price": "320.72",
            "discount": "0.00",
            "amount": "641.44",
        },
    ],
}
CUSTOMER: dict[str, Any] = {
    "id": "3",
    "fname": "Иван",
    "lname": "Петров",
    "mname": "Сергеевич",
    "email": "ivan.petrov@example.com",
    "phone": "+7 812 555-01-03",
    "gender": "M",
    "birth_day": "17",
    "birth_month": "4",
    "birth_year": "1985",
    "register_date": "2017-01-12 10:15:00",
    "accumulated_sales": "976.59",
}
