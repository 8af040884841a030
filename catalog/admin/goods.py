"""Goods in the admin: a flat list or a tree, with the stock of each warehouse."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, prefetch_related_objects
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.sync.admin.base import MirroredAdmin, MirroredTabularInline, SavesColumnsMixin
from backoffice.sync.admin.forms import RowForm
from backoffice.sync.admin.labels import link
from backoffice.sync.admin.lists import BigTableMixin
from backoffice.sync.admin.references import ReferencesMixin
from backoffice.transfer.admin import ImportMixin
from backoffice.values import whole_number
from catalog.admin.tree import TOP, InsideFilter, LevelFilter, chain, path_to
from catalog.models import Good, Stock


class GoodForm(RowForm):
    def clean_parent(self) -> Good | None:
        """A folder can not be moved into itself, nor into what it holds."""
        parent = self.cleaned_data["parent"]
        if parent is None or self.instance._state.adding or "parent" not in self.changed_data:
            return parent
        # Whoever moves another folder of this chain at the same moment waits, and then sees this move.
        keys = {self.instance.pk, *chain(parent.pk)}
        list(Good._base_manager.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))
        if self.instance.pk in chain(parent.pk):
            raise ValidationError(_("“%(parent)s” is this good itself or lies inside it.") % {"parent": parent})
        return parent


class StockInline(MirroredTabularInline):
    model = Stock
    tab = True
    autocomplete_fields = ("warehouse",)


@admin.register(Good)
class GoodAdmin(ImportMixin, MirroredAdmin):
    form = GoodForm
    list_display = ("title", "contents", "article", "price", "unit", "stock_text", "parent", "is_active")
    list_select_related = ("parent",)
    list_filter = (LevelFilter, ("parent", InsideFilter), "is_active")
    list_before_template = "admin/catalog/goods.html"
    search_fields = ("title__icontains", "article__startswith", "barcode__exact", "ireca_id__exact")
    search_help_text = gettext_lazy("A part of the title, the beginning of the article, a barcode, or an iRECA id")
    ordering = ("title", "id")
    autocomplete_fields = ("parent", "tax")
    inlines = (StockInline,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("title", "article"),
                    ("barcode", "parent"),
                    ("price", "unit"),
                    ("tax", "calc_id"),
                    "is_active",
                )
            },
        ),
        (
            gettext_lazy("More"),
            {"fields": (("weight", "multiplicity"), "description", ("image_url", "image_big_url"))},
        ),
    )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list with what its cells show: three queries for a page, whatever is on it."""
        changelist = super().get_changelist_instance(request)
        goods = changelist.result_list = list(changelist.result_list)
        prefetch_related_objects(goods, "stock__warehouse")
        sizes = dict(
            Good._base_manager.filter(parent__in=[good.pk for good in goods])
            .order_by()
            .values_list("parent")
            .annotate(Count("pk"))
        )
        for good in goods:
            good.size = sizes.get(good.pk, 0)
        changelist.tree = _tree(request)
        return changelist

    @admin.display(description=gettext_lazy("contents"))
    def contents(self, good: Good) -> str:
        """How many goods are directly in it, and the way there; nothing for what is no folder."""
        if not good.size:
            return ""
        text = ngettext("%(count)d good", "%(count)d goods", good.size) % {"count": good.size}
        return link(_folder_url(good.pk), text)

    @admin.display(description=gettext_lazy("stock"))
    def stock_text(self, good: Good) -> str:
        """A line for each warehouse."""
        rows = sorted(good.stock.all(), key=lambda row: (str(row.warehouse), row.pk))
        return format_html_join(
            "", "<div>{}: {}</div>", ((row.warehouse, number_format(row.count.normalize())) for row in rows)
        )


@admin.register(Stock)
class StockAdmin(ImportMixin, ReferencesMixin, BigTableMixin, ModelAdmin, SavesColumnsMixin):
    """Stock as a list of its own: to be searched, exported and imported."""

    list_display = ("good", "article", "warehouse", "count")
    list_select_related = ("good", "warehouse")
    list_filter = (("warehouse", AutocompleteSelectFilter),)
    list_filter_submit = True
    search_fields = ("good__title__icontains", "good__article__startswith")
    ordering = ("good__title", "id")
    autocomplete_fields = ("good", "warehouse")
    fields = ("good", "warehouse", "count")
    change_form_before_template = "admin/sync/row_state.html"

    @admin.display(description=gettext_lazy("article"), ordering="good__article")
    def article(self, stock: Stock) -> str:
        return stock.good.article


def _folder_url(folder: int | str) -> str:
    return reverse("admin:catalog_good_changelist", query={"folder": folder})


def _tree(request: HttpRequest) -> dict[str, Any]:
    """Where the list stands in the tree: the way from the top, and the flat list beside it."""
    folder = request.GET.get(LevelFilter.parameter_name)
    inside = whole_number(folder)
    path = path_to(inside) if inside is not None else []
    return {
        "is_open": folder is not None,
        "flat_url": reverse("admin:catalog_good_changelist"),
        "top_url": _folder_url(TOP),
        "path": [(good, _folder_url(good.pk)) for good in path],
    }
