"""What an administrator does for a person: gives a link by which to choose a password, takes the second step off a lost
phone, ends sessions.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from backoffice.accounts import agents, audit, passwords, second, visits
from backoffice.accounts.models import Event, Visit
from backoffice.partners.admin.people import UserAdmin

RESET, END, CHANGE = "accounts.reset_authenticator", "accounts.end_visit", "auth.change_user"


class PersonAdmin(UserAdmin):
    """People, with their second step and their sessions below the form. `backoffice.reports` registers it."""

    add_form = passwords.NewPersonForm
    change_password_form = passwords.OthersPasswordForm
    change_form_outer_after_template = "admin/accounts/person.html"

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/password-link/", wrap(require_POST(self.link_view)), name="auth_user_password_link"),
            path("<int:pk>/second-step/", wrap(require_POST(self.reset_view)), name="auth_user_reset_second_step"),
            path("<int:pk>/sessions/", wrap(require_POST(self.end_visits_view)), name="auth_user_end_visits"),
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
            context["person"] = {
                "authenticator": second.of(obj),
                "codes_left": second.codes_left(obj),
                "is_required": second.is_required(obj),
                "may_link": self._may_link(request, obj),
                "may_reset": self._may(request, obj, RESET),
                "may_end": self._may(request, obj, END),
                "visits": [(visit, agents.named(visit.agent), False) for visit in visits.open_of(obj)[:20]],
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Else who may not become a superuser could give one another password, or a mail address."""
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_above and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nobody gives rights that he cannot have himself."""
        own = super().get_readonly_fields(request, obj)
        return own if request.user.is_superuser else (*own, "is_superuser", "user_permissions")

    @staticmethod
    def _may(request: HttpRequest, person: User, right: str) -> bool:
        # Else who may not become a superuser could take the second step off one.
        return request.user.has_perm(right) and (request.user.is_superuser or not person.is_superuser)

    def _may_link(self, request: HttpRequest, person: User) -> bool:
        return self._may(request, person, CHANGE) and person.is_active and person.is_staff

    def _person(self, request: HttpRequest, pk: int, right: str) -> User:
        if not (self.has_view_permission(request) and request.user.has_perm(right)):
            raise PermissionDenied
        person = User.objects.filter(pk=pk).first()
        if person is None:
            raise Http404
        if not self._may(request, person, right):
            raise PermissionDenied
        return person

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Django's page, with what follows from it: the trail, the letter, the end of sessions."""
        return super().user_change_password(request, id, form_url)

    def link_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For who has no password yet, or forgot it. The one that there is stays good until another is chosen."""
        person = self._person(request, pk, CHANGE)
        if not self._may_link(request, person):
            messages.error(request, _("%(person)s may not log in here: see the boxes below.") % {"person": person})
            return HttpResponseRedirect(reverse("admin:auth_user_change", args=[pk]))
        with transaction.atomic():
            audit.note(Event.Kind.LINK, person)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Link to choose a password"),
            "person": person,
            "link": passwords.link_for(person),
        }
        return TemplateResponse(request, "admin/accounts/link.html", context)

    def reset_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """For who lost the phone and the codes. All sessions end, as any of them may be the finder's."""
        person = self._person(request, pk, RESET)
        with transaction.atomic():
            removed = second.remove([person])
            if removed:
                audit.note(Event.Kind.SECOND_RESET, person)
                visits.end_others(request, person, Visit.End.SECOND)
        if removed:
            messages.success(request, _("The second step of %(person)s is off.") % {"person": person})
        return HttpResponseRedirect(reverse("admin:auth_user_change", args=[pk]))

    def end_visits_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        person = self._person(request, pk, END)
        count = visits.end_others(request, person, Visit.End.ADMIN)
        if count:
            audit.note(Event.Kind.SESSION_ENDED, person, why=Visit.End.ADMIN, count=count)
        messages.success(request, _("Sessions ended: %(count)s.") % {"count": count})
        return HttpResponseRedirect(reverse("admin:auth_user_change", args=[pk]))
