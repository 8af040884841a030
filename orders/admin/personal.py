"""What the law gives a client: all that is held of him as a file, or its erasure. Each by a right of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from backoffice.accounts import audit
from backoffice.accounts.models import Event
from backoffice.sync.personal import is_hidden
from orders.client_data import erase, gather
from orders.client_data.held import Held, NotThere
from orders.models import Client, Erasure

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

GIVE, ERASE = "orders.give_client_data", "orders.erase_client"


class ClientDataMixin(Base):
    """For the admin of clients."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        page = require_http_methods(["GET", "HEAD", "POST"])(self.erase_view)
        return [
            path("<int:pk>/data/", wrap(page), name="orders_client_data"),
            path("<int:pk>/data/file/", wrap(require_POST(self.give_view)), name="orders_client_data_file"),
            *super().get_urls(),
        ]

    def client_data_url(self, request: HttpRequest, client: Client) -> str:
        """Where the form of a client leads who may do either; nowhere anybody else."""
        may = request.user.has_perm(ERASE) or self._may_give(request)
        return reverse("admin:orders_client_data", args=[client.pk]) if may else ""

    @staticmethod
    def _may_give(request: HttpRequest) -> bool:
        return request.user.has_perm(GIVE) and not is_hidden()

    def _held(self, request: HttpRequest, pk: int) -> Held:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return Held.of_key(pk)
        except NotThere as error:
            raise Http404 from error

    def give_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The same file as of `manage.py client_data --export`."""
        if not self._may_give(request):
            raise PermissionDenied
        held = self._held(request, pk)
        data = gather.everything(held)
        audit.note(
            Event.Kind.CLIENT_EXPORTED, held.client, rows={name: len(rows) for name, rows in data["tables"].items()}
        )
        text = json.dumps(data, ensure_ascii=False, indent=1, cls=DjangoJSONEncoder)
        answer = HttpResponse(text, content_type="application/json; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="client-{held.client.pk}.json"'
        return answer

    def erase_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET tells what is held; POST with the key typed begins the erasure, which the worker carries out."""
        may_erase, may_give = request.user.has_perm(ERASE), self._may_give(request)
        if not (may_erase or may_give):
            raise PermissionDenied
        held = self._held(request, pk)
        error = ""
        if request.method == "POST":
            if not may_erase:
                raise PermissionDenied
            try:
                if request.POST.get("key", "").strip() == str(held.client.pk):
                    if erase.ask(held, request.user).done_at is None:  # else the page says when it was done
                        text = _("The erasure of client %(key)s has begun; the worker carries it out.")
                        messages.success(request, text % {"key": held.client.pk})
                    return HttpResponseRedirect(request.path)
                error = _("The key is another one. Nothing was erased.")
            except erase.UnderWay as still_open:
                text = _("Orders that are not closed yet: %(count)s. Close or cancel them first. Nothing was erased.")
                error = text % {"count": still_open}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Data of client %(key)s") % {"key": held.client.pk},
            "held": held,
            "erasure": Erasure.objects.filter(client_id=held.client.pk).first(),
            "may_erase": may_erase,
            "may_give": may_give,
            "error": error,
            "back": reverse("admin:orders_client_change", args=[pk]),
        }
        return TemplateResponse(request, "admin/orders/client/data.html", context)
