"""Tokens of a source: the table below its form, the page that makes one, the page that revokes one.

A new token is in the answer to the POST that made it and nowhere else: not in a message, not in the session, not in the
history, which would all keep it. A page that is loaded again makes another token, it does not show the old one.

Who may do what: seeing a source shows its tokens, `partners.add_token` makes one, `partners.change_token` revokes one.
The groups that come with the product have neither, so it is for superusers, and for those who are given the rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from backoffice.partners.admin.forms import TokenForm
from backoffice.partners.curl import curl
from backoffice.partners.models import Source, Token
from backoffice.sync.admin.labels import badge, link

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

SOON = timedelta(days=14)  # when a token's end is near enough to be worth a warning
NONE = "–"


@dataclass(frozen=True)
class TokenPanel:
    """What the page of a source tells of its tokens."""

    table: dict[str, Any]
    add_url: str


class TokensMixin(Base):
    """The addresses of the pages, and the table for the form's page."""

    change_form_outer_after_template = "admin/partners/tokens.html"

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/tokens/add/", wrap(self.add_token_view), name="partners_source_add_token"),
            path(
                "<path:object_id>/tokens/<int:token_id>/revoke/",
                wrap(self.revoke_token_view),
                name="partners_source_revoke_token",
            ),
            *super().get_urls(),
        ]

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            context["tokens"] = self._panel(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    # the pages

    def add_token_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks what the token is for; POST makes it and shows it, this once."""
        source = self._source(request, object_id, "partners.add_token")
        if request.method not in ("GET", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        form = TokenForm(request.POST if request.method == "POST" else None)
        context = self._context(request, source, _("New token of %(source)s") % {"source": source})
        if not form.is_valid():
            return TemplateResponse(request, "admin/partners/new_token.html", {**context, "form": form})
        token, text = Token.make(source, label=form.cleaned_data["label"], expires_at=form.cleaned_data["valid_until"])
        self.log_change(request, source, _("New token %(token)s") % {"token": _name(token)})
        made = {"token": token, "text": text, "curl": curl(source, text)}
        return TemplateResponse(request, "admin/partners/made_token.html", {**context, **made})

    def revoke_token_view(self, request: HttpRequest, object_id: str, token_id: int) -> HttpResponse:
        """GET asks, POST revokes. Revoking twice keeps the first time."""
        source = self._source(request, object_id, "partners.change_token")
        token = source.tokens.filter(pk=token_id).first()
        if token is None:
            raise Http404
        if request.method == "POST":
            token.revoke()
            self.log_change(request, source, _("Revoked token %(token)s") % {"token": _name(token)})
            messages.success(request, _("The token %(token)s is revoked.") % {"token": _name(token)})
            return HttpResponseRedirect(_change_url(source))
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET", "POST"])
        context = self._context(request, source, _("Revoke token %(token)s") % {"token": _name(token)})
        others = source.tokens.valid().exclude(pk=token.pk).count()
        return TemplateResponse(
            request, "admin/partners/revoke_token.html", {**context, "token": token, "others": others}
        )

    def _source(self, request: HttpRequest, object_id: str, permission: str) -> Source:
        """Raises PermissionDenied before Http404, so that who may not see sources learns of none."""
        if not (self.has_view_permission(request) and request.user.has_perm(permission)):
            raise PermissionDenied
        source = self.get_object(request, unquote(object_id))
        if source is None:
            raise Http404
        return source

    def _context(self, request: HttpRequest, source: Source, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "original": source,
            "back": _change_url(source),
        }

    # the table

    def _panel(self, request: HttpRequest, source: Source) -> TokenPanel:
        tokens = sorted(source.tokens.all(), key=lambda token: not token.is_valid)  # else the newest come first
        may_revoke = request.user.has_perm("partners.change_token")
        may_add = request.user.has_perm("partners.add_token")
        headers = [_("Begins with"), _("Label"), _("Created"), _("Valid until"), _("Last used"), _("State")]
        return TokenPanel(
            table={
                "headers": [*headers, _("Action")] if may_revoke else headers,
                "rows": [_row(token, may_revoke=may_revoke) for token in tokens],
            },
            add_url=reverse("admin:partners_source_add_token", args=[source.pk]) if may_add else "",
        )


def _row(token: Token, *, may_revoke: bool) -> list[Any]:
    cells = [
        format_html("<code>{}</code>", token),
        token.label or NONE,
        _moment(token.created_at),
        _moment(token.expires_at) if token.expires_at else _("for ever"),
        _moment(token.last_used_at) if token.last_used_at else _("never"),
        state_badge(token),
    ]
    if may_revoke:
        url = reverse("admin:partners_source_revoke_token", args=[token.source_id, token.pk])
        cells.append(link(url, _("Revoke…")) if token.revoked_at is None else NONE)
    return cells


def state_badge(token: Token) -> str:
    if token.revoked_at is not None:
        return badge(_("Revoked"), "danger", _moment(token.revoked_at))
    if not token.is_valid:
        return badge(_("Expired"), "danger")
    if token.expires_at is not None and token.expires_at < timezone.now() + SOON:
        return badge(_("Expires soon"), "warning")
    return badge(_("Valid"), "success")


def _moment(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")


def _name(token: Token) -> str:
    return f"{token} ({token.label})" if token.label else str(token)


def _change_url(source: Source) -> str:
    return reverse("admin:partners_source_change", args=[source.pk]) + "#tokens"
