"""The entities of the document as tables. Line numbers are of the iRECA seed (seed 002).

Required and nullable come from the attribute lists; where a request example of the document contradicts them, the
example is accepted as well (courierId is "required, number" in line 85 and null in line 875).
"""

from __future__ import annotations

from .dictionaries import CALC_TYPE, CLOSE_TYPE, DELIVERY_STATUS, ORDER_STATUS
from .dictionaries import PERMISSION as PERMISSION_REF
from .schema import EDITS, PUT, REFUND, REPLACE, Entity, Field

_REFUND_OR_EDIT = frozenset({REFUND, PUT, REPLACE})
_READ_ONLY: frozenset[str] = frozenset()

# Lines 97-104. "home" here, "house" in warehouses (T24); isUseGoogleGeo is never answered (T22).
ORDER_ADDRESS = (
    Field("postindex"),
    Field("city", required=True),
    Field("street", required=True),
    Field("home", required=True),
    Field("apartment"),
    Field("latitude", "geo"),
    Field("longitude", "geo"),
    Field("isUseGoogleGeo", "flag", required=True),
)

# Lines 118-146.
ORDER_LINE = (
    Field("goodId", "id", required=True, ref="goods"),
    Field("count", "decimal", required=True),
    Field("price", "decimal", required=True),
    Field("total", "decimal", required=True),
    Field("discountTotal", "decimal", required=True),
    Field("taxId", "key", ref="taxes"),
    Field("position", "code"),
    Field("unit"),
    Field("vedCode"),
    Field("countryCode"),
    Field("customDeclarationCode"),
    Field("markValue"),
    Field("markBinaryValue"),
    Field("weight", "decimal"),
    Field("description"),
    Field(
        "warehouses",
        "array",
        most=1,  # line 135: only one for now
        fields=(Field("warehouseId", "id", required=True, ref="warehouses"), Field("count", "decimal", required=True)),
    ),
    Field(
        "specificities",
        "array",
        fields=(
            Field("specificityId", "id", required=True, ref="specificities"),
            Field("price", "decimal", required=True),
            Field("count", "decimal", required=True),
        ),
    ),
)

# Lines 281-289.
PAYMENT = (
    Field("paymentId", "key"),
    Field("paymentTypeId", "key", ref="paymentTypes"),
    Field("price", "decimal"),
    Field("paidIn", "moment"),
    Field("cardMask"),
    Field("rrn"),
    Field("cardAuth"),
)

# Lines 78-146 and, for refunds, 215-289.
ORDERS = Entity(
    "orders",
    "orderId",
    put_status=201,
    replace_status=201,
    fields=(
        Field("orderId", "id", required=True),
        Field("codeAlias", default=""),
        Field("statusId", "code", required=True, ref=ORDER_STATUS),
        Field("deliveryStatusId", "code", required=True, ref=DELIVERY_STATUS),
        Field("isAgreed", "flag", default=0),
        Field("returnReasonId", "id", nullable=True, ref="orderReturnReasons"),
        Field("courierId", "id", required=True, nullable=True, ref="couriers"),
        Field("clientId", "id", nullable=True, ref="clients"),
        Field("supplierId", "id", nullable=True, ref="suppliers"),
        Field("client", "object", fields=(Field("firstname"), Field("lastname"), Field("email"))),
        Field("paymentId", "id", required=True, ref="paymentTypes"),  # a payment TYPE (T15)
        Field("amountToPay", "decimal", required=True),
        Field("prePaymentSum", "decimal", default="0"),
        Field("cash", "decimal", default="0"),
        Field("addressFrom"),
        Field("addressFromEntity", "object", fields=ORDER_ADDRESS),
        Field("addressTo"),
        Field("addressToEntity", "object", fields=ORDER_ADDRESS),
        Field("phone"),
        Field("deliveryTimeFrom", "moment", required=True),
        Field("deliveryTimeTo", "moment", required=True),
        Field("description", default=""),
        Field("goods", "array", fields=ORDER_LINE, default=()),
        Field("isRefund", "flag", on=_REFUND_OR_EDIT, default=0, keep=True),
        Field("payments", "array", on=_REFUND_OR_EDIT, fields=PAYMENT, default=(), keep=True),
    ),
)

# Lines 940-947: the only seven.
MULTIPLE_UPDATE = (
    Field("statusId", "code", ref=ORDER_STATUS),
    Field("deliveryStatusId", "code", ref=DELIVERY_STATUS),
    Field("returnReasonId", "id", nullable=True, ref="orderReturnReasons"),
    Field("courierId", "id", nullable=True, ref="couriers"),
    Field("addressTo"),
    Field("deliveryTimeFrom", "moment"),
    Field("deliveryTimeTo", "moment"),
)

_ACTIVE = Field("isActive", "flag", on=_READ_ONLY, default=1)

GOODS = Entity(  # lines 1449-1465; isActive in PUT and replace: 1577, 1600
    "goods",
    "goodId",
    soft_delete=True,
    paged=True,
    fields=(
        Field("parentId", "id", required=True, nullable=True, ref="goods"),
        Field("goodId", "id", required=True),
        Field("article", default=""),
        Field("taxId", "key", required=True, ref="taxes"),
        Field("calcId", "code", default=0, ref=CALC_TYPE),
        Field("title", required=True),
        Field("unit", default=""),
        Field("weight", "decimal", default="0"),
        Field("multiplicity", "decimal", default="1"),
        Field("price", "decimal", required=True),
        Field("description", default=""),
        Field("imageUrl", default=""),
        Field("imageBigUrl", default=""),
        Field(
            "warehouses",
            "array",
            default=(),
            fields=(Field("warehouseId", "id", ref="warehouses"), Field("count", "decimal")),
        ),
        Field("isActive", "flag", on=EDITS, default=1),
    ),
)

