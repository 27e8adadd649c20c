"""Ids of accounts, keys, requests and entries: UUIDv7, so that they sort by time."""

from binascii import crc32

import uuid_utils

PARTITIONS = 64


def new_id() -> str:
    """A UUIDv7 as text."""
    return str(uuid_utils.uuid7())


def partition_of(account_id: str) -> int:
    """The partition of an account in Redis, for ever the same: 0 … 63."""
    return crc32(account_id.encode()) % PARTITIONS
