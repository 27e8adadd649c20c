"""What was received of an answer, kept so that its tokens can be counted if nobody reports them."""

import json
import re
from collections import defaultdict

from proxy.relay.answers import read_texts
from proxy.relay.sse import event_data, split_events

FOLD_AT_BYTES = 256 * 1024

# A field with something that the model has written, up to its end or that of the data.
_TEXT_FIELD = re.compile(
    rb'"(?:content|refusal|reasoning_content|reasoning|arguments)"\s*:\s*'
    rb'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)',
    re.DOTALL,
)


class Transcript:
    """Keeps a stream's bytes as they pass; reads the texts out of them only when it must."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._size = 0
        self._texts: dict[int, list[str]] = defaultdict(list)

    def add_events(self, data: bytes) -> None:
        """Whole events of a stream."""
        self._blocks.append(data)
        self._size += len(data)
        if self._size > FOLD_AT_BYTES:
            self._fold()

    def add_answer(self, data: bytes) -> None:
        """A whole JSON answer."""
        for index, text in read_texts(data):
            self._texts[index].append(text)

    def add_broken_answer(self, data: bytes) -> None:
        """What has come of a JSON answer that has no end."""
        for number, found in enumerate(_TEXT_FIELD.finditer(data)):
            self._texts[number].append(_unescaped(found["text"]))

    def texts(self) -> list[str]:
        """What each choice has said so far."""
        self._fold()
        return ["".join(texts) for _, texts in sorted(self._texts.items())]

    @property
    def has_content(self) -> bool:
        """Whether any choice has said anything."""
        return any(self.texts())

    def _fold(self) -> None:
        for event in split_events(b"".join(self._blocks)):
            for index, text in read_texts(event_data(event)):
                self._texts[index].append(text)
        self._blocks.clear()
        self._size = 0


def _unescaped(text: bytes) -> str:
    decoded = text.decode(errors="replace")
    try:
        return str(json.loads(f'"{decoded}"', strict=False))
    except ValueError:  # cut in the middle of an escape
        return decoded
