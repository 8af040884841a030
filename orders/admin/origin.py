"""Orders at register services as a list, the page that fetches them by id, and the settings of a service."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from backoffice.sync import connection, pull
from backoffice.sync.admin.base import LABELS, SavesColumnsMixin, ViewOnlyAdmin
from backoffice.sync.admin.filters import ExactFilter
from backoffice.sync.admin.labels import badge, link, pretty_json, short
from backoffice.sync.admin.lists import BigTableMixin
from backoffice.sync.connection import BIFIT, TITLES, VIRTPOS
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from backoffice.sync.refresh import unavailable
from orders import registers
from orders.models import Feed, Origin, StatusRule

AT_ONCE = 500  # ids of one run
MOST = 10_000  # ids that one paste may hold
FETCH = ("orders.add_order", "sync.change_pull")


class FetchForm(forms.Form):
    """Ids as people paste them: separated by anything that stands in no id."""

    ids = forms.CharField(
        label=gettext_lazy("Ids of orders"),
        help_text=gettext_lazy("One, or many separated by spaces, commas or lines."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )

    def clean_ids(self) -> list[str]:
        ids = list(dict.fromkeys(re.findall(r"[0-9A-Za-z_-]+", self.cleaned_data["ids"])))
        if not ids:
            raise forms.ValidationError(_("There is no id in it."))
        if len(ids) > MOST:
            raise forms.ValidationError(_("At most %(count)d ids at once.") % {"count": MOST})
        return ids


class StateFilter(DropdownFilter):
    """By the state there, in words."""

    title, parameter_name = gettext_lazy("state there"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        from orders.bifit import words
        from orders.virtpos import pages

        return [(str(code), label) for code, label in (*words.STATUSES.items(), *pages.STATUSES.items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(Origin)
class OriginAdmin(ViewOnlyAdmin):
    list_display = ("shown_order", "remote", "key", "status_text", "status_at", "delivery_text", "sync_text", "read_at")
    list_display_links = ("key",)
    list_filter = (
        ("remote", ChoicesDropdownFilter),
        StateFilter,
        ("sync_state", ChoicesDropdownFilter),
        ("is_open", BooleanRadioFilter),
        ("key", ExactFilter),
    )
    list_select_related = ("order",)
    ordering = ("-id",)
    search_fields = ("key__exact", "order__number__exact")
    search_help_text = gettext_lazy("Id there, or the order's number")
    fields = (
        ("shown_order", "remote", "key"),
        ("status_text", "status_at"),
        ("delivery_text", "tax_text"),
        ("sync_text", "sync_error"),
        ("is_open", "read_at"),
        "exchanges",
        "raw",
    )
    readonly_fields = ("shown_order", "status_text", "delivery_text", "tax_text", "sync_text", "exchanges", "raw")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Origin]:
        rows: QuerySet[Origin] = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and match.url_name == "orders_origin_changelist"
        heavy = ("data", "agreed", "sync_conflict", "order__remote_data", "order__sync_conflict", "order__description")
        return rows.select_related("order").defer(*heavy) if is_list else rows

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.fetch_view)
        return [path("fetch/", view, name="orders_origin_fetch"), *super().get_urls()]

    def fetch_view(self, request: HttpRequest) -> HttpResponse:
        """GET asks for ids; POST requests a run that reads them, and opens it."""
        if not request.user.has_perms(FETCH):
            raise PermissionDenied
        form = FetchForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            runs = [pull.request(BIFIT, request.user, ids=some) for some in chunks(form.cleaned_data["ids"], AT_ONCE)]
            if why := unavailable(BIFIT):
                messages.warning(request, why)
            if len(runs) == 1 and request.user.has_perm("sync.view_pull"):
                return HttpResponseRedirect(reverse("admin:sync_pull_change", args=[runs[0].pk]))
            messages.success(request, _("Asked for %(count)d orders.") % {"count": len(form.cleaned_data["ids"])})
            return HttpResponseRedirect(reverse("admin:orders_origin_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": _("Fetch orders from BIFIT Kassa"),
            "form": form,
            "unavailable": unavailable(BIFIT),
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/orders/origin/fetch.html", context)

    @admin.display(description=gettext_lazy("order"), ordering="order")
    def shown_order(self, origin: Origin) -> str:
        return link(reverse("admin:orders_order_change", args=[origin.order_id]), origin.order)

    @admin.display(description=gettext_lazy("state there"), ordering="status")
    def status_text(self, origin: Origin) -> str:
        return registers.of(origin.remote).status(origin.status) or "–"

    @admin.display(description=gettext_lazy("way of delivery"))
    def delivery_text(self, origin: Origin) -> str:
        return registers.of(origin.remote).delivery(origin.delivery) or "–"

    @admin.display(description=gettext_lazy("tax system"))
    def tax_text(self, origin: Origin) -> str:
        return registers.of(origin.remote).tax_system(origin.tax_system) or "–"

    @admin.display(description=gettext_lazy("sync"), ordering="sync_state")
    def sync_text(self, origin: Origin) -> str:
        return badge(
            origin.get_sync_state_display(), LABELS.get(SyncState(origin.sync_state), ""), origin.sync_error[:300]
        )

    @admin.display(description=gettext_lazy("Exchanges"))
    def exchanges(self, origin: Origin) -> str:
        if origin.remote != BIFIT:
            return "–"  # its requests concern no single order
        subject = f"online_orders:{origin.key}"
        url = reverse("admin:sync_exchange_changelist", query={"q": subject})
        return link(url, _("HTTP requests that concerned %(subject)s") % {"subject": subject})

    @admin.display(description=gettext_lazy("as it was read last"))
    def raw(self, origin: Origin) -> str:
        return pretty_json(origin.data)


class StatusRuleInline(TabularInline):
    model = StatusRule
    extra = 0
    verbose_name_plural = gettext_lazy("rules that differ from the defaults")


@admin.register(Feed)
class FeedAdmin(BigTableMixin, ModelAdmin, SavesColumnsMixin):
    """How a service's orders become ours. The rows come by themselves, for the services that are switched on."""

    list_display = ("shown_service", "shown_state", "source", "payment_type", "paid_type", "good")
    list_display_links = ("shown_service",)
    list_select_related = ("source", "payment_type", "paid_type", "good")
    autocomplete_fields = ("payment_type", "paid_type", "good", "delivery_good", "good_tax", "return_reason")
    change_form_before_template = "admin/sync/row_state.html"
    fields = (
        ("shown_service", "shown_state"),
        "shown_source",
        ("payment_type", "paid_type"),
        ("good", "delivery_good"),
        ("return_reason", "good_tax"),
        ("window_minutes", "client_group"),
        "shown_rules",
        "shown_assumed",
    )
    readonly_fields = ("shown_service", "shown_state", "shown_source", "shown_rules", "shown_assumed")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        for remote in (BIFIT, VIRTPOS):
            if connection.is_on(remote):
                Feed.of(remote)
            else:
                messages.info(request, connection.why_off(remote))
        return super().changelist_view(request, extra_context)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [StatusRuleInline] if obj is not None and registers.of(obj.remote).rules else []

    @admin.display(description=gettext_lazy("service"), ordering="remote")
    def shown_service(self, feed: Feed) -> str:
        return TITLES.get(feed.remote, feed.remote)

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, feed: Feed) -> str:
        if connection.is_on(feed.remote):
            return badge(_("On"), "success")
        return format_html("{} {}", badge(_("Off"), "warning"), connection.why_off(feed.remote))

    @admin.display(description=gettext_lazy("source"))
    def shown_source(self, feed: Feed) -> str:
        waits = (
            _("Its orders wait for a dispatcher.") if feed.source.waits_for_dispatcher else _("Its orders go at once.")
        )
        return format_html(
            "{} – {}", link(reverse("admin:partners_source_change", args=[feed.source_id]), feed.source), waits
        )

    @admin.display(description=gettext_lazy("what is told"))
    def shown_rules(self, feed: Feed) -> str:
        """Every deed with the state that it becomes, whether by default or by a rule."""
        register = registers.of(feed.remote)
        own = {rule.deed: rule.status for rule in feed.rules.all()}
        return (
            format_html_join(
                "",
                "<p>{} → {}{}</p>",
                (
                    (
                        capfirst(str(deed.label)),
                        f"{status} ({words})"
                        if (words := register.status(status)) != status
                        else status or _("nothing"),
                        "" if deed in own else f" – {_('by default')}",
                    )
                    for deed, default in register.rules.items()
                    for status in (own.get(deed, default),)
                ),
            )
            or "–"
        )

    @admin.display(description=gettext_lazy("assumed, not documented; change it in the environment"))
    def shown_assumed(self, feed: Feed) -> str:
        names = registers.of(feed.remote).assumed
        rows = ((name, short(str(getattr(settings, name))) or _("empty")) for name in names)
        return format_html_join("", "<p><code>{}</code> = {}</p>", rows) or "–"
