"""Forms of orders, lines and clients: what a person types is checked, what came from a remote is flagged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSelectWidget

from backoffice.sync.admin.forms import RowForm
from orders.admin import checks
from orders.admin.filters import code_choices
from orders.models import DeliveryStatus, PaymentStatus

WORKING_DAY = time(9), time(21)


class CheckedForm(RowForm):
    """Refuses the problems of `problems` that the person made; shows the others as `flags`."""

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
            if problem.concerns_any(typed) and problem.field in self.fields and problem.field not in self.errors:
                self.add_error(problem.field, problem.text)

    def _label(self, name: str) -> str:
        return capfirst(str(self.instance._meta.get_field(name).verbose_name))


class CodeField(forms.TypedChoiceField):
    """A code of the remote, offered by the labels of its dictionary; an unknown one that is there stays choosable."""

    def __init__(self, kind: str, known: Any, **kwargs: Any) -> None:
        self.kind, self.known = kind, known
        super().__init__(coerce=int, widget=UnfoldAdminSelectWidget, **kwargs)

    def offer(self, current: int | None) -> None:
        self.choices = code_choices(self.kind, self.known, current=current)


class OrderForm(CheckedForm):
    """An order as a dispatcher edits it."""

    def problems(self) -> Iterator[checks.Problem]:
        yield from checks.of_order(self.instance)
        if checks.is_reopened(self._row.delivery_status, self.instance):
            yield checks.Problem("delivery_status", _("A cancelled return stays cancelled. Make a new one."))

    def flags(self) -> list[str]:
        """With those of the lines' marking codes, which have a page of their own."""
        flags = super().flags()
        if not self.is_bound and not self.instance._state.adding:
            flags += checks.marks_of(self.instance)
        return flags

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

    @staticmethod
    def window_today() -> dict[str, datetime]:
        """The window that a new order begins with."""
        today = timezone.localdate()
        first, last = (timezone.make_aware(datetime.combine(today, at)) for at in WORKING_DAY)
        return {"delivery_time_from": first, "delivery_time_to": last}


class LineForm(CheckedForm):
    """A line. A total that nobody typed follows the count and the price; a price left empty is the good's."""

    def problems(self) -> Iterator[checks.Problem]:
        return checks.of_line(self.instance)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("price", "total"):
            if name in self.fields:
                self.fields[name].required = False
                if self.instance._state.adding:
                    self.fields[name].initial = None

    def columns(self) -> list[str]:
        names = super().columns()
        return [*names, "total"] if self._total_follows() else names

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "price" in data and data["price"] is None:
            good = data.get("good")
            data["price"] = (good and good.price) or Decimal(0)
        if self._total_follows() and None not in (data.get("count"), data.get("price")):
            data["total"] = (data["count"] * data["price"]).quantize(checks.KOPECK, ROUND_HALF_UP)
        return data

    def _total_follows(self) -> bool:
        if self["total"].data in (None, ""):
            return True
        return "total" not in self.changed_data and not {"count", "price"}.isdisjoint(self.changed_data)


class ClientForm(CheckedForm):
    def problems(self) -> Iterator[checks.Problem]:
        return checks.of_client(self.instance)
