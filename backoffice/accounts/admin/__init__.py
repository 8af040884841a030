from backoffice.accounts.admin import attempts, people, trail

__all__ = ["attempts", "people", "trail"]
