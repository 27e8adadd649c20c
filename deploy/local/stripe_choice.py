"""Where a stack of one machine sells credits: at Stripe, or at the pretend one."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.local.made_secrets import SecretsFile

KEY_VARIABLE = "STRIPE_SECRET_KEY"
WEBHOOK_SECRET_VARIABLE = "STRIPE_WEBHOOK_SECRET"  # noqa: S105 - a variable's name
API_BASE_VARIABLE = "TOLLGATE_STRIPE_API_BASE"

_PREFIXES = {KEY_VARIABLE: "sk_test_", WEBHOOK_SECRET_VARIABLE: "whsec_"}
_PORT = "PRETEND_STRIPE_PORT"
_BYTES = 24


@dataclass(frozen=True)
class StripeChoice:
    """What was found out. `description` is for people."""

    is_pretend: bool
    description: str


def choose_stripe(environment: Mapping[str, str]) -> StripeChoice:
    """Decide by the key: the pretend Stripe never runs where there is one, or another server."""
    if environment.get(KEY_VARIABLE):
        where = environment.get(API_BASE_VARIABLE) or "Stripe"
        mode = "in test mode" if "_test_" in environment[KEY_VARIABLE] else "in live mode"
        if environment.get(WEBHOOK_SECRET_VARIABLE):
            return StripeChoice(is_pretend=False, description=f"{where}, {mode}")
        hooks = f"its webhooks are off: {WEBHOOK_SECRET_VARIABLE} is not set"
        return StripeChoice(is_pretend=False, description=f"{where}, {mode}; {hooks}")
    why = f"{KEY_VARIABLE} is not set"
    if environment.get(API_BASE_VARIABLE):
        return StripeChoice(is_pretend=False, description=f"off: {why}")
    return StripeChoice(is_pretend=True, description=f"pretend, as its pages say: {why}")


class PretendStripeFile:
    """What the pretend Stripe keeps from start to start, in the file of made secrets.

    The port is kept because pages and receipts have URLs, which are to be good the next day, too.
    """

    def __init__(self, file: SecretsFile) -> None:
        self._file = file

    def variables(self) -> dict[str, str]:
        """Its key and its webhooks' secret, by the real one's variables.

        Raises:
            StateFolderError: the file cannot be read or written.
        """
        kept = self._file.read()
        made: dict[str, str] = {}
        for variable, prefix in _PREFIXES.items():
            name = f"PRETEND_{variable}"
            made[variable] = kept.get(name) or prefix + secrets.token_urlsafe(_BYTES)
            if name not in kept:
                self._file.keep(**{name: made[variable]})
        return made

    @property
    def port(self) -> int:
        """The last one, or 0."""
        port = self._file.read().get(_PORT, "")
        return int(port) if port.isdecimal() else 0

    def keep_port(self, port: int) -> None:
        """Take this one the next time."""
        self._file.keep(**{_PORT: str(port)})
