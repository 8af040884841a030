"""Orders, clients and reasons as partners see them, and what happened to orders."""

from orders.api.urls import urlpatterns

__all__ = ["urlpatterns"]
