"""The people who work here."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from backoffice.sync.admin.lists import BigTableMixin

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(BigTableMixin, DjangoUserAdmin, ModelAdmin):
    """Django's own, with the forms of the theme."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(BigTableMixin, DjangoGroupAdmin, ModelAdmin):
    """Django's own, in the theme."""
