"""Counts a call's tokens off the event loop, and says so where they cannot be counted."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor

from pricing.chat_tokens import count_chat_prompt
from pricing.rank_files import RankFileError
from pricing.tokens import TokenCounter, UnknownEncodingError
from proxy.calls.call import Call

# What these say is of this installation; what others say may have words of a prompt in it.
_SPEAKABLE = (RankFileError, UnknownEncodingError, OSError)


class CountingError(Exception):
    """Tokens could not be counted."""


class Counting:
    """Counts in threads; a count takes from microseconds to a second."""

    def __init__(self, counter: TokenCounter, executor: Executor) -> None:
        self._counter = counter
        self._executor = executor

    async def messages(self, call: Call, tokenizer: str) -> int:
        """The tokens of a call's messages; parts that are no text count nothing.

        Raises:
            CountingError: whatever the reason.
        """
        return await self._in_thread(_count_messages, self._counter, tokenizer, call.messages())

    async def texts(self, texts: list[str], tokenizer: str) -> int:
        """The tokens of texts, each counted by itself; raises as `messages` does."""
        return await self._in_thread(self._counter.count_all, tokenizer, texts)

    async def _in_thread(self, function: Callable[..., int], *arguments: object) -> int:
        loop = asyncio.get_running_loop()
        try:
            counting = loop.run_in_executor(self._executor, _guarded, function, *arguments)
        except RuntimeError as error:  # the executor is closed
            raise CountingError(str(error)) from error
        return await counting


def _guarded(function: Callable[..., int], *arguments: object) -> int:
    try:
        return function(*arguments)
    except BaseException as error:  # a tokenizer's panic is no Exception
        reason = str(error) if isinstance(error, _SPEAKABLE) else type(error).__name__
        raise CountingError(reason) from error


def _count_messages(counter: TokenCounter, tokenizer: str, messages: bytes) -> int:
    # Numbers stay text: those of any size must do.
    return count_chat_prompt(
        counter, tokenizer, json.loads(messages, parse_int=str, parse_float=str)
    )
