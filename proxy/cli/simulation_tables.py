"""How people read a simulation: tables of what was and what would be, with totals."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pricing.simulation import (
    Earned,
    Figures,
    change_permille,
    picousd_of,
    sum_of,
)
from proxy.cli.simulation_report import SimulationReport, permille_text

UNKNOWN = "-"
PARTLY = "*"
_PICOUSD_PER_CENT = 10**10
_SMALL_PICOUSD = 10 * 10**12
_ROOM_FOR_IDS = 140
_UNLIMITED = 10_000


def print_simulation(report: SimulationReport, most_accounts: int) -> None:
    """Prints all of it; of accounts those that were charged most, and the others as one line."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_UNLIMITED)
    simulation = report.simulation
    console.print(_heading(report))
    if not simulation.total.calls:
        console.print("There are no calls in this period.")
        return
    usd = _Usd(report)
    console.print(_summary(report, usd))
    models = _by_revenue(simulation.by_model)
    console.print(_breakdown("\nBy model", "Model", models, simulation.total, usd))
    accounts = _accounts(report, most_accounts, has_room=console.width >= _ROOM_FOR_IDS)
    console.print(_breakdown("\nBy account", "Account", accounts, simulation.total, usd))
    for line in _notes(report):
        console.print(f"\n{line}")
    if simulation.unpriced:
        console.print(_unpriced(report))
        console.print(f"\n{_comparable(simulation.total)}")


class _Usd:
    """Shows dollars: to the cent, or to the millionth where all amounts are small."""

    def __init__(self, report: SimulationReport) -> None:
        self._credits_per_usd = report.credits_per_usd
        total = report.simulation.total
        largest = max(self._picousd(total.was_mc), self._picousd(total.would_be_mc))
        self._decimals = 6 if largest < _SMALL_PICOUSD else 2

    def text(self, picousd: int, sign: str = "-") -> str:
        """`1,234.50`, to the nearest; `sign` is `+` for a change."""
        step = _PICOUSD_PER_CENT // 10 ** (self._decimals - 2)
        units = (2 * abs(picousd) + step) // (2 * step)
        whole, part = divmod(units, 10**self._decimals)
        return f"{_sign(picousd, sign)}{whole:,}.{part:0{self._decimals}d}"

    def of_credits(self, amount_mc: int, sign: str = "-") -> str:
        """Millicredits in dollars."""
        return self.text(self._picousd(amount_mc), sign)

    def margin_picousd(self, earned: Earned) -> int | None:
        """What was earned, in 10^-12 USD; None where no cost is known."""
        return earned.margin_picousd(self._credits_per_usd)

    def margin(self, earned: Earned, calls: int) -> str:
        """A margin, marked where the costs of some calls are not known."""
        margin_picousd = self.margin_picousd(earned)
        if margin_picousd is None:
            return UNKNOWN
        return self.text(margin_picousd) + (PARTLY if earned.calls < calls else "")

    def _picousd(self, amount_mc: int) -> int:
        return picousd_of(amount_mc, self._credits_per_usd)


def _heading(report: SimulationReport) -> Text:
    account = "all accounts" if report.account_id is None else f"account {report.account_id}"
    return Text(
        f"The calls of {account} from {_moment(report.start)} to before {_moment(report.end)}, UTC,"
        "\n"
        f"under {report.file} as in force at {_moment(report.at)} (version {report.version})"
    )


def _summary(report: SimulationReport, usd: _Usd) -> Table:
    total = report.simulation.total
    table = _table("\nIn all", "", ("Was", "Would be", "Change", "%"))
    table.add_row("Calls", f"{total.calls:,}", f"{total.priced_calls:,}", "", "")
    was_mc, would_be_mc = total.was_mc, total.would_be_mc
    change = _percent(was_mc, would_be_mc)
    credits_change = _credits(would_be_mc - was_mc, "+")
    table.add_row(
        "Revenue, credits", _credits(was_mc), _credits(would_be_mc), credits_change, change
    )
    usd_change = usd.of_credits(would_be_mc - was_mc, "+")
    table.add_row(
        "Revenue, USD", usd.of_credits(was_mc), usd.of_credits(would_be_mc), usd_change, change
    )
    was, would_be = total.was_earned, total.would_be_earned
    if was.calls or would_be.calls:
        costs = (_cost(was, total.calls, usd), _cost(would_be, total.priced_calls, usd))
        table.add_row("Provider's costs, USD", *costs, "", "")
        margins = (usd.margin(was, total.calls), usd.margin(would_be, total.priced_calls))
        table.add_row("Margin, USD", *margins, *_margin_change(total, usd))
        rates = (_margin_rate(was, usd), _margin_rate(would_be, usd))
        table.add_row("Margin, % of revenue", *rates, "", "")
    return table


