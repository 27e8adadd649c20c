"""What `tollgate rates simulate` has found, and how machines read it."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from console.json import Json, amount, timestamp
from pricing.simulation import Earned, Figures, Simulation, Unpriced, change_permille


class SimulationReport(msgspec.Struct, frozen=True, kw_only=True):
    """A simulation, and what it is of: `file` as in force at `at`, over [start, end)."""

    file: str
    version: str
    at: datetime
    start: datetime
    end: datetime
    account_id: str | None
    credits_per_usd: int
    account_names: Mapping[str, str]
    simulation: Simulation


def report_json(report: SimulationReport) -> Json:
    """All of it: amounts as exact strings; null where something is not known."""
    simulation, credits_per_usd = report.simulation, report.credits_per_usd
    return {
        "file": report.file,
        "rateVersion": report.version,
        "at": timestamp(report.at),
        "from": timestamp(report.start),
        "to": timestamp(report.end),
        "accountId": report.account_id,
        "creditsPerUsd": credits_per_usd,
        "total": _figures(simulation.total, credits_per_usd),
        "models": [
            {"model": model, **_figures(figures, credits_per_usd)}
            for model, figures in simulation.by_model.items()
        ],
        "accounts": [
            {
                "accountId": account_id,
                "name": report.account_names.get(account_id),
                **_figures(figures, credits_per_usd),
            }
            for account_id, figures in simulation.by_account.items()
        ],
        "unpriced": [_unpriced(one) for one in simulation.unpriced],
    }


def permille_text(permille: int) -> str:
    """Thousandths as percent: `-12.5`."""
    whole, tenth = divmod(abs(permille), 10)
    return f"{'-' if permille < 0 else ''}{whole}.{tenth}"


def _figures(figures: Figures, credits_per_usd: int) -> Json:
    change = change_permille(figures.was_mc, figures.would_be_mc)
    return {
        "calls": figures.calls,
        "unpricedCalls": figures.calls - figures.priced_calls,
        "revenue": {
            **amount("was", figures.was_mc),
            **amount("wouldBe", figures.would_be_mc),
            **amount("change", figures.would_be_mc - figures.was_mc),
            "changePercent": None
            if change is None
            else msgspec.Raw(permille_text(change).encode()),
            # What the calls were charged that would be priced: for comparing like with like.
            **amount("wasOfPriced", figures.priced_was_mc),
        },
        "margin": {
            "was": _earned(figures.was_earned, credits_per_usd),
            "wouldBe": _earned(figures.would_be_earned, credits_per_usd),
        },
    }


def _earned(earned: Earned, credits_per_usd: int) -> Json:
    margin_picousd = earned.margin_picousd(credits_per_usd)
    return {
        "calls": earned.calls,
        **amount("revenue", earned.charge_mc),
        "costPicousd": str(earned.cost_picousd) if earned.calls else None,
        "marginPicousd": None if margin_picousd is None else str(margin_picousd),
    }


def _unpriced(unpriced: Unpriced) -> Json:
    return {
        "model": unpriced.model,
        "reason": unpriced.reason,
        "calls": unpriced.calls,
        **amount("was", unpriced.was_mc),
    }
