"""`tollgate rates import`: a rate table out of a provider's price list and a markup."""

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from config.price_lists.listed import ListedModel, PriceList, UnusableModel
from config.price_lists.reading import read_price_list
from config.rate_book import parse_rate_book
from config.rates_writer import ModelDraft, rates_toml, toml_string
from config.settings import Settings, config_folder, load_settings
from pricing.markup import Markup, NotAMarkupError, PriceTooLargeError
from proxy.cli.file_output import written_to
from proxy.cli.running import explained_errors


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("more_models", metavar="[PATTERN]...", nargs=-1)
@click.option(
    "--markup",
    "markup_text",
    metavar="NUMBER",
    required=True,
    help="What the prices are multiplied by: 4, 1.35.",
)
@click.option(
    "--upstream",
    metavar="NAME",
    help="The upstream of tollgate.toml that serves the models. Default: the one that has the "
    "name of the list's provider; where the list names none, the only one.",
)
@click.option(
    "--models",
    metavar="PATTERN",
    multiple=True,
    help="Only models whose names match: gpt-4o, 'gpt-4*'. May be repeated, or have several.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write to this file; else to standard output."
)
@click.option("--force", is_flag=True, help="Replace the output file if it is there already.")
def import_rates(
    file: Path,
    more_models: tuple[str, ...],
    *,
    markup_text: str,
    upstream: str | None,
    models: tuple[str, ...],
    output: Path | None,
    force: bool,
) -> None:
    """Make a rate table out of the provider's price list FILE, in JSON.

    Known are LiteLLM's list (model_prices_and_context_window.json), OpenRouter's (its answer to
    GET /api/v1/models), and one by hand in USD per million tokens:

    \b
        {"gpt-4o": {"input": 2.5, "cached_input": 1.25, "output": 10,
                    "context_window": 128000, "max_output_tokens": 16384}}

    A rate is the price times the markup, exactly; where that needs more than six decimals it is
    rounded up, and says so. Costs are written too, for margins. What cannot be imported is listed
    on standard error. The table is checked as `tollgate rates check` would before it is given out.
    """
    if more_models and not models:
        raise click.UsageError(f"what is {more_models[0]!r}? Patterns go after --models.")
    if output is not None and output.exists() and not force:
        raise click.ClickException(f"{output} is there already: --force replaces it")
    with explained_errors():
        settings = load_settings(config_folder(os.environ), os.environ)
        markup = _markup(markup_text, settings)
        listed = _chosen(read_price_list(file), (*models, *more_models))
        drafts, unusable = _drafts(listed, markup, _Upstreams(settings, upstream))
        if drafts:
            text = rates_toml(_heading(file, listed, markup, settings), drafts)
            # Nothing is given out that would be refused later.
            parse_rate_book(text, str(output or "the table"), frozenset(settings.upstreams))
            with written_to(output) as write:
                write(text.encode())
    _report(drafts, unusable)
    if not drafts:
        raise click.ClickException("no model can be imported; nothing was written")


class _Upstreams:
    """Says who serves a model."""

    def __init__(self, settings: Settings, wanted: str | None) -> None:
        """Raises click.BadParameter where there is no upstream of the wanted name."""
        self._known = settings.upstreams
        if wanted is not None and wanted not in self._known:
            names = ", ".join(sorted(self._known))
            reason = f"{wanted!r} is not an upstream of tollgate.toml (known: {names})"
            raise click.BadParameter(reason, param_hint="'--upstream'")
        self._wanted = wanted

    def of(self, model: ListedModel) -> str | None:
        """Its upstream; None where only the person who imports can say."""
        if self._wanted is not None:
            return self._wanted
        if model.provider is not None:
            return model.provider if model.provider in self._known else None
        return next(iter(self._known)) if len(self._known) == 1 else None

    def why_none(self, model: ListedModel) -> str:
        """Why a model has no upstream; ends a sentence that begins with its name."""
        if model.provider is None:
            return "could be served by several upstreams: say which with --upstream"
        return (
            f"is served by {toml_string(model.provider)}, which is not an upstream of "
            "tollgate.toml: say with --upstream who serves it"
        )


def _markup(text: str, settings: Settings) -> Markup:
    try:
        return Markup(text, settings.credits_per_usd)
    except NotAMarkupError as error:
        raise click.BadParameter(str(error), param_hint="'--markup'") from error


def _chosen(listed: PriceList, patterns: Sequence[str]) -> PriceList:
    if not patterns:
        return listed

    def is_chosen(model: ListedModel | UnusableModel) -> bool:
        return any(fnmatchcase(model.name, pattern) for pattern in patterns)

    return PriceList(
        listed.shape,
        tuple(model for model in listed.models if is_chosen(model)),
        tuple(model for model in listed.unusable if is_chosen(model)),
    )


def _drafts(
    listed: PriceList, markup: Markup, upstreams: "_Upstreams"
) -> tuple[list[ModelDraft], list[UnusableModel]]:
    drafts, unusable = [], list(listed.unusable)
    for model in listed.models:
        upstream = upstreams.of(model)
        if upstream is None:
            unusable.append(UnusableModel(model.name, upstreams.why_none(model)))
            continue
        try:
            drafts.append(markup.draft(model, upstream))
        except PriceTooLargeError:
            reason = "has a price that is too large for a rate table"
            unusable.append(UnusableModel(model.name, reason))
    return drafts, unusable


def _heading(file: Path, listed: PriceList, markup: Markup, settings: Settings) -> list[str]:
    credits_per_usd = f"{settings.credits_per_usd:,}"
    return [
        f"Made from {file.name}, a list of {listed.shape} shape, at a markup of {markup.text}.",
        f"Rates are credits per 1,000 tokens; a dollar is {credits_per_usd} credits.",
        "Costs are USD per million tokens.",
    ]


def _report(drafts: Sequence[ModelDraft], unusable: Sequence[UnusableModel]) -> None:
    """Says on standard error what was done and what was not, and why."""
    click.echo(f"Imported: {_models(len(drafts))}.", err=True)
    remarked = [draft for draft in drafts if draft.remarks]
    if remarked:
        click.echo(f"To be looked at: {_models(len(remarked))}, by the comments above.", err=True)
    if unusable:
        click.echo(f"Not imported: {_models(len(unusable))}.", err=True)
    for one in unusable:
        click.echo(f"  {toml_string(one.name)} {one.reason}", err=True)


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count:,} models"
