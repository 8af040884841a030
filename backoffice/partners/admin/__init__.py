"""The admin of partners: sources with their tokens, their webhooks, and the people who work here."""

from backoffice.partners.admin import people, source, webhooks

__all__ = ["people", "source", "webhooks"]
