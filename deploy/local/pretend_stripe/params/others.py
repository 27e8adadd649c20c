"""Parameters of customers, charges, refunds, disputes and what else is read."""

from deploy.local.pretend_stripe.params.common import EXPAND, listing, only_expand
from deploy.local.pretend_stripe.shapes import Group, Metadata, OneOf, Shape, Text, Whole, group

_CUSTOMER: dict[str, Shape] = {
    "description": Text(),
    "email": Text(longest=512),
    "expand": EXPAND,
    "metadata": Metadata(can_unset=True),
    "name": Text(longest=256),
    "phone": Text(longest=20),
}

CREATE_CUSTOMER = Group({**_CUSTOMER, "payment_method": Text()})
UPDATE_CUSTOMER = Group(
    {**_CUSTOMER, "invoice_settings": group(default_payment_method=Text(can_unset=True))}
)
CREATE_REFUND = Group(
    {
        "amount": Whole(least=-(10**12)),
        "charge": Text(),
        "expand": EXPAND,
        "metadata": Metadata(can_unset=True),
        "payment_intent": Text(),
        "reason": OneOf(("duplicate", "fraudulent", "requested_by_customer")),
    }
)
RETRIEVE = only_expand()
DETACH = only_expand()
LIST_CUSTOMERS = listing(email=Text(longest=512))
LIST_CHARGES = listing(customer=Text(), payment_intent=Text())
LIST_REFUNDS = listing(charge=Text(), payment_intent=Text())
LIST_DISPUTES = listing(charge=Text(), payment_intent=Text())
LIST_SETUP_INTENTS = listing(customer=Text(), payment_method=Text())
