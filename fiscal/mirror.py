"""Tax rates and payment types as iRECA has them; correction receipts, settings and device errors are read only."""

from backoffice.remotes.ireca import contract
from backoffice.sync.mirror import Field, Mirror, Owner, registry
from fiscal.models import PaymentType, Tax


@registry.register
class TaxMirror(Mirror):
    entity, resource, rank = "taxes", "taxes", 0
    model, struct = Tax, contract.Tax
    created_in_cabinet_only = True
    fields = (Field("title"),)


@registry.register
class PaymentTypeMirror(Mirror):
    entity, resource, rank = "paymentTypes", "payment_types", 0
    model, struct = PaymentType, contract.PaymentType
    created_in_cabinet_only = True
    fields = (
        Field("title"),
        Field("close_type_id", "close_type"),
        Field("updated_at", "remote_updated_at", Owner.THEIRS),
    )
