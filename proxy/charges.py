"""The usage records of a call: what it would cost as an orphan, and what it did cost."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import Executor

import msgspec

from config.settings import OrphanPolicy, Rounding
from ledger.records import ORPHAN, SETTLED, Basis, Status, UsageRecord
from pricing.bounded_count import byte_length
from pricing.charge import charge_mc
from pricing.chat_tokens import count_chat_prompt
from pricing.quote import Quote, estimated_tokens
from pricing.tokens import TokenCounter
from pricing.usage import NOTHING, Usage
from proxy.calls.call import NO_JSON, Call
from proxy.relay.transcript import Transcript

CHAT_ENDPOINT = "/v1/chat/completions"


class Outcome(msgspec.Struct, frozen=True):
    """How a call ended. Without a usage, its tokens are counted from the transcript; without
    either, nothing came of it and it is free.
    """

    status: Status
    usage: Usage | None = None
    transcript: Transcript | None = None


class Charges:
    """Makes usage records: of orphans before a call leaves, of outcomes when it has ended."""

    def __init__(
        self,
        counter: TokenCounter,
        executor: Executor,
        *,
        rounding: Rounding,
        orphan_policy: OrphanPolicy,
    ) -> None:
        self._counter = counter
        self._executor = executor
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
        usage: Usage = NOTHING
        basis: Basis = "none"
        if outcome.usage is not None:
            usage, basis = outcome.usage, "provider"
        elif outcome.transcript is not None:
            usage, basis = await self._count(call, quoted, outcome.transcript)
        record = self._record(call, outcome.status, usage, basis, quoted.ceiling_mc)
        latency_ms = time.time_ns() // 1_000_000 - call.created_at_ms
        return msgspec.structs.replace(record, kind=SETTLED, latency_ms=max(latency_ms, 0))

    async def text_tokens(self, call: Call) -> int:
        """A closer bound of the call's text than its bytes: exact for messages, bytes for schemas.

        Without a tokenizer, messages stay at their bytes.
        """
        tokenizer = call.model.tokenizer
        if tokenizer is None:
            return len(_messages(call)) + _schema_bytes(call)
        return await self._count_prompt(call, tokenizer) + _schema_bytes(call)

    async def _count(
        self, call: Call, quoted: Quote, transcript: Transcript
    ) -> tuple[Usage, Basis]:
        """The tokens of what was sent and received, never more than was quoted."""
        texts = transcript.texts()
        tokenizer = call.model.tokenizer
        basis: Basis
        if tokenizer is None:
            basis = "estimated"
            input_tokens = estimated_tokens(len(call.body))
            output_tokens = estimated_tokens(sum(byte_length(text) for text in texts))
        else:
            basis = "counted"
            input_tokens = await self._count_prompt(call, tokenizer) + _part_tokens(call)
            input_tokens += estimated_tokens(_schema_bytes(call))
            output_tokens = await self._in_thread(self._counter.count_all, tokenizer, texts)
        if call.model.hidden_reasoning:  # what was thought cannot be seen, so it may be the most
            basis, output_tokens = "ceiling", quoted.output_tokens
        usage = Usage(
            input_tokens=min(input_tokens, quoted.input_tokens),
            output_tokens=min(output_tokens, quoted.output_tokens),
        )
        return usage, basis

    async def _count_prompt(self, call: Call, tokenizer: str) -> int:
        return await self._in_thread(_count_messages, self._counter, tokenizer, _messages(call))

    async def _in_thread(self, function: Callable[..., int], *arguments: object) -> int:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, function, *arguments)

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


def _messages(call: Call) -> bytes:
    fields = msgspec.json.decode(call.body, type=dict[str, msgspec.Raw])
    return bytes(fields["messages"])


def _count_messages(counter: TokenCounter, tokenizer: str, messages: bytes) -> int:
    # Numbers stay text: those of any size must do.
    return count_chat_prompt(
        counter, tokenizer, json.loads(messages, parse_int=str, parse_float=str)
    )


def _part_tokens(call: Call) -> int:
    bounds, model = call.bounds, call.model
    return bounds.images * model.max_image_tokens + bounds.files * model.max_file_tokens


def _schema_bytes(call: Call) -> int:
    chat = call.chat
    schemas = (chat.tools, chat.functions, chat.response_format, chat.prediction)
    return sum(len(bytes(schema)) for schema in schemas if schema != NO_JSON)
