"""The usage records of a call: what it would cost as an orphan, and what it did cost."""

import time

import msgspec
import structlog

from config.settings import OrphanPolicy, Rounding
from ledger.records import ORPHAN, SETTLED, Basis, Status, UsageRecord
from pricing.bounded_count import byte_length
from pricing.charge import charge_mc
from pricing.quote import Quote, estimated_tokens
from pricing.usage import NOTHING, Usage
from proxy.calls.call import Call
from proxy.counting import Counting, CountingError
from proxy.relay.transcript import Transcript

CHAT_ENDPOINT = "/v1/chat/completions"


_log = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True):
    """How a call ended. Without a usage, its tokens are counted from the transcript; without
    either, nothing came of it and it is free. A partial usage was followed by more.
    """

    status: Status
    usage: Usage | None = None
    transcript: Transcript | None = None
    is_usage_partial: bool = False


class Charges:
    """Makes usage records: of orphans before a call leaves, of outcomes when it has ended."""

    def __init__(
        self,
        counting: Counting,
        *,
        rounding: Rounding,
        orphan_policy: OrphanPolicy,
    ) -> None:
        self._counting = counting
        self._rounding: Rounding = rounding
        self._orphan_policy = orphan_policy

    def orphan(self, call: Call, quoted: Quote) -> UsageRecord:
        """What the call is charged if its worker dies."""
        if self._orphan_policy == "ceiling":
            usage = Usage(input_tokens=quoted.input_tokens, output_tokens=quoted.output_tokens)
            return self._record(call, "orphaned", usage, "ceiling", quoted.ceiling_mc)
        if self._orphan_policy == "release":
            return self._record(call, "orphaned", NOTHING, "none", quoted.ceiling_mc)
        text_tokens = estimated_tokens(len(call.body))
        usage = Usage(input_tokens=min(text_tokens, quoted.input_tokens))
        return self._record(call, "orphaned", usage, "estimated", quoted.ceiling_mc)

    async def settled(self, call: Call, quoted: Quote, outcome: Outcome) -> UsageRecord:
        """The charge of a call that has ended."""
        usage, basis = await self._used(call, quoted, outcome)
        record = self._record(call, outcome.status, usage, basis, quoted.ceiling_mc)
        latency_ms = time.time_ns() // 1_000_000 - call.created_at_ms
        return msgspec.structs.replace(record, kind=SETTLED, latency_ms=max(latency_ms, 0))

    async def text_tokens(self, call: Call) -> int:
        """A closer bound of the call's text than its bytes: exact for messages, bytes for the rest.

        Where messages can't be counted they stay at their bytes.
        """
        tokenizer = call.model.tokenizer
        tokens = len(call.messages())
        if tokenizer is not None:
            try:
                tokens = await self._counting.messages(call, tokenizer)
            except CountingError as error:
                _log.warning("prompt_not_counted", request_id=call.request_id, reason=str(error))
        return tokens + call.other_input_bytes()

    async def _used(self, call: Call, quoted: Quote, outcome: Outcome) -> tuple[Usage, Basis]:
        """What a call used, and who says so."""
        told, transcript = outcome.usage, outcome.transcript
        if told is not None and not outcome.is_usage_partial and _is_sound(told, transcript):
            return told, "provider"
        if told is None and transcript is None:
            return NOTHING, "none"
        counted, basis = await self._count(call, quoted, transcript or Transcript())
        if told is None:
            return counted, basis
        used = msgspec.structs.replace(
            told,
            input_tokens=told.input_tokens or counted.input_tokens,
            output_tokens=max(told.output_tokens, counted.output_tokens)
            if outcome.is_usage_partial
            else told.output_tokens or counted.output_tokens,
        )
        return used, "provider" if used == told else basis

    async def _count(
        self, call: Call, quoted: Quote, transcript: Transcript
    ) -> tuple[Usage, Basis]:
        """The tokens of what was sent and received, never more than was quoted."""
        texts = transcript.texts()
        basis: Basis = "estimated"
        input_tokens = estimated_tokens(len(call.body))
        output_tokens = estimated_tokens(sum(byte_length(text) for text in texts))
        tokenizer = call.model.tokenizer
        if tokenizer is not None:
            try:
                input_tokens = await self._prompt_tokens(call, tokenizer)
                output_tokens = await self._counting.texts(texts, tokenizer)
                basis = "counted"
            except CountingError as error:  # which must not make the call free
                _log.error("tokens_not_counted", request_id=call.request_id, reason=str(error))
                input_tokens = estimated_tokens(len(call.body))
        if call.model.hidden_reasoning:  # what was thought cannot be seen, so it may be the most
            basis, output_tokens = "ceiling", quoted.output_tokens
        usage = Usage(
            input_tokens=min(input_tokens, quoted.input_tokens),
            output_tokens=min(output_tokens, quoted.output_tokens),
        )
        return usage, basis

    async def _prompt_tokens(self, call: Call, tokenizer: str) -> int:
        messages = await self._counting.messages(call, tokenizer)
        return messages + _part_tokens(call) + estimated_tokens(call.other_input_bytes())

    def _record(
        self, call: Call, status: Status, usage: Usage, basis: Basis, ceiling_mc: int
    ) -> UsageRecord:
        units = usage.units() if usage is not NOTHING else {}
        rates = dict(call.model.rates)
        return UsageRecord(
            request_id=call.request_id,
            kind=ORPHAN,
            account_id=call.identity.account_id,
            key_id=call.identity.key_id,
            created_at_ms=call.created_at_ms,
            model=call.model.name,
            endpoint=CHAT_ENDPOINT,
            status=status,
            basis=basis,
            is_stream=call.is_stream,
            usage=usage,
            units=units,
            rates=rates,
            costs=dict(call.model.costs),
            rate_version=call.table.version,
            rounding=self._rounding,
            ceiling_mc=ceiling_mc,
            charge_mc=charge_mc(units, rates, self._rounding),
        )


def _is_sound(told: Usage, transcript: Transcript | None) -> bool:
    """Whether a usage can be: a call has input, and what was said was output."""
    if told.input_tokens and told.output_tokens:
        return True  # what was said is not looked at
    return bool(told.input_tokens) and not (transcript and transcript.has_content)


def _part_tokens(call: Call) -> int:
    bounds, model = call.bounds, call.model
    return bounds.images * model.max_image_tokens + bounds.files * model.max_file_tokens
