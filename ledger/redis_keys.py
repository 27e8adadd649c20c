"""Names of keys in Redis. All keys of a partition carry its hash tag, so they live in one slot."""

import msgspec

from ledger.ids import partition_of


class PartitionKeys(msgspec.Struct, frozen=True):
    """What the accounts of a partition share."""

    deadlines: str
    settlements: str
    position: str


class AccountKeys(msgspec.Struct, frozen=True):
    """What belongs to one account."""

    account_id: str
    partition: int
    account: str
    holds: str
    rebuild: str
    shared: PartitionKeys


def partition_keys(partition: int) -> PartitionKeys:
    """The keys of a partition: 0 … 63."""
    tag = _tag(partition)
    return PartitionKeys(
        deadlines=f"{tag}:deadlines",
        settlements=f"{tag}:settlements",
        position=f"{tag}:position",
    )


def account_keys(account_id: str) -> AccountKeys:
    """The keys of an account."""
    partition = partition_of(account_id)
    tag = _tag(partition)
    return AccountKeys(
        account_id=account_id,
        partition=partition,
        account=f"{tag}:account:{account_id}",
        holds=f"{tag}:holds:{account_id}",
        rebuild=f"{tag}:rebuild:{account_id}",
        shared=partition_keys(partition),
    )


def accounts_pattern(partition: int) -> str:
    """Matches the accounts of a partition."""
    return f"{_tag(partition)}:account:*"


def identity_key(key_hash: bytes) -> str:
    """Where the owner of an API key is remembered."""
    return f"key:{key_hash.hex()}"


def _tag(partition: int) -> str:
    return f"{{p{partition:02d}}}"
