"""What a dispatcher does all day, as a person does it in a browser (`benchmarks/hand.py`).

Each task begins on the page where the thought of it comes, mostly the list of orders, and ends when the screen shows
that it is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect

from benchmarks.hand import Figures, Hand

LIST = "/admin/orders/order/"
UNASSIGNED = f"{LIST}?day=today&attention=no_courier"
EACH = 16  # orders that a courier gets at once


class Dispatcher:
    """`couriers`: their names. `free`: the number of an order that has no courier. `phone` is of a known client."""

    def __init__(self, hand: Hand, couriers: list[str], phone: str, articles: tuple[str, str]) -> None:
        self.hand, self.page = hand, hand.page
        self.couriers, self.phone, self.articles = couriers, phone, articles

    def tasks(self) -> list[Callable[[], None]]:
        """Each tells itself to `hand.begin`."""
        return [
            self.find_by_phone,
            self.open_beside,
            self.give_in_the_row,
            self.assign_selected,
            self.move_windows,
            self.cancel,
            self.call_who_waits,
            self.new_order,
            self.assign_by_area,
            self.give_on_the_board,
            self.print_sheets,
            self.mend_refused,
        ]

    # the pieces

    def rows(self) -> Locator:
        return self.page.locator("#result_list input.action-select")

    def select(self, count: int, first: int = 0) -> None:
        """The first box, then the last one with Shift."""
        self.hand.click(self.rows().nth(first))
        if count > 1:
            self.hand.click(self.rows().nth(first + count - 1), modifiers=["Shift"])
        expect(self.page.locator("#result_list input.action-select:checked")).to_have_count(count)

    def run(self, action: str) -> None:
        self.hand.choose(self.page.locator("#changelist-actions select[name=action]"), action)
        self.hand.click(self.page.locator("#changelist-actions button[type=submit]"))
        self.page.wait_for_load_state()
        self.hand.look()

    def pick(self, field: Locator, courier: str) -> None:
        """By the first letters. Letters that no key of an American keyboard has move no list of choices here."""
        self.hand.type(courier[:5])
        field.select_option(label=courier)

    def done(self, count: int) -> None:
        """The message that so many orders were changed."""
        expect(self.page.get_by_text(re.compile(rf"^{count} orders?: ")).first).to_be_visible()
        self.hand.look()

    # the tasks

    def find_by_phone(self) -> None:
        self.hand.begin("find an order by phone", LIST)
        self.hand.click(self.page.locator("#searchbar"))
        self.hand.type(self.phone)
        self.hand.press("Enter")
        expect(self.page.locator("#result_list").get_by_role("link", name=self.phone).first).to_be_visible()
        self.hand.look()

    def open_beside(self) -> None:
        self.hand.begin("open an order beside the list", LIST)
        self.hand.click(self.page.locator(".desk-peek").nth(3))
        expect(self.page.locator("#desk-card")).to_be_visible()
        self.hand.look()

    def give_in_the_row(self) -> None:
        self.hand.begin("give one order to a courier", UNASSIGNED)
        self.hand.click(self.page.locator(".desk-courier").first)
        self.hand.type(self.couriers[3][:5])
        self.hand.press("Enter")
        expect(self.page.locator("#desk-status")).to_contain_text(f"assigned to {self.couriers[3]}")

    def assign_selected(self) -> None:
        self.hand.begin(f"give {EACH} selected orders", UNASSIGNED)
        self.give_selected(EACH, self.couriers[0])

    def give_selected(self, count: int, courier: str) -> None:
        self.select(count)
        self.hand.click(self.page.locator("#desk-give"))
        self.hand.type(courier[:5])
        self.hand.press("Enter")
        self.done(count)

    def move_windows(self) -> None:
        self.hand.begin(f"move the window of {EACH} orders", f"{LIST}?day=today")
        self.select(EACH)
        self.run("move_window")
        for time in ("18:00:00", "23:30:00"):  # past the links of a date, then of the time and the other date
            self.hand.press(*["Tab"] * (3 if time < "20" else 6))
            self.hand.retype(time)
        self.hand.press("Enter")
        self.done(EACH)

    def cancel(self) -> None:
        self.hand.begin("cancel an order with a reason", UNASSIGNED)
        self.select(1, first=20)
        self.run("cancel_orders")
        self.hand.press("ArrowDown")
        self.hand.click(self.page.get_by_role("button", name="Cancel the orders"))
        self.done(1)

    def call_who_waits(self) -> None:
        self.hand.begin("see who is late and call", LIST)
        self.hand.click(self.page.locator(".desk-tabs").get_by_role("link", name="Late"))
        self.page.wait_for_load_state()
        self.hand.look()
        call = self.page.locator("#result_list a[href^='tel:']").first
        expect(call).to_be_visible()
        self.hand.count_click()  # what dials is not there to be clicked for

    def new_order(self) -> None:
        self.hand.begin("new order: client by phone, two goods", LIST)
        self.hand.click(self.page.locator(f"a[href^='{LIST}add/']").first)
        self.page.wait_for_load_state()
        self.hand.click(self.page.locator("#form-clients"))
        self.hand.type(self.phone)
        expect(self.page.locator("#form-clients-list [role=option]").first).to_be_visible()
        self.hand.press("ArrowDown", "Enter")
        expect(self.page.locator("#id_client")).not_to_have_value("")
        self.hand.click(self.page.locator("a[href='#lines']").first)
        field = self.page.locator("#form-goods")
        self.hand.click(field)
        for number, article in enumerate(self.articles):
            self.hand.type(article)
            self.hand.press("Enter")
            expect(self.page.locator(f"#id_lines-{number}-total")).not_to_have_value("")
        self.hand.click(self.page.locator("[name=_save]"))
        expect(self.page.locator("#result_list")).to_be_visible()
        self.hand.look()

    def assign_by_area(self) -> None:
        self.hand.begin("give the orders of an area", LIST)
        self.hand.click(
            self.page.locator("nav a[href='/admin/orders/order/map/'], a[href='/admin/orders/order/map/']").first
        )
        self.page.wait_for_load_state("networkidle")
        self.hand.look()
        self.hand.click(self.page.locator("[data-draw=rectangle]"))
        box: Any = self.page.locator("#map").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.hand.count_click()
        self.page.mouse.move(x - 60, y - 60)
        self.page.mouse.down()
        self.page.mouse.move(x + 60, y + 60, steps=8)
        self.page.mouse.up()
        expect(self.page.locator("#orders-count")).not_to_have_text(re.compile(r"\b0$"))
        self.hand.click(self.page.locator("#orders-courier"))
        self.pick(self.page.locator("#orders-courier"), self.couriers[1])
        self.hand.click(self.page.locator("#orders-assign"))
        expect(self.page.locator("#orders-told")).to_contain_text("assigned to")
        self.hand.look()

    def give_on_the_board(self) -> None:
        self.hand.begin("give an order by keyboard on the board", "/admin/orders/order/board/")
        self.hand.click(self.page.locator(".board-zone[data-courier=''] .board-pick").first)
        self.hand.press("Enter")
        expect(self.page.locator("#board-dialog")).to_be_visible()
        self.pick(self.page.locator("#board-courier"), self.couriers[2])
        self.hand.press("Tab", "Enter")
        expect(self.page.locator("#board-status")).to_contain_text(f"assigned to {self.couriers[2]}")

    def print_sheets(self) -> None:
        self.hand.begin("print route sheets", f"{LIST}?day=today")
        self.hand.click(self.page.locator("#action-toggle"))
        self.run("print_routes")
        expect(self.page).to_have_url(re.compile("/print/routes/"))

    def mend_refused(self) -> None:
        self.hand.begin("mend an order that iRECA refused", LIST)
        self.hand.click(self.page.locator(".desk-tabs").get_by_role("link", name="Problems"))
        self.page.wait_for_load_state()
        self.hand.look()
        self.hand.click(self.page.locator("#result_list tbody th a").first)
        self.page.wait_for_load_state()
        self.hand.look()
        self.hand.click(self.page.locator("#id_delivery_time_to_1"))
        self.hand.retype("23:59:00")
        self.hand.click(self.page.locator("[name=_save]"))
        expect(self.page.locator("#result_list")).to_be_visible()
        self.hand.look()

    # the morning

    def give_everything(self) -> Figures:
        """400 orders to 25 couriers by hand: sixteen at a time, in the list of those that nobody has."""
        self.hand.begin(f"{EACH * len(self.couriers)} orders to {len(self.couriers)} couriers, by hand", UNASSIGNED)
        for courier in self.couriers:
            self.give_selected(EACH, courier)
        return self.hand.end()
