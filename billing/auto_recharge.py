"""Automatic recharge: a payment without the person when the available credits run low.

At most one is under way for an account, over any number of processes. The purchase is written down
first, and its id is the key by which Stripe knows it on every attempt; so whoever dies in between
is followed by somebody who asks for the very same payment. A card that is declined, or a bank that
wants to see the person, pauses it until the person does something.
"""

import asyncio
from datetime import timedelta

import asyncpg
import structlog

from billing.card_setup import CardSetup
from billing.errors import RequestChangedError, StripeRefusedError, StripeUnavailableError
from billing.recharge_outcome import (
    TEST_MODE,
    Outcome,
    outcome_of,
    outcome_of_refusal,
    outcome_unseen,
)
from billing.recharge_requests import Recharging, payment_params
from billing.recharge_store import Candidate, RechargeStore
from billing.stripe_client import StripeApi
from billing.stripe_objects import PURCHASE_ID, PaymentIntent
from billing.takings import Takings
from ledger.database import transaction
from ledger.working_copy import WorkingCopy, tell

# Stripe forgets a key after a day at the soonest; before that the same key is the same payment.
KEYS_ARE_KEPT_S = 20 * 3600.0
CLOCKS_DIFFER = timedelta(hours=1)
AT_ONCE = 20
MOST_IN_A_ROUND = 20

_log = structlog.get_logger(__name__)


class AutoRecharge:
    """What Stripe says of a payment is taken down by the same takings as its events."""

    def __init__(
        self,
        api: StripeApi,
        store: RechargeStore,
        working_copy: WorkingCopy,
        setup: CardSetup,
        *,
        pool: asyncpg.Pool,
        takings: Takings,
    ) -> None:
        self._api = api
        self._store = store
        self._working_copy = working_copy
        self._setup = setup
        self._pool = pool
        self._takings = takings

    async def begin_setup(self, account_id: str) -> str:
        """The address of Stripe's page on which the customer saves a card; raises as it does."""
        return await self._setup.begin(account_id)

    async def run_once(self) -> int:
        """Goes on with what is under way and begins what is needed; how many were asked for.

        Raises:
            DatabaseUnavailableError, RedisUnavailableError: to be tried again.
        """
        await self._setup.learn_cards()
        await self._store.tell_of_lost_cards()
        asked = await self._ask_for_due()
        await self._store.forget_why_none_was_begun()
        for candidate in await self._needy():
            purchase_id = await self._store.begin(candidate)
            if purchase_id is not None:
                asked += await self._ask_for_due(purchase_id)
        return asked

    async def _needy(self) -> list[Candidate]:
        candidates = await self._store.candidates()
        at_once = asyncio.Semaphore(AT_ONCE)

        async def is_needy(candidate: Candidate) -> bool:
            async with at_once:
                balance = await self._working_copy.balance(candidate.account_id)
            return balance.available_mc < candidate.below_mc

        needy = await asyncio.gather(*(is_needy(candidate) for candidate in candidates))
        return [candidate for candidate, is_so in zip(candidates, needy, strict=True) if is_so]

    async def _ask_for_due(self, purchase_id: str | None = None) -> int:
        # One by one: what was claimed long before it is asked for may be switched off meanwhile, or
        # given up by another process and begun anew.
        asked = 0
        while asked < MOST_IN_A_ROUND:
            recharging = await self._store.claim(purchase_id, is_live=self._api.is_live)
            if recharging is None:
                break
            await self._ask_for(recharging)
            asked += 1
        return asked

    async def _ask_for(self, recharging: Recharging) -> None:
        try:
            outcome = await self._outcome(recharging)
        except (StripeUnavailableError, StripeRefusedError) as error:
            # Nothing is known of the payment: the same one again, after the claim's pause.
            _log.warning("recharge_uncertain", purchase=recharging.purchase_id, reason=str(error))
            await self._store.keep_error(recharging.purchase_id, str(error))
            return
        await self._keep(recharging, outcome)

    async def _outcome(self, recharging: Recharging) -> Outcome | None:
        """What became of it; None where Stripe has not heard of it and is not to hear of it now."""
        if recharging.was_live not in (None, self._api.is_live):
            return _unseen(recharging)
        if recharging.payment_intent_id is not None:
            return await self._known(recharging, recharging.payment_intent_id)
        if recharging.attempts == 1 and not recharging.is_wanted:
            return None
        is_old = recharging.age_s > KEYS_ARE_KEPT_S
        if recharging.attempts > 1 and (is_old or not recharging.is_wanted):
            return await self._find(recharging)
        return await self._asked(recharging)

    async def _asked(self, recharging: Recharging) -> Outcome | None:
        """What Stripe answers when it is asked for the payment, now or before with the same key."""
        try:
            intent = await self._api.create_payment_intent(
                payment_params(recharging), recharging.purchase_id
            )
        except RequestChangedError:
            return await self._find(recharging)
        except StripeRefusedError as error:
            outcome = outcome_of_refusal(error)
            if outcome is None:
                raise
            return outcome
        return outcome_of(intent)

    async def _known(self, recharging: Recharging, payment_intent_id: str) -> Outcome:
        """What became of a payment that Stripe has told us of."""
        try:
            return outcome_of(await self._api.payment_intent(payment_intent_id))
        except StripeRefusedError as error:
            if not error.is_unknown:
                raise
            return _unseen(recharging)

    async def _find(self, recharging: Recharging) -> Outcome | None:
        """The payment that was made for it, found without its key."""
        since = recharging.created_at - CLOCKS_DIFFER
        async for intent in self._api.payment_intents_since(since, is_whole=True):
            if (intent.metadata or {}).get(PURCHASE_ID) == recharging.purchase_id:
                return outcome_of(intent)
        return None

    async def _keep(self, recharging: Recharging, outcome: Outcome | None) -> None:
        facts = {"account": recharging.account_id, "purchase": recharging.purchase_id}
        if outcome is None:
            _log.info("recharge_dropped", **facts)
            reason = "It could not be asked for in time."
            await self._store.fail(recharging.purchase_id, reason, None, pauses=False)
        elif outcome.kind == "failed":
            _log.info("recharge_failed", code=outcome.code, **facts)
            # Who has saved a card since the test payments goes on with it at once.
            is_over = outcome.code == TEST_MODE and recharging.has_other_card
            await self._store.fail(
                *(recharging.purchase_id, outcome.message, outcome.intent_id), pauses=not is_over
            )
        elif outcome.kind == "unknown":
            _log.warning("recharge_not_found", **facts)
            await self._store.say_why_none_is_begun(recharging.account_id)
        elif outcome.kind == "processing" and outcome.intent_id is not None:
            await self._store.is_processing(recharging.purchase_id, outcome.intent_id)
        elif outcome.intent is not None:
            await self._take(outcome.intent)
            _log.info("recharged", cents=recharging.price_cents, **facts)

    async def _take(self, intent: PaymentIntent) -> None:
        async with transaction(self._pool) as connection:
            accounts = await self._takings.take_intent(connection, intent)
        for account_id in accounts:
            await tell(self._working_copy, account_id)


def _unseen(recharging: Recharging) -> Outcome:
    return outcome_unseen(was_live=recharging.was_live, age_s=recharging.age_s)
