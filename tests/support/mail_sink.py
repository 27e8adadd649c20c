"""A strict, tiny mail server for tests: takes what RFC 5321 allows, refuses what it does not."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

_MAIL = re.compile(r"MAIL FROM:<(?P<address>[^<>\s]+)>( .*)?", re.IGNORECASE)
_RCPT = re.compile(r"RCPT TO:<(?P<address>[^<>\s]+)>", re.IGNORECASE)


@dataclass
class Letter:
    """What was handed over: the envelope and the message."""

    sender: str
    recipients: list[str]
    message: EmailMessage


@dataclass
class MailSink:
    """Where it listens, what it has taken; `refusals` are answered to the next recipients."""

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tried: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            await _Conversation(self, reader, writer).run()
        finally:
            writer.close()


class _Conversation:
    def __init__(
        self, sink: MailSink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer
        self._greeted = False
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        await self._say("220 sink ESMTP")
        while line := await self._reader.readline():
            if not line.endswith(b"\r\n"):
                await self._say("500 lines end in CRLF")
                return
            answer = await self._answer(line[:-2].decode("ascii"))
            await self._say(answer)
            if answer.startswith("221"):
                return

    async def _answer(self, line: str) -> str:
        verb = line.split(" ", maxsplit=1)[0].upper()
        if verb in ("EHLO", "HELO"):
            self._greeted = True
            return "250 sink"
        if verb == "QUIT":
            return "221 bye"
        if not self._greeted:
            return "503 greet first"
        if verb == "DATA":
            return await self._take()
        answers = {"MAIL": self._begin, "RCPT": self._add}
        return answers[verb](line) if verb in answers else "502 not here"

    def _begin(self, line: str) -> str:
        found = _MAIL.fullmatch(line)
        if not found or self._sender is not None:
            return "501 not so"
        self._sender = found["address"]
        return "250 ok"

    def _add(self, line: str) -> str:
        found = _RCPT.fullmatch(line)
        if not found or self._sender is None:
            return "503 not so"
        self._sink.tried += 1
        if self._sink.refusals:
            return self._sink.refusals.pop(0)
        self._recipients.append(found["address"])
        return "250 ok"

    async def _take(self) -> str:
        if self._sender is None or not self._recipients:
            return "503 nobody to send it to"
        await self._say("354 go on")
        data = await self._reader.readuntil(b"\r\n.\r\n")
        text = data[:-3].replace(b"\r\n..", b"\r\n.")
        if any(len(line) > 998 for line in text.split(b"\r\n")):
            return "554 a line is too long"
        message = message_from_bytes(text, policy=policy.default)
        self._sink.letters.append(Letter(self._sender, self._recipients, message))
        self._sender, self._recipients = None, []
        return "250 taken"

    async def _say(self, line: str) -> None:
        self._writer.write(line.encode() + b"\r\n")
        await self._writer.drain()


@asynccontextmanager
async def open_mail_sink() -> AsyncIterator[MailSink]:
    """A mail server on a port of this machine."""
    sink = MailSink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    async with server:
        sink.port = server.sockets[0].getsockname()[1]
        yield sink
