"""Discount cards of VirtPos: the list, the form, and what is done with a card: activate, block, issue anew, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from backoffice.sync.admin.base import LABELS, EditableAdmin
from backoffice.sync.admin.forms import RowForm
from backoffice.sync.admin.labels import badge, link
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.refresh import unavailable
from orders.admin import search
from orders.models import Client, DiscountCard, Feed
from orders.virtpos import cards

UID = r"^[0-9A-Za-zА-Яа-яЁё._-]{1,64}$"
COLOURS = {DiscountCard.Status.ACTIVE: "success", DiscountCard.Status.BLOCKED: "danger"}
Status = DiscountCard.Status


def _uid_field() -> forms.RegexField:
    return forms.RegexField(
        UID,
        label=gettext_lazy("Number of the card"),
        widget=UnfoldAdminTextInputWidget,
        error_messages={"invalid": gettext_lazy("Letters, digits, dots and dashes, at most 64 of them.")},
    )


class CardForm(RowForm):
    """A card as a person types it. Its number is for ever once VirtPos knows it: by it the card is found there."""

    is_there = forms.BooleanField(
        label=gettext_lazy("VirtPos has this card already"),
        required=False,
        help_text=gettext_lazy("Then it is changed there to what stands here, and not added."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "uid" in self.fields:
            self.fields["uid"] = _uid_field()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        issued, blocked = data.get("activate_date"), data.get("block_date")
        if issued and blocked and blocked < issued:
            self.add_error("block_date", _("It was blocked before it was issued."))
        if data.get("status") == Status.BLOCKED and "block_date" in data and not blocked:
            self.add_error("block_date", _("When was it blocked?"))
        for name in ("uid_ean13", "barcode"):
            if data.get(name) and not data[name].isdecimal():
                self.add_error(name, _("Digits only."))
        if uid := data.get("uid"):
            same = DiscountCard.objects.filter(uid=uid, is_deleted=False).exclude(pk=self.instance.pk)
            if same.exists():
                self.add_error("uid", _("There is a card with this number already."))
        return data


class ReissueForm(forms.Form):
    uid = _uid_field()
    medium = forms.ChoiceField(
        label=gettext_lazy("Medium"), choices=DiscountCard.Medium.choices, widget=UnfoldAdminSelectWidget
    )

    def clean_uid(self) -> str:
        uid = self.cleaned_data["uid"]
        if DiscountCard.objects.filter(uid=uid, is_deleted=False).exists():
            raise forms.ValidationError(_("There is a card with this number already."))
        return uid


class DeletedFilter(DropdownFilter):
    """Deleted cards are in no other list."""

    title, parameter_name = gettext_lazy("deleted"), "deleted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", gettext_lazy("Deleted cards"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[DiscountCard]) -> QuerySet[DiscountCard]:
        return queryset.filter(is_deleted=self.value() == "1")


@admin.register(DiscountCard)
class DiscountCardAdmin(EditableAdmin):
    form = CardForm
    actions = ("activate_cards", "block_cards")
    list_before_template = "admin/sync/list_note.html"
    change_form_outer_before_template = "admin/orders/discountcard/before.html"
    list_display = (
        *("uid", "status_badge", "shown_owner", "shown_type", "medium", "barcode", "activate_date", "block_date"),
        "sync_badge",
    )
    list_display_links = ("uid",)
    list_select_related = ("client", "source")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("medium", ChoicesDropdownFilter),
        ("sync_state", ChoicesDropdownFilter),
        DeletedFilter,
    )
    search_fields = ("uid",)  # the box; what it looks for is below
    search_help_text = gettext_lazy("Number, barcode, id at VirtPos, or its owner")
    autocomplete_fields = ("client",)
    fieldsets = (
        (
            None,
            {
                "fields": [
                    ("uid", "medium"),
                    "is_there",
                    ("status", "client"),
                    ("activate_date", "block_date"),
                    ("type_id", "type_name"),
                    ("barcode", "uid_ean13"),
                    ("card_id", "replaces"),
                    "external_id",
                    "row_state",
                ]
            },
        ),
    )
    list_note = gettext_lazy(
        "VirtPos documents no way to read cards: this is what was told it from here. Cards that were made or changed "
        "at the register are not seen."
    )

    # the list

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DiscountCard], search_term: str
    ) -> tuple[QuerySet[DiscountCard], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        owners = search.clients(Client.objects.all(), term).values_list("pk", flat=True)
        exact = Q(barcode=term) | Q(uid_ean13=term) | Q(card_id=term) | Q(external_id=term)
        return queryset.filter(Q(uid__startswith=term) | exact | Q(client__in=list(owners))), False

    @admin.display(description=gettext_lazy("state"), ordering="status")
    def status_badge(self, card: DiscountCard) -> str:
        return badge(card.get_status_display(), COLOURS.get(Status(card.status), "") if card.status in Status else "")

    @admin.display(description=gettext_lazy("owner"))
    def shown_owner(self, card: DiscountCard) -> str:
        if card.client is None:
            return "–"
        return link(reverse("admin:orders_client_change", args=[card.client_id]), card.client)

    @admin.display(description=gettext_lazy("type"))
    def shown_type(self, card: DiscountCard) -> str:
        return card.type_name or card.type_id or "–"

    @admin.display(description=gettext_lazy("Sync"), ordering="sync_state")
    def sync_badge(self, card: DiscountCard) -> str:
        state = SyncState(card.sync_state)
        return badge(card.get_sync_state_display(), LABELS.get(state, ""), Truncator(card.sync_error).chars(300))

    @action(description=gettext_lazy("Activate"), permissions=["change"])
    def activate_cards(self, request: HttpRequest, queryset: QuerySet[DiscountCard]) -> None:
        self._each(request, queryset, cards.activate, _("activated"))

    @action(description=gettext_lazy("Block"), permissions=["change"])
    def block_cards(self, request: HttpRequest, queryset: QuerySet[DiscountCard]) -> None:
        self._each(request, queryset, cards.block, _("blocked"))

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[DiscountCard],
        act: Callable[[DiscountCard], None],
        done: str,
    ) -> None:
        for card in queryset:
            try:
                act(card)
            except cards.NotPossible as error:
                messages.warning(request, str(error))
            else:
                self.log_change(request, card, done)
                messages.success(request, f"{card}: {done}")
        self._warn(request)

    def _warn(self, request: HttpRequest) -> None:
        if why := unavailable(VIRTPOS):
            messages.warning(request, _("%(why)s What is to be sent stays in the queue.") % {"why": why})

    # the form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets = super().get_fieldsets(request, obj)
        hidden = {"is_there"} if obj is not None else {"row_state", ("card_id", "replaces"), "external_id"}
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = ("card_id", "external_id", "replaces")
        return (*fields, "uid") if obj is not None and obj.is_known else fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj is not None and obj.is_deleted)

    def save_model(self, request: HttpRequest, obj: DiscountCard, form: Any, change: bool) -> None:
        if not change:
            obj.source = Feed.of(VIRTPOS).source
            obj.is_known = form.cleaned_data["is_there"]
        super().save_model(request, obj, form, change)
        self._warn(request)

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context["card"] = self._card(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _card(self, request: HttpRequest, card: DiscountCard) -> dict[str, Any]:
        """For `before.html`: what VirtPos answered, what is on its way, and what may be done."""
        may = self.has_change_permission(request, card)
        successor = DiscountCard.objects.filter(replaces=card).first()
        offered = {
            "activate": may and card.status != Status.ACTIVE,
            "block": may and card.status != Status.BLOCKED,
            "reissue": may and self.has_add_permission(request) and successor is None,
        }
        pushes = Push.objects.filter(remote=VIRTPOS, entity=cards.ENTITY, object_id=card.pk, state__in=Push.OPEN)
        return {
            "row": card,
            "successor": successor,
            "is_failed": card.sync_state == SyncState.FAILED,
            "is_pending": card.sync_state == SyncState.PENDING,
            "pushes": list(pushes.order_by("pk")) if request.user.has_perm("sync.view_push") else [],
            "unavailable": unavailable(VIRTPOS) if card.sync_state == SyncState.PENDING else "",
            **{
                f"{name}_url": reverse(f"admin:orders_discountcard_{name}", args=[card.pk]) if is_offered else ""
                for name, is_offered in offered.items()
            },
        }

    # pages of one card

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        views = {"activate": self.activate_view, "block": self.block_view, "reissue": self.reissue_view}
        return [
            *(
                path(f"<path:object_id>/{name}/", wrap(view), name=f"orders_discountcard_{name}")
                for name, view in views.items()
            ),
            *super().get_urls(),
        ]

    def activate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._one(request, object_id, self.activate_cards)

    def block_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._one(request, object_id, self.block_cards)

    def _one(self, request: HttpRequest, object_id: str, act: Any) -> HttpResponse:
        card = self._asked(request, object_id)
        if request.method == "POST":
            act(request, DiscountCard.objects.filter(pk=card.pk))
        return self._page_of(card)

    def reissue_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks for the new number; POST issues the card and opens it."""
        card = self._asked(request, object_id)
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ReissueForm(request.POST if request.method == "POST" else None, initial={"medium": card.medium})
        if form.is_valid():
            try:
                made = cards.reissue(card, form.cleaned_data["uid"], form.cleaned_data["medium"])
            except cards.NotPossible as error:
                form.add_error(None, str(error))
            else:
                self.log_addition(request, made, _("in place of %(card)s") % {"card": card})
                text = _("Card %(new)s is issued; %(old)s is blocked once VirtPos has the new one.")
                messages.success(request, text % {"new": made, "old": card})
                self._warn(request)
                return self._page_of(made)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": _("A card in place of %(card)s") % {"card": card},
            "original": card,
            "form": form,
            "media": self.media + form.media,
            "back": reverse("admin:orders_discountcard_change", args=[card.pk]),
        }
        return TemplateResponse(request, "admin/orders/discountcard/reissue.html", context)

    def _asked(self, request: HttpRequest, object_id: str) -> DiscountCard:
        card = self.get_object(request, unquote(object_id))
        if card is None:
            raise Http404
        if not self.has_change_permission(request, card):
            raise PermissionDenied
        return card

    def _page_of(self, card: DiscountCard) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_discountcard_change", args=[card.pk]))

    # deleting

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set[str], list]:
        """The cards and nothing else: they stay here, marked as deleted."""
        names = [str(card) for card in objs]
        lacking = set() if self.has_delete_permission(request) else {str(self.opts.verbose_name)}
        return names, {str(self.opts.verbose_name_plural): len(names)}, lacking, []

    def delete_model(self, request: HttpRequest, obj: DiscountCard) -> None:
        try:
            cards.delete(obj)
        except cards.NotPossible as error:
            messages.warning(request, str(error))
        self._warn(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DiscountCard]) -> None:
        for card in queryset:
            self.delete_model(request, card)
