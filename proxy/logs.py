"""Logs are structured: one JSON object a line, on standard error."""

import logging
import sys

import msgspec
import structlog


def configure_logs() -> None:
    """Sets up logging for a process; to be called once, at its start."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING,
        stream=sys.stderr,
        format='{"level":"%(levelname)s","event":"%(message)s"}',
    )


def _to_json(event: object, **_options: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)
