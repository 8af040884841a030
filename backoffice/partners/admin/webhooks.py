"""Webhooks of partners and the log of what they were sent: set up, rotate, resume, try, replay.

A secret is shown once, in the message after it was made.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin

from backoffice.partners.models import Delivery, Webhook
from backoffice.partners.webhooks import manage
from backoffice.sync.admin import notices
from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.confirm import confirmation, is_confirmed
from backoffice.sync.admin.filters import ExactFilter, PeriodFilter
from backoffice.sync.admin.labels import badge, block, link, pretty_body, pretty_json, short
from backoffice.sync.admin.lists import BigTableMixin
from backoffice.sync.admin.notices import Notice
from backoffice.values import row_key

NOTICES = 5  # of paused webhooks, above each page

STATES: dict[str, str] = {
    Delivery.State.NEW: "info",
    Delivery.State.QUEUED: "info",
    Delivery.State.DONE: "success",
    Delivery.State.FAILED: "danger",
}


class WebhookForm(forms.ModelForm):
    """Refuses an address that can never be called, and a source that may not read what it would be told."""

    def clean_url(self) -> str:
        url = self.cleaned_data["url"].strip()
        manage.check_url(url)
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        source, kind = cleaned.get("source") or (self.instance.source_id and self.instance.source), cleaned.get("kind")
        if source and kind and not source.may(Webhook.SCOPES[Webhook.Kind(kind)]):
            raise ValidationError({"kind": _("The source has no right to read this: give it the scope first.")})
        if source and self.instance.pk is None:
            try:
                manage.check_room(source)
            except ValidationError as error:
                raise ValidationError({"source": error}) from error
        return cleaned


@admin.register(Webhook)
class WebhookAdmin(BigTableMixin, ModelAdmin):
    form = WebhookForm
    list_display = ("source", "kind", "url_text", "state_badge", "last_ok_at", "log")
    list_display_links = ("source", "url_text")
    list_filter = ("kind", "is_active")
    list_select_related = ("source",)
    search_fields = ("url__icontains", "source__title__icontains")
    autocomplete_fields = ("source",)
    change_form_outer_before_template = "admin/partners/webhook.html"
    fields = ("source", "kind", "url", "is_active")
    details = (
        *(
            "state_badge",
            "pause_text",
            "failures",
            "last_ok_at",
            "is_documented",
            "previous_until",
            "created_at",
            "log",
        ),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else (*self.fields, *self.details)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Its events are those of one source and one kind.
        return () if obj is None else ("source", "kind", *self.details)

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        if change:
            # What workers write meanwhile stays.
            obj.save(update_fields=[name for name in form.changed_data if name in self.fields] or None)
            return
        obj.secret = manage.new_secret()
        obj.save()
        self._show_secret(request, str(obj.secret))

    def _show_secret(self, request: HttpRequest, secret: str) -> None:
        messages.warning(
            request,
            format_html("{} <code>{}</code>", _("The secret is shown only now. Give it to the partner:"), secret),
        )

    # what the list and the form show

    @admin.display(description=gettext_lazy("address"), ordering="url")
    def url_text(self, hook: Webhook) -> str:
        return short(hook.url, 60)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, hook: Webhook) -> str:
        if hook.paused_at is not None:
            return badge(_("Paused"), "danger", hook.pause_reason[:300])
        if not hook.is_active:
            return badge(_("Off"), "warning")
        if hook.failures:
            text = ngettext("%(count)d failure in a row", "%(count)d failures in a row", hook.failures)
            return badge(text % {"count": hook.failures}, "warning")
        return badge(_("Works"), "success")

    @admin.display(description=gettext_lazy("why it is paused"))
    def pause_text(self, hook: Webhook) -> str:
        return block(hook.pause_reason)

    @admin.display(description=gettext_lazy("deliveries"))
    def log(self, hook: Webhook) -> str:
        url = reverse("admin:partners_delivery_changelist", query={"webhook__id__exact": hook.pk})
        return link(url, _("Log of deliveries"))

    # the buttons

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.command_view)
        return [
            path("<path:object_id>/<str:command>-webhook/", view, name="partners_webhook_command"),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        hook = kwargs.get("obj")
        if hook is not None and self.has_change_permission(request, hook):
            names = ["test", "rotate", "replay", *(["resume"] if hook.paused_at or hook.failures else [])]
            titles = {name: title for name, (title, _run) in self._commands().items()}
            context["webhook_commands"] = [
                (reverse("admin:partners_webhook_command", args=[hook.pk, name]), titles[name]) for name in names
            ]
        return super().render_change_form(request, context, *args, **kwargs)

    def _commands(self) -> dict[str, tuple[str, Any]]:
        return {
            "test": (_("Send a test event"), self._test),
            "rotate": (_("New secret"), self._rotate),
            "replay": (_("Replay all that was given up"), self._replay),
            "resume": (_("Resume"), self._resume),
        }

    def command_view(self, request: HttpRequest, object_id: str, command: str) -> HttpResponse:
        """A button of the form."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        hook = Webhook.objects.select_related("source").filter(pk=row_key(object_id)).first()
        if hook is None or command not in self._commands():
            raise Http404
        if not self.has_change_permission(request, hook):
            raise PermissionDenied
        title, run = self._commands()[command]
        run(request, hook)
        self.log_change(request, hook, title)
        return HttpResponseRedirect(reverse("admin:partners_webhook_change", args=[hook.pk]))

    def _test(self, request: HttpRequest, hook: Webhook) -> None:
        delivery = manage.send_test(hook)
        url = reverse("admin:partners_delivery_change", args=[delivery.pk])
        messages.success(
            request, format_html("{} {}", _("A test event is queued."), link(url, _("See what came of it")))
        )

    def _rotate(self, request: HttpRequest, hook: Webhook) -> None:
        secret = manage.rotate(hook)
        hours = int(manage.ROTATION.total_seconds() // 3600)
        text = ngettext(
            "The previous secret signs as well for %(hours)d hour.",
            "The previous secret signs as well for %(hours)d hours.",
            hours,
        )
        messages.info(request, text % {"hours": hours})
        self._show_secret(request, secret)

    def _replay(self, request: HttpRequest, hook: Webhook) -> None:
        tell_replayed(request, manage.replay_failed(hook))

    def _resume(self, request: HttpRequest, hook: Webhook) -> None:
        manage.resume(hook)
        messages.success(request, _("It goes on, in order, with what has waited."))


def paused_notices(request: HttpRequest) -> list[Notice]:
    """Which partners are not told any more, for those who may see webhooks."""
    if not request.user.has_perm("partners.view_webhook"):
        return []
    paused = Webhook.objects.filter(is_active=True, paused_at__isnull=False, source__is_active=True)
    text = _("A webhook is paused after many failures; what it is to tell is kept. %(webhook)s: %(reason)s")
    return [
        Notice(
            text % {"webhook": hook, "reason": hook.pause_reason},
            reverse("admin:partners_webhook_change", args=[hook.pk]),
        )
        for hook in paused.select_related("source").order_by("paused_at")[:NOTICES]
    ]


notices.MORE.append(paused_notices)


def tell_replayed(request: HttpRequest, count: int) -> None:
    if count:
        text = ngettext("%(count)d event is sent again.", "%(count)d events are sent again.", count)
        messages.success(request, text % {"count": count})
    else:
        messages.info(request, _("There is nothing to send again."))


@admin.register(Delivery)
class DeliveryAdmin(ViewOnlyAdmin):
    list_display = ("created_at", "webhook_text", "object_key", "state_badge", "attempts", "answer_text", "duration_ms")
    list_filter = ("state", ("created_at", PeriodFilter), ("object_key", ExactFilter), "webhook__kind")
    list_select_related = ("webhook__source",)
    ordering = ("-id",)
    actions = ("replay",)
    search_fields = ("event__exact",)
    search_help_text = gettext_lazy("The whole number of an event")
    fields = (
        *("webhook_link", "object_key", "event", "state_badge", "created_at", "attempts", "due_at", "expires_at"),
        *("done_at", "replay_link", "sent_at", "duration_ms", "status", "error_text", "headers_text", "body_text"),
        "response_text",
    )
    readonly_fields = (
        *("webhook_link", "state_badge", "replay_link", "error_text", "headers_text", "body_text", "response_text"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        queryset = super().get_queryset(request)
        match = request.resolver_match
        is_list = match is not None and (match.url_name or "").endswith("_changelist")
        return queryset.defer("payload", "response", "sent_headers") if is_list else queryset

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "webhook__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        try:
            return (queryset.filter(event=search_term.strip()) if search_term.strip() else queryset), False
        except ValidationError:  # no UUID
            return queryset.none(), False

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("partners.change_delivery")

    @admin.action(description=gettext_lazy("Replay"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """The same events again, once a person has seen which: a receiver may then hear of an old state last."""
        if not is_confirmed(request):
            rows = [(delivery, f"{delivery.webhook} · {delivery.object_key}") for delivery in queryset]
            question = _("The same bodies are sent again, after all that waits. What is not over yet is left alone.")
            return confirmation(self, request, action="replay", title=_("Replay"), question=question, rows=rows)
        tell_replayed(request, manage.replay(queryset))
        return None

    @admin.display(description=gettext_lazy("webhook"))
    def webhook_text(self, delivery: Delivery) -> str:
        return short(str(delivery.webhook), 60)

    @admin.display(description=gettext_lazy("webhook"))
    def webhook_link(self, delivery: Delivery) -> str:
        return link(reverse("admin:partners_webhook_change", args=[delivery.webhook_id]), delivery.webhook)

    @admin.display(description=gettext_lazy("replay of"))
    def replay_link(self, delivery: Delivery) -> str:
        if delivery.replay_of_id is None:
            return "–"
        return link(
            reverse("admin:partners_delivery_change", args=[delivery.replay_of_id]), f"#{delivery.replay_of_id}"
        )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, delivery: Delivery) -> str:
        return badge(delivery.get_state_display(), STATES.get(delivery.state, ""), delivery.error[:300])

    @admin.display(description=gettext_lazy("answer"))
    def answer_text(self, delivery: Delivery) -> str:
        return short(delivery.error) or str(delivery.status or "–")

    @admin.display(description=gettext_lazy("error"))
    def error_text(self, delivery: Delivery) -> str:
        return block(delivery.error)

    @admin.display(description=gettext_lazy("request headers"))
    def headers_text(self, delivery: Delivery) -> str:
        return pretty_json(delivery.sent_headers or None)

    @admin.display(description=gettext_lazy("request body"))
    def body_text(self, delivery: Delivery) -> str:
        return pretty_body(delivery.payload)

    @admin.display(description=gettext_lazy("answer"))
    def response_text(self, delivery: Delivery) -> str:
        return pretty_body(delivery.response)
