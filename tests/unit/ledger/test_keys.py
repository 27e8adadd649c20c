"""How keys look and what is stored of them."""

import re

from ledger.keys import KeyHasher, generate_key, prefix_of

HASHER = KeyHasher(b"a secret of sixteen or more")


def test_a_key_has_its_mark_and_at_least_forty_random_characters() -> None:
    """Keys look like `sk-tg-…`."""
    keys = {generate_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"sk-tg-[A-Za-z0-9_-]{40,}", key) for key in keys)


def test_the_prefix_shows_the_beginning_only() -> None:
    """A readable prefix may be shown; the rest of a key is shown once."""
    assert prefix_of("sk-tg-AbCdEfGhIj") == "sk-tg-AbCdEf"


def test_a_hash_depends_on_key_and_secret() -> None:
    """Only a keyed hash is stored: without the secret a copy of the database finds no key."""
    key = generate_key()
    assert HASHER.hash(key) == HASHER.hash(key)
    assert len(HASHER.hash(key)) == 32
    assert HASHER.hash(key) != HASHER.hash(generate_key())
    assert HASHER.hash(key) != KeyHasher(b"another secret of that kind").hash(key)


def test_any_text_that_a_header_can_carry_has_a_hash() -> None:
    """A broken key is an unknown key, not an accident."""
    assert HASHER.hash(b"sk-tg-\xff\x00".decode("utf-8", "surrogateescape"))