def _breakdown(
    title: str,
    what: str,
    lines: Iterable[tuple[Text, Figures]],
    total: Figures,
    usd: _Usd,
) -> Table:
    has_margin = bool(total.was_earned.calls or total.would_be_earned.calls)
    titles = ["Calls", "Was,\ncredits", "Would be,\ncredits", "Change,\n%"]
    if has_margin:
        titles += ["Margin was,\nUSD", "would be,\nUSD"]
    table = _table(title, what, titles)
    for name, figures in lines:
        table.add_row(name, *_cells(figures, usd, has_margin=has_margin))
    table.add_section()
    table.add_row("Total", *_cells(total, usd, has_margin=has_margin), style="bold")
    return table


def _cells(figures: Figures, usd: _Usd, *, has_margin: bool) -> list[str]:
    if figures.priced_calls:
        would_be = _credits(figures.would_be_mc)
        percent = _percent(figures.was_mc, figures.would_be_mc)
    else:
        would_be = percent = UNKNOWN
    cells = [f"{figures.calls:,}", _credits(figures.was_mc), would_be, percent]
    if has_margin:
        cells.append(usd.margin(figures.was_earned, figures.calls))
        cells.append(usd.margin(figures.would_be_earned, figures.priced_calls))
    return cells


def _accounts(report: SimulationReport, most: int, *, has_room: bool) -> list[tuple[Text, Figures]]:
    ordered = _by_revenue(report.simulation.by_account)
    lines = []
    for key, figures in ordered[:most]:
        account_id = key.plain
        shown_id = account_id if has_room else f"…{account_id[-6:]}"
        name = report.account_names.get(account_id, UNKNOWN)
        lines.append((Text(f"{name}  {shown_id}"), figures))
    others = [figures for _, figures in ordered[most:]]
    if others:
        name = "1 other" if len(others) == 1 else f"{len(others):,} others"
        lines.append((Text(name), sum_of(others)))
    return lines


def _by_revenue(figures_by_name: Mapping[str, Figures]) -> list[tuple[Text, Figures]]:
    ordered = sorted(figures_by_name.items(), key=lambda item: (-item[1].was_mc, item[0]))
    return [(Text(name), figures) for name, figures in ordered]


def _notes(report: SimulationReport) -> Iterable[str]:
    total = report.simulation.total
    was, would_be = total.was_earned, total.would_be_earned
    without_was = total.calls - was.calls
    without_would_be = total.priced_calls - would_be.calls
    if not was.calls and not would_be.calls:
        yield "No margins: neither the calls nor the file say what the provider takes."
    elif without_was or without_would_be:
        yield (
            f"{PARTLY} Only of calls whose cost is known: it is not, of {without_was:,} as they "
            f"were and of {without_would_be:,} as they would be."
        )


def _unpriced(report: SimulationReport) -> Table:
    table = _table(
        "\nNot priced: these calls would be refused", "Model", ["Calls", "Was,\ncredits"]
    )
    table.add_column("Why")
    for one in report.simulation.unpriced:
        table.add_row(Text(one.model), f"{one.calls:,}", _credits(one.was_mc), one.reason)
    return table


def _comparable(total: Figures) -> str:
    was_mc, would_be_mc = total.priced_was_mc, total.would_be_mc
    return (
        f"Without them revenue was {_credits(was_mc)} credits and would be {_credits(would_be_mc)} "
        f"({_percent(was_mc, would_be_mc)} %)."
    )


def _table(title: str, first: str, titles: Sequence[str]) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(first, overflow="fold")
    for text in titles:
        table.add_column(text, justify="right", no_wrap=True)
    return table


def _margin_change(total: Figures, usd: _Usd) -> tuple[str, str]:
    """Of the margin; only where both sides are of all calls, else they cannot be compared."""
    was, would_be = total.was_earned, total.would_be_earned
    was_picousd, would_be_picousd = usd.margin_picousd(was), usd.margin_picousd(would_be)
    is_whole = was.calls == would_be.calls == total.calls
    if was_picousd is None or would_be_picousd is None or not is_whole:
        return UNKNOWN, UNKNOWN
    return usd.text(would_be_picousd - was_picousd, "+"), _percent(was_picousd, would_be_picousd)


def _margin_rate(earned: Earned, usd: _Usd) -> str:
    margin_picousd = usd.margin_picousd(earned)
    if margin_picousd is None or not earned.charge_mc:
        return UNKNOWN
    revenue_picousd = margin_picousd + earned.cost_picousd
    return permille_text(margin_picousd * 1000 // revenue_picousd)


def _cost(earned: Earned, calls: int, usd: _Usd) -> str:
    if not earned.calls:
        return UNKNOWN
    return usd.text(earned.cost_picousd) + (PARTLY if earned.calls < calls else "")


def _credits(amount_mc: int, sign: str = "-") -> str:
    whole, part = divmod(abs(amount_mc), 1000)
    return f"{_sign(amount_mc, sign)}{whole:,}.{part:03d}"


def _percent(was: int, would_be: int) -> str:
    permille = change_permille(was, would_be)
    if permille is None:
        return UNKNOWN
    return f"{'+' if permille > 0 else ''}{permille_text(permille)}"


def _sign(number: int, sign: str) -> str:
    if number < 0:
        return "-"
    return "+" if sign == "+" and number else ""


def _moment(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if utc.time() == utc.time().min else f"{utc:%Y-%m-%d %H:%M:%SZ}"
