"""Receipts, remote fiscalisation, and errors of registers and terminals (seed 1207-1315, 2448-2491)."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import Entity

from .common import COURIER, INN, ORDER, ROUBLES, UTC, Described, at, joined, placed

_REGISTER = _("Serial number of the cash register.")
# T62: the seed calls both ids a receipt's
_LOG_ROW = _("Number of this error at iRECA; the contract calls it a receipt's by mistake.")
_ERROR = {
    "courier_id": COURIER,
    "error_code": _("The device's own code of the error."),
    "error_text": _("What went wrong, in the device's words."),
    "amount": joined(_("The amount that was to be paid."), ROUBLES),
    "order_id": ORDER,
}

ENTITIES: Mapping[type[Entity], Described] = {
    contract.Receipt: at(
        1209, _("A fiscal receipt of an order, of its payment or of its return. It carries no amount.")
    ),
    contract.CorrectionReceipt: at(1243, _("A correction receipt that a courier printed. It belongs to no order.")),
    contract.AtolSettings: at(
        1260, _("Settings to print receipts through ATOL Online. They are only written, never read back.")
    ),
    contract.AtolCompany: at(1268, _("The company that the receipts are printed for.")),
    contract.AtolAgent: at(1278, _("The agent scheme of the receipts; left out where none is used.")),
    contract.Pechka54Settings: at(1307, _("Settings to print receipts through Pechka54, a print server in the shop.")),
    contract.TerminalError: at(2448, _("An error of a bank terminal.")),
    contract.RegistrarError: at(2471, _("An error of a fiscal registrar.")),
}

FIELDS: Mapping[type[Entity], Mapping[str, Described]] = {
    contract.Receipt: {
        "order_id": at(1218, ORDER),
        "serial_number": at(1219, _REGISTER),
        "shift_number": at(1220, _("Number of the shift in which the receipt was printed.")),
        "fn": at(1221, _("Number of the fiscal drive (FN).")),
        "fd_number": at(1222, _("Number of the fiscal document (FD), counted by the fiscal drive.")),
        "receipt_number": at(1223, _("Number of the receipt, counted by the cash register.")),
        "fiscal_sign": at(1224, _("Fiscal sign of the document (FP), by which the tax service finds the receipt.")),
        "date_time_receipt": at(1225, _("When the receipt was printed; on paper is the register's local time."), UTC),
    },
    contract.CorrectionReceipt: {
        "correction_receipt_id": at(1254, _("Number of the receipt at iRECA.")),
        "courier_id": at(1255, COURIER),
        "serial_number": at(1256, _REGISTER),
        "amount": at(1257, _("By how much the receipt corrects."), ROUBLES),
        "command_executed_at": at(1258, _("When the receipt was printed."), UTC),
    },
    contract.AtolSettings: {
        "setting_id": at(1263, _("Your own number of these settings; the same number again replaces them.")),
        "login": at(1264, _("Login at ATOL Online.")),
        "password": at(1265, _("Password at ATOL Online. It is kept encrypted and never answered.")),
        "kkt_group": at(1266, _("Group of cash registers at ATOL Online, such as `group_code_19642`.")),
        "is_production": at(1267, _("`1`: real receipts. `0`: trial ones.")),
        "company": at(1268, _("The company that the receipts are printed for.")),
        "agent": at(1278, _("The agent scheme. Left out: none is used.")),
    },
    contract.AtolCompany: {
        "inn": at(1269, INN),
        "tax_system": at(
            1270,
            _(
                "Tax system: `osn` general, `usn_income` simplified (income), `usn_income_outcome` simplified (income"
                " less expenses), `envd` imputed income (abolished in 2021), `esn` agricultural, `patent` patent."
            ),
        ),
    },
    contract.AtolAgent: {
        "type": at(
            1279,
            _(
                "What the seller is to the supplier: `bank_paying_agent`, `bank_paying_subagent`, `paying_agent`,"
                " `paying_subagent`, `attorney`, `commission_agent`, or `another` agent."
            ),
        ),
    },
    contract.Pechka54Settings: {
        "url": at(1315, _("The link to paste into Pechka54. It is text, though the contract calls it a number.")),
    },
    contract.TerminalError: {
        "terminal_log_id": at(2461, _LOG_ROW),
        **placed(_ERROR, courier_id=2462, error_code=2463, error_text=2464, amount=2468, order_id=2469),
        "card_number": at(2465, _("Number of the card, as the terminal gave it.")),
        "payment_system": at(2466, _("Payment system of the card.")),
        "serial_number": at(2467, _("Serial number of the terminal.")),
        "transaction_created_at": at(2470, _("When the payment was tried."), UTC),
    },
    contract.RegistrarError: {
        "fr_id": at(2484, _LOG_ROW),
        **placed(_ERROR, courier_id=2485, error_code=2486, error_text=2487, amount=2489, order_id=2490),
        "serial_number": at(2488, _REGISTER),
        "command_executed_at": at(2491, _("When the register was told to print."), UTC),
    },
}
