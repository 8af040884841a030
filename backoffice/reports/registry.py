"""All reports, in the order of the menu."""

from django.http import QueryDict

from backoffice.reports import asked, exports
from backoffice.reports.access import Reader
from backoffice.reports.pages import (
    cash,
    clients,
    couriers,
    devices,
    differences,
    exchange,
    goods,
    orders,
    quality,
    receipts,
    shifts,
    stock,
)
from backoffice.reports.report import Page, Report
from orders.models import SavedView

REPORTS: tuple[Report, ...] = (
    orders.REPORT,
    couriers.REPORT,
    shifts.REPORT,
    quality.REPORT,
    receipts.REPORT,
    differences.REPORT,
    clients.REPORT,
    goods.REPORT,
    stock.REPORT,
    stock.UNSOLD,
    *exchange.REPORTS,
    *devices.REPORTS,
)
MENU: tuple[Report | Page, ...] = (*REPORTS, cash.PAGE)
BY_NAME = {report.name: report for report in REPORTS}
MENU_BY_NAME = {entry.name: entry for entry in MENU}


def entry_of(view: SavedView | None) -> Report | Page | None:
    """The page whose filters a saved view keeps, None where one of both is no more."""
    return MENU_BY_NAME.get(view.page.partition(":")[2]) if view is not None else None


def ask(entry: Report | Page, reader: Reader, query: QueryDict) -> exports.Asked:
    """A page of the menu as the reader asks for it."""
    return asked.Asked(entry, reader, query) if isinstance(entry, Report) else cash.Asked(reader, query)
