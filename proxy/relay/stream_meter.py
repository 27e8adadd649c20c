"""Reads a passing chat stream: finds its usage and its end, without I/O.

Only events that may say something of money are looked into; all others pass as they came.
"""

import re

import msgspec

from pricing.money import credits_text
from pricing.usage import Usage
from proxy.relay.answers import Chunk, read_chunk
from proxy.relay.reported_usage import names_usage, read_usage, with_charge
from proxy.relay.sse import EventBuffer, event_data, make_event, split_events
from proxy.relay.transcript import Transcript

# What makes a run of events worth splitting. `"usage":null` stands in nearly every chunk. Data may
# be of several lines, which may end anywhere between two tokens of JSON.
_TELLING = re.compile(rb'"usage"(?:\s|data:)*:(?:\s|data:)*\{|"error"|(?:^|[\r\n])data:\s*\[DONE\]')
# Some providers write an empty reason into every chunk.
_FINISH = re.compile(rb'"finish_reason"(?:\s|data:)*:(?:\s|data:)*"[^"]')
_DONE = b"[DONE]"


class StreamMeter:
    """Fed with a provider's bytes, gives what may pass; withholds what must wait for settlement."""

    def __init__(
        self, *, wants_usage: bool, choices: int = 1, hides_reasoning: bool = False
    ) -> None:
        self._wants_usage = wants_usage
        self._unfinished_choices = choices
        self._hides_reasoning = hides_reasoning
        self._buffer = EventBuffer()
        self._withheld: list[bytes] = []
        self.transcript = Transcript()
        self.usage: Usage | None = None
        self.is_usage_behind = False
        self.has_error = False
        self.has_ended = False

    def feed(self, data: bytes) -> bytes:
        """What may pass of the bytes so far; nothing once the stream has ended."""
        if self.has_ended:
            return b""
        whole = self._buffer.feed(data)
        if not whole:
            return b""
        self._unfinished_choices -= len(_FINISH.findall(whole))
        if not self._withheld and not _TELLING.search(whole):
            self.transcript.add_events(whole)
            self.is_usage_behind = True  # of a usage so far: there is more since
            return whole
        return b"".join(self._look_into(event) for event in split_events(whole))

    def end(self) -> bytes:
        """What may pass when no more bytes come: a last event that lacks only its blank line."""
        data = event_data(self._buffer.rest).strip()
        is_whole = data == _DONE or read_chunk(data) is not None
        return self.feed(b"\n\n") if is_whole else b""

    @property
    def is_complete(self) -> bool:
        """Whether the provider has said all, also one that never says `[DONE]`."""
        if self.has_error:
            return False
        return self.has_ended or (self._unfinished_choices <= 0 and not self._buffer.rest.strip())

    def ending(self, charged_mc: int) -> bytes:
        """What was withheld, for a client whose call is settled: the charge is in its usage."""
        charged = msgspec.Raw(credits_text(charged_mc).encode())
        return b"".join(self._with_charge(event, charged, charged_mc) for event in self._withheld)

    def _look_into(self, event: bytes) -> bytes:
        """What passes because of this event."""
        if self.has_ended:
            return b""
        data = event_data(event).strip()
        if data == _DONE:
            self.has_ended = True
        if data == _DONE or (self._withheld and not data):
            self._withheld.append(event)  # a comment says nothing: what is withheld waits on
            return b""
        self.transcript.add_events(event)
        chunk = read_chunk(data)
        if chunk and chunk.has_error:
            self.has_error = self.has_ended = True
            self._withheld.append(event)
            return b""
        usage = read_usage(data, hides_reasoning=self._hides_reasoning)
        self.is_usage_behind = usage is None
        if usage:
            self.usage = usage
        return self._pass(event, data, chunk, has_usage=usage is not None)

    def _pass(self, event: bytes, data: bytes, chunk: Chunk | None, *, has_usage: bool) -> bytes:
        earlier, self._withheld = b"".join(self._withheld), []
        if chunk is None:
            return earlier + event
        if has_usage and self._wants_usage and (chunk.is_finish or self._unfinished_choices <= 0):
            self._withheld = [event]  # most likely the last: the charge goes into it
            return earlier
        if not chunk.choices and not self._wants_usage and (has_usage or names_usage(data)):
            return earlier  # the usage chunk that we have asked for
        return earlier + event

    def _with_charge(self, event: bytes, charged: msgspec.Raw, charged_mc: int) -> bytes:
        data = event_data(event)
        if read_usage(data) is None:
            return event
        try:
            return make_event(with_charge(data, charged, charged_mc))
        except msgspec.DecodeError:  # usage can be read out of what cannot be written again
            return event
