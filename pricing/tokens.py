"""Counting tokens as the providers do, with tiktoken, and without a network."""

import threading
from collections.abc import Iterable
from pathlib import Path

from pricing.bounded_count import Encode, count_bounded
from pricing.rank_files import RANK_FILES, load_encoding

KNOWN_ENCODINGS = tuple(RANK_FILES)


class UnknownEncodingError(Exception):
    """The named encoding is not one of `KNOWN_ENCODINGS`."""

    def __init__(self, encoding: str) -> None:
        known = ", ".join(KNOWN_ENCODINGS)
        super().__init__(f"Unknown encoding {encoding!r}; known are: {known}.")
        self.encoding = encoding


class TokenCounter:
    """Counts tokens. Any thread may use it; encodings are loaded when they are first needed.

    Counting blocks (0.1 µs a character for normal text, up to a second for the most hostile one)
    but leaves the interpreter to other threads meanwhile.
    """

    def __init__(self, cache_dir: Path) -> None:
        """`cache_dir` is where rank files are unpacked to; it may be shared and may be missing."""
        self._cache_dir = cache_dir
        self._encoders: dict[str, Encode] = {}
        self._lock = threading.Lock()

    def count(self, encoding: str, text: str) -> int:
        """The tokens of a text: exact for usual texts, else an upper bound, never too few.

        Names of special tokens in the text are ordinary text. `pricing.bounded_count` says what
        is counted by its bytes instead. Raises UnknownEncodingError, and RankFileError or OSError
        where an encoding cannot be loaded.
        """
        return self.count_all(encoding, (text,))

    def count_all(self, encoding: str, texts: Iterable[str]) -> int:
        """The tokens of several texts, each counted by itself, with one bound for all of them."""
        return count_bounded(self._encoder(encoding), texts)

    def _encoder(self, encoding: str) -> Encode:
        encoder = self._encoders.get(encoding)
        if encoder is not None:
            return encoder
        rank_file = RANK_FILES.get(encoding)
        if rank_file is None:
            raise UnknownEncodingError(encoding)
        with self._lock:
            if encoding not in self._encoders:
                loaded = load_encoding(rank_file, self._cache_dir)
                self._encoders[encoding] = loaded.encode_ordinary
            return self._encoders[encoding]
