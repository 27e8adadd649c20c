"""Where an account lives in Redis: for ever the same partition, and all of it in one slot."""

import pytest
from redis.crc import key_slot

from ledger.ids import PARTITIONS, new_id, partition_of
from ledger.redis_keys import account_keys, accounts_pattern, partition_keys


@pytest.mark.parametrize(
    ("account_id", "partition"),
    [
        ("00000000-0000-7000-8000-000000000000", 23),
        ("0198f2a0-0000-7000-8000-000000000001", 4),
        ("ffffffff-ffff-7fff-bfff-ffffffffffff", 6),
    ],
)
def test_the_partition_of_an_account_never_changes(account_id: str, partition: int) -> None:
    """64 partitions, by a CRC of the account id, for ever: data of before would not be found."""
    assert PARTITIONS == 64
    assert partition_of(account_id) == partition


def test_all_keys_of_an_account_are_in_one_slot_of_a_cluster() -> None:
    """The same scripts run on Redis Cluster: a script's keys must share a slot."""
    for _ in range(200):
        keys = account_keys(new_id())
        names = [keys.account, keys.holds, keys.rebuild]
        names += [keys.shared.deadlines, keys.shared.settlements, keys.shared.position]
        assert len({key_slot(name.encode()) for name in names}) == 1
        assert keys.shared == partition_keys(keys.partition)
        assert len(set(names)) == len(names)


def test_partitions_are_in_different_slots() -> None:
    """So that a cluster can spread them."""
    slots = {key_slot(partition_keys(number).settlements.encode()) for number in range(PARTITIONS)}
    assert len(slots) == PARTITIONS


def test_the_pattern_of_a_partition_matches_its_accounts_only() -> None:
    """It is taken literally by Redis but for its last character: no other brackets in it."""
    keys = account_keys("00000000-0000-7000-8000-000000000000")
    pattern = accounts_pattern(keys.partition)
    assert pattern.endswith("*")
    assert not set(pattern[:-1]) & set("*?[]\\")
    assert keys.account.startswith(pattern[:-1])
    assert not keys.holds.startswith(pattern[:-1])
