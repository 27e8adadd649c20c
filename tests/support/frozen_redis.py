"""A Redis that stands still, as that of a machine that hangs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from tests.support.waiting import PATIENT


@contextmanager
def frozen_redis(redis_url: str) -> Iterator[None]:
    """Nothing is answered while the block runs; what was asked meanwhile is answered after it."""
    with redis.Redis.from_url(redis_url, **PATIENT) as client:
        process = client.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)
