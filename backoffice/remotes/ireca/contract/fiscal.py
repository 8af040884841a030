"""Receipts, remote fiscalisation, and what registers and terminals complained of (seed 1207-1315, 2448-2491)."""

from msgspec import UNSET, UnsetType

from .codec import Entity
from .kinds import Flag, Moment, Money, Ref, RefNumber, Secret, Text


class Receipt(Entity, kw_only=True):
    """A fiscal receipt of a payment or of a return (1217-1225, 1234-1242). It carries no sum."""

    order_id: Ref = UNSET
    serial_number: Text = UNSET
    shift_number: Text = UNSET
    fn: Text = UNSET
    fd_number: Text = UNSET
    receipt_number: Text = UNSET
    fiscal_sign: Text = UNSET
    date_time_receipt: Moment = UNSET

    answers = {
        "list": "order_id:number serial_number shift_number fn fd_number receipt_number fiscal_sign date_time_receipt"
    }


class CorrectionReceipt(Entity, kw_only=True):
    """A correction receipt (1253-1258); `amount` in roubles."""

    correction_receipt_id: Ref = UNSET
    courier_id: Ref = UNSET
    serial_number: Text = UNSET
    amount: Money = UNSET
    command_executed_at: Moment = UNSET

    wire_id = "correction_receipt_id"
    answers = {"list": "correction_receipt_id:number courier_id serial_number amount:fixed command_executed_at"}


class AtolCompany(Entity, kw_only=True):
    """The company of ATOL Online's settings (1268-1276)."""

    inn: Text = UNSET
    tax_system: Text = UNSET

    writes = {"replace": "inn tax_system"}


class AtolAgent(Entity, kw_only=True):
    """The agent scheme of ATOL Online's settings, given only where one is used (1278-1286)."""

    type: Text = UNSET

    writes = {"replace": "type"}


class AtolSettings(Entity, kw_only=True):
    """ATOL Online's settings (1262-1304). T40: they can only be written, never read back."""

    setting_id: RefNumber = UNSET
    login: Text = UNSET
    password: Secret = UNSET
    kkt_group: Text = UNSET
    is_production: Flag = UNSET  # T41: called a string, 1 in the example
    company: AtolCompany | UnsetType | None = UNSET
    agent: AtolAgent | UnsetType | None = UNSET

    wire_id = "setting_id"
    writes = {"replace": "setting_id login password kkt_group is_production company agent"}


class Pechka54Settings(Entity, kw_only=True):
    """Pechka54's settings (1314-1315). T42: `url` is called a number and is a link."""

    url: Text = UNSET

    answers = {"get": "url"}


class TerminalError(Entity, kw_only=True):
    """An error of a bank terminal (2460-2470). T62: `terminal_log_id` is the log row's id, no receipt's."""

    terminal_log_id: Ref = UNSET
    courier_id: Ref = UNSET
    error_code: Text = UNSET
    error_text: Text = UNSET
    card_number: Text = UNSET
    payment_system: Text = UNSET
    serial_number: Text = UNSET
    amount: Money = UNSET
    order_id: Ref = UNSET
    transaction_created_at: Moment = UNSET

    wire_id = "terminal_log_id"
    answers = {
        "list": "terminal_log_id:number courier_id error_code error_text card_number payment_system serial_number"
        " amount:fixed order_id transaction_created_at"
    }


class RegistrarError(Entity, kw_only=True):
    """An error of a fiscal registrar (2483-2491). T62: `fr_id` is the log row's id, no receipt's."""

    fr_id: Ref = UNSET
    courier_id: Ref = UNSET
    error_code: Text = UNSET
    error_text: Text = UNSET
    serial_number: Text = UNSET
    amount: Money = UNSET
    order_id: Ref = UNSET
    command_executed_at: Moment = UNSET

    wire_id = "fr_id"
    answers = {
        "list": "fr_id:number courier_id error_code error_text serial_number amount:fixed order_id command_executed_at"
    }
