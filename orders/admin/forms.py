"""Forms of orders, lines and clients: what a person types is checked, what came from a remote is flagged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.forms.widgets import Script
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from backoffice.sync.admin.forms import RowForm
from orders import sums
from orders.admin import checks
from orders.admin.filters import code_choices
from orders.models import DeliveryStatus, Line, LineWarehouse, PaymentStatus

# What stays as it is once an order is settled
SETTLED_ORDER = ("status", "delivery_status", "amount_to_pay", "prepayment_sum")
SETTLED_LINE = ("good", "count", "price", "total", "discount_total", "tax")
SETTLED = gettext_lazy("The order is closed and paid: a return or a correction mends what is wrong with it.")

WORKING_DAY = time(9), time(21)


class CheckedForm(RowForm):
    """Refuses the problems of `problems` that the person made; shows the others as `flags`."""

    @property
    def is_draft(self) -> bool:
        """Whether what is only missing may wait."""
        return False

    def problems(self) -> Iterator[checks.Problem]:
        """What is wrong with the instance as it is now. Each form has its own checks."""
        raise NotImplementedError(type(self).__name__)

    def flags(self) -> list[str]:
        """The problems that are there already, for the top of the page."""
        if self.is_bound or self.instance._state.adding:
            return []
        return [f"{self._label(problem.field)}: {problem.text}" for problem in self.problems()]

    def full_clean(self) -> None:
        if self.is_bound and not self.instance._state.adding and not self.has_changed():
            # Nothing is written, so nothing is checked: the unchanged lines of a long order cost no query each.
            self._errors, self.cleaned_data = ErrorDict(renderer=self.renderer), {}
            return
        super().full_clean()

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # the place where the instance has what was typed
        typed = self.fields if self.instance._state.adding else self.changed_data
        for problem in self.problems():
            is_new = problem.concerns_any(typed) and problem.field in self.fields and problem.field not in self.errors
            if is_new and self._refuses(problem):
                self.add_error(problem.field, problem.text)

    def _refuses(self, problem: checks.Problem) -> bool:
        if problem.grade == checks.Grade.MISSING:
            return not self.is_draft
        return problem.grade == checks.Grade.WRONG

    def _label(self, name: str) -> str:
        return capfirst(str(self.instance._meta.get_field(name).verbose_name))


class CodeField(forms.TypedChoiceField):
    """A code of the remote, offered by the labels of its dictionary; an unknown one that is there stays choosable."""

    def __init__(self, kind: str, known: Any, **kwargs: Any) -> None:
        self.kind, self.known = kind, known
        super().__init__(coerce=int, widget=UnfoldAdminSelectWidget, **kwargs)

    def offer(self, current: int | None) -> None:
        self.choices = code_choices(self.kind, self.known, current=current)


@dataclass(frozen=True)
class Asked:
    """What a person asks the sum to pay to be (`sums.amount_of`), and whether he touched it or the prepayment."""

    typed: Decimal | None
    stored: Decimal
    is_touched: bool


class OrderForm(CheckedForm):
    """An order as a dispatcher edits it."""

    ZERO_IS_NONE = frozenset({"cash"})  # no banknote (seed 002:507)

    def problems(self) -> Iterator[checks.Problem]:
        yield from checks.of_order(self.instance)
        if checks.is_reopened(self._row.delivery_status, self.instance):
            yield checks.Problem("delivery_status", _("A cancelled return stays cancelled. Make a new one."))
        if self.is_bound and self._row.is_settled:
            for name in SETTLED_ORDER:
                if name in self.changed_data:
                    yield checks.Problem(name, str(SETTLED))

    def flags(self) -> list[str]:
        """With those of its lines and sums, and of marking codes that are sold elsewhere too."""
        return [] if self.is_bound or self.instance._state.adding else checks.flags_of(self.instance)

    @property
    def is_draft(self) -> bool:
        return bool(self.instance.hold)

    def clean(self) -> dict[str, Any]:
        """An emptied sum is left to the lines, which the formset of the lines knows (`LineFormSet`)."""
        data = super().clean() or self.cleaned_data
        if "amount_to_pay" in data:
            stored, typed = self._row.amount_to_pay, data["amount_to_pay"]
            is_touched = not {"amount_to_pay", "prepayment_sum"}.isdisjoint(self.changed_data)
            self.instance.asked = Asked(typed, stored, is_touched)
            data["amount_to_pay"] = stored if typed is None else typed
        return data

    def columns(self) -> list[str]:
        """With the sum to pay, where the lines changed it."""
        names = super().columns()
        is_moved = not self.instance._state.adding and self.instance.amount_to_pay != self._row.amount_to_pay
        return [*names, "amount_to_pay"] if is_moved and "amount_to_pay" not in names else names

    status = CodeField("orderStatuses", PaymentStatus)
    delivery_status = CodeField("orderDeliveryStatuses", DeliveryStatus)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("status", "delivery_status"):
            if name in self.fields:
                current = getattr(self.instance, name)
                self.fields[name].label = self._label(name)
                self.fields[name].initial = current
                self.fields[name].offer(current)
        if "amount_to_pay" in self.fields:
            self.fields["amount_to_pay"].required = False
            self.fields["amount_to_pay"].help_text = _("Left empty, it is what the lines cost.")
            if self.instance._state.adding:
                self.initial["amount_to_pay"] = None

    class Media:
        js = tuple(
            Script(path, defer=True)
            for path in (
                "vendor/leaflet/leaflet.js",
                "couriers/base.js",
                "orders/finder.js",
                "orders/form_lines.js",
                "orders/form_client.js",
                "orders/form_map.js",
            )
        )
        css = {"all": ("vendor/leaflet/leaflet.css", "couriers/map.css", "orders/form.css")}

    @staticmethod
    def window_today() -> dict[str, datetime]:
        """The window that a new order begins with."""
        today = timezone.localdate()
        first, last = (timezone.make_aware(datetime.combine(today, at)) for at in WORKING_DAY)
        return {"delivery_time_from": first, "delivery_time_to": last}


class LineForm(CheckedForm):
    """A line. A total that nobody typed follows the count and the price; a price left empty is the good's."""

    def problems(self) -> Iterator[checks.Problem]:
        yield from checks.of_line(self.instance)
        if self.is_bound and self.is_settled():
            for name in SETTLED_LINE:
                if name in self.changed_data:
                    yield checks.Problem(name, str(SETTLED))

    def is_settled(self) -> bool:
        return self.instance.order.is_settled

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("price", "total"):
            if name in self.fields:
                self.fields[name].required = False
                if self.instance._state.adding:
                    self.fields[name].initial = None

    def columns(self) -> list[str]:
        names = super().columns()
        is_moved = not self.instance._state.adding and self.instance.total != self._row.total
        return [*names, "total"] if is_moved and "total" not in names else names

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "price" in data and data["price"] is None:
            good = data.get("good")
            data["price"] = (good and good.price) or Decimal(0)
        count, price = data.get("count"), data.get("price")
        if "total" in data and count is not None and price is not None:
            data["total"] = sums.total_of(count, price, data["total"], self.before)
        return data

    @property
    def before(self) -> sums.Before | None:
        """What the line held when it was read for this request; None for a new one."""
        row = self._row
        is_new = self.instance._state.adding and not self.is_gone
        return None if is_new else sums.Before(row.count, row.price, row.total)


