"""A slow reader of server-sent events, line by line as the standard says, to check the fast one."""

import re

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r)")


def parse_events(content: bytes) -> list[str | None]:
    """The data of each event that has an end; None for one without data."""
    events: list[str | None] = []
    lines: list[str] = []
    is_open = False
    for found in _LINE.finditer(content.decode()):
        line = found[1]
        if line:
            is_open = True
            name, _, value = line.partition(":")
            if name == "data":
                lines.append(value.removeprefix(" "))
        elif is_open:
            events.append("\n".join(lines) if lines else None)
            lines, is_open = [], False
    return events
