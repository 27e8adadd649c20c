"""Events as Stripe sends them: complete bodies of one payment's life, and their signatures."""

import copy
import json
import time
from dataclasses import dataclass, field
from typing import Any

from billing.signature import signature_of
from ledger.ids import new_id

API_VERSION = "2026-10-28.endive"
SECRET = "whsec_tests"
Body = dict[str, Any]


def signed(body: bytes, *, at_s: int | None = None, secret: str = SECRET) -> str:
    """The `Stripe-Signature` header of a body."""
    now_s = str(int(time.time()) if at_s is None else at_s)
    return f"t={now_s},v1={signature_of(body, now_s, secret)}"


def encoded(event: Body) -> bytes:
    """The bytes of an event, indented as Stripe's are."""
    return json.dumps(event, indent=2).encode()


def event_of(event_type: str, thing: Body, *, previous: Body | None = None) -> Body:
    """An event about an object as it is now."""
    data: Body = {"object": copy.deepcopy(thing)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": f"evt_{_random()}",
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()),
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": f"req_{_random()[:14]}", "idempotency_key": new_id()},
        "type": event_type,
    }


@dataclass
class Payment:
    """One payment of a checkout at Stripe: its objects, changed as they would be there."""

    purchase_id: str
    account_id: str
    price_cents: int
    tax_cents: int = 0
    discount_cents: int = 0
    session_id: str = field(default_factory=lambda: f"cs_test_{_random()}")
    intent_id: str = field(default_factory=lambda: f"pi_{_random()}")
    charge_id: str = field(default_factory=lambda: f"ch_{_random()}")
    refunds: list[Body] = field(default_factory=list)

    @property
    def total_cents(self) -> int:
        """What is charged."""
        return self.price_cents - self.discount_cents + self.tax_cents

    @property
    def metadata(self) -> Body:
        return {
            "tollgate_purchase_id": self.purchase_id,
            "tollgate_account_id": self.account_id,
        }

    def session(self, status: str = "complete", payment_status: str = "paid") -> Body:
        """A Checkout Session of the mode `payment`."""
        is_begun = status == "complete"
        return {
            "id": self.session_id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": True},
            "after_expiration": None,
            "allow_promotion_codes": bool(self.discount_cents),
            "amount_subtotal": self.price_cents,
            "amount_total": self.total_cents,
            "automatic_tax": {
                "enabled": bool(self.tax_cents),
                "liability": None,
                "provider": None,
                "status": None,
            },
            "billing_address_collection": None,
            "cancel_url": "https://credits.example.com/console/checkout/1?token=t&cancelled=1",
            "client_reference_id": self.purchase_id,
            "client_secret": None,
            "collected_information": None,
            "consent": None,
            "consent_collection": None,
            "created": int(time.time()) - 60,
            "currency": "usd",
            "currency_conversion": None,
            "custom_fields": [],
            "custom_text": {
                "after_submit": None,
                "shipping_address": None,
                "submit": None,
                "terms_of_service_acceptance": None,
            },
            "customer": None,
            "customer_creation": "if_required",
            "customer_details": {
                "address": {"city": None, "country": "US", "line1": None, "postal_code": "94043"},
                "email": "ada@example.com",
                "name": "Ada Lovelace",
                "phone": None,
                "tax_exempt": "none",
                "tax_ids": [],
            },
            "customer_email": None,
            "discounts": [],
            "expires_at": int(time.time()) + 86_000,
            "invoice": None,
            "livemode": False,
            "locale": None,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": self.intent_id if is_begun and self.total_cents else None,
            "payment_link": None,
            "payment_method_collection": "if_required",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_status": payment_status,
            "presentment_details": None,
            "recovered_from": None,
            "setup_intent": None,
            "shipping_cost": None,
            "status": status,
            "submit_type": None,
            "subscription": None,
            "success_url": "https://credits.example.com/console/checkout/1?token=t",
            "total_details": {
                "amount_discount": self.discount_cents,
                "amount_shipping": 0,
                "amount_tax": self.tax_cents,
            },
            "ui_mode": "hosted_page",
            "url": None if is_begun else f"https://checkout.example.com/c/pay/{self.session_id}",
            "wallet_options": None,
        }

    def intent(self, status: str = "succeeded") -> Body:
        """A PaymentIntent."""
        is_paid = status == "succeeded"
        return {
            "id": self.intent_id,
            "object": "payment_intent",
            "amount": self.total_cents,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": self.total_cents if is_paid else 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": f"{self.intent_id}_secret_x",
            "confirmation_method": "automatic",
            "created": int(time.time()) - 50,
            "currency": "usd",
            "customer": None,
            "description": None,
            "last_payment_error": None,
            "latest_charge": self.charge_id if is_paid else None,
            "livemode": False,
            "metadata": self.metadata,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": "pm_1Card",
            "payment_method_configuration_details": None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "status": status,
            "transfer_data": None,
            "transfer_group": None,
        }

    def charge(self) -> Body:
        """The Charge that has paid it, with what of it was refunded so far."""
        refunded = sum(one["amount"] for one in self.refunds)
        return {
            "id": self.charge_id,
            "object": "charge",
            "amount": self.total_cents,
            "amount_captured": self.total_cents,
            "amount_refunded": refunded,
            "application": None,
            "balance_transaction": "txn_1",
            "billing_details": {
                "address": {"city": None, "country": "US", "line1": None, "postal_code": "94043"},
                "email": "ada@example.com",
                "name": "Ada Lovelace",
                "phone": None,
            },
            "calculated_statement_descriptor": "TOLLGATE",
            "captured": True,
            "created": int(time.time()) - 40,
            "currency": "usd",
            "customer": None,
            "description": None,
            "disputed": False,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": self.metadata,
            "outcome": {
                "network_status": "approved_by_network",
                "risk_level": "normal",
                "risk_score": 3,
                "seller_message": "Payment complete.",
                "type": "authorized",
            },
            "paid": True,
            "payment_intent": self.intent_id,
            "payment_method": "pm_1Card",
            "payment_method_details": {
                "card": {"brand": "visa", "country": "US", "funding": "credit", "last4": "4242"},
                "type": "card",
            },
            "radar_options": {},
            "receipt_email": None,
            "receipt_number": None,
            "receipt_url": f"https://pay.example.com/receipts/{self.charge_id}",
            "refunded": refunded >= self.total_cents,
            "review": None,
            "shipping": None,
            "source": None,
            "statement_descriptor": None,
            "status": "succeeded",
            "transfer_data": None,
            "transfer_group": None,
        }

    def refund(self, cents: int) -> Body:
        """A new Refund, which has succeeded."""
        made = {
            "id": f"re_{_random()}",
            "object": "refund",
            "amount": cents,
            "balance_transaction": "txn_2",
            "charge": self.charge_id,
            "created": int(time.time()),
            "currency": "usd",
            "destination_details": {"card": {"reference_status": "pending", "type": "refund"}},
            "metadata": {},
            "payment_intent": self.intent_id,
            "reason": "requested_by_customer",
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }
        self.refunds.append(made)
        return made

    def refund_fails(self, refund: Body) -> Body:
        """The Refund, which did not reach the customer after all."""
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        return refund

    def dispute(self, status: str, *moved_cents: int, cents: int | None = None) -> Body:
        """A Dispute of the whole payment, with the movements of the balance that it has made."""
        return {
            "id": f"du_{self.charge_id}",
            "object": "dispute",
            "amount": self.total_cents if cents is None else cents,
            "balance_transactions": [
                {
                    "id": f"txn_{_random()}",
                    "object": "balance_transaction",
                    "amount": moved,
                    "available_on": int(time.time()),
                    "created": int(time.time()),
                    "currency": "usd",
                    "description": f"Chargeback of {self.charge_id}",
                    "exchange_rate": None,
                    "fee": 1500 if moved < 0 else 0,
                    "fee_details": [],
                    "net": moved - 1500 if moved < 0 else moved,
                    "reporting_category": "dispute" if moved < 0 else "dispute_reversal",
                    "source": f"du_{self.charge_id}",
                    "status": "pending",
                    "type": "adjustment",
                }
                for moved in moved_cents
            ],
            "charge": self.charge_id,
            "created": int(time.time()),
            "currency": "usd",
            "enhanced_eligibility_types": [],
            "evidence": {"product_description": None, "uncategorized_text": None},
            "evidence_details": {"due_by": 1, "has_evidence": False, "submission_count": 0},
            "is_charge_refundable": False,
            "livemode": False,
            "metadata": {},
            "payment_intent": self.intent_id,
            "payment_method_details": {"card": {"brand": "visa"}, "type": "card"},
            "reason": "fraudulent",
            "status": status,
        }


def _random() -> str:
    return new_id().replace("-", "")[-24:]
