"""Made-up books for benches: accounts whose entries, usage rows and syncs all reconcile. Pure."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from ledger.chain import AccountState, append_entry, take_sync_number
from ledger.chart import PROMOTION, STRIPE, usage_revenue
from pricing.money import MILLICREDITS
from tests.bench.seeded_calls import CallMaker, SeededCall, SeededModel, uuid7_of

ACCOUNT_COLUMNS = ("id", "name", "email", "redis_partition", "created_at")
KEY_COLUMNS = ("id", "account_id", "name", "prefix", "key_hash", "created_at")
SYNC_COLUMNS = ("account_id", "number", "amount_mc", "reason", "created_at")
ENTRY_COLUMNS = (
    *("id", "transaction_id", "account_id", "sequence", "posted_at", "entry_type", "amount_mc"),
    *("balance_before_mc", "balance_after_mc", "counter_account", "ref", "description", "actor"),
    *("receipt_url", "idempotency_key"),
)
USAGE_COLUMNS = (
    *("request_id", "kind", "account_id", "key_id", "created_at", "posted_at", "model"),
    *("endpoint", "status", "basis", "is_stream", "input_tokens", "cached_input_tokens"),
    *("output_tokens", "reasoning_tokens", "units", "rates", "rate_version", "rounding"),
    *("ceiling_mc", "charge_mc", "posted_mc", "latency_ms", "costs", "cost_picousd"),
)

KEYS_OF_AN_ACCOUNT = 3
LOW_BALANCE_MC = 2_000 * MILLICREDITS
PACKAGES_MC = ((9_990_000, 0), (49_990_000, 2_499_000), (99_990_000, 9_999_000))
NULL = "\\N"
_TICK = timedelta(microseconds=1)


class SeededAccount(msgspec.Struct):
    """An account as it stands after what was made so far."""

    account_id: UUID
    key_ids: list[UUID]
    state: AccountState
    posted_at: datetime
    purchases: int = 0


class Lines(msgspec.Struct):
    """Rows of each table as lines of COPY's text format."""

    usage: list[str] = []
    entries: list[str] = []
    syncs: list[str] = []


class _Money(msgspec.Struct, frozen=True):
    """A movement of a balance; `name` is its reference."""

    entry_type: str
    amount_mc: int
    counter_account: str
    name: str
    description: str


class BookMaker:
    """Posts made-up calls to made-up accounts, and money in before they run dry."""

    def __init__(
        self,
        accounts: Sequence[SeededAccount],
        models: Sequence[SeededModel],
        *,
        rate_version: str,
        seed: int,
    ) -> None:
        self.accounts = accounts
        self._calls = CallMaker(models, seed)
        self._random = random.Random(seed + 1)
        self._rate_version = rate_version
        # The first account is the busiest: a few customers make most of the calls.
        self._weights = [1 / (place + 2) for place in range(len(accounts))]

    def lines(self, rows: int, start: datetime, end: datetime, at_once: int) -> Iterator[Lines]:
        """Usage rows spread evenly from `start` to `end`, and all that belongs to them."""
        step = (end - start) / rows
        made, lines = 0, Lines()
        while made < rows:
            at = start + step * (made + self._random.random() * 0.9)
            account = self._random.choices(self.accounts, self._weights)[0]
            if account.state.balance_mc < LOW_BALANCE_MC:
                self._add_money(lines, account, at - timedelta(seconds=1))
            self._add_call(lines, account, self._calls.call(at), at)
            made += 1
            if made % at_once == 0:
                yield lines
                lines = Lines()
        yield lines

    def _add_money(self, lines: Lines, account: SeededAccount, at: datetime) -> None:
        account.purchases += 1
        name = f"seed-{account.account_id}-{account.purchases}"
        paid_mc, bonus_mc = self._random.choice(PACKAGES_MC)
        money = [_Money("purchase", paid_mc, STRIPE, f"pi-{name}", "Credits bought")]
        if account.purchases == 1:
            money.insert(0, _Money("grant", 10_000_000, PROMOTION, name, "Welcome"))
        if bonus_mc:
            what = "Bonus of the package"
            money.append(_Money("bonus", bonus_mc, PROMOTION, f"bonus-{name}", what))
        for one in money:
            self._append(lines, account, at, one, f"seed\t{NULL}\t{one.name}")
            account.state, number = take_sync_number(account.state)
            lines.syncs.append(
                f"{account.account_id}\t{number}\t{one.amount_mc}\t{one.entry_type}\t"
                f"{account.posted_at}\n"
            )

    def _append(
        self, lines: Lines, account: SeededAccount, at: datetime, money: _Money, rest: str
    ) -> None:
        account.posted_at = max(at, account.posted_at + _TICK)
        account.state, link = append_entry(account.state, money.amount_mc)
        entry_id = uuid7_of(account.posted_at, self._random)
        lines.entries.append(
            f"{entry_id}\t{entry_id}\t{account.account_id}\t{link.sequence}\t"
            f"{account.posted_at}\t{money.entry_type}\t{money.amount_mc}\t{link.before_mc}\t"
            f"{link.after_mc}\t{money.counter_account}\t{money.name}\t{money.description}\t"
            f"{rest}\n"
        )

    def _add_call(
        self, lines: Lines, account: SeededAccount, call: SeededCall, at: datetime
    ) -> None:
        name = call.model.rates.name
        if call.charge_mc:
            what, ref = f"Usage of {name}", str(call.request_id)
            used = _Money("usage", -call.charge_mc, usage_revenue(name), ref, what)
            self._append(lines, account, at, used, f"writer\t{NULL}\t{NULL}")
        else:
            account.posted_at = max(at, account.posted_at + _TICK)
        kind = "orphan" if call.status == "orphaned" else "settled"
        key_id = self._random.choice(account.key_ids)
        usage = call.usage
        cost = NULL if call.cost_picousd is None else call.cost_picousd
        lines.usage.append(
            f"{call.request_id}\t{kind}\t{account.account_id}\t{key_id}\t{call.created_at}\t"
            f"{account.posted_at}\t{name}\t/v1/chat/completions\t{call.status}\t{call.basis}\t"
            f"{call.is_stream}\t{usage.input_tokens}\t{usage.cached_input_tokens}\t"
            f"{usage.output_tokens}\t{usage.reasoning_tokens}\t{_json(call.units)}\t"
            f"{call.model.rates_json}\t{self._rate_version}\tmillicredit\t{call.ceiling_mc}\t"
            f"{call.charge_mc}\t{call.charge_mc}\t{call.latency_ms}\t{call.model.costs_json}\t"
            f"{cost}\n"
        )


def seeded_accounts(count: int, opened_at: datetime, seed: int) -> list[SeededAccount]:
    """Accounts without entries, always the same ones for the same seed."""
    chance = random.Random(seed + 2)
    moment = opened_at.astimezone(UTC)
    return [
        SeededAccount(
            uuid7_of(moment, chance),
            [uuid7_of(moment, chance) for _ in range(KEYS_OF_AN_ACCOUNT)],
            AccountState(0, 0, 0),
            moment,
        )
        for _ in range(count)
    ]


def _json(units: Mapping[str, int]) -> str:
    return "{" + ", ".join(f'"{name}": {count}' for name, count in units.items()) + "}"
