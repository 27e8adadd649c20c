"""Logs are structured: one JSON object a line, on standard error."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import structlog
from structlog.typing import Processor


def configure_logs() -> None:
    """Sets up logging for a process; to be called once, at its start."""
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*first, structlog.processors.JSONRenderer(serializer=_to_json)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    # What libraries say with the standard logging may be of many lines, with any character.
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=first,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_to_text),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[of_libraries])


@contextmanager
def quiet_logs() -> Iterator[None]:
    """For commands that people run: warnings only, on standard error, and not as JSON."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _to_json(event: object, **_options: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def _to_text(event: object, **options: object) -> str:
    return _to_json(event, **options).decode()
