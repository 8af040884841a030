"""Merging clients: the action, the page that previews it, taking it back, and what a client's form tells of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import action
from unfold.widgets import RADIO_CLASSES

from backoffice.sync.personal import is_hidden
from backoffice.values import whole_number, whole_numbers
from orders import merging
from orders.merging import Difference, NotMergeable, Option, Preview
from orders.models import Client, ClientMerge

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object


class MergingFilter(DropdownFilter):
    """Who should perhaps be merged, and who was: clients that were merged are in no other list."""

    title, parameter_name = gettext_lazy("merging"), "merging"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("same_phone", gettext_lazy("Same phone as another client")),
            ("merged", gettext_lazy("Merged into another client")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Client]) -> QuerySet[Client]:
        if self.value() == "merged":
            return queryset.filter(merged_into__isnull=False)
        standing = queryset.filter(merged_into=None)
        return standing.filter(phone_e164__in=merging.shared_phones()) if self.value() == "same_phone" else standing


class MergeForm(forms.Form):
    """What a person chose of a preview, and which preview it was."""

    shown = forms.IntegerField(widget=forms.HiddenInput)
    digest = forms.CharField(widget=forms.HiddenInput)
    survivor = forms.TypedChoiceField(coerce=int)

    def __init__(self, preview: Preview, data: Any = None) -> None:
        self.preview = preview
        super().__init__(data, initial={"shown": preview.survivor.pk, "digest": preview.digest})
        self.fields["survivor"].choices = [(client.pk, client) for client in preview.candidates]
        for difference in preview.differences:
            allowed = [(option.client.pk, option.text) for option in difference.options if option.allowed]
            self.fields[_take(difference)] = forms.TypedChoiceField(label=difference.label, choices=allowed, coerce=int)

    @property
    def takes(self) -> dict[str, int]:
        """Only of a valid form."""
        return {one.name: self.cleaned_data[_take(one)] for one in self.preview.differences}

    # for the template

    def people(self) -> list[dict[str, Any]]:
        """The clients, each with what hangs on it."""
        preview = self.preview
        return [
            {
                "client": client,
                "may_stay": client in preview.candidates,
                "stays": client.pk == preview.survivor.pk,
                "orders": preview.counts[client.pk][0],
            }
            for client in preview.clients
        ]

    def rows(self) -> list[tuple[Difference, str, list[tuple[Option, bool]]]]:
        """Each field that differs, the name of its radios, and its values with whether they are chosen."""
        rows = []
        for one in self.preview.differences:
            chosen = str(self.data.get(_take(one), one.chosen))
            options = [(option, str(option.client.pk) == chosen) for option in one.options]
            rows.append((one, _take(one), options))
        return rows


class MergeMixin(Base):
    """For the admin of clients."""

    page_name: Any
    page_context: Any

    def has_merge_permission(self, request: HttpRequest) -> bool:
        """Both rights at once: the orders move."""
        may_change = self.has_change_permission(request) and request.user.has_perm("orders.change_order")
        return may_change and not is_hidden()  # a choice between masks is none

    @action(description=gettext_lazy("Merge"), permissions=["merge"])
    def merge_clients(self, request: HttpRequest, queryset: QuerySet[Client]) -> HttpResponse:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: merging.MOST + 1])
        try:
            merging.preview(ids)
        except NotMergeable as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(self.merge_url(ids))

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("merge/", wrap(self.merge_view), name="orders_client_merge"),
            path("merge/<int:merge_id>/undo/", wrap(self.undo_view), name="orders_client_unmerge"),
            *super().get_urls(),
        ]

    def merge_url(self, ids: Collection[int]) -> str:
        return f"{reverse(self.page_name('merge'))}?{urlencode({'client': sorted(ids)}, doseq=True)}"

    def merge_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows what would happen. POST of another survivor shows it anew, POST of what was shown does it."""
        if not self.has_merge_permission(request):
            raise PermissionDenied
        ids = set(whole_numbers(request.GET.getlist("client")))
        try:
            form = MergeForm(merging.preview(ids, whole_number(request.POST.get("shown"))), request.POST or None)
            if form.is_valid():
                survivor = form.cleaned_data["survivor"]
                if survivor == form.cleaned_data["shown"]:
                    done = merging.merge(ids, survivor, form.takes, form.cleaned_data["digest"], request.user)
                    return self._merged(request, done)
                form = MergeForm(merging.preview(ids, survivor))
                messages.info(request, _("Another client stays now. Check what happens and confirm."))
            elif form.is_bound:
                messages.error(
                    request, _("Something changed since this was shown. Nothing was done: look at it again.")
                )
                form = MergeForm(form.preview)
        except NotMergeable as error:
            messages.error(request, str(error))
            if not isinstance(error, merging.Stale):
                return HttpResponseRedirect(reverse(self.page_name("changelist")))
            form = MergeForm(merging.preview(ids))
        context = {
            **self.page_context(request, _("Merge clients")),
            "form": form,
            "preview": form.preview,
            "radio": " ".join(RADIO_CLASSES),
            "back": reverse(self.page_name("change"), args=[form.preview.survivor.pk]),
        }
        return TemplateResponse(request, "admin/orders/client/merge.html", context)

    def _merged(self, request: HttpRequest, done: ClientMerge) -> HttpResponse:
        moved = sum(len(rows) for keys in done.moved.values() for rows in keys.values())
        text = ngettext("Merged: %(count)d row moved.", "Merged: %(count)d rows moved.", moved) % {"count": moved}
        messages.success(request, text)
        return HttpResponseRedirect(reverse(self.page_name("change"), args=[done.survivor_id]))

    def undo_view(self, request: HttpRequest, merge_id: int) -> HttpResponse:
        """GET asks, POST takes the merge back."""
        if not self.has_merge_permission(request):
            raise PermissionDenied
        done = get_object_or_404(ClientMerge.objects.select_related("survivor"), pk=merge_id)
        back = reverse(self.page_name("change"), args=[done.survivor_id])
        clients = list(Client.objects.filter(pk__in=[int(key) for key in done.absorbed]).order_by("pk"))
        if request.method != "POST" and not merging.why_not_undo(done, clients):
            context = {
                **self.page_context(request, _("Undo the merge")),
                "merge": done,
                "clients": clients,
                "moved": sum(len(rows) for keys in done.moved.values() for rows in keys.values()),
                "back": back,
            }
            return TemplateResponse(request, "admin/orders/client/unmerge.html", context)
        try:
            undone = merging.undo(merge_id, request.user)
        except NotMergeable as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)
        text = ngettext("Undone: %(count)d row went back.", "Undone: %(count)d rows went back.", undone.moved)
        messages.success(request, text % {"count": undone.moved})
        if undone.kept:
            text = _("Changed since the merge, and left so: %(fields)s") % {"fields": ", ".join(undone.kept)}
            messages.warning(request, text)
        return HttpResponseRedirect(back)

    def merging_of(self, request: HttpRequest, client: Client) -> dict[str, Any]:
        """For `merging.html`: who else has the phone, whom the client was merged into, who was merged into it."""
        may = self.has_merge_permission(request)
        others = list(merging.same_phone(client)[: merging.MOST]) if client.merged_into_id is None else []
        absorbed = list(client.absorbed.order_by("pk")[: merging.MOST])
        left = merging.counts_of([client, *absorbed])
        late = [one for one in (absorbed or [client]) if one.merged_into_id is not None and left[one.pk]]
        head = client.merged_into_id or client.pk
        return {
            "others": others,
            "merge_url": self.merge_url([client.pk, *(one.pk for one in others)]) if may and others else "",
            "too_many": len(others) == merging.MOST,
            "list_url": f"{reverse(self.page_name('changelist'))}?{urlencode({'q': client.phone_e164})}",
            "into": client.merged_into,
            "absorbed": [
                {"client": one, "phone_differs": one.phone_e164 != client.phone_e164, "left": left[one.pk]}
                for one in absorbed
            ],
            "late": sum(left[one.pk] for one in late),
            "late_url": self.merge_url([head, *(one.pk for one in late)]) if may and late else "",
            "merges": self._merges(client) if may else [],
        }

    def _merges(self, client: Client) -> list[tuple[ClientMerge, str]]:
        """The merges that can be taken back, with the address of that."""
        head = client.merged_into_id or client.pk
        rows = ClientMerge.objects.filter(Q(survivor=head), undone_at=None).select_related("made_by")
        mine = [row for row in rows if client.pk == head or str(client.pk) in row.absorbed]
        return [(row, reverse(self.page_name("unmerge"), args=[row.pk])) for row in mine]


def _take(difference: Difference) -> str:
    return f"take-{difference.name}"