class OrderLineForm(LineForm):
    """A line among the others of its order, with the warehouse that it is fetched from: iRECA takes but one (seed
    002:135). Where there are more, they are on the line's own page.
    """

    # The hidden beginning tells what a person changed from what somebody else did meanwhile.
    warehouse = forms.ChoiceField(
        label=gettext_lazy("from warehouse"), required=False, show_hidden_initial=True, widget=UnfoldAdminSelectWidget
    )

    def __init__(
        self, *args: Any, warehouses: Sequence[tuple[Any, str]] = (), settled: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._settled = settled
        self._parts = [] if self.instance._state.adding else list(self.instance.warehouses.all())
        if "warehouse" not in self.fields:
            return
        there = [(str(part.warehouse_id), str(part.warehouse)) for part in self._parts]
        offered = dict([("", "–"), *warehouses, *there])
        self.fields["warehouse"].choices = list(offered.items())
        self.fields["warehouse"].disabled = len(self._parts) > 1
        self.initial["warehouse"] = there[0][0] if len(there) == 1 else ""

    def is_settled(self) -> bool:
        return self._settled  # which is asked once for all lines

    def typed(self, name: str) -> str:
        if name != "warehouse":
            return super().typed(name)
        return str(dict(self.fields["warehouse"].choices).get(self["warehouse"].data, "–"))

    def save(self, commit: bool = True) -> Any:
        line = super().save(commit)
        if commit and len(self._parts) < 2:
            self._fetch_from(line, *self._parts)
        return line

    def _fetch_from(self, line: Line, part: LineWarehouse | None = None) -> None:
        """The one warehouse of the line, with all that the line has, unless somebody meant a part of it."""
        if "warehouse" in self.changed_data:
            chosen = self.cleaned_data["warehouse"]
            if not chosen:
                if part is not None:
                    part.delete()
                return
            part = part or LineWarehouse(line=line, count=line.count)
            part.warehouse_id = int(chosen)
        elif part is None or self.before is None or part.count != self.before.count or part.count == line.count:
            return
        if self.before is None or part.count == self.before.count:
            part.count = line.count
        part.line = line
        part.save()


class ClientForm(CheckedForm):
    def problems(self) -> Iterator[checks.Problem]:
        return checks.of_client(self.instance)
