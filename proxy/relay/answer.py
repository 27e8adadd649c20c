"""Relays an answer that is no stream: held, settled, then sent with what it cost."""

from collections.abc import AsyncIterator

from aiohttp import web
from multidict import CIMultiDict

from ledger.errors import SettlementUnavailableError
from pricing.money import credits_text
from proxy.charges import Outcome
from proxy.errors import BadAnswerError, CallStoppedError, ProviderRefusedUsError
from proxy.relay.answers import read_chunk
from proxy.relay.client_stream import ClientStream
from proxy.relay.loose_json import is_json_object
from proxy.relay.reported_usage import read_usage
from proxy.relay.sse import BYTE_ORDER_MARK
from proxy.relay.transcript import Transcript
from proxy.reserving import HeldCall, Receipt
from proxy.upstreams.upstream import UpstreamAnswer, UpstreamCutError

HELD_BYTES = 1024 * 1024
LARGEST_ANSWER = 64 * 1024 * 1024

# A provider's word on this server's account is not the client's business.
_ABOUT_US = frozenset({401, 402, 403})


async def relay_answer(
    request: web.Request,
    held: HeldCall,
    answer: UpstreamAnswer,
    headers: CIMultiDict[str],
    timeout_s: float,
) -> web.StreamResponse:
    """Sends a whole answer to the client, charged.

    Raises:
        BadAnswerError, ProviderRefusedUsError, CallStoppedError, UpstreamCutError: nothing is
            charged.
        SettlementUnavailableError: the answer is withheld.
    """
    if answer.status in _ABOUT_US or 300 <= answer.status < 400:
        raise ProviderRefusedUsError(str(answer.status))
    blocks = answer.blocks()
    try:
        async with held.reservation.guard():
            body = await _read(blocks)
    except TimeoutError:
        raise CallStoppedError from None
    if len(body) > HELD_BYTES:
        begins = body.removeprefix(BYTE_ORDER_MARK).lstrip()
        if answer.status < 400 and not begins.startswith(b"{"):
            raise BadAnswerError
        client = ClientStream(
            request, answer.status, headers, timeout_s=timeout_s, on_departure=lambda: None
        )
        return await _relay_large(held, client, body, blocks)
    receipt = await held.settle(_outcome(held, answer.status, body))
    headers.update(_told(receipt))
    return web.Response(status=answer.status, headers=headers, body=body)


async def _read(blocks: AsyncIterator[bytes]) -> bytes:
    pieces = []
    size = 0
    async for block in blocks:
        pieces.append(block)
        size += len(block)
        if size > HELD_BYTES:
            break
    return b"".join(pieces)


def _outcome(held: HeldCall, status: int, body: bytes) -> Outcome:
    if status >= 400:
        return Outcome(status="failed")
    if not is_json_object(body):
        raise BadAnswerError
    usage = read_usage(body, hides_reasoning=held.call.model.hidden_reasoning)
    has_error = b'"error"' in body and _has_error(body)
    transcript = Transcript()
    if usage is None or has_error or not (usage.input_tokens and usage.output_tokens):
        transcript.add_answer(body)  # it may have to be counted
    if not has_error:
        return Outcome(status="completed", usage=usage, transcript=transcript)
    if (usage is None or not usage.output_tokens) and not transcript.has_content:
        return Outcome(status="failed")
    return Outcome(status="cut", usage=usage, transcript=transcript)


def _has_error(body: bytes) -> bool:
    """Whether an answer is an error in spite of its status."""
    chunk = read_chunk(body)
    return chunk is not None and chunk.has_error


def _told(receipt: Receipt) -> dict[str, str]:
    told = {"x-credits-charged": credits_text(receipt.charge_mc)}
    if receipt.balance_mc is not None:
        told["x-credits-balance"] = credits_text(receipt.balance_mc)
    return told


async def _relay_large(
    held: HeldCall, client: ClientStream, body: bytes, blocks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Streams what is too large to be held; its last block waits for the settlement."""
    status = client.response.status
    received, last = bytearray(), body
    is_cut = False
    try:
        async with held.reservation.guard():
            async for block in blocks:
                await client.write(last)
                received += last
                last = block
                if len(received) > LARGEST_ANSWER:
                    break  # what there is makes no whole answer
        outcome = _outcome(held, status, bytes(received + last))
    except (UpstreamCutError, BadAnswerError, TimeoutError) as error:
        if not received:  # nothing was sent: it is free, and can still be told by a status
            raise (CallStoppedError() if isinstance(error, TimeoutError) else error) from None
        is_cut, outcome = True, _cut_outcome(status, bytes(received))
    try:
        await held.settle(outcome)
    except SettlementUnavailableError:
        if not client.has_begun:
            raise
        return client.fail()
    return client.fail() if is_cut else await client.end(last)


def _cut_outcome(status: int, received: bytes) -> Outcome:
    """What was delivered of an answer is charged; what was delivered of an error is not."""
    if status >= 400:
        return Outcome(status="failed")
    transcript = Transcript()
    transcript.add_broken_answer(received)
    return Outcome(status="cut", transcript=transcript)
