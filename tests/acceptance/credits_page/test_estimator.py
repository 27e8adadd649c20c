"""The estimator on the Credits page of `tollgate up`: it says what the call is charged then."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.credits_page import grouped, part, sign_in
from tests.support.customer import Customer

PROMPT = (
    "Summarise the following minutes in three sentences, für Zoë: 会議の要点…\n\n- money\n- time"
)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o"])
def test_the_estimate_of_a_pasted_prompt_is_the_charge_of_the_call(
    customer: Customer, page: Page, model: str
) -> None:
    """Counted as the API counts it: prompt, expected output, to the millicredit."""
    sign_in(page, customer)
    page.locator("#estimate-model").select_option(model)
    page.get_by_label("A prompt, counted").check()
    page.locator("#estimate-prompt").fill(PROMPT)
    page.locator("#estimate-output").fill("321")
    messages = [{"role": "user", "content": PROMPT}]
    call = customer.call(model=model, messages=messages, output_tokens=321)
    expect(page.locator("#estimate-result")).to_have_text(f"{grouped(call.charged_mc)} Credits")


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o"])
def test_the_estimate_of_tokens_is_the_charge_of_a_call_with_so_many(
    customer: Customer, page: Page, model: str
) -> None:
    """The tokens of a call that was made, typed in; in credits and in dollars."""
    call = customer.written_call(model=model, output_tokens=777)
    used = customer.ask("GET", f"/usage/{call.request_id}")
    sign_in(page, customer)
    page.locator("#estimate-model").select_option(model)
    page.locator("#estimate-input").fill(str(used["inputTokens"]))
    page.locator("#estimate-output").fill(str(used["outputTokens"]))
    expect(page.locator("#estimate-result")).to_have_text(f"{grouped(call.charged_mc)} Credits")
    dollars = f"{call.charged_mc / 1_000_000:.6f}".rstrip("0")
    expect(page.locator("#estimate-detail")).to_contain_text(f"${dollars} for")
    assert used["outputTokens"] == 777


def test_the_estimate_follows_what_is_typed(customer: Customer, page: Page) -> None:
    """No button: it begins with an example, and says what it cannot calculate with."""
    sign_in(page, customer)
    result = page.locator("#estimate-result")
    expect(result).to_have_text(re.compile(r"^[\d,]+\.\d{2,3} Credits$"))
    first = result.inner_text()
    page.locator("#estimate-input").fill("10000")
    expect(result).not_to_have_text(first)
    expect(result).to_have_text(re.compile(r"Credits$"))
    page.locator("#estimate-input").fill("")
    expect(result).not_to_have_text(re.compile(r"\d"))
    detail = page.locator("#estimate-detail")
    expect(detail).to_have_text("Give whole numbers of tokens, a billion at most.")
    page.locator("#estimate-input").fill("1000000000")
    expect(detail).to_contain_text("for 1,000,000,000 input")
    page.locator("#estimate-input").fill("1000000001")
    expect(detail).to_have_text("Give whole numbers of tokens, a billion at most.")


def test_the_rate_card_has_the_rates_of_the_api(customer: Customer, page: Page) -> None:
    """Each model by its label, each rate as it is; the example is made of them."""
    sign_in(page, customer)
    card = part(page, "rates")
    for model in customer.ask("GET", "/rates")["models"]:
        row = card.locator("tbody tr").filter(has_text=f"{model['label']} ({model['model']})")
        for rate in model["rates"].values():
            expect(row.get_by_role("cell", name=rate, exact=True)).to_have_count(1)
    expect(card).to_contain_text("We only charge based on actual token usage.")
    expect(card).to_contain_text("Example: gpt-4o input ≈ 20 credits per 1k tokens ($0.02)")
