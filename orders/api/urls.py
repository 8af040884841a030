"""The addresses below `/api/v1/` that this app answers."""

from django.urls import path

from backoffice.partners.api.views import endpoints
from fiscal.models import Receipt
from orders.api.documents import LocationsView, ReceiptsView, RegistrarErrorsView, TerminalErrorsView
from orders.api.resources import CLIENTS, ORDERS, REASONS
from orders.api.sync import SyncStatesView
from orders.api.views import JournalStatusesView, JournalView, MultipleUpdateView, OrdersView

urlpatterns = [
    *endpoints("orders", ORDERS, OrdersView),
    path("orders/multipleUpdate", MultipleUpdateView.as_view(), name="api-orders-multiple-update"),
    path("orders/journalStatuses", JournalStatusesView.as_view(), name="api-journal-statuses"),
    path("orders/syncStates", SyncStatesView.as_view(), name="api-sync-states"),
    path("journal", JournalView.as_view(), name="api-journal"),
    *endpoints("clients", CLIENTS),
    *endpoints("orderReturnReasons", REASONS),
    path("orderReceipts", ReceiptsView.as_view(), name="api-order-receipts"),
    path("orderReturnReceipts", ReceiptsView.as_view(kind=Receipt.Kind.RETURN), name="api-order-return-receipts"),
    path("bankTerminalLogs", TerminalErrorsView.as_view(), name="api-terminal-errors"),
    path("fiscalRegistratorLogs", RegistrarErrorsView.as_view(), name="api-registrar-errors"),
    path("locations", LocationsView.as_view(), name="api-locations"),
]
