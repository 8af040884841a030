"""The admin of partners: sources with their tokens, and the people who work here."""

from backoffice.partners.admin import people, source

__all__ = ["people", "source"]
