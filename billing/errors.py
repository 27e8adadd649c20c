"""What can go wrong between a customer's payment and its credits."""


class PaymentsNotConfiguredError(Exception):
    """There is no key for Stripe: nothing can be sold."""


class PackageUnknownError(Exception):
    """No package of this id is for sale."""


class PurchaseUnknownError(Exception):
    """There is no such purchase, or this token is not for it."""


class RequestKeyConflictError(Exception):
    """This idempotency key was used for the checkout of another package."""


class StripeUnavailableError(Exception):
    """Stripe does not answer, or cannot now. What was asked may have happened: ask again with the
    same idempotency key.
    """


class StripeRefusedError(Exception):
    """Stripe has refused a request, and would again.

    `code` is Stripe's (`authentication_required`, `card_declined`, `resource_missing`), and
    `decline_code` the bank's reason; `payment_intent_id` is of the payment that it was about.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        decline_code: str | None = None,
        payment_intent_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.decline_code = decline_code
        self.payment_intent_id = payment_intent_id

    @property
    def is_unknown(self) -> bool:
        """Whether Stripe does not know what it was asked about: it is gone, or of another account
        or mode, live or test, than the key.
        """
        return self.code == "resource_missing"


class RequestChangedError(StripeRefusedError):
    """Stripe knows this idempotency key with other parameters."""


class WebhooksOffError(Exception):
    """There is no secret to check events with, so none is taken."""


class BadEventError(ValueError):
    """An event that is not taken: forged, stale, broken, or of another mode. Says why."""