SPECIFICITIES = Entity(  # lines 1615-1623
    "specificities",
    "specificityId",
    soft_delete=True,
    paged=True,
    fields=(
        Field("parentId", "id", required=True, nullable=True, ref="specificities"),
        Field("specificityId", "id", required=True),
        Field("title", required=True),
        Field("value", default=""),
        Field("price", "decimal", required=True),
        Field("imageUrl", default=""),
        Field("imageBigUrl", default=""),
        _ACTIVE,
        Field("article", default=""),
    ),
)

WAREHOUSES = Entity(  # lines 1750-1762
    "warehouses",
    "warehouseId",
    soft_delete=True,
    paged=True,
    stamped=True,
    fields=(
        Field("warehouseId", "id", required=True),
        Field("title", required=True),
        Field("firstname", default=""),
        Field("lastname", default=""),
        Field("phone", default=""),
        Field("city", default=""),
        Field("street", default=""),
        Field("house", default=""),
        Field("apartment", default=""),
        Field("latitude", "geo", default="0.00000000000000"),
        Field("longitude", "geo", default="0.00000000000000"),
        Field("description", default=""),
        _ACTIVE,
    ),
)

COURIERS = Entity(  # lines 1905-1911; updatedAt is echoed in PUT and replace: 1982, 1999
    "couriers",
    "courierId",
    cabinet_only=True,
    stamped=True,
    fields=(
        Field("courierId", "id", required=True),
        Field("title", required=True),
        Field("email", required=True),
        Field("phone", required=True),
        Field("roleId", "id", nullable=True, ref="userRoles"),
        Field("sourcePassword", required=True),
        Field("inn", default=""),
        Field("updatedAt", "moment", on=EDITS),
    ),
)

USER_ROLES = Entity(  # lines 2014-2015
    "userRoles",
    "roleId",
    soft_delete=True,
    cabinet_only=True,
    fields=(Field("roleId", "id", required=True), Field("title", required=True), _ACTIVE),
)

CLIENTS = Entity(  # lines 2128-2141
    "clients",
    "clientId",
    stamped=True,
    fields=(
        Field("clientId", "id", required=True),
        Field("title", required=True),
        Field("firstname", required=True),
        Field("lastname", required=True),
        Field("birthday", "date", required=True),
        Field(
            "addressEntity",
            "object",
            fields=(Field("city"), Field("street"), Field("home"), Field("apartment")),
        ),
        Field("inn", default=""),
        Field("phone", default=""),
        Field("email", default=""),
        Field("description", default=""),
    ),
)

SUPPLIERS = Entity(  # lines 2294-2300
    "suppliers",
    "supplierId",
    paged=True,
    cabinet_only=True,
    fields=(
        Field("supplierId", "id", required=True),
        Field("title", required=True),
        Field("taxId", "key", ref="taxes"),
        Field("inn", default=""),
        Field("phone", default=""),
        Field("address", default=""),
        Field("description", default=""),
    ),
)

REASONS = Entity(  # examples only: lines 2502-2505, 2550-2552, 2560-2565
    "orderReturnReasons",
    "reasonId",
    put_key=False,
    cabinet_only=True,
    fields=(
        Field("reasonId", "id", required=True),
        Field("title", required=True),
        Field("type", on=_READ_ONLY, default="custom"),
    ),
)

PAYMENT_TYPES = Entity(  # lines 2579-2588, 2637-2640
    "paymentTypes",
    "paymentTypeId",
    put_key=False,
    cabinet_only=True,
    stamped=True,
    get_omits_key=True,
    fields=(
        Field("paymentTypeId", "id", required=True),
        Field("title", required=True),
        Field("closeTypeId", "code", required=True, ref=CLOSE_TYPE),
    ),
)

TAXES = Entity(  # lines 2667-2676, 2716
    "taxes",
    "taxId",
    put_key=False,
    cabinet_only=True,
    get_omits_key=True,
    fields=(Field("taxId", "key", required=True), Field("title", default="")),
)

CATALOGUE = (
    GOODS, SPECIFICITIES, WAREHOUSES, COURIERS, USER_ROLES, CLIENTS, SUPPLIERS, REASONS, PAYMENT_TYPES, TAXES,
)  # fmt: skip
ENTITIES = {entity.name: entity for entity in (ORDERS, *CATALOGUE)}

# Lines 2085-2121: actionId in bodies, permissionId in URLs (T55).
PERMISSION = (
    Field("roleId", "id", required=True, ref="userRoles"),
    Field("actionId", "key", required=True, ref=PERMISSION_REF),
    Field("isAllowed", "flag", required=True),
)

CALLBACK = (Field("url", "url", required=True), Field("isActive", "flag", required=True))  # lines 1043-1046, 2431-2434

_TAX_SYSTEMS = ("osn", "usn_income", "usn_income_outcome", "envd", "esn", "patent")
_AGENTS = (
    "bank_paying_agent",
    "bank_paying_subagent",
    "paying_agent",
    "paying_subagent",
    "attorney",
    "commission_agent",
    "another",
)
ATOL_SETTINGS = (  # lines 1263-1304: one object, although the operation is called replace
    Field("settingId", "id"),
    Field("login"),
    Field("password"),
    Field("kktGroup"),
    Field("isProduction", "flag"),
    Field("company", "object", fields=(Field("inn"), Field("taxSystem", choices=_TAX_SYSTEMS))),
    Field("agent", "object", fields=(Field("type", choices=_AGENTS),)),
)

__all__ = [
    "ATOL_SETTINGS",
    "CALLBACK",
    "CATALOGUE",
    "ENTITIES",
    "MULTIPLE_UPDATE",
    "ORDERS",
    "PERMISSION",
]
