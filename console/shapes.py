"""The shapes of our JSON: what a row of usage, of the ledger, an account, a key look like."""

from datetime import UTC, datetime

import msgspec

from config.rates import RateTable
from console.json import Json, amount, credits_number, timestamp, usd_number
from ledger.accounts import Account
from ledger.api_keys import ApiKey
from ledger.entries import Entry
from ledger.reports import Alert, UsageRow
from ledger.working_copy import WorkingBalance

_LIVE_AMOUNTS = ("balance", "held", "available", "unwritten")


def balance_shape(
    account_id: str, balance: WorkingBalance, *, threshold_mc: int, credits_per_usd: int
) -> Json:
    """What a customer has, as of now; it is low below `threshold_mc`."""
    return {
        "accountId": account_id,
        **amount("balance", balance.balance_mc),
        **amount("held", balance.held_mc),
        **amount("available", balance.available_mc),
        "unwrittenMillicredits": str(balance.unwritten_mc),
        "usd": usd_number(balance.balance_mc, credits_per_usd),
        "lowBalance": balance.balance_mc < threshold_mc,
        "lowBalanceThresholdCredits": credits_number(threshold_mc),
    }


def usage_shape(row: UsageRow) -> Json:
    """One call, as its account sees it."""
    return {
        "requestId": row.request_id,
        "createdAt": timestamp(row.created_at),
        "keyId": row.key_id,
        "model": row.model,
        "endpoint": row.endpoint,
        "status": row.status,
        "basis": row.basis,
        "stream": row.is_stream,
        "inputTokens": row.input_tokens,
        "cachedInputTokens": row.cached_input_tokens,
        "outputTokens": row.output_tokens,
        "reasoningTokens": row.reasoning_tokens,
        "units": msgspec.Raw(row.units.encode()),
        "rates": msgspec.Raw(row.rates.encode()),
        "rateVersion": row.rate_version,
        **amount("charged", row.charge_mc),
        "latencyMs": row.latency_ms,
    }


def entry_shape(entry: Entry) -> Json:
    """One ledger entry, as its account sees it."""
    return {
        "id": entry.entry_id,
        "sequence": entry.sequence,
        "createdAt": timestamp(entry.posted_at),
        "type": entry.entry_type,
        **amount("amount", entry.amount_mc),
        "balanceBeforeMillicredits": str(entry.balance_before_mc),
        "balanceAfterMillicredits": str(entry.balance_after_mc),
        "ref": entry.ref,
        "description": entry.description,
        "receiptUrl": entry.receipt_url,
    }


def operators_usage_shape(row: UsageRow) -> Json:
    """One call, and whose it was."""
    return {"accountId": row.account_id, **usage_shape(row)}


def operators_entry_shape(entry: Entry) -> Json:
    """One ledger entry with its other side, and whose it is."""
    expires_at = entry.expires_at
    return {
        "accountId": entry.account_id,
        **entry_shape(entry),
        "counterAccount": entry.counter_account,
        "actor": entry.actor,
        "transactionId": entry.transaction_id,
        "corrects": entry.corrects,
        "expiresAt": None if expires_at is None else timestamp(expires_at),
    }


def account_shape(account: Account) -> Json:
    """An account with what the ledger says."""
    return {
        "accountId": account.account_id,
        "name": account.name,
        "email": account.email,
        "createdAt": timestamp(account.created_at),
        **amount("ledgerBalance", account.balance_mc),
    }


def live_account_shape(account: Account, balance: WorkingBalance | None) -> Json:
    """An account with what the ledger says and what Redis says; nulls where Redis is away."""
    shape = account_shape(account)
    for name in _LIVE_AMOUNTS:
        if balance is None:
            shape |= {f"{name}Millicredits": None, f"{name}Credits": None}
        else:
            shape |= amount(name, getattr(balance, f"{name}_mc"))
    return shape


def key_shape(key: ApiKey) -> Json:
    """A key as far as it may be shown; nulls where it has no limit, and where it was not used."""
    mc = key.monthly_limit_mc
    no_limit = {"monthlyLimitMillicredits": None, "monthlyLimitCredits": None}
    return {
        "keyId": key.key_id,
        "accountId": key.account_id,
        "name": key.name,
        "prefix": key.prefix,
        "createdAt": timestamp(key.created_at),
        "revokedAt": None if key.revoked_at is None else timestamp(key.revoked_at),
        **(no_limit if mc is None else amount("monthlyLimit", mc)),
        **amount("spentThisMonth", key.spent_this_month_mc),
        "lastUsedAt": None if key.last_used_at is None else timestamp(key.last_used_at),
    }


def alert_shape(alert: Alert) -> Json:
    """Something that an operator must look at."""
    mc = alert.amount_mc
    no_amount = {"amountMillicredits": None, "amountCredits": None}
    return {
        "id": alert.alert_id,
        "kind": alert.kind,
        "accountId": alert.account_id,
        "requestId": alert.request_id,
        **(no_amount if mc is None else amount("amount", mc)),
        "detail": alert.detail,
        "raisedAt": timestamp(alert.raised_at),
    }


def rates_shape(table: RateTable, credits_per_usd: int) -> Json:
    """The rate card."""
    models = [
        {
            "model": model.name,
            "label": model.label,
            "rates": {dimension: rate.text for dimension, rate in model.rates.items()},
        }
        for model in table.models.values()
    ]
    return {
        "updatedAt": timestamp(datetime.fromtimestamp(table.updated_at_s, UTC)),
        "rateVersion": table.version,
        "creditsPerUsd": credits_per_usd,
        "models": models,
    }
